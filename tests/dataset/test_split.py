"""Groups as connected components, and whole groups dealt to splits."""

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError
from phenolens.dataset.split import (
    components,
    fold_groups,
    groups,
    split_chromosomes,
    split_groups,
    split_random,
    splits_of_folds,
)

SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}
key = st.lists(st.none() | st.integers(0, 4), min_size=8, max_size=8)


def reachable(keys):
    """Return the smallest row that each row reaches over shared values, by repeated spreading."""
    n = len(keys[0])
    lowest = list(range(n))
    for _ in range(n):
        for i, j in product(range(n), repeat=2):
            if any(k[i] is not None and k[i] == k[j] for k in keys):
                lowest[i] = lowest[j] = min(lowest[i], lowest[j])
    return lowest


@settings(deadline=None, max_examples=40)
@given(key, key)
def test_components_are_what_shared_values_reach(a, b):
    found = components(
        [pl.Series(a, dtype=pl.Int64), pl.Series([None if x is None else f"x{x}" for x in b], dtype=pl.String)]
    ).tolist()
    expected = reachable([a, b])
    assert len(set(zip(found, expected, strict=True))) == len(set(found)) == len(set(expected))
    assert [x for i, x in enumerate(found) if x not in found[:i]] == list(range(len(set(found))))


def test_group_names_follow_their_members_not_the_row_order():
    ids = pl.Series(["d", "b", "c", "a"])
    family = pl.Series(["x", "y", None, None])
    locus = pl.Series(["1", "2", "2", "1"])
    named = dict(zip(ids, groups(ids, [family, locus]), strict=True))
    assert named == {"a": "g1", "b": "g2", "c": "g2", "d": "g1"}
    back = [2, 3, 0, 1]
    assert dict(zip(ids[back], groups(ids[back], [family[back], locus[back]]), strict=True)) == named


def test_a_null_belongs_to_nothing():
    nothing = pl.Series([None, None, None], dtype=pl.String)
    assert groups(pl.Series(["a", "b", "c"]), [nothing]).to_list() == ["g1", "g2", "g3"]


def random_groups(seed, n_groups=300):
    """Return (labels, groups) with group sizes of a long tail, one in five groups of two classes."""
    random = np.random.default_rng(seed)
    labels, names = [], []
    for number in range(n_groups):
        size = min(int(random.pareto(1.2) + 1), 150)
        classes = random.choice(["a", "b", "c"], 2 if random.random() < 0.2 else 1, p=[0.6, 0.3, 0.1])
        labels += random.choice(classes, size).tolist()
        names += [f"g{number}"] * size
    return pl.Series(labels), pl.Series(names)


@pytest.mark.parametrize("seed", range(5))
def test_whole_groups_near_the_wanted_shares_every_class_everywhere(seed):
    labels, names = random_groups(seed)
    split = split_groups(labels, names, SHARES, seed=1)
    table = pl.DataFrame({"label": labels, "group": names, "split": split})
    assert table.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    for label in ("a", "b", "c"):
        rows = table.filter(pl.col("label") == label)
        largest = rows["group"].value_counts()["count"].max()
        for name, share in SHARES.items():
            got = (rows["split"] == name).sum()
            assert got > 0
            assert abs(got - share * rows.height) <= max(2, 0.02 * rows.height, largest / 4)


def test_small_cases_reach_the_best_of_all_divisions():
    """Eight groups of one class: enumerate all 3^8 divisions; the greedy one is at most 3 % of the rows from the best."""
    random = np.random.default_rng(2)
    for _ in range(5):
        sizes = random.integers(1, 12, 8)
        names = pl.Series(np.repeat([f"g{i}" for i in range(8)], sizes).tolist())
        split = split_groups(pl.Series(["x"] * len(names)), names, SHARES, seed=1)
        wanted = np.array(list(SHARES.values()))
        got = np.array([(split == s).sum() for s in SHARES]) / len(names)
        every = np.array(list(product(range(3), repeat=8)))
        held = np.stack([((every == s) * sizes).sum(1) for s in range(3)], axis=1) / sizes.sum()
        best = ((held - wanted) ** 2).sum(1)[(held > 0).all(1)].min()
        assert np.sqrt(((got - wanted) ** 2).sum()) <= np.sqrt(best) + 0.03


@pytest.mark.parametrize("sizes", [(4, 4, 4), (1, 1, 1), (30, 1, 1), (5, 5, 1)])
def test_three_groups_are_one_a_split_whatever_the_sizes(sizes):
    labels = pl.Series(["big"] * 100 + ["rare"] * sum(sizes))
    names = pl.Series(
        [f"b{i // 2}" for i in range(100)] + [f"r{i}" for i, size in enumerate(sizes) for _ in range(size)]
    )
    split = split_groups(labels, names, SHARES, seed=1)
    assert set(split.filter(labels == "rare")) == set(SHARES)
    assert split.filter(names == "r0").unique().to_list() == ["train"] or sizes[0] == sizes[1]


@pytest.mark.parametrize("seed", range(5))
def test_three_groups_of_a_class_reach_all_three_splits(seed):
    labels = pl.Series(["big"] * 200 + ["rare"] * 9)
    names = pl.Series([f"b{i}" for i in range(200)] + ["r1"] * 5 + ["r2"] * 3 + ["r3"])
    split = split_groups(labels, names, SHARES, seed=seed)
    assert set(split.filter(labels == "rare")) == set(SHARES)
    assert split.filter(names == "r1").unique().to_list() == ["train"]


def test_two_groups_of_a_class_go_to_train_and_test():
    labels = pl.Series(["big"] * 50 + ["rare"] * 4)
    names = pl.Series([f"b{i}" for i in range(50)] + ["r1"] * 3 + ["r2"])
    assert set(split_groups(labels, names, SHARES, seed=3).filter(labels == "rare")) == {"train", "test"}


def test_one_group_of_a_class_is_an_error_in_one_line():
    labels, names = pl.Series(["a", "a", "b", "b"]), pl.Series(["g1", "g2", "g3", "g3"])
    with pytest.raises(
        DataError, match=r"^class b: all its sequences are in 1 group.*expected at least 2 groups.*dataset.group_by"
    ):
        split_groups(labels, names, SHARES, seed=1)


def test_an_empty_share_leaves_that_split_empty():
    labels, names = random_groups(1)
    split = split_groups(labels, names, {"train": 0.8, "validation": 0.0, "test": 0.2}, seed=1)
    assert set(split) == {"train", "test"}


def test_the_seed_decides_nothing_else_does():
    labels, names = random_groups(7)
    first = split_groups(labels, names, SHARES, seed=1)
    assert first.equals(split_groups(labels, names, SHARES, seed=1))
    order = np.random.default_rng(0).permutation(len(labels))
    assert split_groups(labels[order], names[order], SHARES, seed=1).equals(first[order])
    assert not first.equals(split_groups(labels, names, SHARES, seed=2))


def test_random_split_has_the_shares_in_every_class():
    labels = pl.Series(["a"] * 1000 + ["b"] * 100 + ["c"] * 20)
    split = split_random(labels, SHARES, seed=1)
    for label, n in (("a", 1000), ("b", 100), ("c", 20)):
        for name, share in SHARES.items():
            assert (split.filter(labels == label) == name).sum() == round(n * share)
    assert not split.equals(split_random(labels, SHARES, seed=2))


def test_chromosome_split():
    chrom = pl.Series(["chr1", "chr2", "chr3", "chr1"])
    assert split_chromosomes(chrom, ["chr2"], ["chr3"]).to_list() == ["train", "validation", "test", "train"]


@pytest.mark.parametrize(
    ("chrom", "validation", "test", "message"),
    [
        (["chr1", None], [], ["chr1"], "1 sequences have no genome coordinates"),
        (
            ["chr1", "chr2"],
            [],
            ["chrX"],
            "test_chromosomes: no sequence lies on chrX; expected chromosomes with sequences: chr1, chr2",
        ),
        (["chr1", "chr2"], [], [], "test_chromosomes: is empty"),
        (["chr1", "chr2", "chr3"], ["chr2"], ["chr2"], "chr2 is also in validation_chromosomes"),
        (["chr1", "chr2"], ["chr1"], ["chr2"], "no chromosome is left for train"),
    ],
)
def test_chromosome_splits_that_cannot_be(chrom, validation, test, message):
    with pytest.raises(DataError, match=message):
        split_chromosomes(pl.Series(chrom), validation, test)


def test_folds_hold_whole_groups_and_every_class_evenly():
    generator = np.random.default_rng(5)
    group = pl.Series([f"g{i}" for i in generator.integers(0, 200, 1500)])
    labels = pl.Series(generator.choice(["a", "b"], 1500, p=[0.3, 0.7]))
    fold = fold_groups(labels, group, 5, seed=1)
    table = pl.DataFrame({"group": group, "label": labels, "fold": fold})
    assert table.group_by("group").agg(pl.col("fold").n_unique())["fold"].max() == 1
    for _, part in table.group_by("label"):
        sizes = part.group_by("fold").len()["len"]
        assert len(sizes) == 5
        assert sizes.max() - sizes.min() <= 0.03 * part.height
    split = splits_of_folds(fold, 4, 5)
    assert set(zip(fold, split, strict=True)) == {
        (4, "test"),
        (0, "validation"),
        (1, "train"),
        (2, "train"),
        (3, "train"),
    }
