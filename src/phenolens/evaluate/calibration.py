"""How sure the model is against how often it is right, and the temperature that makes the two agree."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from phenolens.core.calibration import SMALLEST, tempered
from phenolens.core.schemas_evaluate import CALIBRATION
from phenolens.core.stats import wilson
from phenolens.core.table import check, empty
from phenolens.evaluate.metrics import MODEL_RUN, Outcomes, as_outcomes
from phenolens.evaluate.weighted import CALIBRATION_BINS, confidence_bins

SPLITS = ("validation", "test")  # what a temperature is fitted on, and what it is shown on
LEAST, MOST = 0.01, 100.0  # temperatures looked at
Measure = Callable[[np.ndarray, np.ndarray], float]  # of truth and probabilities


class Temperature(NamedTuple):
    """A fitted temperature; note says why it is 1 or at the end of what was looked at, None where it is an inner minimum."""

    temperature: float
    note: str | None


NO_VALIDATION = Temperature(1.0, "no validation sequence: left at 1")


def fit_temperature(truth: np.ndarray, probabilities: np.ndarray) -> Temperature:
    """Return the T > 0 that minimises the mean log loss of softmax(log p / T).

    The loss is convex in 1 / T, so it has one minimum; it is looked for between 0.01 and 100. It has none where every row
    gives its true class the highest probability (T = 0 would be best, which claims certainty), and it means nothing where there
    is one class only: T = 1 then. Guo et al., On calibration of modern neural networks, ICML 2017.

    Parameters
    ----------
    truth : int (n,), class of each sequence, n at least 1.
    probabilities : float (n, C), rows sum to 1.
    """
    if len(np.unique(truth)) == 1:
        return Temperature(1.0, "the validation sequences are of one class only: left at 1")
    rows = np.arange(len(truth))
    others = probabilities.copy()
    others[rows, truth] = -np.inf
    if (probabilities[rows, truth] > others.max(axis=1)).all():
        return Temperature(1.0, "every validation sequence is predicted right, so no temperature is best: left at 1")
    logits = np.log(np.clip(probabilities, SMALLEST, None))

    def loss(log_t: float) -> float:
        scaled = logits / np.exp(log_t)
        return float((logsumexp(scaled, axis=1) - scaled[rows, truth]).mean())

    found = minimize_scalar(loss, bounds=(np.log(LEAST), np.log(MOST)), method="bounded", options={"xatol": 1e-6})
    if loss(0.0) - found.fun <= 1e-12:
        return Temperature(1.0, None if abs(found.x) < 0.01 else "no temperature lowers the log loss: left at 1")
    temperature = float(np.exp(found.x))
    if temperature < 1.01 * LEAST:
        return Temperature(LEAST, f"at the lower end of {LEAST:g} to {MOST:g}: the model is far too unsure")
    if temperature > MOST / 1.01:
        note = f"at the upper end of {LEAST:g} to {MOST:g}: on validation the probabilities say nothing of the class"
        return Temperature(MOST, note)
    return Temperature(temperature, None)


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean of -log p of the true class, in nats; p counts as at least the smallest float32."""
    logs = np.log(np.clip(probabilities[np.arange(len(truth)), truth], SMALLEST, None))
    return float(-logs.mean())


def calibration_error(truth: np.ndarray, probabilities: np.ndarray, bins: int) -> float:
    """Return the expected calibration error: sum over bins of n_b / n * |accuracy_b - mean confidence_b|; as ece in METRICS."""
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    gaps = np.bincount(confidence_bins(confidence, bins), (predicted == truth) - confidence, bins)
    return float(np.abs(gaps).sum() / len(truth))


def temperatures(
    predictions: pl.DataFrame, groups: pl.DataFrame, labels: list[str], *, bins: int = CALIBRATION_BINS
) -> dict[str, dict[str, Any]]:
    """Return run -> its temperature, fitted on the validation split, and what it does to the test split; JSON-able.

    Keys: temperature, n (validation sequences), log_loss_before, log_loss_after (validation), log_loss_test_before,
    log_loss_test_after, ece_test_before, ece_test_after, note. A number is None where its split has no sequence.

    Parameters
    ----------
    predictions : PREDICTIONS; runs of the model (run-0 ..., vote) are taken, baselines are not.
    groups : columns sequence_id, group.
    labels : classes.
    bins : equal bins of confidence of the calibration error.

    Raises
    ------
    DataError : as `metrics_table`.
    """
    parts = {
        tuple(key): as_outcomes(part, groups, labels) for key, part in _of_models(predictions).group_by("run", "split")
    }
    runs = _of_models(predictions)["run"].unique(maintain_order=True)
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        validation, test = parts.get((run, "validation")), parts.get((run, "test"))
        fitted = fit_temperature(validation.truth, validation.probabilities) if validation else NO_VALIDATION
        of_test: dict[str, Measure] = {"log_loss_test": log_loss, "ece_test": partial(calibration_error, bins=bins)}
        found[run] = (
            {"temperature": fitted.temperature, "n": len(validation.truth) if validation else 0}
            | _before_and_after(validation, fitted.temperature, {"log_loss": log_loss})
            | _before_and_after(test, fitted.temperature, of_test)
            | {"note": fitted.note}
        )
    return found


def _of_models(predictions: pl.DataFrame) -> pl.DataFrame:
    return predictions.filter(pl.col("run").str.contains(MODEL_RUN) & pl.col("split").is_in(SPLITS))


def _before_and_after(
    outcomes: Outcomes | None, temperature: float, measures: dict[str, Measure]
) -> dict[str, float | None]:
    """Return NAME_before and NAME_after of each measure; None without sequences."""
    if outcomes is None:
        return {f"{name}_{end}": None for name in measures for end in ("before", "after")}
    p = {"before": outcomes.probabilities, "after": tempered(outcomes.probabilities, temperature)}
    return {f"{name}_{end}": measure(outcomes.truth, p[end]) for name, measure in measures.items() for end in p}


def calibration_curve(
    predictions: pl.DataFrame,
    groups: pl.DataFrame,
    labels: list[str],
    *,
    bins: int = CALIBRATION_BINS,
    temperature: dict[str, float] | None = None,
) -> pl.DataFrame:
    """Return CALIBRATION: for each run, split and bin of confidence how sure the run was and how often it was right.

    The interval of the accuracy is Wilson's score interval, (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), with n the
    number of groups in the bin, because near-copies are not independent: too wide rather than too narrow. It does not shrink to
    a point where all of a small bin are right, as a bootstrap does. Wilson, J Am Stat Assoc 1927.

    Parameters
    ----------
    predictions : PREDICTIONS.
    groups : columns sequence_id, group.
    labels : classes.
    bins : equal bins of confidence, the probability of the predicted class; a bin without a sequence has no row.
    temperature : run -> T; such runs have rows of tempered probabilities too, on the splits validation and test.

    Raises
    ------
    DataError : as `metrics_table`.
    """
    tables = [empty(CALIBRATION)]
    for (run, split), part in predictions.group_by("run", "split", maintain_order=True):
        outcomes = as_outcomes(part, groups, labels)
        versions = [(False, outcomes.probabilities)]
        if str(run) in (temperature or {}) and split in SPLITS:
            versions.append((True, tempered(outcomes.probabilities, (temperature or {})[str(run)])))
        for after, probabilities in versions:
            curve = _curve(outcomes._replace(probabilities=probabilities), bins)
            constants = {"run": run, "split": split, "tempered": after}
            tables.append(curve.select(*(pl.lit(v).alias(k) for k, v in constants.items()), pl.all()))
    return check(pl.concat(tables), CALIBRATION)


def _curve(outcomes: Outcomes, bins: int) -> pl.DataFrame:
    """Return CALIBRATION rows without the columns that name run, split and version."""
    confidence = outcomes.probabilities.max(axis=1)
    place = confidence_bins(confidence, bins)
    right = outcomes.probabilities.argmax(axis=1) == outcomes.truth
    rows = []
    for which in np.unique(place):
        inside = place == which
        accuracy, independent = float(right[inside].mean()), len(np.unique(outcomes.groups[inside]))
        edges = (float(which / bins), float((which + 1) / bins))
        values = (int(inside.sum()), float(confidence[inside].mean()), accuracy, *wilson(accuracy, independent))
        rows.append((*edges, *values))
    schema = {n: c.dtype for n, c in CALIBRATION.columns.items() if n not in ("run", "split", "tempered")}
    return pl.DataFrame(rows, schema=schema, orient="row")
