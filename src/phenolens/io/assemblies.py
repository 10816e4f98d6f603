"""UCSC's name of a genome, from the lengths of its chromosomes: browsers need the name, a FASTA file does not have it."""

from collections.abc import Mapping

from phenolens.io.chromosomes import key

_NAMES = [*(str(number) for number in range(1, 23)), "X", "Y"]
# bases of chromosomes 1 to 22, X, Y; GRCh37 and GRCh38, Genome Reference Consortium
_LENGTHS = {
    "hg19": (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747, 135006516, 133851895,
        115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520, 48129895, 51304566, 155270560, 59373566,
    ),
    "hg38": (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422, 135086622, 133275309,
        114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167, 46709983, 50818468, 156040895, 57227415,
    ),
}  # fmt: skip


def assembly_of(lengths: Mapping[str, int]) -> str | None:
    """Return hg19 or hg38 when every chromosome 1 to 22, X and Y that the genome has is as long as there; None without any, or otherwise.

    Parameters
    ----------
    lengths : chromosome -> bases; names in any spelling, other sequences are passed over.
    """
    found = {key(name): length for name, length in lengths.items() if key(name) in _NAMES}
    for name, known in _LENGTHS.items():
        own = dict(zip(_NAMES, known, strict=True))
        if found and all(own[chrom] == length for chrom, length in found.items()):
            return name
    return None
