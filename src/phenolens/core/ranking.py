"""AUROC and average precision of one class under many weightings of the groups at once: sort once, then cumulate.

A bootstrap resample of whole groups is a row of whole numbers, one a group: how often the group was drawn. No weighting changes
the order of the sequences. The row of ones gives the estimate itself.
"""

from typing import NamedTuple

import numpy as np

BLOCK_CELLS = 1 << 17  # weightings x sequences ranked at a time: small enough to stay in the processor's cache


class Ranking(NamedTuple):
    """Sequences of one class (positives) and the others (negatives), each in order of falling probability of the class.

    positives, negatives : int, group of each sequence.
    at_least : int (m,), positives at or above each of the m distinct probabilities of positives.
    above, reached : int (m,), negatives above it; negatives at or above it.
    """

    positives: np.ndarray
    negatives: np.ndarray
    at_least: np.ndarray
    above: np.ndarray
    reached: np.ndarray


def rank(positive: np.ndarray, score: np.ndarray, groups: np.ndarray) -> Ranking:
    """Return the order of the sequences by one class's probability.

    Parameters
    ----------
    positive : bool (n,), the sequence is of the class.
    score : float (n,), probability of the class.
    groups : int (n,).
    """
    order = np.argsort(-score, kind="stable")
    positives, negatives = order[positive[order]], order[~positive[order]]
    thresholds, at_least = np.unique(-score[positives], return_counts=True)
    above, reached = (np.searchsorted(-score[negatives], thresholds, side=side) for side in ("left", "right"))
    return Ranking(groups[positives], groups[negatives], np.cumsum(at_least), above, reached)


def ranking_scores(ranking: Ranking, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (AUROC, average precision), float64 (R,) each; NaN where positives (both) or negatives (AUROC) have no weight.

    AUROC = weight of (positive, negative) pairs in the right order, ties counted half, over all pairs. Average precision =
    sum over thresholds of the gain in recall times the precision there, as scikit-learn defines it (no interpolation).

    Parameters
    ----------
    ranking : order of the sequences.
    weights : float64 (R, G).
    """
    step = max(1, BLOCK_CELLS // (len(ranking.positives) + len(ranking.negatives)))
    scores = [_block_scores(ranking, weights[at : at + step]) for at in range(0, len(weights), step)]
    auroc, auprc = (np.concatenate(parts) for parts in zip(*scores, strict=True))
    return auroc, auprc


def _block_scores(ranking: Ranking, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positives = _cumulated(weights, ranking.positives).take(ranking.at_least, axis=1)  # (R, m)
    cumulated = _cumulated(weights, ranking.negatives)
    above, reached = cumulated.take(ranking.above, axis=1), cumulated.take(ranking.reached, axis=1)  # (R, m)
    gained = np.diff(positives, axis=1, prepend=0)
    all_positives, all_negatives = gained.sum(axis=1), cumulated[:, -1]
    # a positive beats every negative below it, and half of those level with it
    lost = np.einsum("rm,rm->r", gained, above + reached) / 2
    # where nothing has weight yet 0 / tiny = 0; whole-number weights are never that small
    precision = positives / np.maximum(positives + reached, np.finfo(float).tiny)
    with np.errstate(invalid="ignore", divide="ignore"):
        auroc = 1 - lost / (all_positives * all_negatives)
        auprc = np.einsum("rm,rm->r", gained, precision) / all_positives
    return np.where(all_positives > 0, auroc, np.nan), auprc


def _cumulated(weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return float64 (R, n + 1), weight of the first 0, 1 .. n sequences."""
    out = np.zeros((len(weights), len(groups) + 1))
    np.cumsum(weights.take(groups, axis=1), axis=1, out=out[:, 1:])
    return out
