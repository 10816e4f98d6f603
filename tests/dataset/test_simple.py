"""What simple classifiers get, where it is planted what can be got."""

import numpy as np
import polars as pl
import pytest
from sequence_tables import dna, fair, sequence_table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from phenolens.dataset import simple as module
from phenolens.dataset.balance import covariates
from phenolens.dataset.simple import FEATURES, simple_things


def found(table, **options):
    facts = simple_things(table, covariates(table), seed=1, **options)
    return facts, {row["features"]: row["auroc"] for row in facts["rows"]}


def test_nothing_is_told_where_nothing_differs():
    facts, auroc = found(fair(n=600))
    assert facts["chance"] == {"balanced_accuracy": 0.5, "auroc": 0.5}
    assert [row["features"] for row in facts["rows"]] == list(FEATURES)
    assert auroc["length"] == 0.5  # all have one length
    assert all(0.4 < value < 0.6 for value in auroc.values())


def test_each_planted_difference_is_seen_by_its_own_classifier_only():
    random = np.random.default_rng(1)
    table = fair()
    longer = table.with_columns(
        sequence=pl.Series(
            [s + dna(random, 60) if label == "b" else s for label, s in table.select("label", "sequence").iter_rows()]
        )
    )
    _, auroc = found(longer)
    assert auroc["length"] == 1
    assert auroc["length and gc"] > 0.99
    assert 0.35 < auroc["gc"] < 0.65
    _, auroc = found(fair(gc=(0.4, 0.6)))
    assert auroc["length"] == 0.5
    assert min(auroc["gc"], auroc["length and gc"], auroc["4-mers"]) > 0.99


def test_a_class_in_the_midst_of_the_other_is_seen():
    """Lengths 100 and 300 against 170: a line through the logarithm would see nothing."""
    random = np.random.default_rng(2)
    rows = [
        (label, split, dna(random, length))
        for split in ("train", "test")
        for _ in range(30)
        for label, length in (("a", 100), ("a", 300), ("b", 170))
    ]
    assert found(sequence_table(rows))[1]["length"] == 1


def test_order_of_letters_is_seen_by_4_mers_only():
    """The same bases in other order: AC AC AC ... GT ... against shuffled ones."""
    random = np.random.default_rng(3)
    rows = []
    for i in range(120):
        plain = "".join(random.choice(["ACAC", "GTGT", "CACA"], 30))
        shuffled = "".join(random.permutation(list(plain)))
        rows += [("a", ("train", "test")[i % 2], plain), ("b", ("train", "test")[i % 2], shuffled)]
    _, auroc = found(sequence_table(rows))
    assert auroc["4-mers"] > 0.99
    assert auroc["length and gc"] < 0.65


def test_gc_is_as_with_a_pipeline_of_scikit_learn():
    random = np.random.default_rng(4)
    splits = ["train"] * 60 + ["test"] * 30
    table = sequence_table(
        [(label, s, dna(random, 120, gc)) for label, gc in zip("abc", (0.4, 0.45, 0.5), strict=True) for s in splits]
    )
    gc = np.array([sum(letter in "GC" for letter in s) / len(s) for s in table["sequence"]])
    X, y, train = np.column_stack([gc, gc**2]), table["label"].to_numpy(), (table["split"] == "train").to_numpy()
    X = np.column_stack([gc - gc[train].mean(), (gc - gc[train].mean()) ** 2])
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")).fit(X[train], y[train])
    row = next(r for r in found(table)[0]["rows"] if r["features"] == "gc")
    p = model.predict_proba(X[~train])
    assert row["auroc"] == pytest.approx(roc_auc_score(y[~train], p, multi_class="ovr", average="macro"), abs=1e-3)
    assert row["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(y[~train], model.predict(X[~train])), abs=0.02
    )


def test_at_most_so_many_are_used_and_that_is_said(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 50)
    facts, _ = found(fair())
    assert (facts["train"], facts["train_of"], facts["test"], facts["test_of"]) == (50, 200, 50, 100)
    assert facts == found(fair())[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.filter(pl.col("split") != "test"),
        lambda t: t.filter(pl.col("split") != "train"),
        lambda t: t.filter((pl.col("split") != "train") | (pl.col("label") == "a")),
    ],
)
def test_without_two_classes_to_learn_or_a_test_there_are_no_rows(change):
    assert found(change(fair()))[0]["rows"] == []


def test_a_class_that_only_the_test_has_and_sequences_of_n_are_no_crash():
    table = fair().with_columns(
        label=pl.when((pl.col("split") == "test") & (pl.int_range(pl.len()) % 7 == 0))
        .then(pl.lit("c"))
        .otherwise("label")
    )
    table = table.with_columns(
        sequence=pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit("NNNNNNN")).otherwise("sequence")
    )
    assert all(np.isfinite(value) for value in found(table)[1].values())
