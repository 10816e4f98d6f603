"""Metrics of every run and split with bootstrap intervals over whole groups, the vote of several runs, confusion matrices.

Ranking metrics are computed from probabilities, never from predicted labels; the vote averages probabilities.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import CONFUSION, METRICS, predictions_schema
from phenolens.core.stats import group_bootstrap_weights, interval
from phenolens.core.table import check, empty
from phenolens.evaluate.weighted import CALIBRATION_BINS, Key, Prepared, prepare, weighted_metrics

VOTE = "vote"
MODEL_RUN = rf"^({VOTE}|run-\d+)$"  # runs of the model; all others are baselines
SUM_TOLERANCE = 1e-3  # half-precision softmax


class Outcomes(NamedTuple):
    """Predictions of one run on one split as arrays, in order of sequence_id.

    sequence_ids : str (n,).
    truth : int (n,), index into labels.
    probabilities : float64 (n, C).
    groups : int (n,), 0 .. G-1.
    """

    sequence_ids: np.ndarray
    truth: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray


def metrics_table(
    predictions: pl.DataFrame,
    groups: pl.DataFrame,
    labels: list[str],
    *,
    resamples: int = 1000,
    seed: int = 1,
    calibration_bins: int = CALIBRATION_BINS,
) -> pl.DataFrame:
    """Return METRICS of every run and split, over all classes and per class, with 95 % intervals over whole groups.

    Over all classes: accuracy, balanced_accuracy, f1_weighted, f1_macro, precision_weighted, recall_weighted, auroc_macro,
    auroc_weighted (one class against the rest), auprc_macro, auprc_weighted (average precision), mcc, brier (two classes: 0 .. 1,
    more: 0 .. 2), log_loss (nats), ece (expected calibration error). Per class: precision, recall, f1, auroc, auprc.
    A class that is missing from a split has n = 0 and null metrics, and averages leave it out. Runs of one split share
    their resamples.

    Intervals are percentiles over resamples of whole groups; null where there is one group only, and for ece, whose
    resamples lie above the estimate (noise within a bin never cancels), so that their interval can miss it.

    Parameters
    ----------
    predictions : PREDICTIONS.
    groups : columns sequence_id, group; further columns and sequences are ignored.
    labels : classes, in the order of the columns p_<class>.
    resamples : bootstrap resamples; 0 leaves the intervals null.
    seed : of the resamples.
    calibration_bins : equal bins of confidence for ece.

    Raises
    ------
    DataError : a sequence without group, an unknown label, probabilities that are absent, negative or do not sum to 1.
    """
    check(predictions, predictions_schema(labels))
    tables = [empty(METRICS)]
    for (run, split), part in predictions.group_by("run", "split", maintain_order=True):
        outcomes = as_outcomes(part, groups, labels)
        prepared = prepare(outcomes.truth, outcomes.probabilities, outcomes.groups, calibration_bins)
        tables.append(
            _summary(outcomes, prepared, labels, resamples, seed).select(
                pl.lit(run).alias("run"), pl.lit(split).alias("split"), pl.all()
            )
        )
    return check(pl.concat(tables), METRICS)


def as_outcomes(part: pl.DataFrame, groups: pl.DataFrame, labels: list[str]) -> Outcomes:
    """Return one run's predictions on one split as arrays, sorted by sequence_id.

    Parameters
    ----------
    part : PREDICTIONS of one run and split, at least one row.
    groups : columns sequence_id, group.
    labels : classes.

    Raises
    ------
    DataError : as `metrics_table`.
    """
    name = f"predictions of {part['run'][0]} on {part['split'][0]}"
    known = groups.select("sequence_id", "group").unique()
    rows = part.height
    part = part.join(known, on="sequence_id", how="left").sort("sequence_id")
    if part.height > rows:
        twice = part.filter(pl.col("sequence_id").is_duplicated())["sequence_id"][0]
        raise DataError(name, f"sequence {twice} lies in several groups", expected="one group a sequence")
    lost = part.filter(pl.col("group").is_null())
    if lost.height:
        raise DataError(name, f"{lost.height} sequences without a group, the first: {lost['sequence_id'][0]}")
    strange = part.filter(~pl.col("label").is_in(labels))
    if strange.height:
        raise DataError(name, f"label {strange['label'][0]} of {strange['sequence_id'][0]}", expected=", ".join(labels))
    probabilities = part.select([f"p_{label}" for label in labels]).to_numpy()
    # written so that NaN fails too
    good = (probabilities >= 0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1) <= SUM_TOLERANCE)
    if not good.all():
        first = int(np.flatnonzero(~good)[0])
        found = f"{np.sum(~good)} rows of probabilities, the first {part['sequence_id'][first]}: {probabilities[first].tolist()}"
        raise DataError(name, found, expected="numbers of at least 0 that sum to 1")
    truth = part["label"].replace_strict(labels, range(len(labels)), return_dtype=pl.Int64).to_numpy()
    _, codes = np.unique(part["group"].to_numpy(), return_inverse=True)
    return Outcomes(part["sequence_id"].to_numpy(), truth, probabilities, codes)


def _summary(outcomes: Outcomes, prepared: Prepared, labels: list[str], resamples: int, seed: int) -> pl.DataFrame:
    """Return METRICS rows without run and split."""
    estimates = weighted_metrics(prepared, np.ones((1, outcomes.groups.max() + 1)))
    samples = resampled([prepared], outcomes.groups, resamples, seed)[0]
    counts = np.bincount(outcomes.truth, minlength=len(labels))
    rows = []
    for key, value in estimates.items():
        which, metric = key
        low, high = interval(samples[key]) if key in samples and not np.isnan(value[0]) else (np.nan, np.nan)
        n = len(outcomes.truth) if which is None else int(counts[which])
        rows.append((None if which is None else labels[which], None, metric, value[0], low, high, n))
    schema = {name: column.dtype for name, column in METRICS.columns.items() if name not in ("run", "split")}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("value", "low", "high").fill_nan(None))


def resampled(prepared: list[Prepared], groups: np.ndarray, resamples: int, seed: int) -> list[dict[Key, np.ndarray]]:
    """Return every metric on bootstrap resamples of whole groups, float64 (resamples,), the same resamples for each of `prepared`.

    Empty dictionaries where there is nothing to resample: one group, or resamples = 0. Left out is ece: noise within a
    confidence bin never cancels, so its resamples lie above the estimate.

    Parameters
    ----------
    prepared : sets of predictions on the same sequences in the same order.
    groups : int (n,), 0 .. G-1.
    resamples, seed : of the bootstrap.
    """
    if resamples == 0 or groups.max() == 0:
        return [{} for _ in prepared]
    blocks: list[list[dict[Key, np.ndarray]]] = [[] for _ in prepared]
    for weights in group_bootstrap_weights(groups, resamples, seed):
        for collected, one in zip(blocks, prepared, strict=True):
            collected.append(weighted_metrics(one, weights))
    return [
        {key: np.concatenate([block[key] for block in collected]) for key in collected[0] if key != (None, "ece")}
        for collected in blocks
    ]


def vote(predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the predictions with a run "vote" added: the mean probability of run-0, run-1 ...; unchanged where a split has one run.

    Parameters
    ----------
    predictions : PREDICTIONS; runs of other names (baselines) are kept and do not vote.

    Raises
    ------
    DataError : the runs of a split did not predict the same sequences.
    """
    voters = predictions.filter(pl.col("run").str.contains(r"^run-\d+$"))
    several = voters.group_by("split").agg(pl.col("run").n_unique().alias("runs")).filter(pl.col("runs") > 1)
    voters = voters.join(several, on="split")
    probabilities = [name for name in predictions.columns if name.startswith("p_")]
    means = voters.group_by("split", "sequence_id", "label", maintain_order=True).agg(
        pl.col(probabilities).mean(), (pl.len() == pl.col("runs").first()).alias("complete")
    )
    partial = means.filter(~pl.col("complete"))
    if partial.height:
        found = f"{partial.height} sequences have no prediction of some run, the first: {partial['sequence_id'][0]}"
        raise DataError("vote", found, remedy="predict the same sequences with every run")
    means = means.select(pl.lit(VOTE).alias("run"), "split", "sequence_id", "label", *probabilities)
    return pl.concat([predictions, means.select(predictions.columns)])


def confusion_table(predictions: pl.DataFrame, labels: list[str]) -> pl.DataFrame:
    """Return CONFUSION: for every run and split each pair of classes, with 0 where it does not occur.

    Parameters
    ----------
    predictions : PREDICTIONS.
    labels : classes; of equal probabilities the first class is predicted.
    """
    check(predictions, predictions_schema(labels))
    chosen = pl.concat_list([f"p_{label}" for label in labels]).list.arg_max()
    named = chosen.replace_strict(range(len(labels)), labels, return_dtype=pl.String)
    counted = predictions.with_columns(named.alias("predicted")).group_by("run", "split", "label", "predicted").len("n")
    pairs = predictions.select("run", "split").unique(maintain_order=True)
    for column in ("label", "predicted"):
        pairs = pairs.join(pl.DataFrame({column: labels}), how="cross")
    keys = list(CONFUSION.key)
    table = pairs.join(counted, on=keys, how="left", maintain_order="left").with_columns(
        pl.col("n").fill_null(0).cast(pl.Int64)
    )
    return check(table, CONFUSION)
