import numpy as np
import polars as pl
import pytest
from oracles import group_bootstrap
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from phenolens.core.errors import DataError
from phenolens.core.stats import interval
from phenolens.evaluate.compare import comparison_table

LABELS = ["a", "b"]


def run_table(run: str, p: np.ndarray, truth: np.ndarray, split: str = "test") -> pl.DataFrame:
    ids = [f"s{i:04d}" for i in range(len(p))]
    frame = {"run": run, "split": split, "sequence_id": ids, "label": [LABELS[t] for t in truth]}
    return pl.DataFrame(frame | {"p_a": 1 - p, "p_b": p})


def grouping(n: int, size: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        {"sequence_id": [f"s{i:04d}" for i in range(n)], "group": [f"g{i // size:04d}" for i in range(n)]}
    )


def noisy(seed: int, truth: np.ndarray, noise: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(truth - 0.5 + noise * np.random.default_rng(seed).normal(size=len(truth)))))


TRUTH = np.random.default_rng(1).integers(0, 2, 90)


def row(found: pl.DataFrame, metric: str) -> dict:
    return found.filter(pl.col("metric") == metric).row(0, named=True)


def test_difference_and_interval_equal_paired_resampling() -> None:
    p_a, p_b = noisy(1, TRUTH, 0.3), noisy(2, TRUTH, 1)
    predictions = pl.concat([run_table("run-0", p_a, TRUTH), run_table("composition", p_b, TRUTH).reverse()])
    found = comparison_table(
        predictions, grouping(90, 2), LABELS, pairs=[("run-0", "composition")], resamples=60, seed=3
    )
    expected = roc_auc_score(TRUTH, p_a) - roc_auc_score(TRUTH, p_b)
    auroc = row(found, "auroc_macro")
    assert auroc["difference"] == pytest.approx(expected)
    samples = np.array(
        [
            roc_auc_score(TRUTH[rows], p_a[rows]) - roc_auc_score(TRUTH[rows], p_b[rows])
            for rows in group_bootstrap(np.arange(90) // 2, 60, 3)
        ]
    )
    assert (auroc["low"], auroc["high"]) == pytest.approx(interval(samples))
    assert auroc["n"] == 90
    assert auroc["p_value"] is None


def test_run_against_itself_differs_in_nothing() -> None:
    p = noisy(1, TRUTH, 1)
    predictions = pl.concat([run_table("run-0", p, TRUTH), run_table("vote", p, TRUTH)])
    found = comparison_table(predictions, grouping(90), LABELS, pairs=[("run-0", "vote")], resamples=30)
    assert found["difference"].abs().max() == 0
    assert found["low"].drop_nulls().abs().max() == 0
    assert row(found, "accuracy")["p_value"] == 1


def test_swapping_the_runs_turns_the_sign() -> None:
    predictions = pl.concat([run_table("x", noisy(1, TRUTH, 0.5), TRUTH), run_table("y", noisy(2, TRUTH, 1), TRUTH)])
    one, other = (
        comparison_table(predictions, grouping(90), LABELS, pairs=[pair], resamples=40)
        for pair in (("x", "y"), ("y", "x"))
    )
    np.testing.assert_allclose(one["difference"].to_numpy(), -other["difference"].to_numpy())
    np.testing.assert_allclose(one["low"].to_numpy(), -other["high"].to_numpy())
    assert row(one, "accuracy")["p_value"] == row(other, "accuracy")["p_value"]


def test_mcnemar_closed_form() -> None:
    # a alone right on 9, b alone right on 1: 2 * (1 + 10) / 2^10
    truth = np.zeros(20, dtype=int)
    p_a, p_b = np.full(20, 0.2), np.full(20, 0.2)
    p_a[0], p_b[1:10] = 0.8, 0.8
    predictions = pl.concat([run_table("a", p_a, truth), run_table("b", p_b, truth)])
    found = comparison_table(predictions, grouping(20), LABELS, pairs=[("a", "b")], resamples=0)
    assert row(found, "accuracy")["p_value"] == pytest.approx(22 / 1024)
    assert row(found, "accuracy")["difference"] == pytest.approx(8 / 20)
    assert row(found, "auroc_macro")["difference"] is None  # one class


def test_mcnemar_agrees_with_the_chi_square_of_large_counts() -> None:
    truth = np.random.default_rng(2).integers(0, 2, 4000)
    p_a, p_b = noisy(1, truth, 0.55), noisy(2, truth, 0.6)
    right_a, right_b = (p_a > 0.5) == truth, (p_b > 0.5) == truth
    b, c = np.sum(right_a & ~right_b), np.sum(~right_a & right_b)
    corrected = chi2.sf((abs(b - c) - 1) ** 2 / (b + c), 1)
    predictions = pl.concat([run_table("a", p_a, truth), run_table("b", p_b, truth)])
    found = comparison_table(predictions, grouping(4000), LABELS, pairs=[("a", "b")], resamples=0)
    assert row(found, "accuracy")["p_value"] == pytest.approx(corrected, rel=0.05)


def test_only_common_splits_are_compared() -> None:
    p = noisy(1, TRUTH, 1)
    predictions = pl.concat(
        [run_table("a", p, TRUTH), run_table("a", p, TRUTH, "validation"), run_table("b", p, TRUTH)]
    )
    found = comparison_table(predictions, grouping(90), LABELS, pairs=[("a", "b"), ("a", "absent")], resamples=0)
    assert found.select("run_a", "run_b", "split").unique().rows() == [("a", "b", "test")]


def test_different_sequences_are_refused() -> None:
    p = noisy(1, TRUTH, 1)
    predictions = pl.concat([run_table("a", p, TRUTH), run_table("b", p, TRUTH).head(80)])
    with pytest.raises(DataError, match="a and b predicted different sequences of test"):
        comparison_table(predictions, grouping(90), LABELS, pairs=[("a", "b")])
