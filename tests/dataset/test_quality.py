"""The certificate on hand-made tables, against scikit-learn, and on planted faults."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from phenolens.core.schemas import SEQUENCES
from phenolens.dataset.quality import auroc, certificate, standardised_mean_difference
from phenolens.dataset.sequences import reverse_complement

NO_ACCOUNT = pl.DataFrame(
    schema={"label": pl.String, "kind": pl.String, "reason": pl.String, "n": pl.Int64, "bases": pl.Int64}
)


def dna(random, length, gc=0.4):
    p = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return "".join(random.choice(list("ACGT"), length, p=p))


def sequences(rows):
    """Return SEQUENCES of (label, split, sequence); every row its own locus and group unless overwritten."""
    n = len(rows)
    ids = [f"s{i}" for i in range(n)]
    none = {
        c: pl.Series([None] * n, dtype=SEQUENCES.columns[c].dtype)
        for c in ("chrom", "start", "end", "strand", "allele", "name")
    }
    return pl.DataFrame(
        {
            "sequence_id": ids, **none, "origin": ["intervals"] * n, "locus": ids, "sequence": [r[2] for r in rows],
            "label": [r[0] for r in rows], "group": ids, "split": [r[1] for r in rows], "random_split": [r[1] for r in rows],
        }
    )  # fmt: skip


def fair(seed=1, n=200, gc=(0.4, 0.4)):
    random = np.random.default_rng(seed)
    splits = ["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n - n // 2 - n // 4)
    return sequences([(label, split, dna(random, 150, gc[label == "b"])) for label in "ab" for split in splits])


def test_a_fair_dataset_is_sound_and_the_certificate_is_json():
    found = certificate(fair(), NO_ACCOUNT)
    assert (found["verdict"], found["reasons"]) == ("sound", [])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["verdict", "reasons", "classes", "leakage", "balance", "account"]


def test_counts_by_hand():
    table = sequences(
        [("a", "train", "ACGTacgtNN"), ("a", "test", "GGGG"), ("b", "train", "AAAA"), ("b", "test", "AC")]
    )
    found = certificate(table.with_columns(group=pl.Series(["g1", "g1", "g2", "g3"])), NO_ACCOUNT)
    assert found["classes"]["a"]["sequences"] == 2
    assert found["classes"]["a"]["bases"] == 14
    assert found["classes"]["a"]["n_share"] == pytest.approx(2 / 14)
    assert found["classes"]["a"]["lower_share"] == pytest.approx(4 / 14)
    assert found["classes"]["a"]["largest_group"] == {"group": "g1", "share": 1.0}
    assert found["classes"]["b"]["splits"]["test"] == {
        "sequences": 1,
        "bases": 2,
        "groups": 1,
        "n_share": 0.0,
        "lower_share": 0.0,
    }
    assert found["classes"]["b"]["splits"]["validation"]["n_share"] is None
    rows = {row["covariate"]: row for row in found["balance"]}
    assert rows["gc"]["means"] == pytest.approx([(0.5 + 1) / 2, 0.25])
    assert rows["cpg"]["means"][0] == pytest.approx(2 * 10 / (2 * 2))  # GGGG has no C: absent, not 0
    assert rows["cpg"]["smd"] is None


def test_leaks_are_counted_and_make_it_unsound():
    table = fair()
    train, test = table.filter(pl.col("split") == "train"), table.filter(pl.col("split") == "test")
    copies = pl.concat(
        [
            test[:1].with_columns(sequence=pl.Series([train["sequence"][0].lower()])),
            test[1:2].with_columns(sequence=pl.Series([reverse_complement(train["sequence"][1])])),
        ]
    )
    leaky = pl.concat([table.filter(~pl.col("sequence_id").is_in(copies["sequence_id"].to_list())), copies])
    found = certificate(leaky, NO_ACCOUNT)
    assert found["leakage"]["split"] == {
        "duplicates": 2,
        "twins": 2,
        "groups_on_both_sides": 0,
        "loci_on_both_sides": 0,
    }
    assert found["verdict"] == "unsound"
    assert "4 sequences have an identical copy" in found["reasons"][0]


def test_a_group_on_both_sides_makes_it_unsound():
    table = fair().with_columns(
        group=pl.when(pl.col("sequence_id").is_in(["s0", "s199"])).then(pl.lit("g")).otherwise("group")
    )
    found = certificate(table, NO_ACCOUNT)
    assert found["leakage"]["split"]["groups_on_both_sides"] == 1
    assert found["verdict"] == "unsound"
    assert "Use split = group." in found["reasons"][0]


def test_a_missing_class_is_reported_not_a_crash():
    table = fair().filter((pl.col("label") == "a") | (pl.col("split") == "train"))
    found = certificate(table, NO_ACCOUNT)
    assert found["verdict"] == "unsound"
    assert "Class b has no test sequence" in found["reasons"][0]


@pytest.mark.parametrize(
    ("gc", "words"),
    [
        ((0.45, 0.4), "(0.45 against 0.40; AUROC by it alone 0.8"),
        ((0.4, 0.45), "(0.40 against 0.45; AUROC by it alone 0.1"),
    ],
)
def test_background_that_differs_in_gc_is_said_in_words(gc, words):
    table = fair(gc=gc).with_columns(origin=pl.when(pl.col("label") == "b").then(pl.lit("matched")).otherwise("origin"))
    found = certificate(table, NO_ACCOUNT)
    assert found["verdict"] == "usable with care"
    assert len(found["reasons"]) == 1
    assert found["reasons"][0].startswith(f"a and b differ in GC content {words}")
    assert found["reasons"][0].endswith("background should not differ from the class it is matched to.")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.filter((pl.col("split") != "test") | (pl.col("sequence_id").str.slice(1).cast(pl.Int64) % 10 == 0)), "only 5 test sequences"),
        (lambda t: t.with_columns(group=pl.when((pl.col("label") == "a") & (pl.col("split") == "test")).then(pl.lit("g")).otherwise("group")), "come from 1 group"),
        (lambda t: t.filter((pl.col("split") != "validation") | (pl.col("label") == "b")), "Class a has no validation sequence"),
        (lambda t: t.filter((pl.col("split") != "train") | (pl.col("label") == "b")).vstack(t.filter((pl.col("split") == "train") & (pl.col("label") == "a")).with_columns(group=pl.lit("g"))).filter((pl.col("label") == "b") | (pl.col("split") != "validation")), "are one group of related sequences"),
        (lambda t: t.with_columns(sequence=pl.col("sequence").str.replace("^.....", "NNNNN")), "are not A, C, G or T"),
        (lambda t: t.with_columns(sequence=pl.when(pl.col("label") == "a").then(pl.col("sequence").str.slice(0, 100)).otherwise("sequence")), "differ in length (100 against 150 bases"),
    ],
)  # fmt: skip
def test_what_asks_for_care_is_said(change, sentence):
    found = certificate(change(fair()), NO_ACCOUNT)
    assert found["verdict"] == "usable with care"
    assert any(sentence in reason for reason in found["reasons"]), found["reasons"]


def test_a_difference_that_nobody_could_use_is_no_reason():
    """All of class a is masked, of class b all but one base in 150: the SMD is undefined, the AUROC 1, and it is no matter."""
    masked = pl.col("sequence").str.to_lowercase()
    one_upper = masked.str.slice(0, 149) + pl.col("sequence").str.slice(149)
    table = fair().with_columns(
        sequence=pl.when(pl.col("label") == "a").then(masked).otherwise(one_upper),
        origin=pl.when(pl.col("label") == "b").then(pl.lit("matched")).otherwise("origin"),
    )
    assert certificate(table, NO_ACCOUNT)["verdict"] == "sound"


def test_auroc_is_that_of_scikit_learn():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 8, 50).astype(float), random.integers(2, 10, 70).astype(float)
    assert auroc(a, b) == pytest.approx(roc_auc_score([1] * 50 + [0] * 70, np.concatenate([a, b])))


def test_smd_closed_forms():
    assert standardised_mean_difference(np.array([0.0, 2.0]), np.array([3.0, 5.0])) == pytest.approx(-3 / np.sqrt(2))
    assert standardised_mean_difference(np.full(5, 0.3), np.full(4, 0.3)) == 0
    assert np.isnan(standardised_mean_difference(np.full(5, 0.3), np.full(4, 0.4)))
    assert np.isnan(standardised_mean_difference(np.array([1.0]), np.array([1.0, 2.0])))
