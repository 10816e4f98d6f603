"""Array kernels: every metric of one set of predictions under many weightings of its groups at once.

A bootstrap resample of whole groups is a row of whole numbers, one a group: how often the group was drawn. All metrics that
are sums over sequences (confusion matrix, Brier, log loss, calibration) follow from one product of these weights with the
sums of each group. Ranking metrics need the order of the sequences, which no weighting changes: sort once, then cumulate.
The estimate itself is the row of ones, so that estimate and resamples come from the same code.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array

from phenolens.core.ranking import Ranking, rank, ranking_scores

CALIBRATION_BINS = 15  # equal bins of confidence unless told otherwise, Guo et al., ICML 2017

Key = tuple[int | None, str]


class Prepared(NamedTuple):
    """What is computed once from one set of predictions.

    sums : sparse (K, G), per group: confusion counts (C x C), Brier, log loss, then per confidence bin correct minus confidence.
    rankings : one a class.
    present : bool (C,), classes that occur.
    """

    sums: csr_array
    rankings: list[Ranking]
    present: np.ndarray


def prepare(
    truth: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, calibration_bins: int = CALIBRATION_BINS
) -> Prepared:
    """Return the sums and orders from which `weighted_metrics` works.

    Parameters
    ----------
    truth : int (n,), class of each sequence.
    probabilities : float64 (n, C), rows sum to 1.
    groups : int (n,), group of each sequence, 0 .. G-1.
    calibration_bins : equal bins of confidence for the calibration error.
    """
    n, classes = probabilities.shape
    rows = np.arange(n)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities[rows, predicted]
    # as scikit-learn: two classes share one error, so that 0 .. 1 is the range of the binary score
    brier = ((probabilities - np.eye(classes)[truth]) ** 2).sum(axis=1) / (2 if classes == 2 else 1)
    surprise = -np.log(np.clip(probabilities[rows, truth], np.finfo(float).eps, 1 - np.finfo(float).eps))
    bins = confidence_bins(confidence, calibration_bins)
    square = classes * classes
    kinds = [truth * classes + predicted, np.full(n, square), np.full(n, square + 1), square + 2 + bins]
    values = [np.ones(n), brier, surprise, (predicted == truth) - confidence]
    sums = coo_array(
        (np.concatenate(values), (np.concatenate(kinds), np.tile(groups, len(kinds)))),
        shape=(square + 2 + calibration_bins, int(groups.max()) + 1),
    ).tocsr()
    rankings = [rank(truth == c, probabilities[:, c], groups) for c in range(classes)]
    return Prepared(sums, rankings, np.bincount(truth, minlength=classes) > 0)


def confidence_bins(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin of each confidence, int (n,), 0 .. bins-1: (0, 1/bins], (1/bins, 2/bins] ..., the upper edge belongs to the bin.

    Parameters
    ----------
    confidence : float (n,), probability of the predicted class.
    bins : number of equal bins.
    """
    return np.asarray(np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1))


def weighted_metrics(prepared: Prepared, weights: np.ndarray) -> dict[Key, np.ndarray]:
    """Return every metric, float64 (R,), NaN where undefined; keys are (class, or None for all classes; name).

    Averages over classes are over the classes that occur in the data at hand (`prepared.present`); where a weighting leaves
    one of these out, its averages are NaN. Precision of a class that is never predicted is NaN, and counts as 0 in averages.

    Parameters
    ----------
    prepared : of `prepare`.
    weights : float64 (R, G), weight of each group in each of R weightings.
    """
    classes = len(prepared.rankings)
    sums = (prepared.sums @ weights.T).T  # (R, K)
    square = classes * classes
    confusion = sums[:, :square].reshape(-1, classes, classes)  # (R, true, predicted)
    ranked = [ranking_scores(ranking, weights) for ranking in prepared.rankings]
    auroc, auprc = (np.stack(columns, axis=1) for columns in zip(*ranked, strict=True))  # (R, C)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_class = _class_metrics(confusion) | {"auroc": auroc, "auprc": auprc}
        total = confusion.sum(axis=(1, 2))
        overall = _overall_metrics(confusion, of_class, prepared.present) | {
            "brier": sums[:, square] / total,
            "log_loss": sums[:, square + 1] / total,
            "ece": np.abs(sums[:, square + 2 :]).sum(axis=1) / total,
        }
    return {(None, name): values for name, values in overall.items()} | {
        (c, name): values[:, c] for c in range(classes) for name, values in of_class.items()
    }


def _class_metrics(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall and F1 of every class, (R, C), NaN where undefined."""
    right = np.einsum("rcc->rc", confusion)
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    return {"precision": right / predicted, "recall": right / true, "f1": 2 * right / (true + predicted)}


def _overall_metrics(
    confusion: np.ndarray, of_class: dict[str, np.ndarray], present: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what is averaged over classes or read off the whole confusion matrix, (R,)."""
    support = confusion.sum(axis=2)
    total = support.sum(axis=1)
    accuracy = np.einsum("rcc->r", confusion) / total

    def macro(values: np.ndarray) -> np.ndarray:
        kept = np.where(support[:, present] > 0, values[:, present], np.nan)
        return np.asarray(kept.mean(axis=1))

    def by_support(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(support > 0, support * values, 0).sum(axis=1) / total)

    return {
        "accuracy": accuracy,
        "balanced_accuracy": macro(of_class["recall"]),
        "f1_weighted": by_support(of_class["f1"]),
        "f1_macro": macro(of_class["f1"]),
        "precision_weighted": by_support(np.nan_to_num(of_class["precision"])),
        "recall_weighted": by_support(of_class["recall"]),
        "auroc_macro": macro(of_class["auroc"]),
        "auroc_weighted": by_support(of_class["auroc"]),
        "auprc_macro": macro(of_class["auprc"]),
        "auprc_weighted": by_support(of_class["auprc"]),
        "mcc": _matthews(confusion),
    }


def _matthews(confusion: np.ndarray) -> np.ndarray:
    """Return Matthews' correlation (R,): 0 where one class takes all predictions, NaN where one class is all there is.

    (s c - sum t p) / sqrt((s^2 - sum p^2)(s^2 - sum t^2)) with s sequences, c right, t true and p predicted per class; Gorodkin 2004.
    """
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    total = true.sum(axis=1)
    covariance = np.einsum("rcc->r", confusion) * total - (true * predicted).sum(axis=1)
    of_truth, of_predicted = (total**2 - (x**2).sum(axis=1) for x in (true, predicted))
    spread = np.sqrt(of_truth * of_predicted)
    correlation = np.where(of_predicted > 0, covariance / spread, 0.0)
    return np.where(of_truth > 0, correlation, np.nan)
