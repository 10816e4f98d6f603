"""Small statistics shared by stages: Benjamini-Hochberg, permutation p-values, bootstrap intervals."""

from collections.abc import Iterator

import numpy as np


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Return Benjamini-Hochberg adjusted p-values, NaN where p is NaN (which does not count as a test).

    q_(i) = min over j >= i of p_(j) * m / j, with p sorted ascending; Benjamini & Hochberg, J R Stat Soc B 1995.

    Parameters
    ----------
    p_values : float (m,), each in [0, 1] or NaN.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    present = np.flatnonzero(~np.isnan(p_values))
    order = present[np.argsort(p_values[present], kind="stable")]
    ranked = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return adjusted


def permutation_p(observed: float, null: np.ndarray) -> float:
    """Return the two-sided permutation p-value (b + 1) / (n + 1), doubled and capped at 1; NaN when observed is NaN.

    b counts the null values at least as extreme in the rarer direction. Its smallest value is 2 / (n + 1).
    The added one counts the observed arrangement itself (Phipson & Smyth, Stat Appl Genet Mol Biol 2010).

    Parameters
    ----------
    observed : the statistic.
    null : float (n,), the same statistic on permuted data; NaN are dropped.
    """
    null = null[~np.isnan(null)]
    if np.isnan(observed) or not len(null):
        return float("nan")
    above, below = int(np.sum(null >= observed)), int(np.sum(null <= observed))
    return min(1.0, 2.0 * (min(above, below) + 1) / (len(null) + 1))


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of bootstrap samples; NaN where fewer than half of them are defined.

    Parameters
    ----------
    samples : float (b,), NaN where a resample left the statistic undefined.
    level : coverage.
    """
    defined = samples[~np.isnan(samples)]
    if 2 * len(defined) < len(samples) or not len(defined):
        return float("nan"), float("nan")
    tail = 50 * (1 - level)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)


def group_bootstrap_weights(
    groups: np.ndarray, resamples: int, seed: int, block_cells: int = 1 << 21
) -> Iterator[np.ndarray]:
    """Yield bootstrap resamples of whole groups as weights: float64 (b, G) blocks, how often each group was drawn.

    Whole groups, so that near-copies do not narrow the interval. Whatever is a sum over sequences is one matrix product; columns follow the sorted distinct groups.

    Parameters
    ----------
    groups : (n,), group of each row.
    resamples : number of resamples, in all blocks together.
    seed : of the generator.
    block_cells : a block has about this many numbers; it changes nothing else.
    """
    count = len(np.unique(groups))
    generator = np.random.default_rng(seed)
    step = max(1, block_cells // count)
    for at in range(0, resamples, step):
        rows = min(step, resamples - at)
        drawn = generator.integers(0, count, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(float)
