"""ROC curves against scikit-learn; finding the model, the baselines and their numbers in METRICS by hand."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from phenolens.core.schemas import METRICS
from phenolens.report import estimates


def metrics(rows):
    filled = [
        (run, split, label, bin_name, metric, value, low, high, 50)
        for run, split, label, bin_name, metric, value, low, high in rows
    ]
    return pl.DataFrame(filled, schema={n: c.dtype for n, c in METRICS.columns.items()}, orient="row")


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60).filter(
        lambda rows: len({r[0] for r in rows}) == 2
    )
)
def test_roc_curve_equals_scikit_learn_with_ties(rows):
    positive, score = np.array([r[0] for r in rows]), np.array([r[1] / 7 for r in rows])
    false, true = estimates.roc_curve(positive, score)
    expected_false, expected_true, _ = sk.roc_curve(positive, score, drop_intermediate=False)
    np.testing.assert_allclose(false, expected_false)
    np.testing.assert_allclose(true, expected_true)
    assert np.trapezoid(true, false) == pytest.approx(sk.roc_auc_score(positive, score))


def test_the_vote_stands_for_the_model_then_the_first_run_in_number_order():
    rows = [(run, "test", None, None, "auroc_macro", 0.7, 0.6, 0.8) for run in ("run-10", "run-2", "k-mer logistic")]
    assert estimates.headline_run(metrics(rows)) == "run-2"
    assert (
        estimates.headline_run(metrics([*rows, ("vote", "test", None, None, "auroc_macro", 0.8, None, None)])) == "vote"
    )
    assert estimates.headline_run(metrics(rows[2:])) is None


def test_rows_of_classes_bins_other_splits_and_nulls_are_never_taken_for_the_overall_value():
    table = metrics(
        [
            ("run-0", "test", "A", None, "auroc_macro", 0.1, None, None),
            ("run-0", "test", None, "10-20", "auroc_macro", 0.2, None, None),
            ("run-0", "random test", None, None, "auroc_macro", 0.3, None, None),
            ("run-0", "test", None, None, "accuracy", None, None, None),
        ]
    )
    assert estimates.find(table, "run-0", "test", "auroc_macro") is None
    assert estimates.find(table, "run-0", "test", "accuracy") is None
    assert estimates.find(table, "run-0", "random test", "auroc_macro").value == 0.3


def test_best_baseline_is_the_highest_and_never_a_run_of_the_model():
    table = metrics(
        [
            (run, "test", None, None, "mcc", value, None, None)
            for run, value in (("vote", 0.9), ("run-0", 0.8), ("composition", 0.1), ("k-mer logistic", 0.4))
        ]
    )
    assert estimates.best_baseline(table, "test", "mcc")[0] == "k-mer logistic"
    assert estimates.runs(table.with_columns(metric=pl.lit("auroc_macro")), "test") == [
        "vote",
        "run-0",
        "k-mer logistic",
        "composition",
    ]


def test_chance_levels():
    assert estimates.chance("auroc_macro", 4) == 0.5
    assert estimates.chance("balanced_accuracy", 4) == 0.25
    assert estimates.chance("mcc", 4) == 0
    assert estimates.chance("f1_macro", 4) is None


@pytest.mark.parametrize(
    ("name", "edges"),
    [("150-299", (150, 299)), ("1-1", None), ("long", None), ("300-150", None), ("a-b", None), ("0-5", None)],
)
def test_bin_edges(name, edges):
    assert estimates.bin_edges(name) == edges
