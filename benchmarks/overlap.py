"""Overlap and gene sets of 10,000 regions with 1,000 arrangements of each null: seconds and memory, and bedtools as the outside check.

    python benchmarks/overlap.py OUT [--regions 10000] [--controls 1000] [--shuffles 20]

Made up: chromosomes of 100 Mb, 20,000 sequences of 500 bases, regions of 8 to 60 bases in them, a feature of 100,000 intervals and one of 20,000 genes
with 5,000 sets of 5 to 500 genes. bedtools (https://bedtools.readthedocs.io) must be installed: `intersect -u` counts the same
overlaps (they must be equal), and `shuffle -incl ...` with `intersect -u` is what one would do without us, timed for some shuffles.
"""

import argparse
import resource
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl

from phenolens.annotate.gene_sets import Sizes, gene_set_enrichment
from phenolens.annotate.overlap import overlap
from phenolens.core.schemas import GENES, REGIONS, SEQUENCES
from phenolens.core.schemas_biology import GENE_SETS
from phenolens.core.table import Schema

CHROMS, LENGTH, SEQUENCE = [f"chr{i}" for i in range(1, 21)], 100_000_000, 500


def table(schema: Schema, n: int, **columns: object) -> pl.DataFrame:
    """Return n rows of a schema; columns that are not given are null."""
    made = {
        name: pl.Series(name, columns[name], dtype=column.dtype)
        if name in columns and not isinstance(columns[name], str)
        else pl.repeat(columns.get(name), n, dtype=column.dtype, eager=True).alias(name)
        for name, column in schema.columns.items()
    }
    return pl.DataFrame(made)


def places(random: np.random.Generator, n: int, low: int, high: int) -> dict[str, object]:
    """Return chrom, start, end of n intervals of low to high bases."""
    start, width = random.integers(0, LENGTH - high, n), random.integers(low, high + 1, n)
    return {"chrom": [CHROMS[i] for i in random.integers(0, len(CHROMS), n)], "start": start, "end": start + width}


def main(out: Path, count: int, controls: int, shuffles: int) -> None:
    """Print one line a measurement."""
    out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    n = 20_000
    home = places(random, n, SEQUENCE, SEQUENCE)
    ids = [f"s{i}" for i in range(n)]
    text = dict.fromkeys(("origin", "locus", "group", "split", "random_split"), "x")
    sequences = table(SEQUENCES, n, sequence_id=ids, sequence="A" * SEQUENCE, label="a", strand="+", **home, **text)
    at, width = random.integers(0, n, count), random.integers(8, 61, count)
    first = random.integers(0, SEQUENCE - width)
    start = np.asarray(home["start"])[at] + first
    within = {"sequence_start": first, "sequence_end": first + width, "start": start, "end": start + width}
    names = {"region_id": [f"r{i}" for i in range(count)], "sequence_id": [ids[i] for i in at]}
    regions = table(
        REGIONS,
        count,
        **names,
        chrom=[home["chrom"][i] for i in at],
        **within,
        label="a",
        strand="+",
        mean_score=np.ones(count),
        sequence="A",
    )  # type: ignore[index]
    feature = pl.DataFrame(places(random, 100_000, 50, 1000)).select("chrom", "start", "end")
    genes = table(
        GENES,
        20_000,
        **places(random, 20_000, 1000, 120_000),
        gene_id=[f"g{i}" for i in range(20_000)],
        feature="gene",
        strand="+",
    )
    sizes = random.integers(5, 501, 5000)
    members = [f"g{i}" for size in sizes for i in random.choice(20_000, size, replace=False)]
    sets = table(
        GENE_SETS, len(members), set_name=np.repeat([f"set {i}" for i in range(5000)], sizes).tolist(), gene=members
    )

    began = time.perf_counter()
    found = overlap(regions, sequences, {"feature": feature}, controls=controls, seed=1)
    print(
        f"overlap, 3 nulls x {controls} x {count:,} regions, 1 feature of 100,000: {time.perf_counter() - began:.1f} s"
    )
    began = time.perf_counter()
    enriched = gene_set_enrichment(regions, sequences, genes, {"sets": sets}, Sizes(), controls=controls, seed=1)
    print(
        f"gene sets, {controls} x {count:,} regions, {enriched.height} sets of {enriched['universe'][0]:,} genes: {time.perf_counter() - began:.1f} s"
    )
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")

    bed = {"regions": regions, "universe": sequences, "feature": feature}
    for name, rows in bed.items():
        rows.select("chrom", "start", "end").sort("chrom", "start", "end").write_csv(
            out / f"{name}.bed", separator="\t", include_header=False
        )
    (out / "genome.txt").write_text("".join(f"{chrom}\t{LENGTH}\n" for chrom in CHROMS))
    counted = intersect(out, "regions.bed")
    observed = found.filter(null="shuffled").row(0, named=True)
    print(
        f"bedtools intersect -u: {counted} regions; ours {observed['observed'] * count:.0f}; expected when shuffled {observed['expected'] * count:.1f}"
    )
    assert counted == round(observed["observed"] * count)
    began, drawn = time.perf_counter(), []
    for seed in range(shuffles):
        command = [
            "bedtools",
            "shuffle",
            "-i",
            "regions.bed",
            "-g",
            "genome.txt",
            "-incl",
            "universe.bed",
            "-seed",
            str(seed),
        ]
        with (out / "shuffled.bed").open("w") as handle:
            subprocess.run(command, cwd=out, stdout=handle, check=True)
        drawn.append(intersect(out, "shuffled.bed"))
    seconds = (time.perf_counter() - began) / shuffles
    print(
        f"bedtools shuffle | intersect: {seconds:.2f} s each, {seconds * controls:.0f} s for {controls}; mean {np.mean(drawn):.1f}"
    )


def intersect(out: Path, name: str) -> int:
    """Return how many intervals of a BED file overlap the feature."""
    command = ["bedtools", "intersect", "-u", "-a", name, "-b", "feature.bed"]
    return subprocess.run(command, cwd=out, capture_output=True, check=True, text=True).stdout.count("\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--regions", type=int, default=10_000)
    parser.add_argument("--controls", type=int, default=1000)
    parser.add_argument("--shuffles", type=int, default=20)
    asked = parser.parse_args()
    main(asked.out, asked.regions, asked.controls, asked.shuffles)
