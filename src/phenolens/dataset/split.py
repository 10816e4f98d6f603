"""Which sequences are train, validation and test: whole groups, whole chromosomes, or (to show what leakage claims) at random.

A group is a connected component: two sequences that share a locus, a base of the genome, a family name or are similar
are in one group, and so is whatever is linked to either of them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from phenolens.core.errors import DataError

SPLITS = ("train", "validation", "test")
RESTARTS = 12  # greedy runs with other orders of the groups; the best is kept
MANY = 20_000  # groups with which one run is near enough
MOVES = 1000  # steps of improvement, at most
MISSING = 1e3  # weight of a class that a split lacks, far above any imbalance of sizes


def components(keys: Sequence[pl.Series]) -> np.ndarray:
    """Return int64 (n,): the connected component of each row, numbered by first appearance.

    Parameters
    ----------
    keys : n values each, of any type; rows with an equal value in any key belong together, null belongs to nothing.
    """
    n = len(keys[0])
    rows, columns, width = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], n
    for key in keys:
        present = np.flatnonzero(key.is_not_null().to_numpy())
        value = key.drop_nulls().rank("dense").to_numpy().astype(np.int64)
        rows.append(present)
        columns.append(value + width)
        width += len(present) + 1
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row), dtype=np.int8), (row, column)), shape=(width, width))
    number = connected_components(graph, directed=False)[1][:n]
    _, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def groups(ids: pl.Series, keys: Sequence[pl.Series]) -> pl.Series:
    """Return the group name of each row, g1, g2, ...: the components of these keys, numbered by their smallest id.

    The name of a group depends on its members, not on the order of rows.

    Parameters
    ----------
    ids : unique name of each of n rows.
    keys : as in `components`.
    """
    number = pl.Series("number", components(keys))
    smallest = pl.DataFrame({"id": ids, "number": number}).select(pl.col("id").min().over("number"))["id"]
    return smallest.rank("dense").cast(pl.Int64).cast(pl.String).str.replace("^", "g").alias("group")


def split_groups(labels: pl.Series, group: pl.Series, shares: Mapping[str, float], seed: int) -> pl.Series:
    """Return the split of each row, whole groups together, every class in each split as near its share as groups allow.

    Groups are dealt largest first to the split that lacks most of their classes (the greedy step of least squared
    deviation from the wanted counts); each class is first given one group in every split where it has three or more.
    The best of a few runs in other orders is kept.

    Parameters
    ----------
    labels : class of each row.
    group : group of each row.
    shares : train, validation, test -> wanted share of rows; a share of 0 leaves that split empty.
    seed : of the generator.

    Raises
    ------
    DataError : a class lies in a single group.
    """
    wanted_splits = [split for split in SPLITS if shares[split] > 0]
    number = _dealt_groups(labels, group, np.array([shares[split] for split in wanted_splits]), seed)
    return pl.Series("split", np.array(wanted_splits)[number], dtype=pl.String)


def fold_groups(labels: pl.Series, group: pl.Series, folds: int, seed: int) -> pl.Series:
    """Return the fold of each row, 0 to folds - 1: whole groups together, every class spread as evenly as groups allow.

    Parameters
    ----------
    labels : class of each row.
    group : group of each row.
    folds : number of folds.
    seed : of the generator.

    Raises
    ------
    DataError : a class lies in a single group.
    """
    return pl.Series("fold", _dealt_groups(labels, group, np.full(folds, 1 / folds), seed), dtype=pl.Int64)


def splits_of_folds(fold: pl.Series, test: int, folds: int) -> pl.Series:
    """Return the split of each row: fold `test` is test, the next one validation, the others train."""
    wanted = {test: "test", (test + 1) % folds: "validation"}
    return fold.replace_strict(wanted, default="train", return_dtype=pl.String).alias("split")


def _dealt_groups(labels: pl.Series, group: pl.Series, share: np.ndarray, seed: int) -> np.ndarray:
    """Return int64 (n,): part of each row, 0 .. len(share) - 1, as `split_groups` deals."""
    counts, classes = _counts(labels, group)
    _enough_groups(counts, classes)
    wanted = share[:, None] * counts.sum(0) / share.sum()  # (splits, C)
    generator = np.random.default_rng(seed)
    best, best_cost = np.zeros(len(counts), dtype=np.int64), np.inf
    for attempt in range(RESTARTS if len(counts) <= MANY else 1):
        # the first run takes sizes as they are, the others see them through noise
        seen = counts.sum(1) * (1.0 if attempt == 0 else generator.uniform(0.5, 2, len(counts)))
        dealt = _deal(counts, wanted, np.lexsort((generator.random(len(counts)), -seen)))
        held = np.stack([counts[dealt == s].sum(0) for s in range(len(wanted))])
        cost = _cost(held, wanted)
        if cost < best_cost:
            best, best_cost = dealt, cost
    return np.asarray(best[_rank(group)])


def _rank(values: pl.Series) -> np.ndarray:
    """Return int64 (n,): number of each value among the sorted distinct ones."""
    return values.rank("dense").to_numpy().astype(np.int64) - 1


def _counts(labels: pl.Series, group: pl.Series) -> tuple[np.ndarray, list[str]]:
    """Return (int64 (groups, C) rows of each class, groups and classes sorted by name; class names)."""
    classes, groups_ = labels.unique().sort().to_list(), group.n_unique()
    flat = np.bincount(_rank(group) * len(classes) + _rank(labels), minlength=groups_ * len(classes))
    return flat.reshape(groups_, len(classes)), classes


def _enough_groups(counts: np.ndarray, classes: list[str]) -> None:
    for name, number in zip(classes, (counts > 0).sum(0), strict=True):
        if number < 2:
            raise DataError(
                f"class {name}",
                f"all its sequences are in {number} group, so they cannot be in train and in test",
                expected="at least 2 groups, better 3 or more",
                remedy="give more independent loci or families, or make groups narrower: raise dataset.similarity_identity, or take name out of dataset.group_by",
            )


def _deal(counts: np.ndarray, wanted: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return int64 (groups,): the split of each group after one greedy run over the groups in this order."""
    total = counts.sum(0)
    dealt = np.full(len(counts), -1)
    held = np.zeros_like(wanted)
    _reserve(counts, order[::-1], held, dealt)
    weight = 1 / total
    large = order[(dealt[order] < 0) & (counts[order].sum(1) > 1)]
    for g in large:
        s = int(np.argmin(((held - wanted) * weight) @ counts[g]))
        dealt[g] = s
        held[s] += counts[g]
    for c in range(counts.shape[1]):
        single = order[(dealt[order] < 0) & (counts[order, c] > 0)]
        dealt[single] = _fill(wanted[:, c] - held[:, c], len(single))
    return _improved(dealt, counts, wanted)


def _improved(dealt: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the deal after moves of single groups, the best first, until none brings the counts nearer.

    Moving a group with counts g from split a to b changes the squared deviation by 2 sum g (d_b - d_a + g) / N^2, with d the
    surplus of a split over what is wanted, per class. A move that takes a split's last group of a class is not made.
    """
    dealt, splits = dealt.copy(), np.arange(len(wanted))
    scaled = counts / counts.sum(0)
    for _ in range(MOVES):
        member = dealt[:, None] == splits
        surplus = (member.T @ counts - wanted) / counts.sum(0)
        last = (member.T @ (counts > 0).astype(np.int64)) == 1
        fixed = ((counts > 0) & last[dealt]).any(1)
        gain = scaled @ surplus.T  # (groups, splits)
        change = gain - gain[np.arange(len(dealt)), dealt][:, None] + (scaled**2).sum(1)[:, None]
        change[fixed] = 0
        change[member] = 0
        g, s = np.unravel_index(np.argmin(change), change.shape)
        if change[g, s] >= -1e-12:
            break
        dealt[g] = s
    return dealt


def _reserve(counts: np.ndarray, smallest_first: np.ndarray, held: np.ndarray, dealt: np.ndarray) -> None:
    """Deal one small group of every class to each split that lacks it, rarest class first; train, then test, then validation."""
    number = (counts > 0).sum(0)
    sequence = [0, len(held) - 1, *range(1, len(held) - 1)]
    for c in np.argsort(number, kind="stable"):
        for s in sequence:
            free = smallest_first[(counts[smallest_first, c] > 0) & (dealt[smallest_first] < 0)]
            if held[s, c] == 0 and len(free):
                # the class's largest group belongs where most of the class belongs
                g = free[-1] if s == 0 and number[c] <= 3 else free[0]
                dealt[g] = s
                held[s] += counts[g]


def _fill(deficit: np.ndarray, n: int) -> np.ndarray:
    """Return int64 (n,): splits of n single sequences, so that each split's deficit is met as nearly as whole numbers allow."""
    need = np.maximum(deficit, 0)
    need = need * n / need.sum() if need.sum() > 0 else np.eye(len(deficit))[0] * n
    whole = np.floor(need).astype(np.int64)
    rest = np.argsort(-(need - whole), kind="stable")[: n - whole.sum()]
    whole[rest] += 1
    return np.repeat(np.arange(len(deficit)), whole)


def _cost(held: np.ndarray, wanted: np.ndarray) -> float:
    """Return the mean squared deviation of class shares per split, plus a large weight for every class a split lacks."""
    return float((((held - wanted) / wanted.sum(0)) ** 2).sum() + MISSING * (held == 0).sum())


def split_random(labels: pl.Series, shares: Mapping[str, float], seed: int) -> pl.Series:
    """Return the split of each row, dealt at random within each class: what is done where leakage is not thought of.

    Parameters
    ----------
    labels : class of each row.
    shares : train, validation, test -> wanted share.
    seed : of the generator.
    """
    wanted = np.array([shares[split] for split in SPLITS])
    generator = np.random.default_rng(seed)
    values = labels.to_numpy()
    dealt = np.zeros(len(values), dtype=np.int64)
    for label in labels.unique().sort():
        rows = generator.permutation(np.flatnonzero(values == label))
        dealt[rows] = _fill(wanted * len(rows), len(rows))
    return pl.Series("random_split", np.array(SPLITS)[dealt], dtype=pl.String)


def split_chromosomes(chrom: pl.Series, validation: Sequence[str], test: Sequence[str]) -> pl.Series:
    """Return the split of each row by its chromosome: those named for validation and test, the rest train.

    Parameters
    ----------
    chrom : chromosome of each row.
    validation, test : chromosomes.

    Raises
    ------
    DataError : a sequence has no chromosome, a chromosome is named twice or carries no sequence, or nothing is left for train.
    """
    if chrom.null_count():
        raise DataError(
            "dataset.split = chromosome",
            f"{chrom.null_count()} sequences have no genome coordinates",
            remedy="use split = group, or name the FASTA records chrom:start-end(strand)",
        )
    present = set(chrom.unique())
    for key, wanted in (("test_chromosomes", test), ("validation_chromosomes", validation)):
        absent = sorted(set(wanted) - present)
        if absent or (key == "test_chromosomes" and not wanted):
            found = f"no sequence lies on {', '.join(absent)}" if absent else "is empty"
            raise DataError(
                f"dataset.{key}", found, expected=f"chromosomes with sequences: {', '.join(sorted(present))}"
            )
    both = sorted(set(validation) & set(test))
    if both:
        raise DataError(
            "dataset.test_chromosomes",
            f"{', '.join(both)} is also in validation_chromosomes",
            expected="each chromosome once",
        )
    if present <= {*validation, *test}:
        raise DataError(
            "dataset.split = chromosome",
            "no chromosome is left for train",
            remedy="name fewer in test_chromosomes and validation_chromosomes",
        )
    where = {**dict.fromkeys(validation, "validation"), **dict.fromkeys(test, "test")}
    return chrom.replace_strict(where, default="train", return_dtype=pl.String).alias("split")
