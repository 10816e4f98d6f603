"""What a memoriser gets: every held-out sequence takes the class of the training sequence most like it."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from phenolens.core.kmers import canonical_kmers, kmer_counts, row_blocks
from phenolens.dataset.balance import macro_auroc, number

KMER = 8
EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the bins of similarity
PARTS = {"test": 3 / 4, "validation": 1 / 4}  # their shares of the sequences that are looked up
FEWEST = 500  # sequences of a split column that are looked up, before training sequences are left out
BUDGET = 4.5e9  # nanoseconds of one core, about, for a split column
DENSE = 2000.0  # nanoseconds a pair, where most k-mers are in both
SPARSE = (20.0, 10.0)  # nanoseconds a pair, and a k-mer that is in both
BLOCK_BASES = 1 << 18  # of training sequences at a time, and up to 16 times as many of long ones
CHUNK = 256  # queries compared with a block at a time


class _Job(NamedTuple):
    """Held-out rows of a split column, and what they are compared with."""

    rows: np.ndarray  # int64 (q,), test and validation
    train: np.ndarray  # bool (n,)
    profiles: list[csr_array]  # (at most CHUNK, F) each, of the rows
    best: np.ndarray  # float32 (q, C)


def nearest_neighbours(sequences: pl.DataFrame, columns: Sequence[str], *, seed: int) -> dict[str, dict[str, Any]]:
    """Return for each split column, for test and for validation, how well the most similar training sequence tells the class.

    Similarity is the cosine of the counts of canonical 8-mers: both strands are one, order does not matter, copies have 1. The
    class predicted is that of the most similar training sequence (of equals the first class by name). AUROC is one class
    against the rest, mean over classes, of how much more similar the nearest of the class is than the nearest of any other.

    Keys: sequences (looked up) and of (there are), training and training_of likewise, accuracy, auroc, bins: for similarities
    from `low` to `high` n, accuracy, auroc. Where all pairs would take too long, rows are drawn at random, and the first two
    pairs of numbers differ. Absent values are None.

    Parameters
    ----------
    sequences : SEQUENCES.
    columns : names of the split columns.
    seed : of what is drawn.
    """
    labels = sequences["label"].unique().sort()
    table = sequences.select("sequence", *columns, truth=pl.col("label").rank("dense").cast(pl.Int64) - 1)
    # rows of one class lie together, so that the best of each class is the maximum of a run
    table = table.sort("truth", maintain_order=True)
    length = table["sequence"].str.len_bytes().to_numpy().astype(float)
    jobs = {column: _job(table, column, length, len(labels), seed) for column in columns}
    used = np.any([job.train for job in jobs.values()], axis=0)
    _compare(table.filter(pl.Series(used)), [(job, job.train[used]) for job in jobs.values()])
    truth = table["truth"].to_numpy()
    facts: dict[str, dict[str, Any]] = {}
    for column, job in jobs.items():
        facts[column] = {}
        split = table[column].to_numpy()
        for part in PARTS:
            mine = split[job.rows] == part
            sizes = {
                "sequences": int(mine.sum()),
                "of": int((split == part).sum()),
                "training": int(job.train.sum()),
                "training_of": int((split == "train").sum()),
            }
            facts[column][part] = sizes | _outcome(job.best[mine], truth[job.rows[mine]])
    return facts


def _job(table: pl.DataFrame, column: str, length: np.ndarray, classes: int, seed: int) -> _Job:
    """Return the rows to be compared: all, or as many of either side as the budget allows."""
    generator = np.random.default_rng(seed)
    split = table[column].to_numpy()
    train = np.flatnonzero(split == "train")
    held_out = {part: np.flatnonzero(split == part) for part in PARTS}
    # k-mers of a sequence if its letters were drawn at random
    features = int(canonical_kmers(KMER).max()) + 1
    distinct = features * -np.expm1(-length / features)
    others = np.concatenate(list(held_out.values()))
    shared = distinct[train].mean() * distinct[others].mean() / features if len(train) and len(others) else 0.0
    pairs = BUDGET / min(DENSE, SPARSE[0] + SPARSE[1] * shared)
    queries = max(FEWEST, int(pairs / max(1, len(train))))
    chosen = [
        # what the other part leaves is this part's
        generator.permutation(rows)[: max(round(queries * PARTS[part]), queries - (len(others) - len(rows)))]
        for part, rows in held_out.items()
    ]
    rows = np.sort(np.concatenate(chosen))
    limit = max(classes, int(pairs / max(1, len(rows))))
    mask = np.zeros(table.height, dtype=bool)
    mask[train if len(train) <= limit else generator.permutation(train)[:limit]] = True
    best = np.full((len(rows), classes), -1, dtype=np.float32)
    profiles = _profiles(table["sequence"][rows])
    return _Job(rows, mask, [profiles[at : at + CHUNK] for at in range(0, len(rows), CHUNK)], best)


def _profiles(sequences: pl.Series) -> csr_array:
    """Return float32 (n, F): counts of canonical 8-mers, each row divided by its length."""
    counts = kmer_counts(sequences, KMER)
    per_row = np.diff(counts.indptr)
    norm = np.sqrt(np.bincount(np.repeat(np.arange(len(per_row)), per_row), counts.data**2, minlength=len(per_row)))
    counts.data = (counts.data / np.repeat(norm, per_row)).astype(np.float32)
    return counts


def _compare(table: pl.DataFrame, jobs: list[tuple[_Job, np.ndarray]]) -> None:
    """Raise each job's `best` to the largest cosine with its training rows of every class.

    Parameters
    ----------
    table : sequence, truth; sorted by truth.
    jobs : with bool (n,), which of the rows are its training rows.
    """
    truth = table["truth"].to_numpy()

    def compared(span: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
        block = _profiles(table["sequence"][slice(*span)])
        found = []
        for job, mask in jobs:
            rows = np.flatnonzero(mask[slice(*span)])
            classes, heads = np.unique(truth[slice(*span)][rows], return_index=True)
            found.append((classes, _largest(job.profiles, block[rows], heads)))
        return found

    # what is done for every block pays only with some hundred rows in it
    length = table["sequence"].str.len_bytes().mean() or 0
    size = int(np.clip(CHUNK * float(length), BLOCK_BASES, 16 * BLOCK_BASES))  # type: ignore[arg-type]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for results in pool.map(compared, row_blocks(table["sequence"], size)):
            for (job, _), (classes, largest) in zip(jobs, results, strict=True):
                job.best[:, classes] = np.maximum(job.best[:, classes], largest)


def _largest(queries: list[csr_array], block: csr_array, heads: np.ndarray) -> np.ndarray:
    """Return float32 (q, c): the largest cosine of each query with each run of rows that begins at `heads`."""
    number = sum(some.shape[0] for some in queries)
    if not len(heads) or not number:
        return np.zeros((number, len(heads)), dtype=np.float32)
    shared = sum(some.nnz for some in queries) / number * block.nnz / block.shape[0] / block.shape[1]
    dense = SPARSE[0] + SPARSE[1] * shared > DENSE
    turned = block.toarray().T if dense else csr_array(block.T)
    largest = []
    for some in queries:
        cosines = some.toarray() @ turned if dense else (some @ turned).toarray()
        largest.append(np.maximum.reduceat(cosines, heads, axis=1))
    return np.concatenate(largest)


def _outcome(best: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return accuracy and auroc over all and per bin of similarity, of float (q, C) best cosines; -1 where a class has no training row."""
    if not best.size or best.max() < 0:
        return {"accuracy": None, "auroc": None, "bins": []}
    similarity = np.clip(best.max(axis=1), 0, 1)
    right = best.argmax(axis=1) == truth
    lead = np.stack(
        [best[:, c] - np.delete(best, c, axis=1).max(axis=1, initial=-1) for c in range(best.shape[1])], axis=1
    )
    place = np.clip(np.searchsorted(EDGES, similarity, side="right") - 1, 0, len(EDGES) - 2)
    bins = []
    for i, (low, high) in enumerate(pairwise(EDGES)):
        inside = place == i
        bins.append(
            {
                "low": low,
                "high": high,
                "n": int(inside.sum()),
                "accuracy": float(right[inside].mean()) if inside.any() else None,
                "auroc": number(macro_auroc(lead[inside], truth[inside])),
            }
        )
    return {"accuracy": float(right.mean()), "auroc": number(macro_auroc(lead, truth)), "bins": bins}
