"""Shuffling keeps dinucleotides exactly, is uniform over all shuffles, and loses order."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from phenolens.core import shuffle
from phenolens.core.shuffle import shuffled


def pairs(text):
    return Counter(pairwise(text.upper()))


@given(st.lists(st.text("ACGTNacgtn", max_size=40), max_size=8), st.integers(0, 2**31))
def test_letters_dinucleotides_ends_and_mask_stay(texts, seed):
    result = shuffled(pl.Series(texts, dtype=pl.String), np.random.default_rng(seed)).to_list()
    for before, after in zip(texts, result, strict=True):
        assert pairs(before) == pairs(after)
        assert (before.upper()[:1], before.upper()[-1:]) == (after.upper()[:1], after.upper()[-1:])
        assert [c.islower() for c in before] == [c.islower() for c in after]


def test_every_shuffle_of_a_short_sequence_comes_equally_often():
    text = "ACAGACCAG"
    oracle = {"".join(p) for p in permutations(text)}
    oracle = {p for p in oracle if pairs(p) == pairs(text) and p[0] == text[0] and p[-1] == text[-1]}
    found = Counter(shuffled(pl.Series([text] * 20_000), np.random.default_rng(1)).to_list())
    assert set(found) == oracle
    assert len(oracle) > 5
    assert chisquare(list(found.values())).pvalue > 1e-4


def test_a_planted_word_does_not_survive_and_seeds_count():
    texts = pl.Series(["ACGTTGCA" + "".join(r) for r in np.random.default_rng(2).choice(list("ACGT"), (200, 200))])
    one, again, other = (shuffled(texts, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)
    assert one.str.contains("ACGTTGCA").sum() < 5


def test_batches_do_not_mix_sequences(monkeypatch):
    texts = ["".join(r) for r in np.random.default_rng(3).choice(list("ACGT"), (30, 50))]
    monkeypatch.setattr(shuffle, "BATCH_BASES", 120)
    for before, after in zip(texts, shuffled(pl.Series(texts), np.random.default_rng(1)), strict=True):
        assert pairs(before) == pairs(after)
