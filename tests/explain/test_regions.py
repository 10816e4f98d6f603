import hashlib

import numpy as np
import oracles
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from region_tables import explain, scores_of, table_of
from tiny import random_sequences

from phenolens.core.errors import DataError
from phenolens.core.schemas import REGIONS
from phenolens.core.types import BaseScores
from phenolens.explain.regions import find_regions

COMPLEMENT = str.maketrans("ACGT", "TGCA")


VALUE = st.one_of(st.just(np.nan), st.integers(0, 8).map(lambda i: i / 8))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(VALUE, min_size=1, max_size=30), min_size=1, max_size=4),
    min_run=st.integers(1, 4),
    times_min=st.sampled_from([0.0, 1.0, 2.0]),
    widen=st.integers(0, 4),
)
def test_equals_the_letter_by_letter_reference(rows, min_run, times_min, widen):
    table = table_of([len(row) for row in rows])
    found = find_regions(scores_of(rows, 30), table, explain(min_run=min_run, times_min=times_min, widen=widen))
    expected = [
        (f"s{i}", start, end)
        for i, row in enumerate(rows)
        for start, end in oracles.regions(row, len(row), min_run, times_min, widen)
    ]
    assert found.select("sequence_id", "sequence_start", "sequence_end").rows() == expected
    for row in found.iter_rows(named=True):
        inside = np.array(rows[int(row["sequence_id"][1:])][row["sequence_start"] : row["sequence_end"]])
        assert row["mean_score"] == pytest.approx(np.nanmean(inside), abs=1e-6)
        source = table.filter(pl.col("sequence_id") == row["sequence_id"])["sequence"][0]
        assert row["sequence"] == source[row["sequence_start"] : row["sequence_end"]].upper()
        assert row["region_id"] == f"{row['sequence_id']}/{row['sequence_start']}-{row['sequence_end']}"


@pytest.mark.parametrize("strand", ["+", "-", ".", None])
def test_genome_coordinates_fetch_the_same_letters_back(strand):
    genome = random_sequences(1, 500, 2)[0]
    starts = [100, 160, 250]
    letters = [genome[s : s + 60] for s in starts]
    letters = [s.translate(COMPLEMENT)[::-1] for s in letters] if strand == "-" else letters
    table = table_of([60] * 3, chrom=["c"] * 3, start=starts, end=[s + 60 for s in starts], strand=[strand] * 3)
    table = table.with_columns(sequence=pl.Series(letters).str.to_lowercase())
    rows = np.random.default_rng(3).random((3, 60)) + np.where((np.arange(60) > 8) & (np.arange(60) < 25), 5, 0)
    found = find_regions(scores_of(rows.tolist(), 60), table, explain(times_min=2))
    assert found.height == 3
    for row in found.iter_rows(named=True):
        fetched = genome[row["start"] : row["end"]]
        assert row["sequence"] == (fetched.translate(COMPLEMENT)[::-1] if strand == "-" else fetched)
        assert (row["chrom"], row["strand"]) == ("c", strand)


def test_sequences_off_the_reference_give_regions_without_coordinates():
    places = {
        "chrom": ["c", "c", None, "c"],
        "start": [0, 0, None, 0],
        "end": [40, 45, None, 40],
        "allele": ["v1", None, None, None],
    }
    row = [0.1] * 10 + [1.0] * 12 + [0.1] * 18
    found = find_regions(scores_of([row] * 4, 40), table_of([40] * 4, strand=["+"] * 4, **places), explain(times_min=2))
    assert found["chrom"].to_list() == [None, None, None, "c"]
    assert found["start"].to_list() == [None, None, None, 6]
    assert found["strand"].to_list() == [None, None, None, "+"]
    assert found["sequence_start"].to_list() == [6] * 4


@pytest.mark.parametrize("strand", ["+", "-"])
def test_regions_of_an_allele_lie_where_all_their_bases_do(strand):
    genome = random_sequences(1, 500, 9)[0]
    changed = genome[100:120] + "A" * 30 + genome[120:130] + genome[150:170]  # 30 bases inserted, 20 deleted
    letters = changed.translate(COMPLEMENT)[::-1] if strand == "-" else changed
    peaks = [(2, 12), (15, 35), (36, 46), (51, 59), (56, 64), (62, 72)]  # on the + strand
    spans = [(80 - end, 80 - start) for start, end in peaks] if strand == "-" else peaks
    rows = [[float(start <= base < end) for base in range(80)] for start, end in spans]
    places = {"chrom": ["c"] * 6, "start": [100] * 6, "end": [170] * 6, "strand": [strand] * 6}
    table = table_of([80] * 6, **places, allele=["v"] * 6, cigar=["20M30I10M20D20M"] * 6)
    table = table.with_columns(sequence=pl.lit(letters))
    found = find_regions(scores_of(rows, 80), table, explain(widen=0))
    assert found["start"].to_list() == [102, None, None, 121, None, 152]
    assert found["end"].to_list() == [112, None, None, 129, None, 162]
    assert found["chrom"].to_list() == found["strand"].replace(strand, "c").to_list()
    for row in found.drop_nulls("start").iter_rows(named=True):
        fetched = genome[row["start"] : row["end"]]
        assert row["sequence"] == (fetched.translate(COMPLEMENT)[::-1] if strand == "-" else fetched)


def test_blocks_change_nothing(monkeypatch):
    scores, table = scores_of(np.random.default_rng(6).random((20, 40)).tolist(), 40), table_of([40] * 20)
    wanted = find_regions(scores, table, explain(times_min=0, min_run=3))
    monkeypatch.setattr("phenolens.explain.regions.BLOCK", 3)
    assert find_regions(scores, table, explain(times_min=0, min_run=3)).equals(wanted)


def test_rows_are_found_by_id_in_any_order():
    rows = np.random.default_rng(4).random((20, 40)).tolist()
    scores, table = scores_of(rows, 40), table_of([40] * 20)
    wanted = find_regions(scores, table, explain(times_min=0, min_run=3))
    assert wanted.height > 5
    assert find_regions(scores, table.reverse(), explain(times_min=0, min_run=3)).equals(wanted)
    with pytest.raises(DataError, match="do not have the same sequence_id"):
        find_regions(scores, table.head(19), explain())


def test_soft_masked_multiples_and_flat_or_empty_scores():
    table = table_of([40, 40])
    flat = find_regions(scores_of([[0.2] * 40, [np.nan] * 40], 40), table, explain(times_min=0))
    assert flat.height == 0
    assert list(flat.schema) == list(REGIONS.columns)
    none = find_regions(BaseScores([], np.zeros((0, 0), dtype=np.float32), "alrw"), table.clear(), explain())
    assert none.height == 0


def test_times_min_is_of_the_least_covered_base():
    row = [np.nan] * 5 + [0.1] * 15 + [0.35] * 10
    counts = [
        find_regions(scores_of([row], 30), table_of([30]), explain(times_min=t)).height for t in (0, 3, 3.4, 3.6, 10)
    ]
    assert counts == [1, 1, 1, 0, 0]


def test_scores_are_left_as_found():
    scores = scores_of(np.random.default_rng(5).random((3, 40)).tolist(), 40)
    before = hashlib.sha256(scores.values.tobytes()).hexdigest()
    find_regions(scores, table_of([40] * 3), explain(times_min=0))
    assert hashlib.sha256(scores.values.tobytes()).hexdigest() == before
