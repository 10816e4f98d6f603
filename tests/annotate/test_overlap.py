import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from phenolens.annotate.overlap import NULLS, overlap
from phenolens.core.errors import DataError
from phenolens.core.schemas_biology import OVERLAP
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
    assert table.select("feature", "null", "label").rows() == [(f, n, c) for f in "xy" for n in NULLS for c in "ab"]
    universe = sequences.drop_nulls("chrom")
    assert set(table["universe_sequences"]) == {universe.height}
    assert set(table["universe_bases"]) == {universe["sequence"].str.len_bytes().sum()}
    for name, feature in features.items():
        tracks = covered(feature)
        inside = sum(tracks[c][a:b].sum() for c, a, b in universe.select("chrom", "start", "end").iter_rows())
        expected = inside / universe["sequence"].str.len_bytes().sum()
        assert table.filter(feature=name)["universe_share"].to_list() == pytest.approx([expected] * 6)
    assert table["ratio"].to_list() == pytest.approx((table["observed"] / table["expected"]).to_list())
    assert (2 ** table["log2_ratio"]).to_list() == pytest.approx(table["ratio"].to_list())
    table = table.filter(null="matched")
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


def many_regions(generator, sequences, sets, each):
    """REGIONS of `sets` classes with `each` random places, every base of the sequences as likely as another."""
    placed = sequences.drop_nulls("chrom")
    share = placed["sequence"].str.len_bytes().to_numpy()
    home = placed[generator.choice(len(share), sets * each, p=share / share.sum())]
    # short, so that few of them come to lie across two sequences
    length, width = home["sequence"].str.len_bytes().cast(pl.Int64), generator.integers(1, 5, len(home))
    start = generator.integers(0, length.to_numpy() - width + 1)
    low = pl.when(pl.col("strand") == "-").then(pl.col("end") - start - width).otherwise(pl.col("start") + start)
    return home.select(
        pl.format("r{}", pl.int_range(pl.len())).alias("region_id"),
        "sequence_id",
        pl.format("class {}", pl.int_range(pl.len()) // each).alias("label"),
        pl.Series("sequence_start", start),
        pl.Series("sequence_end", start + width),
        "chrom",
        low.alias("start"),
        (low + width).alias("end"),
        "strand",
        pl.lit(1.0).alias("mean_score"),
        pl.lit("A").alias("sequence"),
    )


def test_p_values_are_uniform_for_random_regions(genome, intervals_of):
    """200 random region sets. p-values are even numbers of 40ths: a uniform part of the step makes them continuous.

    Many regions a class: with few, equal counts are common, which makes the test careful and its p-values too large.
    """
    sequences, generator = genome
    regions = many_regions(generator, sequences, 200, 700)
    features = {"x": random_feature(generator, intervals_of, n=200)}
    table = overlap(regions, sequences, features, controls=39, seed=3)
    for null in NULLS:
        p_values = table.filter(null=null)["p_value"].to_numpy() - generator.random(200) * 2 / 40
        assert stats.kstest(p_values, "uniform").pvalue > 0.01, null


def test_circular_and_shuffled_expectations_equal_every_place_tried(genome, regions_of, intervals_of, random_places):
    """By hand: the class's sequences laid end to end as one track of bases; all rotations, and all places that cross no seam."""
    sequences, generator = genome
    universe = sequences.drop_nulls("chrom").sort("chrom", "start")
    regions = regions_of(sequences, random_places(generator, universe, 6, widths=(1, 200)))
    feature = random_feature(generator, intervals_of, n=30)
    tracks = covered(feature)
    pieces = [tracks[c][a:b] for c, a, b in universe.select("chrom", "start", "end").iter_rows()]
    firsts = dict(zip(universe["sequence_id"], np.cumsum([0] + [len(p) for p in pieces[:-1]]), strict=True))
    begins = dict(universe.select("sequence_id", "start").iter_rows())
    track = np.concatenate(pieces)
    seams = np.cumsum([len(p) for p in pieces])
    turning, counted, anywhere = np.zeros(len(track)), np.zeros(len(track)), []
    for r in regions.iter_rows(named=True):
        width, low = r["end"] - r["start"], firsts[r["sequence_id"]] + r["start"] - begins[r["sequence_id"]]
        touched, whole = np.zeros(len(track), dtype=bool), np.zeros(len(track), dtype=bool)
        for i in range(len(track)):
            whole[i] = not any(i < seam < i + width for seam in seams)
            touched[i] = whole[i] and track[i : i + width].any()
        turning += np.roll(touched, -low)
        counted += np.roll(whole, -low)
        anywhere.append(np.mean([p[i : i + width].any() for p in pieces for i in range(len(p) - width + 1)]))
    turning = turning[counted > 0] / counted[counted > 0]
    table = overlap(regions, sequences, {"x": feature}, controls=4000, seed=1)
    found = {row["null"]: row for row in table.iter_rows(named=True)}
    assert found["circular"]["expected"] == pytest.approx(turning.mean(), abs=4 * turning.std() / np.sqrt(4000))
    assert found["circular"]["observed"] == pytest.approx(turning[0])
    at_least, at_most = (turning >= turning[0]).mean(), (turning <= turning[0]).mean()
    assert found["circular"]["p_value"] == pytest.approx(min(1, 2 * min(at_least, at_most)), abs=0.05)
    spread = np.sqrt(sum(c * (1 - c) for c in anywhere)) / regions.height
    assert found["shuffled"]["expected"] == pytest.approx(np.mean(anywhere), abs=4 * spread / np.sqrt(4000))


def test_a_region_that_a_rotation_puts_across_two_sequences_does_not_count(sequences_of, regions_of, intervals_of):
    """Two sequences of ten bases, one whole on the feature: of the places where five bases fit half are on it, as when shuffled."""
    rows = [
        {"sequence_id": f"s{i}", "sequence": "A" * 10, "chrom": "chr1", "start": 40 * i, "strand": "+"} for i in (0, 1)
    ]
    sequences = sequences_of(rows)
    regions = regions_of(sequences, [("s0", 2, 7)])
    table = overlap(regions, sequences, {"x": intervals_of([("chr1", 0, 20)])}, controls=4000, seed=1)
    for null in ("circular", "shuffled"):
        assert table.filter(null=null)["expected"][0] == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2400))


def test_whole_sequences_that_are_preferred_show_only_where_regions_may_change_sequence(
    sequences_of, regions_of, intervals_of
):
    """Every region lies in the two sequences that the feature covers as a whole: nothing within them, much among all."""
    rows = [
        {"sequence_id": f"s{i}", "sequence": "A" * 300, "chrom": "chr1", "start": 1000 * i, "strand": "+"}
        for i in range(20)
    ]
    sequences = sequences_of(rows)
    regions = regions_of(sequences, [(f"s{i % 2}", 10 * i, 10 * i + 8) for i in range(20)])
    table = overlap(regions, sequences, {"x": intervals_of([("chr1", 0, 1300)])}, controls=999, seed=1)
    found = {row["null"]: row for row in table.iter_rows(named=True)}
    assert (found["matched"]["expected"], found["matched"]["p_value"]) == (1.0, 1.0)
    assert found["shuffled"]["expected"] == pytest.approx(0.1, abs=0.02)
    assert found["shuffled"]["p_value"] == pytest.approx(2 / 1000)
    # regions that lie together move together: one place in ten is as good, which shuffling does not see
    assert found["circular"]["p_value"] > 0.02


def test_regions_on_a_feature_stand_out_and_regions_beside_it_too(genome, regions_of, intervals_of):
    sequences, _ = genome
    on_genome = sequences.filter(pl.col("chrom").is_not_null())
    feature = on_genome.select("chrom", start=pl.col("start") + 50, end=pl.col("start") + 60)
    low = [50 if row["strand"] != "-" else len(row["sequence"]) - 60 for row in on_genome.iter_rows(named=True)]
    on = [(name, start, start + 10, "on") for name, start in zip(on_genome["sequence_id"], low, strict=True)]
    off = [(name, start + 10, start + 20, "off") for name, start in zip(on_genome["sequence_id"], low, strict=True)]
    table = (
        overlap(regions_of(sequences, on + off), sequences, {"x": feature}, controls=999, seed=1)
        .filter(null="matched")
        .sort("label")
    )
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
    expected = [1.0] * 3 + [0.0] * 6
    assert table["observed"].to_list() == table["expected"].to_list() == table["universe_share"].to_list() == expected
    assert table["p_value"].to_list() == [1.0] * 9
    assert table["ratio"].to_list() == [1.0] * 3 + [None] * 6
    assert table["log2_ratio"].to_list() == [0.0] * 3 + [None] * 6


def test_regions_without_coordinates_are_left_out(genome, regions_of, intervals_of):
    sequences, _ = genome
    length = len(sequences["sequence"][1])  # s1 is read from the - strand: its last base is the genome's lowest
    places = [("s0", 0, 10, "nowhere"), ("s10", 0, 10, "end"), ("s1", length - 9, length, "end"), ("s1", 0, 9, "begin")]
    regions, features = regions_of(sequences, places), {"x": intervals_of([("chr2", 507, 508)])}
    table = overlap(regions, sequences, features, controls=10, seed=1).filter(null="matched")
    assert table.select("label", "regions", "observed").rows() == [
        ("begin", 1, 0.0),
        ("end", 1, 1.0),
        ("nowhere", 0, None),
    ]
    assert set(table.row(2)[6:]) == {None}
    alone = overlap(regions[:1], sequences, features, controls=10, seed=1)
    assert alone["regions"].to_list() == [0] * 3


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
