"""Regions of real sequences fetched back from the built-in chromosome: both strands, windows, and alleles whose every base's place is known."""

import numpy as np
import polars as pl
import pysam
import pytest

from phenolens.core.schemas import INTERVALS
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.study import DEMO
from phenolens.core.types import BaseScores
from phenolens.dataset.intervals import windows, with_locus
from phenolens.dataset.sequences import from_intervals
from phenolens.explain.regions import find_regions
from phenolens.io.genome import open_genome

FASTA = DEMO / "chr22.hg19.fa.gz"
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(scope="module")
def genome():
    with pysam.FastaFile(str(FASTA)) as opened:
        yield opened


def random_regions(rows, seed):
    rows = rows.with_columns(sequence_id=pl.format("s{}", pl.int_range(pl.len())))
    lengths = rows["sequence"].str.len_bytes().to_numpy()
    values = np.random.default_rng(seed).random((rows.height, int(lengths.max()))).astype(np.float32)
    values[np.arange(values.shape[1]) >= lengths[:, None]] = np.nan
    scores = BaseScores(rows["sequence_id"].to_list(), values, "random")
    return find_regions(scores, rows, ExplainSettings(min_run=3))


def fetched(genome, chrom, start, end, strand):
    letters = genome.fetch(chrom, start, end).upper()
    return letters.translate(COMPLEMENT)[::-1] if strand == "-" else letters


def test_letters_at_the_coordinates_are_those_of_the_region(genome):
    rng = np.random.default_rng(1)
    start = rng.integers(20_000_000, 50_000_000, 160)
    kinds = {name: column.dtype for name, column in INTERVALS.columns.items()}
    rows = [("chr22", s, s + rng.integers(60, 900), f"i{i}", None, "+-."[i % 3]) for i, s in enumerate(start.tolist())]
    table = with_locus(pl.DataFrame(rows, schema=kinds, orient="row"))
    with open_genome(FASTA) as opened:
        both = pl.concat([table[:80], windows(table[80:], 150)])
        pieces = from_intervals(both, opened, label="x", min_length=20).pieces
    regions = random_regions(
        pieces.with_columns(pl.lit(None, dtype=pl.String).alias(n) for n in ("allele", "cigar")), 2
    )
    assert regions.height > 1000
    assert set(regions["strand"]) == {"+", "-", "."}
    for chrom, first, last, strand, letters in regions.select(
        "chrom", "start", "end", "strand", "sequence"
    ).iter_rows():
        assert letters == fetched(genome, chrom, first, last, strand)


def test_regions_of_alleles_lie_where_their_bases_were_taken_from(genome):
    """Alleles put together from stretches of the chromosome (M) and of N (I), with stretches left out (D)."""
    rng = np.random.default_rng(3)
    rows, truths = [], []
    for i in range(60):
        place = start = int(rng.integers(20_000_000, 50_000_000))
        letters, where, cigar = "", [], ""
        for operation in "MIMDM"[: int(rng.choice([1, 3, 5]))]:
            size = int(rng.integers(15, 60))
            cigar += f"{size}{operation}"
            letters += (
                genome.fetch("chr22", place, place + size) if operation == "M" else "N" * size * (operation == "I")
            )
            where += list(range(place, place + size)) if operation == "M" else [-1] * size * (operation == "I")
            place += size * (operation != "I")
        minus = i % 2 == 1
        text = letters.upper().translate(COMPLEMENT)[::-1] if minus else letters
        rows.append(("chr22", start, place, "-" if minus else "+", f"v{i}", cigar, text, "x"))
        truths.append(where[::-1] if minus else where)
    columns = ["chrom", "start", "end", "strand", "allele", "cigar", "sequence", "label"]
    regions = random_regions(pl.DataFrame(rows, schema=columns, orient="row"), 4)
    places = regions.select(
        "sequence_id", "sequence_start", "sequence_end", "chrom", "start", "end", "strand", "sequence"
    )
    counts = [0, 0]
    for name, first, last, chrom, start, end, strand, letters in places.iter_rows():
        where = np.sort(truths[int(name[1:])][first:last])
        linear = bool(where[0] >= 0 and (np.diff(where) == 1).all())
        counts[linear] += 1
        assert (start, end) == ((where[0], where[-1] + 1) if linear else (None, None))
        assert not linear or letters == fetched(genome, chrom, start, end, strand)
    assert min(counts) > 50
