"""Do regions lie where their letters are, and does the calibrated rule keep its rate?

    python benchmarks/regions.py DATA OUT      DATA holds genome/ and annotation/; OUT takes regions.md

Mapping: random scores (what is tested is where regions lie, not what they mean) on real sequences of chromosome 22, both strands, windows and
pieces between runs of N; on the alternative alleles of a real VCF; and on alleles made here, of which the place of every base is known.
Letters are fetched back with pysam, and by bedtools where it is installed. Rate: bert-small's ALRW on shuffled copies that the threshold never saw.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pysam
from scipy.stats import binomtest

from phenolens.core.schemas import INTERVALS
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.settings_learn import TrainSettings
from phenolens.core.types import BaseScores
from phenolens.dataset.alleles import from_variants
from phenolens.dataset.intervals import windows, with_locus
from phenolens.dataset.sequences import from_intervals
from phenolens.explain.alrw import alrw
from phenolens.explain.region_threshold import peaks, shuffled_copies, threshold_of
from phenolens.explain.regions import find_regions
from phenolens.explain.token_regions import token_regions
from phenolens.io.bed import write_bed
from phenolens.io.genome import open_genome
from phenolens.io.variants import read_variants
from phenolens.model.load import load

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
SETTINGS = ExplainSettings(min_run=3)
RATES = (0.01, 0.05, 0.1)


class Mapped(NamedTuple):
    """Regions, those with coordinates, those of them on the - strand, and those whose letters are the genome's."""

    regions: int
    placed: int
    minus: int
    equal: int


def scored(pieces: pl.DataFrame, generator: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (sequences with ids, REGIONS) of pieces with random scores."""
    rows = pieces.with_columns(sequence_id=pl.format("s{}", pl.int_range(pl.len())))
    lengths = rows["sequence"].str.len_bytes().to_numpy()
    values = generator.random((rows.height, int(lengths.max()))).astype(np.float32)
    values[np.arange(values.shape[1]) >= lengths[:, None]] = np.nan
    return rows, find_regions(BaseScores(rows["sequence_id"].to_list(), values, "random"), rows, SETTINGS)


def mapped(regions: pl.DataFrame, fasta: Path) -> Mapped:
    """Return how many regions have the letters that pysam fetches at their coordinates."""
    placed = regions.filter(pl.col("start").is_not_null())
    equal = 0
    with pysam.FastaFile(str(fasta)) as genome:
        for chrom, start, end, strand, letters in placed.select(
            "chrom", "start", "end", "strand", "sequence"
        ).iter_rows():
            there = genome.fetch(chrom, start, end).upper()
            equal += letters == (there.translate(COMPLEMENT)[::-1] if strand == "-" else there)
    return Mapped(regions.height, placed.height, placed.filter(pl.col("strand") == "-").height, equal)


def by_bedtools(regions: pl.DataFrame, fasta: Path) -> str:
    """Return in words how many regions of the BED file have the letters that bedtools fetches."""
    if shutil.which("bedtools") is None:
        return "bedtools is not installed"
    with tempfile.TemporaryDirectory() as folder:
        bed, plain = Path(folder) / "a.bed", Path(folder) / "a.fa"
        write_bed(bed, regions, track="x")
        with pysam.FastaFile(str(fasta)) as genome, plain.open("w") as out:
            out.writelines(f">{chrom}\n{genome.fetch(chrom)}\n" for chrom in genome.references)
        command = ["bedtools", "getfasta", "-s", "-nameOnly", "-tab", "-fi", plain, "-bed", bed]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    fetched = {name[:-3]: letters.upper() for name, letters in (line.split("\t") for line in lines)}
    placed = regions.filter(pl.col("start").is_not_null())
    equal = sum(fetched.get(name) == letters for name, letters in placed.select("region_id", "sequence").iter_rows())
    return f"{equal:,} of {placed.height:,} equal by bedtools getfasta -s"


def real_sequences(data: Path, generator: np.random.Generator, n: int = 900) -> pl.DataFrame:
    """Return pieces of random intervals of chromosome 22, 100 to 2,000 bases, half cut into windows of 300, both strands."""
    with open_genome(data / "genome" / "chr22.hg19.fa.gz") as genome:
        start = generator.integers(16_100_000, 51_200_000, n)
        table = pl.DataFrame(
            {
                "chrom": "chr22",
                "start": start,
                "end": start + generator.integers(100, 2_000, n),
                "name": [f"i{i}" for i in range(n)],
                "score": pl.Series([None] * n, dtype=pl.Float64),
                "strand": generator.choice(["+", "-"], n),
            }
        ).select(list(INTERVALS.columns))
        located = with_locus(table)
        both = pl.concat([located[: n // 2], windows(located[n // 2 :], 300)])
        pieces = from_intervals(both, genome, label="x", min_length=30).pieces
    return pieces.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in ("allele", "cigar"))


def real_alleles(data: Path) -> pl.DataFrame:
    """Return the alternative alleles of at least 20 bases on chromosome 20's first megabase."""
    folder = data / "annotation"
    with open_genome(data / "genome" / "chr20_0-1Mb.GRCh38.fa.gz") as genome:
        chrom, length = next(iter(genome.lengths.items()))
        whole = [
            (chrom, i, i + 10_000, f"w{i}", None, "+-"[i // 10_000 % 2]) for i in range(0, length - 10_000, 10_000)
        ]
        kinds = {name: column.dtype for name, column in INTERVALS.columns.items()}
        places = with_locus(pl.DataFrame(whole, schema=kinds, orient="row"))
        variants = read_variants(folder / "assembly_variants.chr20_0-1Mb.GRCh38.vcf.gz", places, min_length=20).table
        return from_variants(variants, places, genome, label="x", min_length=20).pieces


def made_alleles(data: Path, generator: np.random.Generator, n: int = 600) -> tuple[pl.DataFrame, list[np.ndarray]]:
    """Return (alleles of 200 to 600 bases with inserted, deleted and kept stretches; the reference place of each base, -1 where inserted).

    An inserted stretch is of N, which the reference does not have there, so that no shared letter can move the place of a change.
    """
    rows, truths = [], []
    fasta = data / "genome" / "chr20_0-1Mb.GRCh38.fa.gz"
    with pysam.FastaFile(str(fasta)) as genome:
        chrom = genome.references[0]
        for i in range(n):
            place = start = int(generator.integers(100_000, 900_000))
            letters, where, cigar = "", [], ""
            for operation in "MIMDMIM"[: int(generator.choice([1, 3, 5, 7]))]:
                size = int(generator.integers(20, 120))
                cigar += f"{size}{operation}"
                if operation == "M":
                    letters += genome.fetch(chrom, place, place + size)
                    where += range(place, place + size)
                letters += "N" * size * (operation == "I")
                where += [-1] * size * (operation == "I")
                place += size * (operation != "I")
            strand = "+-"[i % 2]
            text = letters.upper().translate(COMPLEMENT)[::-1] if strand == "-" else letters
            rows.append((chrom, start, place, strand, f"v{i}", cigar, text, "x"))
            truths.append(np.array(where[::-1] if strand == "-" else where))
    columns = ["chrom", "start", "end", "strand", "allele", "cigar", "sequence", "label"]
    return pl.DataFrame(rows, schema=columns, orient="row"), truths


def agrees_with_truth(regions: pl.DataFrame, truths: list[np.ndarray]) -> int:
    """Return how many regions have coordinates exactly where their bases do: a consecutive stretch of the reference, or none."""
    good = 0
    for name, first, last, start, end in regions.select(
        "sequence_id", "sequence_start", "sequence_end", "start", "end"
    ).iter_rows():
        where = np.sort(truths[int(name[1:])][first:last])
        linear = where[0] >= 0 and bool((np.diff(where) == 1).all())
        good += (start, end) == ((int(where[0]), int(where[-1]) + 1) if linear else (None, None))
    return good


def mapping(data: Path) -> list[str]:
    """Return the lines on where regions lie."""
    generator = np.random.default_rng(1)
    chr22, chr20 = data / "genome" / "chr22.hg19.fa.gz", data / "genome" / "chr20_0-1Mb.GRCh38.fa.gz"
    pieces = real_sequences(data, generator)
    _, real = scored(pieces, generator)
    lines = ["| sequences | regions | with coordinates | on - | letters equal |", "|---|---|---|---|---|"]
    alleles = real_alleles(data)
    made, truths = made_alleles(data, generator)
    tables = {
        f"{pieces.height:,} real pieces of chr22, 30 to 2,000 bases": (real, chr22),
        f"{alleles.height} real alleles of at least 20 bases, chr20": (scored(alleles, generator)[1], chr20),
        f"{made.height} made alleles, chr20": (scored(made, generator)[1], chr20),
    }
    for what, (regions, fasta) in tables.items():
        found = mapped(regions, fasta)
        lines.append(f"| {what} | {found.regions:,} | {found.placed:,} | {found.minus:,} | {found.equal:,} |")
    last = next(reversed(tables.values()))[0]
    return [
        *lines,
        "",
        f"chr22: {by_bedtools(real, chr22)}. Made alleles: {agrees_with_truth(last, truths):,} of {last.height:,} regions have coordinates exactly where the truth has them.",
    ]


def rates(data: Path) -> list[str]:
    """Return the lines on what the calibrated rule finds in shuffled copies that it never saw."""
    pieces = real_sequences(data, np.random.default_rng(2), 700)
    texts = pieces.filter(pl.col("sequence").str.len_bytes() <= 510)["sequence"].to_list()
    loaded = load("bert-small", ["a", "b"], TrainSettings(), 1)
    half = len(texts) // 2

    def tops(source: list[str], copies: int, seed: int) -> np.ndarray:
        made = shuffled_copies(source, copies, seed)[1]
        return peaks(alrw(loaded, [str(i) for i in range(copies)], made).values, 8)

    seen, fresh, others = tops(texts[:half], 500, 1), tops(texts[:half], 2000, 2), tops(texts[half:], 2000, 3)
    lines = [
        f"{len(texts)} real sequences of chr22 of up to 510 bases; the threshold is set on 500 copies of one half.",
        "",
        "| stated rate | threshold | copies of the same half with a region | of the other half |",
        "|---|---|---|---|",
    ]
    for rate in RATES:
        threshold = threshold_of(seen, rate)
        cells = [_share(int((found > threshold).sum()), len(found)) for found in (fresh, others)]
        lines.append(f"| {rate} | {threshold:.3f} | {cells[0]} | {cells[1]} |")
    return [
        *lines,
        f"| paper's rule | 0 | {_share(int((fresh > 0).sum()), 2000)} | {_share(int((others > 0).sum()), 2000)} |",
    ]


def _share(k: int, n: int) -> str:
    interval = binomtest(k, n).proportion_ci(method="wilson")
    return f"{k / n:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def stretches() -> list[str]:
    """Return a line on the time of the token regions."""
    letters = np.random.default_rng(4).choice(list("ACGT"), (20_000, 500))
    texts = ["".join(row) for row in letters]
    rule = load("bert-small", ["a", "b"], TrainSettings(), 1).rule
    begun = time.perf_counter()
    token_regions(rule, texts, ["a"] * 20_000, [str(i // 4) for i in range(20_000)], resamples=1000)
    return [
        f"Token regions of 20,000 sequences of 500 bases, 1,000 resamples of 5,000 groups: {time.perf_counter() - begun:.1f} s."
    ]


def main() -> None:
    """Run everything and write the results as Markdown."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    parts = ["# Regions", "", *mapping(data), "", *rates(data), "", *stretches()]
    out.mkdir(parents=True, exist_ok=True)
    (out / "regions.md").write_text("\n".join(parts) + "\n", encoding="utf-8")
    print("\n".join(parts))


if __name__ == "__main__":
    main()
