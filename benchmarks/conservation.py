"""Identity of primates in exons, introns and between genes of human chromosome 22, from a multiple alignment, beside what is known.

    python benchmarks/conservation.py ALIGNMENT.maf.gz GENES.tsv

ALIGNMENT: Compara.epo_5_catarrhini_hsap-projected.chr22.subset.nogap.cleaned_aln.maf.gz of Debian's maffilter-examples.
GENES: NAME, CHROM, STRAND, TX_START, TX_END, EXON_START, EXON_END with a header, hg19 (one transcript a gene, from GENCODE).

Known, over columns where human, chimpanzee, gorilla and orangutan all have a base: all four agree in 0.965 of exons, 0.950 of introns, 0.945 of the rest.
Printed: this share (signal `all alike`) and the mean share of the species seen that have the human base (`identity`), per kind of base; then a
random 300 bases of each kind as regions of one class each, through the stage's own table of conservation, where the order must be the same.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from phenolens.annotate.conservation import conservation
from phenolens.core.ground import ground
from phenolens.core.schemas import REGIONS, SEQUENCES
from phenolens.io.maf import read_alike

KNOWN = {"exon": 0.965, "intron": 0.950, "intergenic": 0.945}
SPECIES = ("Hsap", "Ptro", "Ggor", "Ppyg")
LENGTH = 51_304_566
WINDOW, REGION = 2000, 300


def kinds(genes: Path) -> np.ndarray:
    """Return uint8 (L,): 0 intergenic, 1 intron, 2 exon, of chromosome 22."""
    table = pl.read_csv(genes, separator="\t", schema_overrides={"CHROM": pl.String}).filter(CHROM="22")
    kind = np.zeros(LENGTH, dtype=np.uint8)
    for start, end in table.select("TX_START", "TX_END").iter_rows():
        kind[start:end] = 1
    for starts, ends in table.select("EXON_START", "EXON_END").iter_rows():
        for start, end in zip(starts.strip(",").split(","), ends.strip(",").split(","), strict=True):
            kind[int(start) : int(end)] = 2
    return kind


def regions_of(kind: np.ndarray, code: int, known: np.ndarray, label: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (SEQUENCES, REGIONS): 300 windows whose middle 300 bases are of this kind, half of them aligned at least."""
    of_kind = np.concatenate([[0], np.cumsum((kind == code) & known)])
    starts = np.arange(0, LENGTH - WINDOW, REGION)
    middle = starts + (WINDOW - REGION) // 2
    whole = starts[of_kind[middle + REGION] - of_kind[middle] >= (REGION if code != 2 else REGION // 2)]
    chosen = np.sort(np.random.default_rng(1).choice(whole, 300, replace=False))
    ids = [f"{label}-{start}" for start in chosen]
    given = {
        "sequence_id": ids,
        "chrom": ["chr22"] * 300,
        "start": chosen,
        "end": chosen + WINDOW,
        "strand": ["+"] * 300,
    }
    given |= {"sequence": ["N" * WINDOW] * 300, "label": [label] * 300}
    text = dict.fromkeys(("origin", "locus", "group", "split", "random_split"), ["x"] * 300)
    sequences = {
        name: pl.Series(name, (given | text).get(name), dtype=c.dtype)
        if name in given | text
        else pl.lit(None, c.dtype).alias(name)
        for name, c in SEQUENCES.columns.items()
    }
    first = (WINDOW - REGION) // 2
    placed = {
        "region_id": ids,
        "sequence_start": [first] * 300,
        "sequence_end": [first + REGION] * 300,
        "mean_score": [1.0] * 300,
        "sequence": ["N"] * 300,
    }
    placed |= {"start": chosen + first, "end": chosen + first + REGION}
    regions = {
        name: pl.Series(name, placed.get(name, given.get(name)), dtype=c.dtype) for name, c in REGIONS.columns.items()
    }
    return pl.DataFrame(given | {}).select(**sequences), pl.DataFrame(regions)


def main(alignment: Path, genes: Path) -> None:
    """Print both tables."""
    began = time.perf_counter()
    land = ground(pl.DataFrame({"chrom": ["chr22"], "start": [0], "end": [LENGTH]}))
    alike = read_alike(alignment, land, SPECIES)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{alignment.name}: read in {seconds:.1f} s, at most {memory:.0f} MB; {(alike.seen > 0).sum():,} bases with another species"
    )
    tracks, kind = {"all alike": alike.all_alike(), "identity": alike.share()}, kinds(genes)
    for code, name in ((2, "exon"), (1, "intron"), (0, "intergenic")):
        here = kind == code
        means = ", ".join(f"{what} {np.nanmean(track[here], dtype=float):.4f}" for what, track in tracks.items())
        print(f"{name:<11} {means}; known {KNOWN[name]}")
    parts = [
        regions_of(kind, code, alike.seen == 3, name) for code, name in ((2, "exon"), (1, "intron"), (0, "intergenic"))
    ]
    sequences, regions = (pl.concat(tables) for tables in zip(*parts, strict=True))
    spans = sequences.select("sequence_id", "start", "end").iter_rows()
    values = {name: tracks["all alike"][start:end] for name, start, end in spans}
    table, _ = conservation(regions, sequences, values, signal="all alike", controls=999, seed=1)
    with pl.Config(tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True):
        print(table.sort("observed", descending=True))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
