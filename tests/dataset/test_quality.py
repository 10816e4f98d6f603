"""The certificate on hand-made tables, against scikit-learn, and on planted faults."""

import json

import numpy as np
import polars as pl
import pytest
from sequence_tables import NO_ACCOUNT, dna, fair, families, sequence_table, turned

from phenolens.dataset.quality import certificate

KEYS = [
    "verdict", "reasons", "problems", "classes", "class_sizes", "leakage", "nearest", "simple", "balance", "background", "account",
]  # fmt: skip


def certified(table, account=NO_ACCOUNT, **options):
    return certificate(table, account, seed=1, **options)


def test_a_fair_dataset_is_sound_and_the_certificate_is_json():
    found = certified(fair())
    assert (found["verdict"], found["reasons"]) == ("sound", [])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == KEYS


def test_counts_by_hand():
    table = sequence_table(
        [("a", "train", "ACGTacgtNN"), ("a", "test", "GGGG"), ("b", "train", "AAAA"), ("b", "test", "AC")]
    )
    found = certified(table.with_columns(group=pl.Series(["g1", "g1", "g2", "g3"])))
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
        "lengths": {"min": 2.0, "q25": 2.0, "median": 2.0, "q75": 2.0, "max": 2.0},
    }
    assert found["classes"]["a"]["lengths"] == {"min": 4.0, "q25": 5.5, "median": 7.0, "q75": 8.5, "max": 10.0}
    assert found["classes"]["b"]["splits"]["validation"]["lengths"] is None
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
            test[1:2].with_columns(sequence=pl.Series([turned(train["sequence"][1])])),
        ]
    )
    leaky = pl.concat([table.filter(~pl.col("sequence_id").is_in(copies["sequence_id"].to_list())), copies])
    found = certified(leaky)
    counted = {key: value for key, value in found["leakage"]["split"].items() if key != "pairs"}
    assert counted == {"duplicates": 2, "twins": 2, "groups_on_both_sides": 0, "loci_on_both_sides": 0}
    assert found["verdict"] == "unsound"
    assert found["reasons"][0].startswith(
        "2 of 100 test sequences have an identical copy in training (1 of them only as the reverse complement)"
    )
    assert found["problems"][0] == {"code": "copies", "severity": "fail", "sentence": found["reasons"][0]}


def test_a_group_on_both_sides_makes_it_unsound():
    table = fair().with_columns(
        group=pl.when(pl.col("sequence_id").is_in(["s0", "s199"])).then(pl.lit("g")).otherwise("group")
    )
    found = certified(table)
    assert found["leakage"]["split"]["groups_on_both_sides"] == 1
    assert found["verdict"] == "unsound"
    assert "Use split = group." in found["reasons"][0]


def test_a_missing_class_is_reported_not_a_crash():
    table = fair().filter((pl.col("label") == "a") | (pl.col("split") == "train"))
    found = certified(table)
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
    found = certified(table)
    assert found["verdict"] == "usable with care"
    assert len(found["reasons"]) == 1
    assert found["reasons"][0].startswith(f"a and b differ in GC content {words}")
    assert found["reasons"][0].endswith(
        'background should not differ from the class it is made for. Match background in it (match = ["gc", "masked"]).'
    )


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
    found = certified(change(fair()))
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
    assert certified(table)["verdict"] == "sound"


# relatives that nobody has put into groups
UNGROUPED = families(mutated=0.02, split="random", copies=14, length=300).with_columns(group="sequence_id")


def changed_pairs():
    """Class b is class a with some bases changed, the other of each pair in another split."""
    random = np.random.default_rng(8)
    rows = []
    for i in range(400):
        plain = dna(random, 120)
        other = "".join("ACGT"[random.integers(4)] if j % 9 == 0 else letter for j, letter in enumerate(plain))
        first, second = (("train", "test"), ("test", "train"), ("train", "validation"), ("validation", "train"))[i % 4]
        rows += [("a", first, plain), ("b", second, other)]
    return sequence_table(rows)


SHORTFALL = pl.DataFrame(
    [("b", "background", "wanted", 300, 0), ("b", "background", "found", 200, 9)],
    schema=NO_ACCOUNT.schema,
    orient="row",
)


@pytest.mark.parametrize(
    ("table", "options", "code", "sentence"),
    [
        (
            fair(),
            {"account": SHORTFALL},
            "background-shortfall",
            "Of 300 places wanted for background b only 200 were found",
        ),
        (
            fair().filter((pl.col("label") == "a") | (pl.int_range(pl.len()) % 12 == 0)),
            {},
            "unequal-classes",
            "times as many training sequences as b",
        ),
        (
            fair().filter((pl.col("label") == "a") | (pl.col("split") != "test") | (pl.int_range(pl.len()) % 3 == 0)),
            {},
            "shifted-classes",
            "Class b is 50% of training and",
        ),
        (UNGROUPED, {}, "near-copies", "have a near-copy"),
        (
            UNGROUPED,
            {},
            "memorised",
            "gets AUROC 1.00 on the test (random split: 1.00)",
        ),
        (
            UNGROUPED,
            {},
            "shared-words",
            "share 40 bases in a row with a training sequence",
        ),
        (changed_pairs(), {}, "made-from-each-other", "is of the wrong class more often than by chance"),
        (fair(gc=(0.4, 0.5)), {"background": {"c": ["a"]}}, "simple-things", "GC content only gets AUROC"),
    ],
)
def test_planted_faults_are_warned_of_with_their_code(table, options, code, sentence):
    found = certified(table, **options)
    assert code in [problem["code"] for problem in found["problems"]], found["reasons"]
    assert any(sentence in reason for reason in found["reasons"]), found["reasons"]
    assert found["verdict"] == "usable with care"
    assert {problem["severity"] for problem in found["problems"]} == {"warn"}


def test_what_the_balance_says_is_not_said_twice():
    codes = [problem["code"] for problem in certified(fair(gc=(0.4, 0.5)))["problems"]]
    assert codes == ["classes-gc"]


def test_a_large_difference_of_background_is_said_though_it_varies_much():
    """Masked in full or not at all: 62 % against 50 % is an SMD of 0.24; with a spread that hides it, the difference still counts."""
    upper = fair()
    number = pl.int_range(pl.len()).over("label")
    share = pl.when(pl.col("label") == "a").then(124).otherwise(100)
    table = upper.with_columns(
        sequence=pl.when(number * 37 % 200 < share).then(pl.col("sequence").str.to_lowercase()).otherwise("sequence"),
        origin=pl.when(pl.col("label") == "b").then(pl.lit("matched")).otherwise("origin"),
    )
    found = certified(table)
    assert [problem["code"] for problem in found["problems"]] == ["background-share"]
    assert "share of repeat-masked bases (0.62 against 0.50" in found["reasons"][0]


def test_every_reason_has_a_problem_and_says_what_to_do():
    table = families(mutated=0.02, split="random").with_columns(split="random_split", group=pl.lit("g"))
    table = table.filter((pl.col("label") == "a") | (pl.col("split") == "train")).with_columns(
        sequence=pl.col("sequence") + "NNNN"
    )
    found = certified(table, account=SHORTFALL)
    assert len(found["reasons"]) >= 6
    for problem, reason in zip(found["problems"], found["reasons"], strict=True):
        assert problem["sentence"] == reason
        assert reason.count(". ") + reason.count(": ") >= 1
        assert reason.endswith(".")
        assert "None" not in reason
        assert "nan" not in reason
    severities = [problem["severity"] for problem in found["problems"]]
    assert severities == sorted(severities)
    assert {"fail", "warn"} == set(severities)


def test_the_same_sequences_give_the_same_certificate():
    table = families(split="random")
    assert certified(table) == certified(table)


def test_one_sequence_and_a_class_of_n_are_no_crash():
    for rows in (
        [("a", "train", "ACGT")],
        [("a", "train", "NNNN"), ("b", "test", "NNN")],
        [("a", "test", "A"), ("b", "test", "C")],
    ):
        found = certified(sequence_table(rows))
        assert found["verdict"] == "unsound"
        assert json.loads(json.dumps(found, allow_nan=False)) == found
