"""Variability in people over regions against loops over single bases and closed forms."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from phenolens.annotate.measures import placed
from phenolens.annotate.population import (
    DEPTH,
    DIVERSITY,
    FREQUENCY,
    PER_KB,
    Cross,
    Tracks,
    depth_track,
    frequency_tracks,
    population,
    signal_track,
)
from phenolens.core.schemas_variants import DEPTHS, FREQUENCIES, POPULATION, POPULATION_CROSS, REGION_POPULATION
from phenolens.core.table import check


def table(schema, rows):
    return pl.DataFrame(rows, schema={name: column.dtype for name, column in schema.columns.items()}, orient="row")


@pytest.fixture
def alleles(genome):
    """Substitutions at every sixth base or so, some with two alternatives, and a few insertions; on chr1 only."""
    sequences, generator = genome
    rows = []
    for row in sequences.filter(chrom="chr1").iter_rows(named=True):
        for base in range(row["start"], row["end"]):
            if generator.random() < 0.15:
                share = float(generator.random()) * 0.4
                rows.append(("chr1", base, "A", "C", share))
                if generator.random() < 0.3:
                    rows.append(("chr1", base, "A", "G", share / 2))
            if generator.random() < 0.03:
                rows.append(("chr1", base, "A", "ATT", 0.2))
    return rows


def values(found):
    return {(r, m): v for r, m, v in found.regions.iter_rows()}


def run(here, measures, signals=None, variable=None, **changes):
    cross = Cross(variable or {}, 0.3)
    return population(here, Tracks(measures, signals or {}), cross, **({"controls": 99, "seed": 1} | changes))


def test_regions_equal_a_loop_over_their_bases(genome, alleles, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 200, labels=("a", "b")))
    here = placed(regions, sequences)
    found = run(here, frequency_tracks(here, [table(FREQUENCIES, alleles)], ["chr1"]))
    check(found.classes, POPULATION)
    check(found.regions, REGION_POPULATION)
    got = values(found)
    for region in regions.drop_nulls("chrom").iter_rows(named=True):
        name, length = region["region_id"], region["end"] - region["start"]
        if region["chrom"] == "chr2":
            assert [got[name, m] for m in (PER_KB, FREQUENCY, DIVERSITY)] == [None] * 3
            continue
        inside = [row for row in alleles if region["start"] <= row[1] < region["end"]]
        single = {}
        for _, base, _, alt, share in inside:
            if len(alt) == 1:
                single.setdefault(base, []).append(share)
        differ = sum(1 - (1 - sum(p)) ** 2 - sum(x * x for x in p) for p in single.values())
        shares = [share for p in single.values() for share in p]
        assert got[name, PER_KB] == pytest.approx(1000 * len(inside) / length)
        assert got[name, DIVERSITY] == pytest.approx(differ / length)
        assert got[name, FREQUENCY] == (pytest.approx(np.mean(shares)) if shares else None)


def test_diversity_of_one_alternative_is_twice_p_times_q(sequences_of, regions_of):
    sequences = sequences_of(
        [{"sequence_id": "s", "sequence": "ACGTACGTAC", "chrom": "chr1", "start": 10, "strand": "-"}]
    )
    regions = regions_of(sequences, [("s", 0, 4), ("s", 5, 10)])
    here = placed(regions, sequences)
    rows = [("chr1", 18, "A", "C", 0.3), ("chr1", 10, "C", "T", 1.0), ("chr1", 30, "C", "T", 0.5)]
    got = values(run(here, frequency_tracks(here, [table(FREQUENCIES, rows)], ["chr1"])))
    assert got["r00000", DIVERSITY] == pytest.approx(2 * 0.3 * 0.7 / 4)
    assert got["r00000", FREQUENCY] == pytest.approx(0.3)
    assert got["r00001", DIVERSITY] == pytest.approx(0)
    assert (got["r00000", PER_KB], got["r00001", PER_KB]) == (250, 200)


def test_depth_equals_a_loop_over_bases_and_overlapping_rows_are_averaged(genome, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 100))
    start = generator.integers(0, 20_000, 200)
    rows = [("chr1", s, s + int(generator.integers(1, 400)), float(generator.integers(1, 200))) for s in start.tolist()]
    here = placed(regions, sequences)
    got = values(run(here, depth_track(here, [table(DEPTHS, rows[:50]), table(DEPTHS, rows[50:])])))
    for region in regions.drop_nulls("chrom").iter_rows(named=True):
        bases = []
        for base in range(region["start"], region["end"]):
            over = [d for c, s, e, d in rows if c == region["chrom"] and s <= base < e]
            bases += [np.mean(over)] if over else []
        assert got[region["region_id"], DEPTH] == (pytest.approx(np.mean(bases)) if bases else None)
    assert any(value is None for value in got.values())


def test_the_cross_holds_regions_that_are_deep_and_hardly_conserved(sequences_of, regions_of):
    sequences = sequences_of(
        [
            {"sequence_id": f"s{i}", "sequence": "A" * 20, "chrom": "chr1", "start": 100 * i, "strand": "+-"[i % 2]}
            for i in range(4)
        ]
    )
    regions = regions_of(sequences, [(f"s{i}", 2, 7) for i in range(4)])
    here = placed(regions, sequences)
    depth = depth_track(
        here, [table(DEPTHS, [("chr1", 0, 120, 90.0), ("chr1", 200, 220, 89.9), ("chr1", 300, 320, 150.0)])]
    )
    level = {"s0": 0.3, "s1": 0.31, "s2": 0.0, "s3": 0.1}
    signals = {"primates": signal_track(here, {name: np.full(20, value) for name, value in level.items()})}
    found = run(here, depth, signals, {"depth": 90.0, "diversity": 0.1})
    check(found.cross, POPULATION_CROSS)
    expected = [("r00003", 150.0, 0.1), ("r00000", 90.0, 0.3)]
    assert found.cross.select("region_id", "value", "conservation").rows() == [
        (r, v, pytest.approx(c)) for r, v, c in expected
    ]
    row = found.classes.filter(pl.col("measure") == "depth ≥ 90 and primates ≤ 0.3").row(0, named=True)
    assert (row["regions"], row["observed"], row["p_value"]) == (4, 0.5, 1.0)


def test_rows_in_any_order_and_number_give_the_same(genome, alleles, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 60, labels=("a", "b")))
    here, other = placed(regions, sequences), placed(regions[::-1], sequences[::-1])
    whole, back = table(FREQUENCIES, alleles), table(FREQUENCIES, alleles[::-1])
    one = run(here, frequency_tracks(here, [whole], ["chr1"]))
    cut = run(other, frequency_tracks(other, [back[at : at + 9] for at in range(0, back.height, 9)], ["chr1"]))
    for first, second in zip(one, cut, strict=True):
        assert_frame_equal(first, second)


def test_nothing_known_gives_empty_tables(genome, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 5))
    assert all(part.is_empty() for part in run(placed(regions, sequences), {}))
    here = placed(regions.clear(), sequences)
    assert all(part.is_empty() for part in run(here, depth_track(here, [])))
