"""Small statistics shared by stages: Benjamini-Hochberg, permutation p-values, bootstrap intervals."""

from collections.abc import Iterator

import numpy as np

Z = 1.959963984540054  # 97.5 % quantile of the standard normal


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


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return Holm's adjusted p-values, NaN where p is NaN (which does not count as a test).

    p_(i) becomes the maximum over j <= i of (m - j + 1) p_(j), with p sorted ascending and at most 1: the chance of one false finding
    or more among all of them. Holm, Scand J Stat 1979.

    Parameters
    ----------
    p_values : float (m,), each in [0, 1] or NaN.
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(p_values.shape, np.nan)
    present = np.flatnonzero(~np.isnan(p_values))
    order = present[np.argsort(p_values[present], kind="stable")]
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)), 1.0)
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


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share seen in n independent draws; n at least 1. Wilson, J Am Stat Assoc 1927."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * float(np.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))) / (1 + Z * Z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


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


def sign_flip_p(values: np.ndarray, groups: np.ndarray, *, flips: int = 9999, seed: int = 0) -> np.ndarray:
    """Return two-sided p-values, float (m,), of columns whose mean would be 0 by chance: (b + 1) / (flips + 1).

    b counts the flips whose absolute sum is at least the observed one. The sign of a whole group is flipped at once: under the null hypothesis
    its sum is as likely positive as negative, whatever its sequences share. The same flips serve all columns.

    Parameters
    ----------
    values : float (n, m), paired differences.
    groups : (n,), group of each row.
    flips : number of random flips of all groups.
    seed : of the flips.
    """
    names, code = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, code, values)
    observed = np.abs(sums.sum(axis=0)) * (1 - 1e-12)  # rounding must not part equal sums
    generator = np.random.default_rng(seed)
    step = max(1, (1 << 21) // max(1, len(names)))
    beyond = np.zeros(values.shape[1], dtype=np.int64)
    for at in range(0, flips, step):
        signs = generator.integers(0, 2, size=(min(step, flips - at), len(names))) * 2.0 - 1.0
        beyond += (np.abs(signs @ sums) >= observed).sum(axis=0)
    return np.asarray((beyond + 1) / (flips + 1))


def group_mean_intervals(
    values: np.ndarray, groups: np.ndarray, *, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high), float (m,) each: 95 % percentile intervals of the columns' means when whole groups are drawn with replacement.

    NaN with fewer than two groups, or without resamples.

    Parameters
    ----------
    values : float (n, m).
    groups : (n,), group of each row.
    resamples, seed : as in `group_bootstrap_weights`.
    """
    names, code, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2 or not resamples:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, code, values)
    weights = group_bootstrap_weights(groups, resamples, seed)
    means = np.concatenate([(w @ sums) / (w @ counts)[:, None] for w in weights])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return low, high
