import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from phenolens.annotate.overlap import overlap
from phenolens.core.errors import DataError
from phenolens.core.schemas import OVERLAP
from phenolens.core.table import check


def covered(feature, size=30_000):
    """chrom -> bool per base."""
    tracks = {chrom: np.zeros(size, dtype=bool) for chrom in ("chr1", "chr2", "chr9")}
    for chrom, start, end in feature.select("chrom", "start", "end").iter_rows():
        tracks[chrom][start:end] = True
    return tracks


def random_feature(generator, intervals_of, n=150):
    starts = generator.integers(0, 20_000, n)
    ends = starts + generator.integers(1, 120, n)
    chroms = generator.choice(["chr1", "chr2", "chr9"], n)
    return intervals_of(zip(chroms.tolist(), starts.tolist(), ends.tolist(), strict=True))


def test_shares_equal_bases_counted_one_by_one(genome, regions_of, intervals_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 300, labels=("a", "b")))
    features = {name: random_feature(generator, intervals_of) for name in ("x", "y")}
    table = check(overlap(regions, sequences, features, controls=2000, seed=1), OVERLAP)
    assert table.select("label", "feature").rows() == [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")]
    homes = {row["sequence_id"]: row for row in sequences.iter_rows(named=True)}
    for row in table.iter_rows(named=True):
        tracks = covered(features[row["feature"]])
        mine = regions.filter((pl.col("label") == row["label"]) & pl.col("chrom").is_not_null())
        touched = [tracks[r["chrom"]][r["start"] : r["end"]].any() for r in mine.iter_rows(named=True)]
        chances = []  # over every place of the region in its sequence
        for r in mine.iter_rows(named=True):
            home, width = homes[r["sequence_id"]], r["end"] - r["start"]
            track = tracks[home["chrom"]][home["start"] : home["end"]]
            chances.append(np.lib.stride_tricks.sliding_window_view(track, width).any(axis=1).mean())
        assert row["regions"] == mine.height
        assert row["observed"] == pytest.approx(np.mean(touched))
        assert row["expected"] == pytest.approx(np.mean(chances), abs=4 * 0.5 / np.sqrt(2000 * mine.height))
        spread = np.sqrt(sum(c * (1 - c) for c in chances)) / mine.height
        assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * spread, rel=0.2)
    assert table["q_value"].to_numpy() == pytest.approx(stats.false_discovery_control(table["p_value"].to_numpy()))


def test_row_order_does_not_matter_and_the_seed_does(genome, regions_of, intervals_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 100, labels=("a", "b")))
    features = {"x": random_feature(generator, intervals_of)}
    table = overlap(regions, sequences, features, controls=100, seed=1)
    shuffled = overlap(regions[::-1], sequences[::-1], {"x": features["x"][::-1]}, controls=100, seed=1)
    assert_frame_equal(shuffled, table)
    assert (
        overlap(regions, sequences, features, controls=100, seed=2)["expected"].to_list() != table["expected"].to_list()
    )


def test_p_values_are_uniform_for_random_regions(genome, regions_of, intervals_of, random_places):
    sequences, generator = genome
    places = sequences.filter(pl.col("chrom").is_not_null())
    labels = [f"class {i}" for i in range(80)]
    # Many regions a class: with few, the counts' ties make the test careful, and its p-values too large.
    regions = regions_of(sequences, random_places(generator, places, 80 * 500, labels=labels))
    features = {"x": random_feature(generator, intervals_of, n=200)}
    table = overlap(regions, sequences, features, controls=99, seed=3)
    assert stats.kstest(table["p_value"].to_numpy(), "uniform").pvalue > 0.01


def test_regions_on_a_feature_stand_out_and_regions_beside_it_too(genome, regions_of, intervals_of):
    sequences, _ = genome
    on_genome = sequences.filter(pl.col("chrom").is_not_null())
    feature = on_genome.select("chrom", start=pl.col("start") + 50, end=pl.col("start") + 60)
    low = [50 if row["strand"] != "-" else len(row["sequence"]) - 60 for row in on_genome.iter_rows(named=True)]
    on = [(name, start, start + 10, "on") for name, start in zip(on_genome["sequence_id"], low, strict=True)]
    off = [(name, start + 10, start + 20, "off") for name, start in zip(on_genome["sequence_id"], low, strict=True)]
    table = overlap(regions_of(sequences, on + off), sequences, {"x": feature}, controls=999, seed=1).sort("label")
    assert table["observed"].to_list() == [0.0, 1.0]  # touching is not overlapping
    assert table["p_value"][1] == pytest.approx(2 / 1000)
    assert table["expected"][1] < 0.15
    assert table["low"][1] <= table["expected"][1] <= table["high"][1]


def test_a_feature_everywhere_or_nowhere_says_nothing(genome, regions_of, intervals_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 50))
    everywhere = intervals_of([("chr1", 0, 50_000), ("chr2", 0, 50_000)])
    features = {"everywhere": everywhere, "other chromosome": intervals_of([("chr9", 0, 9)]), "empty": intervals_of([])}
    table = overlap(regions, sequences, features, controls=50, seed=1)
    assert table["observed"].to_list() == table["expected"].to_list() == [1.0, 0.0, 0.0]
    assert table["p_value"].to_list() == [1.0] * 3


def test_regions_without_coordinates_are_left_out(genome, regions_of, intervals_of):
    sequences, _ = genome
    length = len(sequences["sequence"][1])  # s1 is read from the - strand: its last base is the genome's lowest
    places = [("s0", 0, 10, "nowhere"), ("s10", 0, 10, "end"), ("s1", length - 9, length, "end"), ("s1", 0, 9, "begin")]
    regions, features = regions_of(sequences, places), {"x": intervals_of([("chr2", 507, 508)])}
    table = overlap(regions, sequences, features, controls=10, seed=1)
    assert table.select("label", "regions", "observed").rows() == [
        ("begin", 1, 0.0),
        ("end", 1, 1.0),
        ("nowhere", 0, None),
    ]
    assert table.row(2)[3:] == (None,) * 6
    alone = overlap(regions[:1], sequences, features, controls=10, seed=1)
    assert alone["regions"].to_list() == [0]


def test_no_regions_or_no_features_give_an_empty_table(genome, regions_of, intervals_of):
    sequences, _ = genome
    regions = regions_of(sequences, [("s1", 0, 10)])
    for table in (
        overlap(regions.clear(), sequences, {"x": intervals_of([])}, controls=10, seed=1),
        overlap(regions, sequences, {}, controls=10, seed=1),
    ):
        assert table.is_empty()
        check(table, OVERLAP)


def test_an_unknown_sequence_is_refused(genome, regions_of, intervals_of):
    sequences, _ = genome
    regions = regions_of(sequences, [("s1", 0, 10)])
    with pytest.raises(DataError, match="unknown sequences, the first in s1"):
        overlap(regions, sequences[2:], {"x": intervals_of([])}, controls=10, seed=1)
