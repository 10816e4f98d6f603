"""Scores of substitutions over regions against loops over single bases, closed forms and planted truth."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from phenolens.annotate.measures import placed
from phenolens.annotate.pathogenicity import BASES, HARMFUL, MEAN, SUBSTITUTIONS, pathogenicity
from phenolens.core.schemas_variants import PATHOGENIC_VARIANTS, PATHOGENICITY, REGION_PATHOGENICITY, SCORED
from phenolens.core.table import check

LETTERS = "ACGT"


def scored(rows):
    """SCORED from (chrom, start, alt, score)."""
    columns = {name: column.dtype for name, column in SCORED.columns.items()}
    full = [(c, s, "N", a, score, None, None, None, None) for c, s, a, score in rows]
    return pl.DataFrame(full, schema=columns, orient="row")


@pytest.fixture
def scores(genome):
    """Scores of a third of all substitutions on the sequences and beyond, some twice, in no order."""
    sequences, generator = genome
    rows = []
    for row in sequences.drop_nulls("chrom").iter_rows(named=True):
        for base in range(row["start"] - 5, row["end"] + 5):
            rows += [
                (row["chrom"], base, a, round(float(generator.random()), 3))
                for a in LETTERS
                if generator.random() < 0.3
            ]
    rows += [(c, s, a, round(float(generator.random()), 3)) for c, s, a, _ in rows[::7]]
    generator.shuffle(rows)
    return rows


def run(regions, sequences, tables, **changes):
    given = {"scores": "x", "threshold": 0.5, "controls": 99, "seed": 1} | changes
    return pathogenicity(placed(regions, sequences), tables, **given)


def by_base(rows):
    """(chrom, base) -> {letter: highest score}, one row at a time."""
    found = {}
    for chrom, base, letter, score in rows:
        here = found.setdefault((chrom, base), {})
        here[letter] = max(score, here.get(letter, 0))
    return found


def test_regions_equal_a_loop_over_their_bases(genome, scores, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 300, labels=("a", "b")))
    found = run(regions, sequences, [scored(scores)])
    check(found.classes, PATHOGENICITY)
    check(found.regions, REGION_PATHOGENICITY)
    truth, located = by_base(scores), regions.drop_nulls("chrom")
    assert found.regions.height == located.height < regions.height
    mine = {row["region_id"]: row for row in found.regions.iter_rows(named=True)}
    means, shares = {"a": [], "b": []}, {"a": [], "b": []}
    for region in located.iter_rows(named=True):
        bases = [truth.get((region["chrom"], base), {}) for base in range(region["start"], region["end"])]
        values = [score for base in bases for score in base.values()]
        row = mine[region["region_id"]]
        assert row["substitutions"] == len(values)
        assert row["covered"] == pytest.approx(np.mean([bool(base) for base in bases]))
        assert row["mean"] == (pytest.approx(np.mean(values)) if values else None)
        assert row["highest"] == (max(values) if values else None)
        assert row["harmful"] == (np.mean(values) >= 0.5 if values else None)
        shares[region["label"]].append(len(values) / 3 / len(bases))
        if values:
            means[region["label"]].append(np.mean(values))
    for label in "ab":
        got = dict(found.classes.filter(label=label).select("measure", "observed").iter_rows())
        assert got[MEAN] == pytest.approx(np.mean(means[label]))
        assert got[HARMFUL] == pytest.approx(np.mean(np.array(means[label]) >= 0.5))
        assert got[SUBSTITUTIONS] == pytest.approx(np.mean(shares[label]))
    assert found.regions["mean"].null_count() > 0


def test_harmful_substitutions_equal_a_loop_over_regions_and_rows(genome, scores, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 60))
    found = run(regions, sequences, [scored(scores)], threshold=0.9)
    check(found.variants, PATHOGENIC_VARIANTS)
    expected = {
        (region["region_id"], chrom, base, letter, score)
        for region in regions.drop_nulls("chrom").iter_rows(named=True)
        for chrom, base, letter, score in scores
        if score >= 0.9 and chrom == region["chrom"] and region["start"] <= base < region["end"]
    }
    got = found.variants.select("region_id", "chrom", "start", "alt", "score").rows()
    assert set(got) == expected
    assert len(got) == len(expected) > 50
    assert found.variants["score"].is_sorted(descending=True)


@pytest.mark.parametrize("pieces", [1, 7, 60])
def test_how_the_rows_are_cut_and_ordered_does_not_matter(genome, scores, regions_of, random_places, pieces):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 50, labels=("a", "b")))
    whole = run(regions, sequences, [scored(scores)])
    table = scored(scores[::-1])
    cut = run(
        regions[::-1],
        sequences[::-1],
        [table[at : at + -(-table.height // pieces)] for at in range(0, table.height, -(-table.height // pieces))],
    )
    for one, other in zip(whole, cut, strict=True):
        assert_frame_equal(one, other)


def test_a_mean_at_the_threshold_reaches_it(sequences_of, regions_of):
    sequences = sequences_of([{"sequence_id": "s", "sequence": "ACGTACGTAC", "chrom": "chr1", "start": 10}])
    regions = regions_of(sequences, [("s", 2, 5), ("s", 6, 8)])
    rows = [("chr1", base, letter, 0.7) for base in range(12, 15) for letter in "AC"] + [("chr1", 10, "G", 0.1)]
    found = run(regions, sequences, [scored(rows)], threshold=0.7)
    assert found.regions.select("mean", "harmful", "substitutions", "covered").rows() == [
        (pytest.approx(0.7), True, 6, 1.0),
        (None, None, 0, 0.0),
    ]
    assert found.variants.height == 6
    none = run(regions, sequences, [scored(rows)], threshold=None)
    assert none.variants.is_empty()
    assert none.regions["harmful"].to_list() == [None, None]
    assert HARMFUL not in none.classes["measure"].to_list()


def test_rounding_of_sums_keeps_no_mean_below_its_threshold(sequences_of, regions_of):
    sequences = sequences_of([{"sequence_id": "s", "sequence": "A" * 900, "chrom": "chr1", "start": 0}])
    regions = regions_of(sequences, [("s", at, at + 4) for at in range(0, 900, 9)])
    rows = [("chr1", base, "C", 0.7 if base % 9 < 4 else 0.1 + base / 3000) for base in range(900)]
    assert run(regions, sequences, [scored(rows)], threshold=0.7).regions["harmful"].all()


def test_planted_harm_is_found_and_its_absence_is_not(genome, scores, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 150, widths=(12, 13)))
    chosen = {
        (r["chrom"], b) for r in regions.drop_nulls("chrom").iter_rows(named=True) for b in range(r["start"], r["end"])
    }
    raised = [(c, s, a, score / 2 + 0.5 * ((c, s) in chosen)) for c, s, a, score in scores]
    for rows, real in ((raised, True), (scores, False)):
        row = run(regions, sequences, [scored(rows)], controls=999).classes.filter(measure=MEAN).row(0, named=True)
        assert (row["p_value"] <= 0.002) == real
        assert (row["observed"] > row["high"]) == real


def test_p_values_are_uniform_for_random_regions(genome, scores, regions_of, random_places):
    sequences, generator = genome
    labels = [f"class {i}" for i in range(150)]
    regions = regions_of(sequences, random_places(generator, sequences.drop_nulls("chrom"), 150 * 30, labels=labels))
    classes = run(regions, sequences, [scored(scores)], controls=199).classes
    for measure in (MEAN, BASES):
        assert stats.kstest(classes.filter(measure=measure)["p_value"].to_numpy(), "uniform").pvalue > 0.01


def test_where_nothing_is_scored_means_are_null_and_shares_zero(genome, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences.drop_nulls("chrom"), 20))
    found = run(regions, sequences, [])
    observed = dict(found.classes.select("measure", "observed").iter_rows())
    assert observed == {MEAN: None, HARMFUL: None, BASES: 0.0, SUBSTITUTIONS: 0.0}
    assert found.classes.filter(measure=MEAN)["regions"].to_list() == [0]
    assert run(regions.clear(), sequences, []).classes.is_empty()
