"""Copies, twins and shared words against sets of strings, and the numbers that others counted in GUE."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_tables import dna, sequence_table, turned

from phenolens.dataset import leakage as module
from phenolens.dataset.leakage import leakage, shared_words, strand_hashes

SHARED = Path(__file__).parents[3] / "shared" / "data" / "labelled"


def words_of(text, word, both):
    """Oracle: the set of a sequence's words."""
    found = set()
    for strand in (text.upper(), turned(text.upper()))[: 1 + both]:
        found |= {w for i in range(len(strand) - word + 1) if set(w := strand[i : i + word]) <= set("ACGT")}
    return found


def related(seed, n=60):
    """Sequences that are cut from few ancestors on either strand, some with N, some in lower case, some too short or empty."""
    random = np.random.default_rng(seed)
    ancestors = [dna(random, 150) for _ in range(8)]
    made = []
    for _ in range(n):
        text = ancestors[random.integers(8)]
        start = int(random.integers(0, 120))
        text = text[start : start + int(random.integers(0, 90))]
        if random.random() < 0.3 and text:
            place = int(random.integers(len(text)))
            text = text[:place] + "N" + text[place + 1 :]
        text = turned(text) if random.random() < 0.5 else text
        made.append(text.lower() if random.random() < 0.3 else text)
    return made


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("word", [32, 33, 40, 63])
@pytest.mark.parametrize("block", [1, 100, 1 << 18])
def test_shared_words_are_those_of_sets(word, both, block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BASES", block)
    queries, others = related(1), related(1, n=90)[30:]
    flags = np.random.default_rng(4).integers(0, 4, len(others)).astype(np.uint8)
    expected = []
    for query in queries:
        own = words_of(query, word, both)
        bits = [f for f, other in zip(flags, others, strict=True) if own & words_of(other, word, False)]
        expected.append(np.bitwise_or.reduce(np.array(bits, dtype=np.uint8), initial=0))
    found = shared_words(pl.Series(queries), pl.Series(others), flags, word=word, both_strands=both)
    assert found.tolist() == expected
    assert len(set(expected)) > 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(32, 48), st.integers(0, 70), st.integers(0, 70))
def test_one_planted_word_is_found_wherever_it_lies(seed, shared, before, after):
    """A stretch of `shared` bases in two sequences that have nothing else in common: words of 40 say so from 40 on."""
    random = np.random.default_rng(seed)
    stretch = dna(random, shared)
    # neighbours that differ, so that the stretch does not grow by chance
    query = dna(random, 33) + "A" + stretch + "A" + dna(random, 20)
    other = dna(random, before) + "C" + stretch + "C" + dna(random, after)
    for text in (other, turned(other)):
        found = shared_words(pl.Series([query]), pl.Series(["ACGT", text]), np.array([2, 1], dtype=np.uint8))
        assert found.tolist() == [int(shared >= 40)]


def test_strand_hashes_tell_equal_sequences_and_reverse_complements():
    texts = ["ACGGT", "acggt", "ACCGT", "ACGG", "", "RYN", "NRY"]
    forward, reverse = strand_hashes(pl.Series(texts))
    same = [[a.upper() == b.upper() for b in texts] for a in texts]
    assert (forward[:, None] == forward[None]).tolist() == same
    twin = [["ACGGT", "ACCGT"], ["RYN", "NRY"]]
    expected = [[sorted([a.upper(), b.upper()]) in map(sorted, twin) or a == b == "" for b in texts] for a in texts]
    assert (reverse[:, None] == forward[None]).tolist() == expected


def test_rows_and_distinct_sequences_are_counted_by_hand():
    x, y, z, w = (dna(np.random.default_rng(i), 50) for i in range(4))
    rows = [("a", "train", x), ("a", "train", y), ("a", "train", y), ("b", "train", w)]
    rows += [("a", "test", x), ("b", "test", x.lower()), ("a", "test", turned(y)), ("a", "test", z)]
    rows += [("a", "validation", z), ("a", "validation", w[:45])]
    table = sequence_table(rows).with_columns(group=pl.Series(list("gghijklmno")), locus=pl.lit("l"))
    facts = leakage(table, ["split"], seed=1)["split"]
    test, validation, between = facts["pairs"]
    counted = {"sequences": 4, "copies": 2, "distinct_copies": 1, "twins": 1, "either": 3, "words": 3, "words_of": 4}
    assert test == {"of": "test", "among": "train"} | counted
    assert (validation["either"], validation["words"], validation["words_of"]) == (0, 1, 2)
    assert (between["copies"], between["twins"], between["words"]) == (1, 0, 1)
    assert facts["duplicates"] == 5  # x three times, z twice
    assert facts["twins"] == 3  # y, y and its reverse complement
    assert (facts["groups_on_both_sides"], facts["loci_on_both_sides"]) == (0, 1)
    assert leakage(table.with_columns(group=pl.lit("g")), ["split"], seed=1)["split"]["groups_on_both_sides"] == 1


def test_to_turn_the_test_sequences_swaps_copies_and_twins():
    random = np.random.default_rng(5)
    texts = related(5, n=200)
    rows = [("a", str(random.choice(["train", "validation", "test"])), t) for t in texts + texts[:50]]
    other = [(label, split, turned(t) if split == "test" else t) for label, split, t in rows]
    before, after = (leakage(sequence_table(r), ["split"], seed=1)["split"]["pairs"][0] for r in (rows, other))
    assert (before["copies"], before["twins"]) == (after["twins"], after["copies"])
    assert before["copies"] > before["twins"] > 0
    assert (before["either"], before["words"]) == (after["either"], after["words"])


def test_both_columns_at_once_are_as_each_alone():
    random = np.random.default_rng(6)
    table = sequence_table(
        [
            ("a", str(s), t)
            for s, t in zip(random.choice(["train", "validation", "test"], 200), related(6, 200), strict=True)
        ]
    )
    table = table.with_columns(random_split=table["split"].shuffle(seed=3))
    both = leakage(table, ["split", "random_split"], seed=1)
    alone = table.with_columns(split="random_split")
    assert both["split"] == leakage(table, ["split"], seed=1)["split"]
    assert both["random_split"] == leakage(alone, ["split"], seed=1)["split"]
    assert both["split"] != both["random_split"]


def test_with_too_many_bases_some_are_drawn_and_that_is_said(monkeypatch):
    random = np.random.default_rng(7)
    text = [dna(random, 100) for _ in range(300)]
    table = sequence_table([("a", ("train", "test")[i % 2], text[i // 2]) for i in range(600)])
    monkeypatch.setattr(module, "QUERY_BASES", 5000)
    pair = leakage(table, ["split"], seed=1)["split"]["pairs"][0]
    assert (pair["sequences"], pair["copies"]) == (300, 300)
    assert (pair["words"], pair["words_of"]) == (50, 50)


@pytest.mark.parametrize("splits", [["train"], ["test"], ["validation", "test"]])
def test_an_empty_split_has_nothing_in_common(splits):
    table = sequence_table([("a", split, "ACGT" * 20) for split in splits])
    for pair in leakage(table, ["split", "random_split"], seed=1)["random_split"]["pairs"]:
        present = {pair["of"], pair["among"]} <= set(splits)
        assert pair["copies"] == pair["words"] == int(present)


def gue(name):
    splits = {"train": "train", "dev": "validation", "test": "test"}
    parts = [
        pl.read_csv(SHARED / name / f"{file}.csv.gz", schema_overrides={"label": pl.String}).with_columns(
            split=pl.lit(s)
        )
        for file, s in splits.items()
    ]
    return sequence_table(list(pl.concat(parts).select("label", "split", "sequence").iter_rows()))


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="shared data absent")
@pytest.mark.parametrize(
    ("name", "tests", "exact", "sharing"),
    [("gue_prom_300_tata", 613, 6, 60), ("gue_prom_core_all", 5920, 43, 379), ("gue_tf_0", 1000, 0, 64)],
)
def test_gue_leaks_as_much_as_others_found(name, tests, exact, sharing):
    """Counts of the data's README, made with string sets on one strand; on either strand there are at least as many."""
    table = gue(name)
    pairs = {(p["of"], p["among"]): p for p in leakage(table, ["split"], seed=1)["split"]["pairs"]}
    found = pairs["test", "train"]
    train, test = (table.filter(split=split)["sequence"] for split in ("train", "test"))
    one_strand = shared_words(test, train, np.ones(len(train), dtype=np.uint8), both_strands=False)
    assert (found["sequences"], found["copies"], int(one_strand.sum())) == (tests, exact, sharing)
    strands = set(train) | {turned(text) for text in train}
    assert found["either"] == sum(text in strands for text in test)
    assert found["words"] >= sharing
    if name == "gue_prom_core_all":
        assert found["distinct_copies"] == 42
        assert pairs["validation", "train"]["copies"] == 54
