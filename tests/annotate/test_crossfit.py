"""Halves keep groups whole and classes even; what one half chooses only the other one tests; nothing is found where nothing is."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.crossfit import choices, cross_fitted, halves
from phenolens.annotate.enrichment import compare
from phenolens.core.schemas_motifs import HITS
from phenolens.core.types import Motif

MOTIFS = [Motif(f"m{i}", None, np.full((6, 4), 0.25), 20.0) for i in range(60)]


def sequences_of(generator, n, groups):
    labels = generator.choice(["case", "control"], n)
    return pl.DataFrame(
        {
            "sequence_id": [f"s{i}" for i in range(n)],
            "label": labels,
            "group": [f"g{i}" for i in generator.integers(0, groups, n)],
        }
    )


def test_groups_stay_whole_and_classes_are_even():
    sequences = sequences_of(np.random.default_rng(1), 1000, 200)
    half = sequences.join(halves(sequences, seed=3), on="sequence_id")
    assert half.group_by("group").agg(pl.col("half").n_unique())["half"].unique().to_list() == [1]
    for label, part in half.group_by("label"):
        assert abs((part["half"] == 0).sum() - (part["half"] == 1).sum()) <= 6, label
    mixed = sequences.sample(fraction=1, shuffle=True, seed=5)
    assert halves(mixed, seed=3).sort("sequence_id").equals(halves(sequences, seed=3).sort("sequence_id"))
    assert not halves(sequences, seed=4).equals(halves(sequences, seed=3))
    assert halves(sequences.clear(), seed=1).is_empty()


def hits_of(chosen):
    """bool (motifs, sequences) -> HITS with one hit each."""
    rows = [(f"m{m}", None, f"s{s}", 0, 6, "+", 1.0, 1e-5, 0.01, "A") for m, s in zip(*np.nonzero(chosen), strict=True)]
    return pl.DataFrame(rows, schema={n: c.dtype for n, c in HITS.columns.items()}, orient="row")


def in_halves(chosen, labels, half):
    """COMPARED of the two halves."""
    table = pl.DataFrame(
        {"sequence_id": [f"s{i}" for i in range(len(labels))], "label": labels, "length": [100] * len(labels)}
    )
    hits = hits_of(chosen)
    parts = (table.filter(pl.Series(half == h)) for h in (0, 1))
    return [compare(hits, part, MOTIFS, case="case", control="control") for part in parts]


def test_the_other_half_tests_what_one_half_chose():
    generator = np.random.default_rng(2)
    labels, half = np.repeat(["case", "control"], 100), np.arange(200) % 2
    chosen = generator.random((60, 200)) < 0.3
    chosen[0] = labels == "case"  # in both halves
    chosen[1] = ((labels == "case") & (half == 0)) | chosen[1]  # in the first half only
    parts = in_halves(chosen, labels, half)
    by = choices(parts)
    assert by[0][:2].all()
    assert by[1][0]
    columns = {s.name: s.to_numpy() for s in cross_fitted(by, parts, 60)}
    assert columns["chosen"][0] == 2
    assert columns["crossfit_q"][0] < 1e-6
    # the second motif was chosen by half 0 and is tested by half 1 alone
    others = parts[1].filter(pl.Series(by[0]))
    q = stats.false_discovery_control(others["p_value"].to_numpy())
    place = others["motif_id"].to_list().index("m1")
    assert columns["crossfit_q"][1] == pytest.approx(min(1, 2 * q[place]))
    assert columns["crossfit_odds_ratio"][1] == pytest.approx(parts[1]["odds_ratio"][1])
    never = columns["chosen"] == 0
    assert never.sum() > 40
    assert np.isnan(columns["crossfit_q"][never]).all()
    assert np.isnan(columns["crossfit_odds_ratio"][never]).all()


def test_a_half_that_cannot_be_tested_gives_nothing():
    labels, half = np.repeat(["case", "control"], 10), np.repeat([0, 1], 10)
    parts = in_halves(np.ones((60, 20), dtype=bool), labels, half)
    assert choices(parts) is None
    for series in cross_fitted(choices(parts), parts, 60):
        assert series.null_count() == len(series) == 60


def test_nothing_is_found_where_labels_mean_nothing():
    """100 permutations; hits of motifs that are alike, so that a chance finding takes many along: at most one in twenty may have any."""
    generator = np.random.default_rng(4)
    base = generator.random((6, 200))
    chosen = (np.repeat(base, 10, axis=0) + 0.1 * generator.random((60, 200))) < 0.45
    half, found = np.arange(200) % 2, 0
    for _ in range(100):
        parts = in_halves(chosen, generator.permutation(np.repeat(["case", "control"], 100)), half)
        q_value = cross_fitted(choices(parts), parts, 60)[-1]
        found += bool((q_value <= 0.05).any())
    assert found <= stats.binom.ppf(0.99, 100, 0.05)
