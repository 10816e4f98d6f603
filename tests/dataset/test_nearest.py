"""The memoriser against dictionaries of 8-mers and scikit-learn, and where copies and families are planted."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from sequence_tables import dna, fair, families, sequence_table, turned
from sklearn.metrics import roc_auc_score

from phenolens.dataset import nearest as module
from phenolens.dataset.nearest import nearest_neighbours


def cosine(a, b):
    """Oracle: cosine of the counts of 8-mers, each counted as the lesser of it and its reverse complement."""
    counts = []
    for text in (a.upper(), b.upper()):
        words = (text[i : i + 8] for i in range(len(text) - 7))
        counts.append(Counter(min(w, turned(w)) for w in words if set(w) <= set("ACGT")))
    dot = sum(n * counts[1][w] for w, n in counts[0].items())
    norms = [np.sqrt(sum(n * n for n in c.values())) for c in counts]
    return dot / (norms[0] * norms[1]) if all(norms) else 0.0


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("block", [1, 1000, 1 << 18])
def test_everything_is_as_with_dictionaries(dense, block, monkeypatch):
    if dense:
        monkeypatch.setattr(module, "DENSE", 1e-6)
    monkeypatch.setattr(module, "BLOCK_BASES", block)
    table = families(mutated=0.08, length=90, copies=4, split="random")
    table = table.with_columns(
        sequence=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("ACGNT")).otherwise("sequence")
    )
    table = pl.concat(
        [
            table[:20],
            table[20:].with_columns(label=pl.when(pl.col("label") == "a").then(pl.lit("c")).otherwise("label")),
        ]
    )
    labels = sorted(set(table["label"]))
    train, test = (table.filter(split=split) for split in ("train", "test"))
    best = np.array(
        [
            [max(cosine(t, o) for o in train.filter(label=label)["sequence"]) for label in labels]
            for t in test["sequence"]
        ]
    )
    truth = np.array([labels.index(label) for label in test["label"]])
    lead = np.array([[row[c] - max(np.delete(row, c)) for c in range(len(labels))] for row in best])
    facts = nearest_neighbours(table, ["split"], seed=1)["split"]["test"]
    assert (facts["sequences"], facts["of"], facts["training"]) == (test.height, test.height, train.height)
    assert facts["accuracy"] == pytest.approx((best.argmax(axis=1) == truth).mean())
    present = np.unique(truth)
    expected = np.mean([roc_auc_score(truth == c, lead[:, c].astype(np.float32)) for c in present])
    assert facts["auroc"] == pytest.approx(expected, abs=1e-3)
    for row in facts["bins"]:
        inside = (best.max(axis=1) >= row["low"]) & (best.max(axis=1) < row["high"] + (row["high"] == 1))
        assert row["n"] == inside.sum()
        if row["n"]:
            assert row["accuracy"] == pytest.approx((best.argmax(axis=1) == truth)[inside].mean())
    assert sum(row["n"] for row in facts["bins"]) == test.height


def test_families_are_remembered_on_a_random_split_and_not_by_group():
    table = families(count=24)
    dealt = families(count=24, split="random")
    by_group = nearest_neighbours(table, ["split"], seed=1)["split"]["test"]
    at_random = nearest_neighbours(dealt, ["split"], seed=1)["split"]["test"]
    assert at_random["auroc"] > 0.99
    assert at_random["bins"][0]["n"] == 0
    assert 0.3 < by_group["auroc"] < 0.7
    assert by_group["bins"][0]["n"] == by_group["sequences"]


def test_a_copy_and_a_reverse_complement_have_similarity_one():
    random = np.random.default_rng(1)
    text = [dna(random, 100) for _ in range(4)]
    rows = [
        ("a", "train", text[0]),
        ("b", "train", text[1]),
        ("a", "test", text[0].lower()),
        ("a", "test", turned(text[1])),
    ]
    facts = nearest_neighbours(sequence_table(rows), ["split"], seed=1)["split"]["test"]
    assert facts["bins"][-1] == {"low": 0.75, "high": 1.0, "n": 2, "accuracy": 0.5, "auroc": None}


def test_sequences_are_drawn_when_all_pairs_take_too_long_and_that_is_said(monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 20.0 * 30 * 20)
    monkeypatch.setattr(module, "FEWEST", 20)
    table = fair()
    facts = nearest_neighbours(table, ["split", "random_split"], seed=1)
    test, validation = facts["split"]["test"], facts["split"]["validation"]
    assert (test["sequences"], test["of"], validation["sequences"], validation["of"]) == (15, 100, 5, 100)
    assert 20 < test["training"] <= 30 < test["training_of"] == 200
    assert facts == nearest_neighbours(table, ["split", "random_split"], seed=1)
    assert facts != nearest_neighbours(table, ["split", "random_split"], seed=2)


@pytest.mark.parametrize("splits", [["train"], ["test"], ["train", "test"], ["validation", "train"]])
def test_absent_splits_give_absent_numbers(splits):
    rows = [(label, split, "ACGTTGCA" * 5) for split in splits for label in "ab"]
    facts = nearest_neighbours(sequence_table(rows), ["split"], seed=1)["split"]
    for part in ("test", "validation"):
        known = part in splits and "train" in splits
        assert (facts[part]["accuracy"] is not None) == known
        assert bool(facts[part]["bins"]) == known


def test_one_class_in_training_is_always_predicted():
    random = np.random.default_rng(3)
    rows = [("a", "train", dna(random, 60)) for _ in range(3)] + [(label, "test", dna(random, 60)) for label in "aabb"]
    facts = nearest_neighbours(sequence_table(rows), ["split"], seed=1)["split"]["test"]
    assert facts["accuracy"] == 0.5
