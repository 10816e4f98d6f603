"""What length, GC content and short words alone tell about the class: logistic regressions that know nothing else."""

import warnings
from typing import Any

import numpy as np
import polars as pl
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from phenolens.core.kmers import kmer_counts
from phenolens.dataset.balance import macro_auroc, number

KMER = 4
LIMIT = 20_000  # sequences of a split, drawn at random where there are more
STEPS = 300  # of the optimiser
FEATURES = ("length", "gc", "length and gc", "4-mers")


def simple_things(
    sequences: pl.DataFrame, covariates: pl.DataFrame, *, column: str = "split", seed: int
) -> dict[str, Any]:
    """Return how well a logistic regression on each simple thing, trained on train, tells the classes of test, ready for JSON.

    Keys: train and test (sequences used), train_of and test_of (there are), chance (of balanced_accuracy and auroc), rows: for
    each of FEATURES balanced_accuracy (mean over the classes of the share that is recognised) and auroc (each class
    against the rest, mean over classes). Length is the logarithm and its square, gc the share and its square (so that a class in
    the midst of the others is seen), both together also have their product; 4-mers are square roots of the frequencies of
    canonical 4-mers. All are scaled by mean and standard deviation of train; classes weigh the same. No rows where train has
    fewer than two classes or test none.

    Parameters
    ----------
    sequences : SEQUENCES.
    covariates : log_length and gc of every sequence, as made by `balance.covariates`.
    column : the split column.
    seed : of what is drawn.
    """
    labels = sequences["label"].unique().sort()
    truth = sequences["label"].rank("dense").cast(pl.Int64).to_numpy() - 1
    generator = np.random.default_rng(seed)
    have = {split: np.flatnonzero((sequences[column] == split).to_numpy()) for split in ("train", "test")}
    used = {split: np.sort(generator.permutation(rows)[:LIMIT]) for split, rows in have.items()}
    train, test = used["train"], used["test"]
    rows = []
    if len(np.unique(truth[train])) >= 2 and len(test):
        features = _features(sequences["sequence"], covariates, train, test)
        for name in FEATURES:
            probabilities = _predicted(*features[name], truth[train], len(labels))
            right = probabilities.argmax(axis=1) == truth[test]
            recall = [right[truth[test] == c].mean() for c in np.unique(truth[test])]
            rows.append(
                {
                    "features": name,
                    "balanced_accuracy": float(np.mean(recall)),
                    "auroc": number(macro_auroc(probabilities, truth[test])),
                }
            )
    return {
        "train": len(train),
        "train_of": len(have["train"]),
        "test": len(test),
        "test_of": len(have["test"]),
        "chance": {"balanced_accuracy": 1 / len(labels), "auroc": 0.5},
        "rows": rows,
    }


def _features(
    text: pl.Series, covariates: pl.DataFrame, train: np.ndarray, test: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return name -> (float (n, f) of train, float (m, f) of test), scaled; an absent value is the mean of train."""
    sides: dict[str, list[np.ndarray]] = {name: [] for name in FEATURES}
    for rows in (train, test):
        # centred, so that a value and its square are not one and the same
        length, gc = (
            covariates[name].to_numpy()[rows] - (covariates[name][train].mean() or 0) for name in ("log_length", "gc")
        )
        counts = kmer_counts(text[rows], KMER).toarray().astype(float)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        sides["length"].append(np.column_stack([length, length**2]))
        sides["gc"].append(np.column_stack([gc, gc**2]))
        sides["length and gc"].append(np.column_stack([length, length**2, gc, gc**2, length * gc]))
        sides["4-mers"].append(np.sqrt(shares))
    return {name: _scaled(*values) for name, values in sides.items()}


def _scaled(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.ma.masked_invalid(train)
    mean, deviation = known.mean(axis=0).filled(0), known.std(axis=0).filled(0)
    deviation[deviation < 1e-9] = 1
    return np.nan_to_num((train - mean) / deviation), np.nan_to_num((test - mean) / deviation)


def _predicted(train: np.ndarray, test: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return float (m, C), probabilities of a logistic regression; 0 for a class that train lacks."""
    model = LogisticRegression(class_weight="balanced", max_iter=STEPS)
    with warnings.catch_warnings():
        # separable classes have no optimum: after STEPS steps the order of the scores is what it will be
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train, truth)
    probabilities = np.zeros((len(test), classes))
    probabilities[:, model.classes_] = model.predict_proba(test)
    return probabilities
