"""Held-out sequences are taken out of a genome exactly where a letter-by-letter search finds them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.dataset.heldout import WORD, heldout_mask, heldout_words, pieces

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def dna(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def letters(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def oracle(text: str, held: list[str]) -> list[bool]:
    """Slow and obvious: every 32-mer looked up as text, then every gap counted."""
    known = {
        s[i : i + WORD] for h in held for s in (h, h.translate(COMPLEMENT)[::-1]) for i in range(len(s) - WORD + 1)
    }
    inside = [False] * len(text)
    for i in range(len(text) - WORD + 1):
        word = text[i : i + WORD].upper()
        if set(word) <= set("ACGT") and word in known:
            inside[i : i + WORD] = [True] * WORD
    found = [i for i, x in enumerate(inside) if x]
    for a, b in pairwise(found):
        if 1 < b - a <= WORD + 1:
            inside[a:b] = [True] * (b - a)
    return inside


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_mask_equals_a_letter_by_letter_search(data):
    seed = data.draw(st.integers(0, 10_000))
    genome = dna(seed, 600)
    held = []
    for _ in range(data.draw(st.integers(0, 3))):
        start, size = data.draw(st.integers(0, 560)), data.draw(st.integers(10, 120))
        piece = genome[start : start + size]
        if data.draw(st.booleans()) and len(piece) > 70:  # a variant breaks 32 words
            piece = piece[:35] + ("A" if piece[35] != "A" else "C") + piece[36:]
        held.append(piece.translate(COMPLEMENT)[::-1] if data.draw(st.booleans()) else piece)
    masked = genome[:200].lower() + "N" + genome[201:]
    assert heldout_mask(letters(masked), heldout_words(held)).tolist() == oracle(masked, held)


def test_a_single_variant_does_not_let_a_held_out_sequence_back_in():
    genome = dna(1, 400)
    variant = genome[100:200] + ("A" if genome[200] != "A" else "C") + genome[201:300]
    mask = heldout_mask(letters(genome), heldout_words([variant]))
    assert mask[100:300].all()
    assert not mask[:100].any()
    assert not mask[300:].any()


@pytest.mark.parametrize("gap", [1, WORD - 1, WORD, WORD + 1])
def test_gaps_of_at_most_one_word_between_held_out_stretches_are_filled(gap):
    first, between, last = dna(11, 40), "N" * gap, dna(12, 40)
    mask = heldout_mask(letters(first + between + last), heldout_words([first, last]))
    assert mask[:40].all()
    assert mask[-40:].all()
    assert mask[40:-40].all() == mask[40:-40].any() == (gap <= WORD)


def test_chunks_change_nothing(monkeypatch):
    genome = dna(2, 3000)
    words = heldout_words([genome[480:560], genome[1490:1530], genome[2950:]])
    whole = heldout_mask(letters(genome), words)
    monkeypatch.setattr("phenolens.dataset.heldout.CHUNK_BASES", 500)
    np.testing.assert_array_equal(heldout_mask(letters(genome), words), whole)
    assert whole.sum() == 80 + 40 + 50


@pytest.mark.parametrize("held", [[], ["ACGT"], ["N" * 50], [""]])
def test_nothing_to_hold_out(held):
    assert not heldout_mask(letters(dna(3, 100)), heldout_words(held)).any()


def test_pieces_are_what_lies_between():
    text = "acgtNNACGTACGTRACGT"
    left_out = np.zeros(len(text), dtype=bool)
    left_out[9] = True
    assert list(pieces(letters(text), left_out, 3)) == ["ACGT", "ACG", "ACGT", "ACGT"]
    assert list(pieces(letters(text), left_out, 4)) == ["ACGT", "ACGT", "ACGT"]
