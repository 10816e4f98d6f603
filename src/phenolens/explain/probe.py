"""Linear probe: how well do these features tell the classes apart, for groups of sequences that the probe was not fitted to?

Multinomial logistic regression on standardised features, cross-validated by whole groups. Standardised features are divided by the root of their number,
so that one penalty suits few features and many. Ranks are compared within a fold only, because the probes of two folds are two scales.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_samples
from sklearn.model_selection import StratifiedGroupKFold

from phenolens.core.ranking import rank, ranking_scores

PENALTY = 10.0  # inverse strength of the L2 penalty, for features whose squares sum to about 1
STEPS = 300  # of the optimiser
SAME = 1e-5  # a feature that varies less than this, beside its size, is a constant with rounding errors
METRICS = ("balanced_accuracy", "auroc_macro", "silhouette")


class Task(NamedTuple):
    """What is asked of the probe, of n sequences of which m are kept.

    rows : int (m,), the kept sequences.
    truth : int (m,), class, 0 .. C-1.
    groups : int (m,), group, 0 .. G-1.
    folds : int (m,), the part in which each sequence is predicted; empty where nothing can be measured.
    note : what was left out, or why nothing can be measured; None where all is well.
    """

    rows: np.ndarray
    truth: np.ndarray
    groups: np.ndarray
    folds: np.ndarray
    note: str | None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.truth.max()) + 1 if len(self.truth) else 0


def task(labels: Sequence[str], groups: Sequence[str], *, folds: int = 5, seed: int = 1) -> Task:
    """Return the classes, and the folds of whole groups in which each has about its share (StratifiedGroupKFold).

    A class whose sequences all lie in one group is left out: what a probe has learned of it cannot be tested on another group.
    There are never more folds than the class with the fewest groups has.

    Parameters
    ----------
    labels, groups : class and group of each of n sequences.
    folds : parts, at least 2.
    seed : of the order in which groups are dealt.
    """
    names, truth = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    _, group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    spread = np.array([len(np.unique(group[truth == c])) for c in range(len(names))], dtype=int)
    alone = [str(name) for name, count in zip(names, spread, strict=True) if count < 2]
    left_out = f"left out, because all their sequences lie in one group: {', '.join(alone)}" if alone else None
    if len(names) - len(alone) < 2:
        reason = (
            f"{len(names)} class in the sample" if len(names) < 2 else "fewer than two classes with two groups each"
        )
        nothing = np.zeros(0, dtype=int)
        return Task(nothing, nothing, nothing, nothing, f"{reason}: a probe cannot be fitted and tested")
    rows = np.flatnonzero(spread[truth] > 1)
    _, truth = np.unique(truth[rows], return_inverse=True)
    _, group = np.unique(group[rows], return_inverse=True)
    parts = min(folds, int(spread[spread > 1].min()))
    dealt = np.zeros(len(rows), dtype=int)
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    for fold, (_, tested) in enumerate(splitter.split(rows[:, None], truth, group)):
        dealt[tested] = fold
    return Task(rows, truth, group, dealt, left_out)


def out_of_fold(features: np.ndarray, asked: Task) -> np.ndarray:
    """Return class probabilities, float64 (m, C), each row from a probe that saw no sequence of its group.

    Parameters
    ----------
    features : float (m, D) of the task's rows.
    asked : the task, with folds.
    """
    probabilities = np.zeros((len(asked.truth), asked.classes))
    for fold in np.unique(asked.folds):
        tested = asked.folds == fold
        known, truth = features[~tested].astype(float), asked.truth[~tested]
        present = np.unique(truth)
        if len(present) == 1:
            probabilities[np.ix_(tested, present)] = 1
            continue
        mean, deviation = known.mean(axis=0), known.std(axis=0)
        varies = deviation > SAME * np.sqrt(np.mean(known**2))
        scale = np.where(varies, 1 / (np.where(varies, deviation, 1) * np.sqrt(max(1, varies.sum()))), 0)
        model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=STEPS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit((known - mean) * scale, truth)
        probabilities[np.ix_(tested, present)] = model.predict_proba((features[tested] - mean) * scale)
    return probabilities


def probe_scores(probabilities: np.ndarray, asked: Task, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return balanced_accuracy and auroc_macro, float64 (R,), under R weightings of the groups.

    Balanced accuracy = mean over classes of the share that is found. AUROC = weight of pairs (a sequence of the class, another one) of the same fold
    in the right order, ties counted half, over all such pairs; mean over classes. NaN where a weighting leaves a class without a sequence.

    Parameters
    ----------
    probabilities : float64 (m, C).
    asked : the task.
    weights : float64 (R, G).
    """
    right = probabilities.argmax(axis=1) == asked.truth
    found, areas = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for c in range(asked.classes):
            of_class = asked.truth == c
            weight = weights[:, asked.groups[of_class]]
            found.append(weight @ right[of_class].astype(float) / weight.sum(axis=1))
            ordered, pairs = np.zeros(len(weights)), np.zeros(len(weights))
            for fold in np.unique(asked.folds):
                inside = asked.folds == fold
                here = weights[:, asked.groups[inside & of_class]].sum(axis=1)
                others = weights[:, asked.groups[inside & ~of_class]].sum(axis=1)
                ranking = rank(of_class[inside], probabilities[inside, c], asked.groups[inside])
                area, _ = ranking_scores(ranking, weights)
                ordered += np.where(here * others > 0, np.nan_to_num(area) * here * others, 0)
                pairs += here * others
            areas.append(ordered / pairs)
    return {"balanced_accuracy": np.mean(found, axis=0), "auroc_macro": np.mean(areas, axis=0)}


def silhouettes(features: np.ndarray, asked: Task) -> np.ndarray | None:
    """Return each sequence's silhouette, float64 (m,), by class and cosine distance of centred features; None where all are the same.

    (b - a) / max(a, b) with a the mean distance to its own class and b that to the nearest other one; Rousseeuw, J Comput Appl Math 1987.

    Parameters
    ----------
    features : float (m, D) of the task's rows.
    asked : the task.
    """
    values = features.astype(float)
    centred = values - values.mean(axis=0)
    if np.sqrt(np.mean(centred**2)) <= SAME * np.sqrt(np.mean(values**2)) or len(values) <= asked.classes:
        return None
    found: np.ndarray = silhouette_samples(centred, asked.truth, metric="cosine")
    return found


def weighted_mean(values: np.ndarray, asked: Task, weights: np.ndarray) -> np.ndarray:
    """Return the mean of the sequences' values, float64 (R,), under R weightings of the groups.

    Parameters
    ----------
    values : float (m,).
    asked : the task.
    weights : float64 (R, G).
    """
    sums, counts = (np.bincount(asked.groups, v, minlength=weights.shape[1]) for v in (values, np.ones(len(values))))
    mean: np.ndarray = (weights @ sums) / (weights @ counts)
    return mean
