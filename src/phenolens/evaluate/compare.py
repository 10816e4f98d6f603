"""Two runs on the same sequences: is the model better than a baseline, and by how much?"""

import numpy as np
import polars as pl
from scipy.stats import binomtest

from phenolens.core.errors import DataError
from phenolens.core.schemas import COMPARISON, predictions_schema
from phenolens.core.stats import interval
from phenolens.core.table import check, empty
from phenolens.evaluate.metrics import Outcomes, as_outcomes, resampled
from phenolens.evaluate.weighted import CALIBRATION_BINS, Prepared, prepare, weighted_metrics


def comparison_table(
    predictions: pl.DataFrame,
    groups: pl.DataFrame,
    labels: list[str],
    *,
    pairs: list[tuple[str, str]],
    resamples: int = 1000,
    seed: int = 1,
    calibration_bins: int = CALIBRATION_BINS,
) -> pl.DataFrame:
    """Return COMPARISON of each pair of runs (a, b) on every split that both predicted: metric of a minus metric of b.

    The interval comes from resamples of whole groups that are the same for both runs (a paired bootstrap); null for ece. The p-value,
    for accuracy only, is McNemar's exact one: two-sided binomial with chance 1/2 on the sequences that exactly one of the two gets
    right (McNemar, Psychometrika 1947). It takes sequences as independent, so where groups hold many near-copies
    trust the interval.

    Parameters
    ----------
    predictions : PREDICTIONS.
    groups : columns sequence_id, group.
    labels : classes.
    pairs : runs to compare; pairs without a common split give no row.
    resamples, seed, calibration_bins : as in `metrics_table`.

    Raises
    ------
    DataError : the two runs did not predict the same sequences of a split, or as `metrics_table`.
    """
    check(predictions, predictions_schema(labels))
    parts = {tuple(key): part for key, part in predictions.group_by("run", "split")}
    tables = [empty(COMPARISON)]
    for run_a, run_b in pairs:
        for split in predictions["split"].unique(maintain_order=True):
            if (run_a, split) not in parts or (run_b, split) not in parts:
                continue
            a, b = (as_outcomes(parts[run, split], groups, labels) for run in (run_a, run_b))
            if not np.array_equal(a.sequence_ids, b.sequence_ids):
                found = f"{run_a} and {run_b} predicted different sequences of {split}"
                raise DataError("comparison", found, remedy="predict the same sequences with both")
            constants = {"run_a": run_a, "run_b": run_b, "split": split}
            prepared = [prepare(x.truth, x.probabilities, x.groups, calibration_bins) for x in (a, b)]
            differences = _differences(a, b, prepared, resamples, seed)
            tables.append(differences.select(*(pl.lit(v).alias(k) for k, v in constants.items()), pl.all()))
    return check(pl.concat(tables), COMPARISON)


def _differences(a: Outcomes, b: Outcomes, prepared: list[Prepared], resamples: int, seed: int) -> pl.DataFrame:
    """Return COMPARISON rows without the columns that name runs and split."""
    once = np.ones((1, a.groups.max() + 1))
    of_a, of_b = (weighted_metrics(one, once) for one in prepared)
    samples_a, samples_b = resampled(prepared, a.groups, resamples, seed)
    rows = []
    for key in of_a:
        if key[0] is not None:
            continue
        difference = float(of_a[key][0] - of_b[key][0])
        low, high = interval(samples_a[key] - samples_b[key]) if key in samples_a else (np.nan, np.nan)
        p_value = mcnemar_p(a, b) if key[1] == "accuracy" else np.nan
        rows.append((key[1], difference, low, high, p_value, len(a.truth)))
    schema = {n: c.dtype for n, c in COMPARISON.columns.items() if n not in ("run_a", "run_b", "split")}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def mcnemar_p(a: Outcomes, b: Outcomes) -> float:
    """Return McNemar's exact two-sided p-value; 1 where the two never differ.

    Parameters
    ----------
    a, b : outcomes of two runs on the same sequences in the same order.
    """
    right_a, right_b = (x.probabilities.argmax(axis=1) == x.truth for x in (a, b))
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
