"""Means over regions from running sums, so that a million control regions cost no more than two look-ups each.

Whatever is averaged is a total and a weight per base: the signal and whether there is one, the scores of the variants at a base and their
number. A region's value is the ratio of the two sums over its bases; without any weight it is absent (NaN), never 0.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Sums(NamedTuple):
    """Running sums along N bases, stretches end to end.

    total : float64 (N + 1,), sum before each base. weight : float64 or int64 (N + 1,), weight before it.
    """

    total: np.ndarray
    weight: np.ndarray


def running(total: np.ndarray, weight: np.ndarray) -> Sums:
    """Return the running sums of values and weights per base, both (N,)."""
    start = np.zeros(1, dtype=weight.dtype if weight.dtype.kind == "f" else np.int64)
    return Sums(np.concatenate([[0.0], np.cumsum(total, dtype=float)]), np.concatenate([start, np.cumsum(weight)]))


def ratios(sums: Sums, low: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (total / weight float64 (b, n), NaN without weight; weight (b, n)) of stretches of `length` (n,) bases from `low` (b, n)."""
    weight = sums.weight[low + length] - sums.weight[low]
    total = sums.total[low + length] - sums.total[low]
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan), weight


def class_means(values: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean float64 (b, g) over each class's regions that have a value, NaN where none has; their number int64 (b, g)).

    Parameters
    ----------
    values : float64 (b, n), regions of one class beside each other.
    edges : int64 (g + 1,), class i holds columns edges[i] to edges[i + 1].
    """
    present = ~np.isnan(values)
    sums, counts = class_sums(np.where(present, values, 0.0), edges), class_sums(present.astype(np.int64), edges)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), counts


def class_sums(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return (b, g), the sums of (b, n) over the columns edges[i] to edges[i + 1] of each class."""
    return np.stack([values[:, low:high].sum(axis=1) for low, high in pairwise(edges)], axis=1)
