"""Do the methods agree on a sequence? Rank correlation of its bases' scores, and how much of the highest tenth they share.

A method that never gives a negative score (attention) says how much, not for or against; it is compared with the size of the other's scores.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas_attribution import AGREEMENT
from phenolens.core.stats import group_mean_intervals
from phenolens.core.table import check, empty
from phenolens.core.types import BaseScores
from phenolens.explain.faithfulness_tables import rank_correlation
from phenolens.explain.replacement import ranking

TOP = 0.1  # share of the bases that counts as highest


def agreement(
    scores: Sequence[BaseScores], sequences: pl.DataFrame, *, resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """Return AGREEMENT of every two methods, over all classes and, where there are several, in each.

    Parameters
    ----------
    scores : of the same sequences in the same order, one a method.
    sequences : columns sequence_id, label, group; rows in that order.
    resamples : of the bootstrap over groups; 0 gives no intervals.
    seed : of resamples, and of the order of equal scores.

    Raises
    ------
    DataError : scores of other sequences.
    """
    if any(found.sequence_ids != sequences["sequence_id"].to_list() for found in scores):
        raise DataError("explain", "methods have scores of different sequences", remedy="run explain again")
    labels, groups = sequences["label"].to_numpy(), sequences["group"].to_numpy()
    classes: list[str | None] = [None, *sorted(set(labels.tolist()))]
    rows = []
    for first, second in combinations(scores, 2):
        signed = not (never_negative(first.values) or never_negative(second.values))
        pair = [found.values if signed else np.abs(found.values) for found in (first, second)]
        both = np.stack([rank_correlation(*pair), shared_top(*pair, seed=seed)], axis=1)  # (n, 2)
        for label in classes if len(classes) > 2 else classes[:1]:
            chosen = ~np.isnan(both).any(axis=1) & (True if label is None else labels == label)
            some = both[chosen]
            low, high = group_mean_intervals(some, groups[chosen], resamples=resamples, seed=seed)
            mean = some.mean(axis=0) if len(some) else np.full(2, np.nan)
            numbers = [float(x) for j in range(2) for x in (mean[j], low[j], high[j])]
            rows.append((first.method, second.method, label, signed, len(some), *numbers))
    schema = {name: column.dtype for name, column in AGREEMENT.columns.items()}
    table = pl.DataFrame(rows, schema=schema, orient="row") if rows else empty(AGREEMENT)
    return check(table.with_columns(pl.selectors.float().fill_nan(None)), AGREEMENT)


def never_negative(values: np.ndarray) -> bool:
    """Return whether no score (n, L) is below zero; NaN does not count."""
    return not bool((values < 0).any())


def shared_top(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return float64 (n,): share of the highest tenth (at least one base) of each row's scores that both have; NaN without a base that both score.

    Parameters
    ----------
    first, second : float (n, L), NaN where there is no score.
    seed : of the order of equal scores, another one for each side, so that ties share no more than by chance.
    """
    absent = np.isnan(first) | np.isnan(second)
    count = (~absent).sum(axis=1)
    wanted = np.ceil(TOP * count).astype(np.int64)
    top = [
        ranking(np.where(absent, np.nan, values), np.random.default_rng([seed, side])) < wanted[:, None]
        for side, values in enumerate((first, second))
    ]
    shared = (top[0] & top[1]).sum(axis=1)
    share: np.ndarray = np.divide(shared, wanted, out=np.full(len(count), np.nan), where=count > 0)
    return share
