"""Write a synthetic human-sized genome, intervals on it and what goes with them, for measuring at full scale.

    python benchmarks/synthetic_genome.py OUT [--scale 1] [--intervals 100000] [--seed 1]

OUT gets genome.fa (24 chromosomes with GRCh38 lengths times the scale, lines of 60, half soft-masked, GC content
0.35-0.55 by stretches of 100 kb, N at both ends and in the centromere) with its .fai; intervals.bed (a share of them
diverged copies of repeat families, written into the genome, name = family; the others lie where GC is high, one in ten
within 10 bases of its neighbour or overlapping it); excluded.bed; genes.bed; gaps.bed (the runs of N); genome.sizes.
All BED files: chrom, start, end, name, sorted. The same seed gives the same files. Memory does not grow with the genome.
"""

import argparse
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl

LENGTHS = {
    "chr1": 248_956_422, "chr2": 242_193_529, "chr3": 198_295_559, "chr4": 190_214_555, "chr5": 181_538_259,
    "chr6": 170_805_979, "chr7": 159_345_973, "chr8": 145_138_636, "chr9": 138_394_717, "chr10": 133_797_422,
    "chr11": 135_086_622, "chr12": 133_275_309, "chr13": 114_364_328, "chr14": 107_043_718, "chr15": 101_991_189,
    "chr16": 90_338_345, "chr17": 83_257_441, "chr18": 80_373_285, "chr19": 58_617_616, "chr20": 64_444_167,
    "chr21": 46_709_983, "chr22": 50_818_468, "chrX": 156_040_895, "chrY": 57_227_415,
}  # fmt: skip
WIDTH = 60
SEGMENT = 100_000  # bases of one GC content
BLOCK = 60 * SEGMENT  # bases in memory at a time; a multiple of both
MASKED_RUN = 300  # mean length of soft-masked and of unmasked runs
COPY_SHARE = 0.2
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


class Layout(NamedTuple):
    """What every chromosome looks like before a base is written.

    lengths : chromosome -> bases.
    gaps : chromosome -> int64 (3, 2), runs of N.
    gc : chromosome -> float64 (segments,), GC content of each 100 kb.
    """

    lengths: dict[str, int]
    gaps: dict[str, np.ndarray]
    gc: dict[str, np.ndarray]


def layout(scale: float, generator: np.random.Generator) -> Layout:
    """Return lengths, runs of N and GC contents of the genome at this scale."""
    lengths = {chrom: max(round(length * scale), 4 * SEGMENT) for chrom, length in LENGTHS.items()}
    gaps, gc = {}, {}
    for chrom, length in lengths.items():
        end, middle, half = min(10_000, length // 100), int(length * 0.4), int(length * 0.01)
        gaps[chrom] = np.array([[0, end], [middle - half, middle + half], [length - end, length]])
        # neighbouring segments resemble each other, as isochores do
        steps = generator.normal(size=-(-length // SEGMENT))
        smooth = np.convolve(steps, np.ones(5) / np.sqrt(5), mode="same")
        gc[chrom] = 0.35 + 0.20 / (1 + np.exp(-1.5 * smooth))
    return Layout(lengths, gaps, gc)


def places(
    plan: Layout, widths: np.ndarray, generator: np.random.Generator, *, gc_rich: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return (chromosome number, start), int64 (n,), of places without N for intervals of these widths.

    gc_rich : take segments more often the higher their GC content.
    """
    chroms = list(plan.lengths)
    segments = [len(plan.gc[c]) for c in chroms]
    number = np.repeat(np.arange(len(chroms)), segments)
    offset = np.concatenate([np.arange(n) for n in segments]) * SEGMENT
    weight = np.exp(15 * np.concatenate([plan.gc[c] for c in chroms])) if gc_rich else np.ones(len(number))
    chrom, start = np.zeros(len(widths), dtype=np.int64), np.zeros(len(widths), dtype=np.int64)
    lengths = np.array([plan.lengths[c] for c in chroms])
    gaps = np.array([plan.gaps[c] for c in chroms])
    todo = np.arange(len(widths))
    while len(todo):
        drawn = generator.choice(len(number), len(todo), p=weight / weight.sum())
        chrom[todo], start[todo] = number[drawn], offset[drawn] + generator.integers(0, SEGMENT, len(todo))
        ends, on = start[todo] + widths[todo], gaps[chrom[todo]]
        in_gap = ((start[todo][:, None] < on[:, :, 1]) & (ends[:, None] > on[:, :, 0])).any(1)
        todo = todo[in_gap | (ends > lengths[chrom[todo]])]
    return chrom, start


def table(plan: Layout, chrom: np.ndarray, start: np.ndarray, widths: np.ndarray, names: pl.Series) -> pl.DataFrame:
    """Return a BED table (chrom, start, end, name), in the order given."""
    names_of = np.array(list(plan.lengths))
    return pl.DataFrame({"chrom": names_of[chrom], "start": start, "end": start + widths, "name": names})


def numbered(prefix: str, n: int) -> pl.Series:
    """Return prefix_0, prefix_1, ..."""
    return pl.select(pl.format(prefix + "_{}", pl.int_range(n))).to_series()


def lognormal(n: int, generator: np.random.Generator, median: float = 400, sigma: float = 0.6) -> np.ndarray:
    """Return int64 (n,): interval lengths, 150 to 5,000 bases."""
    return np.clip(generator.lognormal(np.log(median), sigma, n), 150, 5000).astype(np.int64)


def family_copies(
    plan: Layout, n: int, generator: np.random.Generator
) -> tuple[pl.DataFrame, list[tuple[np.ndarray, np.ndarray]]]:
    """Return the BED table of n copies of repeat families, and per chromosome (positions, bases) to be written there.

    One family in a hundred copies, 5-20 % of a copy's bases differ from its consensus (one rate a family), half of the
    copies are reverse complements.
    """
    families = max(n // 100, 2)
    lengths, rates = lognormal(families, generator), generator.uniform(0.05, 0.20, families)
    consensus = generator.integers(0, 4, lengths.sum(), dtype=np.uint8)
    family = np.sort(generator.integers(0, families, n))
    widths = lengths[family]
    chrom, start = places(plan, widths, generator)
    within = np.arange(widths.sum()) - np.repeat(np.cumsum(widths) - widths, widths)
    strand = np.repeat(generator.random(n) < 0.5, widths)
    source = np.where(strand, np.repeat(widths, widths) - 1 - within, within)
    code = consensus[np.repeat((np.cumsum(lengths) - lengths)[family], widths) + source]
    changed = generator.random(len(code)) < np.repeat(rates[family], widths)
    code = (code + changed * generator.integers(1, 4, len(code), dtype=np.uint8)) % 4
    code = np.where(strand, 3 - code, code)
    position, on = np.repeat(start, widths) + within, np.repeat(chrom, widths)
    written = []
    for number in range(len(plan.lengths)):
        here = np.flatnonzero(on == number)
        here = here[np.argsort(position[here], kind="stable")]
        written.append((position[here], BASES[code[here]]))
    names = pl.select(pl.format("family_{}", pl.lit(pl.Series(family)))).to_series()
    return table(plan, chrom, start, widths, names), written


def elements(plan: Layout, n: int, generator: np.random.Generator) -> pl.DataFrame:
    """Return the BED table of n intervals in GC-rich places; the last tenth begins up to 10 bases after, or inside, another."""
    near = n // 10
    widths = lognormal(n, generator)
    chrom, start = places(plan, widths[: n - near], generator, gc_rich=True)
    beside = generator.choice(n - near, near, replace=False) if near else np.zeros(0, dtype=np.int64)
    shift = generator.integers(-100, 11, near)
    chrom = np.concatenate([chrom, chrom[beside]])
    start = np.concatenate([start, start[beside] + widths[beside] + shift])
    made = table(plan, chrom, start, widths, numbered("element", n))
    limit = pl.col("chrom").replace_strict(plan.lengths, return_dtype=pl.Int64)
    return made.filter(pl.col("end") <= limit)


def write_bed(folder: Path, name: str, rows: pl.DataFrame) -> None:
    """Write a sorted BED file."""
    rows.sort("chrom", "start", "end").write_csv(folder / name, separator="\t", include_header=False)


def write_chromosome(
    handle: BinaryIO, plan: Layout, chrom: str, copies: tuple[np.ndarray, np.ndarray], generator: np.random.Generator
) -> None:
    """Write one FASTA record, 6 Mb at a time."""
    handle.write(f">{chrom}\n".encode())
    length, (positions, letters) = plan.lengths[chrom], copies
    for begin in range(0, length, BLOCK):
        end = min(begin + BLOCK, length)
        block = np.empty(end - begin, dtype=np.uint8)
        for first in range(begin, end, SEGMENT):
            last = min(first + SEGMENT, end)
            drawn = generator.bytes(last - first).translate(_alphabet(plan.gc[chrom][first // SEGMENT]))
            block[first - begin : last - begin] = np.frombuffer(drawn, dtype=np.uint8)
        low, high = np.searchsorted(positions, [begin, end])
        block[positions[low:high] - begin] = letters[low:high]
        block |= _mask(end - begin, generator)
        for gap_start, gap_end in plan.gaps[chrom]:
            block[max(gap_start - begin, 0) : max(gap_end - begin, 0)] = ord("N")
        whole = len(block) // WIDTH * WIDTH
        lines = np.full((whole // WIDTH, WIDTH + 1), ord("\n"), dtype=np.uint8)
        lines[:, :WIDTH] = block[:whole].reshape(-1, WIDTH)
        handle.write(lines.data)
        if whole < len(block):
            handle.write(block[whole:].tobytes() + b"\n")


def _alphabet(gc: float) -> bytes:
    """Return the 256-byte table that turns uniform bytes into bases of this GC content."""
    strong = round(256 * gc / 2)
    return b"G" * strong + b"C" * strong + b"A" * (128 - strong) + b"T" * (128 - strong)


def _mask(n: int, generator: np.random.Generator) -> np.ndarray:
    """Return uint8 (n,): 0x20 in soft-masked runs, else 0; runs are geometric with mean 300."""
    runs = generator.geometric(1 / MASKED_RUN, n // MASKED_RUN + 2000)
    bits = np.tile(np.array([0, 0x20], dtype=np.uint8), -(-len(runs) // 2))[: len(runs)]
    masked = np.repeat(bits, runs)[:n]
    return np.pad(masked, (0, n - len(masked)))


def write_genome(path: Path, plan: Layout, copies: list[tuple[np.ndarray, np.ndarray]], seed: int) -> None:
    """Write the FASTA and, after it, its .fai."""
    index = []
    with path.open("wb") as handle:
        for number, (chrom, length) in enumerate(plan.lengths.items()):
            index.append((chrom, length, handle.tell() + len(chrom) + 2, WIDTH, WIDTH + 1))
            write_chromosome(handle, plan, chrom, copies[number], np.random.default_rng([seed, 1, number]))
    Path(f"{path}.fai").write_text("".join("\t".join(map(str, row)) + "\n" for row in index))


def make(folder: Path, *, scale: float, intervals: int, seed: int) -> None:
    """Write all files into the folder.

    Parameters
    ----------
    folder : made where it is not there.
    scale : genome size, 1 = 3.09 Gb.
    intervals : rows of intervals.bed, about; excluded.bed and genes.bed have 20,000 times the scale.
    seed : of everything drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng([seed, 0])
    plan = layout(scale, generator)
    copies, written = family_copies(plan, round(intervals * COPY_SHARE), generator)
    write_bed(folder, "intervals.bed", pl.concat([copies, elements(plan, intervals - copies.height, generator)]))
    others = max(round(20_000 * scale), 10)
    widths = lognormal(others, generator)
    write_bed(
        folder, "excluded.bed", table(plan, *places(plan, widths, generator), widths, numbered("excluded", others))
    )
    widths = np.clip(generator.lognormal(np.log(25_000), 1.2, others), 500, SEGMENT).astype(np.int64)
    write_bed(folder, "genes.bed", table(plan, *places(plan, widths, generator), widths, numbered("gene", others)))
    gaps = [(chrom, start, end, "N") for chrom, rows in plan.gaps.items() for start, end in rows.tolist()]
    write_bed(folder, "gaps.bed", pl.DataFrame(gaps, schema=["chrom", "start", "end", "name"], orient="row"))
    (folder / "genome.sizes").write_text("".join(f"{chrom}\t{length}\n" for chrom, length in plan.lengths.items()))
    write_genome(folder / "genome.fa", plan, written, seed)


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options that say how large the data are."""
    parser.add_argument("out", type=Path, metavar="OUT", help="folder")
    parser.add_argument("--scale", type=float, default=1.0, help="genome size, 1 = 3.09 Gb")
    parser.add_argument("--intervals", type=int, default=100_000, help="intervals")
    parser.add_argument("--seed", type=int, default=1, help="of everything drawn")
    return parser


def main() -> None:
    options = arguments(argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])).parse_args()
    make(options.out, scale=options.scale, intervals=options.intervals, seed=options.seed)


if __name__ == "__main__":
    main()
