"""Four simple classifiers trained on the same split as the model: what it must beat before it is worth explaining.

- k-mer logistic: do short words separate the classes?
- nearest neighbour: is a similar sequence in the training set enough (copies of one family on both sides of the split)?
- composition: do length and GC content separate the classes (background that does not match)?
- length: does length alone? Beside the metrics of a length bin it says what is left of it within the bin.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from phenolens.core.errors import DataError
from phenolens.core.kmers import kmer_counts
from phenolens.core.schemas import predictions_schema
from phenolens.core.table import check

SPLIT_NAMES = {"split": "{}", "random_split": "random {}"}  # column of SEQUENCES -> name of the split in PREDICTIONS
PENALTIES = (0.1, 1.0, 10.0, 100.0)  # inverse strengths of the L2 penalty
TEMPERATURES = (0.01, 0.03, 0.1, 0.3, 1.0)  # of the softmax over similarities, which lie in [0, 1]
STEPS = 500  # of the optimiser
OF_LENGTH = (0, 2)  # columns of Fold.composition that hold log length and its square
BLOCK_CELLS = 1 << 22  # numbers of a dense block of profiles


class Fold(NamedTuple):
    """One part of a split as arrays.

    profiles : sparse float32 (n, F), square roots of canonical k-mer frequencies; rows have length 1, or 0 without a k-mer.
    composition : float64 (n, 5), log length, GC share, their squares and product.
    truth : int (n,), index into labels.
    """

    profiles: csr_array
    composition: np.ndarray
    truth: np.ndarray


def baselines(
    sequences: pl.DataFrame, labels: list[str], *, split_column: str, kmer: int = 6, seed: int = 1, limit: int = 50_000
) -> pl.DataFrame:
    """Return PREDICTIONS of the runs "k-mer logistic", "nearest neighbour", "composition" and "length" on validation and test.

    All are trained on the training rows only; validation rows choose the penalty or temperature (log loss, classes weighted
    equally), and stay at a middle value where there are none. The same input gives the same table.

    Parameters
    ----------
    sequences : SEQUENCES; needed are sequence_id, sequence, label and the split column.
    labels : classes.
    split_column : "split", or "random_split", whose parts are named "random validation" and "random test".
    kmer : length of the k-mers, 1 .. 8.
    seed : which training rows are drawn where there are more than `limit`.
    limit : training rows used at most, every class in its share and with at least one row; time of the nearest neighbour grows
        with training times predicted rows (half a minute for 50,000 times 12,000 on one core).

    Raises
    ------
    DataError : no sequence, or one class only, to train on.
    """
    rows = sequences.select("sequence_id", "label", pl.col(split_column).alias("part"), "sequence").sort("sequence_id")
    train_rows = _limited(rows.filter(pl.col("part") == "train"), seed, limit)
    classes = train_rows["label"].n_unique()
    if classes < 2:
        raise DataError(
            f"baselines on {split_column}", f"{classes} classes to train on", expected="at least two classes in train"
        )
    parts = {name: rows.filter(pl.col("part") == name) for name in ("validation", "test")}
    train = _fold(train_rows, labels, kmer)
    others = {name: _fold(part, labels, kmer) for name, part in parts.items()}
    tables = []
    for run, method in METHODS.items():
        results = method(train, others["validation"], others["test"], len(labels))
        for (name, part), probabilities in zip(parts.items(), results, strict=True):
            split = pl.lit(SPLIT_NAMES[split_column].format(name)).alias("split")
            columns = [pl.Series(f"p_{label}", probabilities[:, c], dtype=pl.Float64) for c, label in enumerate(labels)]
            tables.append(part.select(pl.lit(run).alias("run"), split, "sequence_id", "label").with_columns(columns))
    return check(pl.concat(tables), predictions_schema(labels))


def kmer_logistic(train: Fold, validation: Fold, test: Fold, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities, float64 (n, C), of validation and test by logistic regression on k-mer profiles.

    Square roots of frequencies (Hellinger distance) keep frequent k-mers from ruling the fit.
    """
    predict = _logistic(train.profiles, train.truth, validation.profiles, validation.truth, classes)
    return predict(validation.profiles), predict(test.profiles)


def composition(train: Fold, validation: Fold, test: Fold, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities, float64 (n, C), of validation and test by logistic regression on length and GC content.

    Squares and product are there so that a class of one length or GC content in the midst of the others is seen too.
    """
    return _few_numbers(train, validation, test, classes, list(range(train.composition.shape[1])))


def length(train: Fold, validation: Fold, test: Fold, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities, float64 (n, C), of validation and test by logistic regression on log length and its square."""
    return _few_numbers(train, validation, test, classes, list(OF_LENGTH))


def _few_numbers(
    train: Fold, validation: Fold, test: Fold, classes: int, columns: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities of validation and test from these columns of `composition`, scaled to the training rows."""
    # a sequence without any base has no GC content: it gets the mean, which says nothing
    known = np.ma.masked_invalid(train.composition[:, columns])
    mean, deviation = known.mean(axis=0).filled(0), known.std(axis=0).filled(0)
    deviation[deviation < 1e-9] = 1
    scaled = [np.nan_to_num((fold.composition[:, columns] - mean) / deviation) for fold in (train, validation, test)]
    predict = _logistic(scaled[0], train.truth, scaled[1], validation.truth, classes)
    return predict(scaled[1]), predict(scaled[2])


def nearest_neighbour(train: Fold, validation: Fold, test: Fold, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return class probabilities, float64 (n, C), of validation and test from the nearest training sequence of every class.

    Probabilities are a softmax over the classes of the largest cosine of profiles; the class with the highest one is that
    of the single nearest training sequence.
    """
    nearest = [class_similarity(train, fold.profiles, classes) for fold in (validation, test)]
    if len(validation.truth):
        losses = [_balanced_loss(softmax(nearest[0] / t, axis=1), validation.truth) for t in TEMPERATURES]
        temperature = TEMPERATURES[int(np.argmin(losses))]
    else:
        temperature = TEMPERATURES[len(TEMPERATURES) // 2]
    probabilities = [softmax(similarity / temperature, axis=1) for similarity in nearest]
    return probabilities[0], probabilities[1]


METHODS: dict[str, Callable[[Fold, Fold, Fold, int], tuple[np.ndarray, np.ndarray]]] = {
    "k-mer logistic": kmer_logistic,
    "nearest neighbour": nearest_neighbour,
    "composition": composition,
    "length": length,
}


def class_similarity(train: Fold, profiles: csr_array, classes: int) -> np.ndarray:
    """Return the largest cosine with a training sequence of each class, float64 (n, C); -inf for a class not in train.

    Works on blocks of both sides: memory is that of two dense blocks, whatever the number of sequences.

    Parameters
    ----------
    train : the training sequences.
    profiles : sparse float32 (n, F), rows of length 1 or 0.
    classes : number of classes.
    """
    n = profiles.shape[0]
    best = np.full((n, classes), -np.inf)
    step = max(1, BLOCK_CELLS // profiles.shape[1])
    for c in np.unique(train.truth):
        members = train.profiles[np.flatnonzero(train.truth == c)]
        for first in range(0, members.shape[0], step):
            block = members[first : first + step].toarray().T  # (F, step)
            for at in range(0, n, step):
                cosines = profiles[at : at + step].toarray() @ block  # (step, step)
                best[at : at + step, c] = np.maximum(best[at : at + step, c], cosines.max(axis=1))
    return best


def _logistic(
    features: Any, truth: np.ndarray, validation: Any, validation_truth: np.ndarray, classes: int
) -> Callable[[Any], np.ndarray]:
    """Return the predictor, features -> (n, C), with the penalty that has the smallest loss on the validation rows."""

    def fit(penalty: float) -> Callable[[Any], np.ndarray]:
        model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=STEPS, tol=1e-5)
        with warnings.catch_warnings():
            # separable classes have no optimum at infinite weights: after STEPS steps it is as good a baseline
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, truth)

        def predict(rows: Any) -> np.ndarray:
            probabilities = np.zeros((rows.shape[0], classes))
            if rows.shape[0]:
                probabilities[:, model.classes_] = model.predict_proba(rows)
            return probabilities

        return predict

    if not len(validation_truth):
        return fit(1.0)
    fitted = [fit(penalty) for penalty in PENALTIES]
    losses = [_balanced_loss(predict(validation), validation_truth) for predict in fitted]
    return fitted[int(np.argmin(losses))]


def _balanced_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean over classes of the mean log loss of their sequences."""
    right = np.clip(probabilities[np.arange(len(truth)), truth], np.finfo(float).eps, None)
    counts = np.bincount(truth)
    sums = np.bincount(truth, weights=-np.log(right))
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def _fold(rows: pl.DataFrame, labels: list[str], k: int) -> Fold:
    counts = kmer_counts(rows["sequence"], k)
    totals = np.asarray(counts.sum(axis=1))
    profiles = counts.copy()
    profiles.data = np.sqrt(counts.data / np.repeat(totals, np.diff(counts.indptr)))
    letters = rows.select(
        pl.col("sequence").str.len_bytes().clip(lower_bound=1).log().alias("length"),
        pl.col("sequence").str.count_matches("[GCgc]").alias("gc"),
        pl.col("sequence").str.count_matches("[ACGTacgt]").alias("bases"),
    )
    log_length, gc, bases = (letters[name].to_numpy().astype(float) for name in letters.columns)
    share = np.divide(gc, bases, out=np.full(len(gc), np.nan), where=bases > 0)
    truth = rows["label"].replace_strict(labels, range(len(labels)), return_dtype=pl.Int64).to_numpy()
    return Fold(profiles, np.column_stack([log_length, share, log_length**2, share**2, log_length * share]), truth)


def _limited(rows: pl.DataFrame, seed: int, limit: int) -> pl.DataFrame:
    """Return at most `limit` rows, drawn so that every class keeps its share, and at least one row."""
    if rows.height <= limit:
        return rows
    shuffled = rows[np.random.default_rng(seed).permutation(rows.height)]
    place = pl.int_range(pl.len()).over("label") / pl.len().over("label")
    kept = shuffled.with_columns(place.alias("place")).sort("place", maintain_order=True).head(limit)
    return kept.drop("place").sort("sequence_id")
