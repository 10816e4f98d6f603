"""Places that come from no file: written as browsers do, and random in proportion to chromosome length."""

import numpy as np
import pytest
from scipy.stats import kstest

from phenolens.core.errors import DataError
from phenolens.dataset.random_regions import random_regions, written_regions


def test_written_places_are_one_based_with_the_end_included():
    table = written_regions(["chr19:54,015,634-55,094,318", "X:1-1"])
    assert table.select("chrom", "start", "end").rows() == [("chr19", 54_015_633, 55_094_318), ("X", 0, 1)]


@pytest.mark.parametrize("text", ["chr1", "chr1:5", "chr1:0-10", "chr1:10-9", "chr1:a-b", "chr1:5-10(+)"])
def test_other_texts_are_refused(text):
    with pytest.raises(DataError, match="is no place; expected chrom:start-end"):
        written_regions([text])


def test_counts_follow_chromosome_lengths_and_places_are_uniform():
    lengths = {"chr1": 3_000_000, "chr2": 1_000_000, "chrX": 999_999, "tiny": 900}
    table = random_regions(lengths, length=1000, bases=5_000_000, seed=4)
    assert table.height == 5000
    assert set((table["end"] - table["start"]).to_list()) == {1000}
    counts = dict(table.group_by("chrom").len().iter_rows())
    assert counts == {"chr1": 3000, "chr2": 1000, "chrX": 1000}
    for chrom, size in lengths.items():
        start = table.filter(chrom=chrom)["start"].to_numpy()
        if len(start):
            assert start.min() >= 0
            assert start.max() <= size - 1000
            assert kstest(start / (size - 999), "uniform").pvalue > 1e-3


def test_the_seed_decides_and_too_long_is_an_error():
    lengths = {"a": 10_000}
    starts = [random_regions(lengths, length=100, bases=5000, seed=s)["start"].to_numpy() for s in (1, 1, 2)]
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])
    with pytest.raises(DataError, match="20000 is longer than every chromosome"):
        random_regions(lengths, length=20_000, bases=20_000, seed=1)
