"""Properties of sequences and classes, against plain Python, closed forms and scikit-learn."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sequence_tables import NO_ACCOUNT, fair, sequence_table
from sklearn.metrics import roc_auc_score

from phenolens.dataset import balance as module
from phenolens.dataset.balance import (
    auroc,
    balance,
    class_sizes,
    covariates,
    macro_auroc,
    shortfall,
    standardised_mean_difference,
)


def plain(text):
    upper = text.upper()
    n = {letter: upper.count(letter) for letter in "ACGT"}
    known = sum(n.values())
    return {
        "log_length": math.log(len(text)),
        "gc": (n["G"] + n["C"]) / known if known else None,
        "masked": sum(letter.islower() for letter in text) / len(text),
        "cpg": sum(upper[i : i + 2] == "CG" for i in range(len(upper))) * len(text) / (n["C"] * n["G"])
        if n["C"] * n["G"]
        else None,
        "unknown": 1 - known / len(text),
    }


@example(["GC", "GC"], 1000)  # C and G of neighbours are no CG
@given(
    st.lists(st.text("ACGTacgtNnRy", min_size=1, max_size=30), min_size=1, max_size=8), st.sampled_from([1, 7, 1000])
)
def test_covariates_are_those_of_plain_python(texts, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BASES", block)
        found = covariates(pl.DataFrame({"sequence": texts})).rows(named=True)
    for row, text in zip(found, texts, strict=True):
        assert row == pytest.approx(plain(text))


def test_auroc_is_that_of_scikit_learn():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 8, 50).astype(float), random.integers(2, 10, 70).astype(float)
    assert auroc(a, b) == pytest.approx(roc_auc_score([1] * 50 + [0] * 70, np.concatenate([a, b])))
    truth, scores = random.integers(0, 3, 90), random.random((90, 3))
    expected = np.mean([roc_auc_score(truth == c, scores[:, c]) for c in range(3)])
    assert macro_auroc(scores, truth) == pytest.approx(expected)
    assert np.isnan(macro_auroc(scores, np.zeros(90, dtype=int)))


def test_smd_closed_forms():
    assert standardised_mean_difference(np.array([0.0, 2.0]), np.array([3.0, 5.0])) == pytest.approx(-3 / np.sqrt(2))
    assert standardised_mean_difference(np.full(5, 0.3), np.full(4, 0.3)) == 0
    assert np.isnan(standardised_mean_difference(np.full(5, 0.3), np.full(4, 0.4)))
    assert np.isnan(standardised_mean_difference(np.array([1.0]), np.array([1.0, 2.0])))


def four_classes():
    lengths = {"a": 100, "b": 200, "not a": 100, "rest": 150}
    table = sequence_table([(label, "train", "ACGT" * (n // 4)) for label, n in lengths.items() for _ in range(3)])
    table = table.with_columns(
        origin=pl.when(pl.col("label").is_in(["a", "b"])).then("origin").otherwise(pl.lit("matched"))
    )
    return pl.concat([table, covariates(table)], how="horizontal")


def test_known_background_is_compared_with_its_own_classes_only():
    rows = balance(four_classes(), {"not a": ["a"], "rest": ["a", "b", "gone"], "gone": ["a"]})
    pairs = [(tuple(row["classes"]), row["background"]) for row in rows if row["covariate"] == "log_length"]
    assert pairs == [(("a", "not a"), True), (("a, b", "rest"), True)]
    means = next(
        row["means"] for row in rows if row["classes"] == ["a, b", "rest"] and row["covariate"] == "log_length"
    )
    assert np.exp(means) == pytest.approx([math.sqrt(100 * 200), 148])


def test_unknown_background_is_told_by_its_origin():
    rows = [row for row in balance(four_classes(), None) if row["covariate"] == "gc"]
    assert {tuple(row["classes"]): row["background"] for row in rows} == {
        ("a", "b"): False, ("a", "not a"): True, ("a", "rest"): True, ("b", "not a"): True, ("b", "rest"): True,
        ("not a", "rest"): False,
    }  # fmt: skip


def test_class_sizes_by_hand():
    table = sequence_table([("a", "train", "A")] * 6 + [("b", "train", "A")] * 2 + [("b", "test", "A")])
    found = class_sizes(table)
    assert found["train"] == {"shares": {"a": 0.75, "b": 0.25}, "smallest": "b", "largest": "a", "ratio": 3.0}
    assert found["test"] == {"shares": {"b": 1.0}, "smallest": "b", "largest": "b", "ratio": 1.0}
    assert "validation" not in found


def test_shortfall_adds_the_sources_of_a_class():
    rows = [
        ("n", "background", "wanted", 30, 0),
        ("n", "background", "found", 30, 900),
        ("n", "background", "wanted", 70, 0),
    ]
    rows += [
        ("n", "background", "found", 60, 900),
        ("m", "background", "wanted", 0, 0),
        ("a", "taken", "sequences", 9, 9),
    ]
    account = pl.DataFrame(rows, schema=NO_ACCOUNT.schema, orient="row")
    assert shortfall(account) == {
        "n": {"wanted": 100, "found": 90, "share": 0.9}, "m": {"wanted": 0, "found": 0, "share": None},
    }  # fmt: skip
    assert shortfall(NO_ACCOUNT) == {}


def test_a_table_of_equal_classes_is_balanced():
    table = fair()
    rows = balance(pl.concat([table, covariates(table)], how="horizontal"), None)
    assert [row["covariate"] for row in rows] == ["log_length", "gc", "masked", "cpg"]
    assert rows[0]["smd"] == 0
    assert abs(rows[1]["smd"]) < 0.3
