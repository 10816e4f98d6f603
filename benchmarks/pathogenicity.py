"""Scores of 70 million substitutions on 10,000 regions, beside bedtools map on a tenth of the rows.

    python benchmarks/pathogenicity.py FOLDER [--rows 70000000] [--regions 10000] [--controls 1000]

Makes FOLDER/scores.tsv.gz in AlphaMissense's format once (bgzip; exons of 150 bases all over the human genome, three rows a base) and a tenth of it; delete
FOLDER afterwards (about 1.2 GB). Each side runs in a process of its own: seconds and peak memory are its own. Ours: make the index (first time only), then read
the rows of the regions' sequences, means, matched controls and the list of harmful substitutions; in-order: the same without an index;
on the tenth also the means alone, of the rows in the regions.
bedtools: `bedtools map -c 5 -o mean` on the tenth, written as BED of the same scores; no controls, no list. Both means are compared.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pysam

from phenolens.annotate.measures import placed
from phenolens.annotate.pathogenicity import pathogenicity
from phenolens.core.schemas import REGIONS, SEQUENCES
from phenolens.io.score_index import usable_index
from phenolens.io.score_layouts import find_layout
from phenolens.io.variant_scores import ScoreFile

HEADER = "# made by a benchmark\n#CHROM\tPOS\tREF\tALT\tgenome\tuniprot_id\ttranscript_id\tprotein_variant\tam_pathogenicity\tam_class\n"
SIZES = [249, 242, 198, 190, 182, 171, 159, 145, 138, 134, 135, 133, 114, 107, 102, 90, 83, 80, 59, 64, 47, 51, 156]
CHROMS = {f"chr{i + 1}" if i < 22 else "chrX": size * 1_000_000 for i, size in enumerate(SIZES)}
EXON, SEQUENCE = 150, 300
BLOCK = 2_000  # exons written at once
CLASSES = np.array(["likely_benign", "ambiguous", "likely_pathogenic"])


def exons(rows: int) -> pl.DataFrame:
    """Return chrom, start of exons that hold this many rows, sorted, evenly spread with random gaps."""
    generator = np.random.default_rng(1)
    each = rows / (3 * EXON) / sum(CHROMS.values())
    parts = []
    for chrom, size in sorted(CHROMS.items()):
        number = int(size * each)
        step = size // number
        starts = np.arange(number) * step + generator.integers(SEQUENCE, step - SEQUENCE, number)
        parts.append(pl.DataFrame({"start": starts}).select(pl.lit(chrom).alias("chrom"), "start"))
    return pl.concat(parts)


def rows_of(part: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """Return the rows of some exons."""
    base = (part["start"].to_numpy()[:, None] + np.arange(EXON)).reshape(-1)
    letter = generator.integers(0, 4, len(base))
    alt = (letter[:, None] + np.array([1, 2, 3])) % 4
    score = np.round(generator.beta(0.6, 1.2, 3 * len(base)), 4)
    letters = np.array(list("ACGT"))
    exon = np.repeat(np.arange(part.height), 3 * EXON)
    return pl.DataFrame(
        {
            "chrom": part["chrom"].gather(exon),
            "pos": np.repeat(base, 3) + 1,
            "ref": letters[np.repeat(letter, 3)],
            "alt": letters[alt.reshape(-1)],
            "genome": np.full(len(score), "hg38"),
            "uniprot": pl.Series(exon % 18_000).cast(pl.String).str.zfill(5).str.pad_start(6, "Q"),
            "transcript": pl.Series(exon % 90_000).cast(pl.String).str.zfill(11).str.pad_start(15, "E"),
            "variant": pl.Series(np.repeat(base, 3) % 1500).cast(pl.String).str.pad_start(5, "V"),
            "score": score,
            "class": CLASSES[np.digitize(score, [0.34, 0.564])],
        }
    )


def make(folder: Path, rows: int) -> None:
    """Write the file, and a tenth of its rows as BED for bedtools and as a table for us."""
    places, generator = exons(rows), np.random.default_rng(2)
    tenth = np.linspace(0, places.height, 11).astype(int)[1]
    with (
        pysam.BGZFile(str(folder / "part"), "wb3") as whole,
        pysam.BGZFile(str(folder / "tenth.tsv.gz"), "wb3") as small,
        (folder / "tenth.bed").open("wb") as bed,
    ):
        whole.write(HEADER.encode())
        small.write(HEADER.encode())
        for at in range(0, places.height, BLOCK):
            table = rows_of(places[at : at + BLOCK], generator)
            whole.write(table.write_csv(separator="\t", include_header=False).encode())
            if at < tenth:
                small.write(table.write_csv(separator="\t", include_header=False).encode())
                columns = table.select("chrom", pl.col("pos") - 1, end="pos", name=pl.lit("x"), score="score")
                bed.write(columns.write_csv(separator="\t", include_header=False).encode())
                last = places[min(at + BLOCK, places.height) - 1]
    last.write_csv(folder / "last-of-the-tenth.csv")
    (folder / "part").rename(folder / "scores.tsv.gz")


def asked(folder: Path, rows: int, regions: int, *, within_tenth: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (REGIONS, SEQUENCES): a sequence around each of some exons, a region of 20 to 60 bases in each."""
    places, generator = exons(rows), np.random.default_rng(3)
    if within_tenth:
        chrom, start = pl.read_csv(folder / "last-of-the-tenth.csv").row(0)
        end = places.with_row_index().filter((pl.col("chrom") == chrom) & (pl.col("start") == start))["index"][0] + 1
        places = places[: int(end)]
    chosen = np.sort(generator.choice(places.height, regions, replace=False))
    first = places["start"].to_numpy()[chosen] - generator.integers(0, SEQUENCE - EXON, regions)
    length = generator.integers(20, 60, regions)
    inside = generator.integers(0, SEQUENCE - length)
    ids = [f"s{i}" for i in range(regions)]
    text = dict.fromkeys(("origin", "locus", "group", "split", "random_split"), "x")
    place = {
        "chrom": places["chrom"].gather(chosen),
        "strand": ["+"] * regions,
        "label": [f"class {i % 2}" for i in range(regions)],
    }
    sequences = {"sequence_id": ids, "start": first, "end": first + SEQUENCE, "sequence": ["A" * SEQUENCE] * regions}
    own = {
        "region_id": ids, "sequence_id": ids, "sequence_start": inside, "sequence_end": inside + length,
        "start": first + inside, "end": first + inside + length, "mean_score": [1.0] * regions, "sequence": ["A"] * regions,
    }  # fmt: skip
    return _filled(REGIONS, own | place), _filled(
        SEQUENCES, sequences | place | {k: [v] * regions for k, v in text.items()}
    )


def _filled(schema, columns):
    rows = len(columns["chrom"])
    return pl.DataFrame([pl.Series(n, columns.get(n, [None] * rows), dtype=c.dtype) for n, c in schema.columns.items()])


def alone_in_its_sequence(regions: pl.DataFrame, sequences: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the same regions, each as its whole sequence: only their own rows are read, as bedtools counts."""
    length = (pl.col("end") - pl.col("start")).cast(pl.Int64)
    alone = regions.with_columns(sequence_start=pl.lit(0, dtype=pl.Int64), sequence_end=length)
    own = regions.select("start", "end").rename({"start": "own", "end": "own_end"})
    tight = pl.concat([sequences, own], how="horizontal").with_columns(start="own", end="own_end")
    tight = tight.with_columns(sequence=pl.lit("A").repeat_by(pl.col("end") - pl.col("start")).list.join(""))
    return alone, tight.drop("own", "own_end")


def ours(folder: Path, options: argparse.Namespace) -> None:
    """Annotate and print the times of the parts."""
    name = "scores.tsv.gz" if options.step in ("all", "in-order") else "tenth.tsv.gz"
    means_only, indexes = options.step == "means", None if options.step == "in-order" else folder / "indexes"
    regions, sequences = asked(folder, options.rows, options.regions, within_tenth=name.startswith("tenth"))
    if means_only:
        regions, sequences = alone_in_its_sequence(regions, sequences)
    path = folder / name
    begun = time.perf_counter()
    layout = find_layout(path)
    usable_index(path, layout, indexes)
    indexed = time.perf_counter()
    here = placed(regions, sequences)
    file = ScoreFile(path, layout, list(CHROMS))
    used = [0]

    def tables():
        for batch in file.rows(here.ground, indexes):
            used[0] += batch.table.height
            yield batch.table

    controls, threshold = (1, None) if means_only else (options.controls, 0.5)
    found = pathogenicity(here, tables(), scores="am", threshold=threshold, controls=controls, seed=1)
    done = time.perf_counter()
    found.regions.select("region_id", "mean").write_csv(folder / f"ours-{name}.csv")
    print(f"ours, {options.step}: index {indexed - begun:.1f} s, annotation {done - indexed:.1f} s")
    counts = f"{used[0]:,} rows used, {found.variants.height:,} harmful substitutions listed"
    print(f"  {counts}, {controls} sets of controls", flush=True)


def bedtools(folder: Path, options: argparse.Namespace) -> None:
    """Map the mean of the tenth onto the same regions."""
    regions, _ = asked(folder, options.rows, options.regions, within_tenth=True)
    bed = regions.select("chrom", "start", "end", "region_id").sort("chrom", "start")
    bed.write_csv(folder / "regions.bed", separator="\t", include_header=False)
    command = ["bedtools", "map", "-a", "regions.bed", "-b", "tenth.bed", "-c", "5", "-o", "mean", "-prec", "12"]
    begun = time.perf_counter()
    with (folder / "bedtools.tsv").open("wb") as out:
        subprocess.run(command, cwd=folder, stdout=out, check=True)
    print(f"bedtools map on the tenth (plain BED): {time.perf_counter() - begun:.1f} s")


def compare(folder: Path) -> None:
    """Print the largest difference between the two means."""
    theirs = pl.read_csv(
        folder / "bedtools.tsv",
        separator="\t",
        has_header=False,
        null_values=["."],
        new_columns=["c", "s", "e", "region_id", "theirs"],
    )
    both = pl.read_csv(folder / "ours-tenth.tsv.gz.csv").join(theirs, on="region_id")
    same = (both["mean"].is_null() == both["theirs"].is_null()).all()
    largest = (both["mean"] - both["theirs"]).abs().max()
    print(f"{both.height} regions: the same ones have a mean: {same}; largest difference of means {largest:.2e}")


def alone(step: str, options: argparse.Namespace) -> None:
    """Run one step in a process of its own and print its peak memory."""
    command = [
        sys.executable,
        __file__,
        str(options.folder),
        "--rows",
        str(options.rows),
        "--regions",
        str(options.regions),
    ]
    process = subprocess.Popen([*command, "--controls", str(options.controls), "--step", step])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{step} failed")
    print(
        f"  peak memory {usage.ru_maxrss / 1024:.0f} MB, processor {usage.ru_utime + usage.ru_stime:.1f} s", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=70_000_000)
    parser.add_argument("--regions", type=int, default=10_000)
    parser.add_argument("--controls", type=int, default=1000)
    parser.add_argument("--step", choices=["make", "all", "in-order", "tenth", "means", "bedtools"])
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.step == "make":
        make(options.folder, options.rows)
    elif options.step == "bedtools":
        bedtools(options.folder, options)
    elif options.step is not None:
        ours(options.folder, options)
    else:
        begun = time.perf_counter()
        if not (options.folder / "scores.tsv.gz").exists():
            alone("make", options)
            print(f"made in {time.perf_counter() - begun:.0f} s")
        size = (options.folder / "scores.tsv.gz").stat().st_size
        print(
            f"{options.rows:,} rows, {size / 1e6:.0f} MB; {options.regions:,} regions of 20-60 bases in sequences of {SEQUENCE}"
        )
        for step in ("all", "all", "in-order", "tenth", "means", "bedtools"):
            alone(step, options)
        compare(options.folder)


if __name__ == "__main__":
    main()
