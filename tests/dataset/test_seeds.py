"""Spaced words against a slow search over strings, the choice of their weight, and cost that stays linear."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from phenolens.dataset.packed import pack
from phenolens.dataset.seeds import CHANCE_PAIRS, PATTERNS, beginnings, keys, seeds, weight_for

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def dna(random, length):
    return "".join(random.choice(list("ACGT"), length))


def mutated(random, text, rate):
    return "".join(random.choice(list("ACGT".replace(x, ""))) if random.random() < rate else x for x in text)


def spaced_words(text, pattern):
    """Return {canonical word: first place} of a text, read letter by letter; words with N are left out."""
    found = {}
    for at in range(len(text) - len(pattern) + 1):
        piece = text[at : at + len(pattern)]
        if "N" in piece:
            continue
        ahead, behind = (
            "".join(x for x, p in zip(strand, pattern, strict=True) if p == "1")
            for strand in (piece, piece[::-1].translate(COMPLEMENT))
        )
        found.setdefault(min(ahead, behind), at)
    return found


def all_seeds(packed, weight, parts, component=None, few=32, budget=10**9):
    component = np.arange(len(packed.lengths)) if component is None else component
    return [
        c
        for p in range(parts)
        for c in seeds(packed, keys(packed, beginnings(packed, weight), weight, p, parts), component, few, budget)
    ]


@pytest.mark.parametrize("weight", sorted(PATTERNS))
def test_patterns_read_the_same_from_both_ends(weight):
    pattern = PATTERNS[weight]
    assert pattern == pattern[::-1]
    assert pattern.count("1") == weight
    assert len(pattern) <= 31


@pytest.mark.parametrize("parts", [1, 2, 8])
def test_words_are_those_of_a_slow_search(parts):
    random = np.random.default_rng(1)
    texts = [dna(random, n) for n in (200, 31, 90, 15, 14)] + ["ACGTTGCA" * 5 + "N" + dna(random, 60)]
    packed, _ = pack(pl.Series(texts))
    pattern = PATTERNS[8]
    expected = sum(
        "N" not in text[at : at + len(pattern)] for text in texts for at in range(max(len(text) - len(pattern) + 1, 0))
    )
    found = [keys(packed, beginnings(packed, 8), 8, part, parts) for part in range(parts)]
    assert sum(len(k.values) for k in found) == expected
    codes = [set((k.values >> np.uint64(k.cell_bits + 1)).tolist()) for k in found]
    assert all(not a & b for a, b in combinations(codes, 2))
    assert sum(map(len, codes)) == len(set().union(*(spaced_words(text, pattern) for text in texts)))


def test_pairs_that_share_a_word_are_found_and_the_places_hold_it():
    random = np.random.default_rng(2)
    consensus = dna(random, 300)
    copies = [mutated(random, consensus, 0.12) for _ in range(6)]
    texts = [x if i % 2 else x[::-1].translate(COMPLEMENT) for i, x in enumerate(copies)]
    packed, member = pack(pl.Series(texts))
    chunks = all_seeds(packed, 11, 8)
    pairs = {tuple(sorted(p)) for c in chunks for p in zip(c.first.tolist(), c.second.tolist(), strict=True)}
    words = [set(spaced_words(x, PATTERNS[11])) for x in texts]
    shared = {tuple(sorted((member[a], member[b]))) for a, b in combinations(range(6), 2) if words[a] & words[b]}
    assert pairs == shared
    assert len(shared) == 15
    for chunk in chunks:
        for first, second, a, b in zip(chunk.first, chunk.second, chunk.first_cell, chunk.second_cell, strict=True):
            x, y = (texts[member.tolist().index(s)] for s in (first, second))
            lead = a - packed.starts[first]
            turned = b >= packed.cells
            start = 2 * packed.cells - packed.starts[second] - len(y) if turned else packed.starts[second]
            y = y[::-1].translate(COMPLEMENT) if turned else y
            pieces = x[lead : lead + 19], y[b - start : b - start + 19]
            assert all(p == "0" or q == r for p, q, r in zip(PATTERNS[11], *pieces, strict=True))


def test_known_components_are_left_out_and_a_large_family_costs_linear_time():
    random = np.random.default_rng(3)
    consensus = dna(random, 200)
    packed, _ = pack(pl.Series([mutated(random, consensus, 0.03) for _ in range(600)]))
    assert not all_seeds(packed, 11, 1, component=np.zeros(600, dtype=np.int64))
    words = len(keys(packed, beginnings(packed, 11), 11, 0, 1).values)
    looked_at = sum(len(c.first) for c in all_seeds(packed, 11, 1))
    assert 600 < looked_at < 12 * words  # all pairs would be more than 100 for each word
    assert sum(len(c.first) for c in all_seeds(packed, 11, 1, budget=5000)) <= 5000


def test_unrelated_sequences_give_no_more_pairs_than_planned():
    for bases in (10_000, 1_000_000, 80_000_000, 800_000_000):
        weight = weight_for(bases)
        assert bases**2 / 4**weight <= CHANCE_PAIRS
        assert weight == min(PATTERNS) or bases**2 / 4 ** (weight - 1) > CHANCE_PAIRS
    random = np.random.default_rng(4)
    packed, _ = pack(pl.Series([dna(random, 400) for _ in range(2000)]))
    passed = sum(len(c.first) for c in all_seeds(packed, weight_for(800_000), 1))
    # 800,000^2 / 4^9 pairs, of which two looks at a time let one in a thousand pass each
    assert 0 < passed < 3 * 1e-3 * 800_000**2 / 4 ** weight_for(800_000)
