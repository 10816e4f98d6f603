"""Mean score per position of the sequence, class by class, with a bootstrap band over groups."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from phenolens.core.schemas import PROFILE
from phenolens.core.table import check, empty
from phenolens.core.types import BaseScores

_BLOCK = 64  # resamples computed at once


def profile(
    scores: BaseScores, labels: Sequence[str], groups: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """Return PROFILE: mean over the sequences of a class that reach a position, with the 95 % percentile interval over whole groups.

    Groups are drawn with replacement, as many as there are; a resample's mean is the sum of scores over drawn groups divided by the
    number of scores in them, so near-copies of one locus do not narrow the band. Positions that nothing reaches are left out; the
    band is null where fewer than two groups, or in over half of the resamples none, reach the position.

    Parameters
    ----------
    scores : n sequences; values (n, L).
    labels, groups : n classes and groups, in the same order.
    resamples : bootstrap resamples; 0 gives no band.
    seed : of the resamples.
    """
    tables = []
    for number, label in enumerate(sorted(set(labels))):
        chosen = np.flatnonzero(np.asarray(labels) == label)
        sums, counts = _group_sums(scores.values[chosen], np.asarray(groups)[chosen])
        total, reached = sums.sum(axis=0), counts.sum(axis=0)
        at = np.flatnonzero(reached)
        low, high = _band(sums[:, at], counts[:, at], resamples, np.random.default_rng([seed, number]))
        columns = {
            "method": [scores.method] * len(at),
            "label": [label] * len(at),
            "position": at,
            "mean": total[at] / reached[at],
            "low": low,
            "high": high,
            "n": reached[at].astype(np.int64),
        }
        tables.append(pl.DataFrame(columns, schema={name: column.dtype for name, column in PROFILE.columns.items()}))
    table = pl.concat(tables) if tables else empty(PROFILE)
    return check(table.with_columns(pl.col("low", "high").fill_nan(None)), PROFILE)


def _group_sums(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (sum of scores, number of scores) per group and position, float64 (G, L)."""
    names, code = np.unique(groups, return_inverse=True)
    order = np.argsort(code, kind="stable")
    first = np.searchsorted(code[order], np.arange(len(names)))
    ordered = values[order]
    sums = np.add.reduceat(np.nan_to_num(ordered, nan=0.0).astype(np.float64), first, axis=0)
    return sums, np.add.reduceat((~np.isnan(ordered)).astype(np.float64), first, axis=0)


def _band(
    sums: np.ndarray, counts: np.ndarray, resamples: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high) float64 (L,), NaN where undefined, from multinomial weights of the groups."""
    groups, positions = sums.shape
    undefined = np.full(positions, np.nan)
    if not resamples or groups < 2:
        return undefined, undefined
    means = np.empty((resamples, positions))
    for at in range(0, resamples, _BLOCK):
        weights = generator.multinomial(groups, np.full(groups, 1 / groups), size=min(_BLOCK, resamples - at)).astype(
            np.float64
        )
        reached = weights @ counts
        means[at : at + len(weights)] = np.divide(
            weights @ sums, reached, out=np.full(reached.shape, np.nan), where=reached > 0
        )
    enough = (2 * (~np.isnan(means)).sum(axis=0) >= resamples) & ((counts > 0).sum(axis=0) >= 2)
    low, high = undefined.copy(), undefined.copy()
    low[enough], high[enough] = np.nanpercentile(means[:, enough], [2.5, 97.5], axis=0)
    return low, high
