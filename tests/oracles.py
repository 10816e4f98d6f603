"""Slow, obvious references written from the method's definition; the product never imports them."""

import math
from itertools import pairwise

import numpy as np


def kmers(sequence: str, k: int) -> list[str]:
    return [sequence[i : i + k].upper() for i in range(len(sequence) - k + 1)]


def kept_tokens(count: int, room: int, cut: str) -> list[int]:
    """Indices of the tokens that stay of `count`, with room for `room`."""
    everything = list(range(count))
    if cut == "paper":
        return (everything[:300] + everything[-212:])[:room]
    if count <= room or cut == "head":
        return everything[:room]
    head = round(room * 300 / 512)
    return everything[:head] + everything[len(everything) - (room - head) :]


def alrw(attention: list[float], spans: list[tuple[int, int]], length: int) -> list[float]:
    """METHOD 5 with the divisor of METHOD 9: mean over the tokens that really cover a base, of attention spread over the span."""
    values = []
    for base in range(length):
        shares = [a / (end - start) for a, (start, end) in zip(attention, spans, strict=True) if start <= base < end]
        values.append(sum(shares) / len(shares) if shares else math.nan)
    norm = math.sqrt(sum(v * v for v in values if not math.isnan(v)))
    return [v / norm for v in values]


def paper_vector(row: list[float], k: int) -> list[float]:
    """The reference's loop over a padded row of attention from [CLS], METHOD 5 and 9: one position out for each token in.

    Tokens 1 .. T - k + 1 are scored. The last one before the padding (zero attention) is [SEP] and is set to 0. A position's sum
    is divided by the number of scored tokens, padding or not, whose k positions include it.
    """
    scores = [row[i] for i in range(1, len(row) - k + 2)]
    for i in range(len(scores) - 1):
        if scores[i + 1] == 0:
            scores[i] = 0.0
            break
    total, count = [0.0] * (len(scores) + k - 1), [0] * (len(scores) + k - 1)
    for i, score in enumerate(scores):
        for j in range(k):
            total[i + j] += score
            count[i + j] += 1
    mean = [t / c for t, c in zip(total, count, strict=True)]
    norm = math.sqrt(sum(v * v for v in mean))
    return [v / norm for v in mean]


def regions(values: list[float], length: int, min_run: int, times_min: float, widen: int) -> list[tuple[int, int]]:
    """METHOD 6, base by base, for one sequence."""
    covered = [v for v in values[:length] if not math.isnan(v)]
    if not covered:
        return []
    mean, least = sum(covered) / len(covered), min(covered)
    marked, run = set(), []
    found = []
    for base in range(length + 1):
        if base < length and not math.isnan(values[base]) and values[base] > mean and values[base] > times_min * least:
            run.append(base)
            continue
        if len(run) >= min_run:
            found.append((max(run[0] - widen, 0), min(run[-1] + 1 + widen, length)))
        run = []
    merged: list[tuple[int, int]] = []
    for start, end in found:
        shared = bool(merged) and any(base in marked for base in range(start, end))
        merged = [*merged[:-1], (merged[-1][0], end)] if shared else [*merged, (start, end)]
        marked |= set(range(start, end))
    return merged


def group_bootstrap(groups: np.ndarray, resamples: int, seed: int) -> list[np.ndarray]:
    """Return row indices of bootstrap resamples that draw whole groups, so that near-copies do not narrow the interval.

    Parameters
    ----------
    groups : (n,), group of each row.
    resamples : number of resamples.
    seed : of the generator.
    """
    _, codes = np.unique(groups, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 2))
    members = [order[a:b] for a, b in pairwise(starts)]
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(members), size=(resamples, len(members)))
    return [np.concatenate([members[i] for i in row]) for row in drawn]
