"""Truth: logits of which the temperature is known, a slow scan, scikit-learn's curve, statsmodels' printed interval."""

import numpy as np
import polars as pl
import pytest
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve as sklearn_curve
from sklearn.metrics import log_loss as sklearn_log_loss

from phenolens.core.calibration import tempered
from phenolens.evaluate.calibration import (
    LEAST,
    MOST,
    calibration_curve,
    calibration_error,
    fit_temperature,
    log_loss,
    temperatures,
    wilson,
)
from phenolens.evaluate.metrics import metrics_table

LABELS = ["a", "b", "c"]


def drawn(n: int, seed: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return (truth, logits): the class of each row is drawn with the probabilities softmax(logits)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, classes))
    cumulated = softmax(logits, axis=1).cumsum(axis=1)
    return np.minimum((generator.random((n, 1)) > cumulated).sum(axis=1), classes - 1), logits


def table(truth: np.ndarray, p: np.ndarray, run: str = "run-0", split: str = "test") -> pl.DataFrame:
    labels = LABELS[: p.shape[1]]
    ids = [f"{split}{i}" for i in range(len(truth))]
    frame = {"run": run, "split": split, "sequence_id": ids, "label": [labels[t] for t in truth]}
    return pl.DataFrame(frame | {f"p_{label}": p[:, c] for c, label in enumerate(labels)})


def alone(predictions: pl.DataFrame) -> pl.DataFrame:
    return predictions.select("sequence_id", pl.col("sequence_id").alias("group")).unique()


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_logits_that_were_multiplied_get_their_factor_back(factor: float) -> None:
    truth, logits = drawn(20_000, 1)
    found = fit_temperature(truth, softmax(factor * logits, axis=1))
    assert found.temperature == pytest.approx(factor, rel=0.04)
    assert found.note is None


def test_the_minimum_equals_that_of_a_slow_scan() -> None:
    truth, logits = drawn(150, 2)
    p = softmax(2.5 * logits, axis=1)
    grid = np.geomspace(1, 5, 500)
    losses = [sklearn_log_loss(truth, softmax(2.5 * logits / t, axis=1), labels=[0, 1, 2]) for t in grid]
    found = fit_temperature(truth, p)
    assert found.temperature == pytest.approx(grid[np.argmin(losses)], rel=0.004)
    assert log_loss(truth, tempered(p, found.temperature)) == pytest.approx(min(losses), rel=1e-5)


def test_where_no_temperature_can_be_had_it_is_one_or_a_bound_and_says_why() -> None:
    sure, unsure = np.array([[1.0, 0.0], [0.0, 1.0]]), np.full((4, 2), 0.5)
    right = fit_temperature(np.array([0, 1]), sure)
    assert (right.temperature, "predicted right" in str(right.note)) == (1.0, True)
    one = fit_temperature(np.zeros(3, dtype=int), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]))
    assert (one.temperature, "one class only" in str(one.note)) == (1.0, True)
    constant = fit_temperature(np.array([0, 1, 0, 1]), unsure)
    assert (constant.temperature, "no temperature" in str(constant.note)) == (1.0, True)
    wrong = fit_temperature(np.array([1, 0]), sure)
    assert (wrong.temperature, "upper end" in str(wrong.note)) == (MOST, True)
    margins = np.array([[0.5001, 0.4999], [0.4999, 0.5001]])
    timid = fit_temperature(np.array([0, 1] * 10 + [1]), margins[[0, 1] * 10 + [0]])  # 20 of 21 right
    assert (timid.temperature, "lower end" in str(timid.note)) == (LEAST, True)


def test_one_wrong_certainty_is_finite() -> None:
    truth = np.array([0, 1, 0, 1, 0])
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    found = fit_temperature(truth, p)
    assert 1 < found.temperature < MOST
    assert np.isfinite(log_loss(truth, p))


def test_the_curve_is_that_of_scikit_learn() -> None:
    truth, logits = drawn(3000, 3, classes=2)
    p = softmax(logits, axis=1)
    predictions = table(truth, p)
    found = calibration_curve(predictions, alone(predictions), LABELS[:2], bins=10)
    right, confidence = p.argmax(axis=1) == truth, p.max(axis=1)
    expected_accuracy, expected_confidence = sklearn_curve(right, confidence, n_bins=10)
    np.testing.assert_allclose(found["accuracy"], expected_accuracy)
    np.testing.assert_allclose(found["confidence"], expected_confidence)
    assert found["n"].sum() == 3000
    assert found["bin_low"].min() == 0.5
    assert not found["tempered"].any()
    ece = float(np.average(np.abs(found["accuracy"] - found["confidence"]), weights=found["n"]))
    assert calibration_error(truth, p, 10) == pytest.approx(ece)
    metrics = metrics_table(predictions, alone(predictions), LABELS[:2], resamples=0, calibration_bins=10)
    assert metrics.filter(metric="ece")["value"].item() == pytest.approx(ece)


def test_intervals_are_wilsons_of_the_groups() -> None:
    for right, n in ((3, 10), (10, 10), (0, 4)):
        expected = binomtest(right, n).proportion_ci(method="wilson")
        assert wilson(right / n, n) == pytest.approx((expected.low, expected.high))
    truth, logits = drawn(400, 4)
    predictions = table(truth, softmax(logits, axis=1))
    copies = pl.concat([predictions, predictions.with_columns(pl.col("sequence_id") + "-copy")])
    groups = copies.select("sequence_id", pl.col("sequence_id").str.strip_suffix("-copy").alias("group"))
    once, twice = (calibration_curve(t, g, LABELS) for t, g in ((predictions, alone(predictions)), (copies, groups)))
    assert (twice["n"] == 2 * once["n"]).all()
    for column in ("accuracy", "low", "high"):
        np.testing.assert_allclose(once[column], twice[column])


def test_temperatures_are_fitted_on_validation_and_shown_on_test() -> None:
    parts = []
    for split, seed in (("validation", 5), ("test", 6)):
        truth, logits = drawn(8000, seed)
        parts += [table(truth, softmax(2 * logits, axis=1), run, split) for run in ("run-0", "composition")]
    predictions = pl.concat(parts)
    found = temperatures(predictions, alone(predictions), LABELS)
    assert list(found) == ["run-0"]  # baselines have none
    of_run = found["run-0"]
    assert of_run["temperature"] == pytest.approx(2, rel=0.05)
    assert of_run["n"] == 8000
    assert of_run["log_loss_after"] < of_run["log_loss_before"]
    assert of_run["log_loss_test_after"] < of_run["log_loss_test_before"]
    assert of_run["ece_test_after"] < 0.02 < 0.05 < of_run["ece_test_before"]
    curve = calibration_curve(predictions, alone(predictions), LABELS, temperature={"run-0": of_run["temperature"]})
    assert curve.select("run", "tempered").unique().sort("run", "tempered").rows() == [
        ("composition", False), ("run-0", False), ("run-0", True)
    ]  # fmt: skip
    after = curve.filter(run="run-0", split="test", tempered=True)
    gaps = np.average(np.abs(after["accuracy"] - after["confidence"]), weights=after["n"])
    assert of_run["ece_test_after"] == pytest.approx(gaps)


@pytest.mark.parametrize("absent", ["validation", "test"])
def test_a_split_without_sequences_is_said(absent: str) -> None:
    truth, logits = drawn(50, 7)
    split = "test" if absent == "validation" else "validation"
    predictions = table(truth, softmax(logits, axis=1), split=split)
    of_run = temperatures(predictions, alone(predictions), LABELS)["run-0"]
    if absent == "validation":
        assert (of_run["temperature"], of_run["n"], of_run["log_loss_before"]) == (1.0, 0, None)
        assert "no validation sequence" in of_run["note"]
        assert of_run["ece_test_before"] == of_run["ece_test_after"]
    else:
        assert of_run["ece_test_before"] is None
        assert of_run["log_loss_after"] <= of_run["log_loss_before"]
