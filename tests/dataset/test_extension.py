"""Alignments against slow dynamic programming over letters, and their significance against what chance does."""

import math

import numpy as np
import polars as pl
import pytest

from phenolens.dataset.extension import decay, extend, rooms
from phenolens.dataset.packed import pack
from phenolens.dataset.seeds import Seeds

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def dna(random, length):
    return "".join(random.choice(list("ACGT"), length))


def mutated(random, text, rate):
    return "".join(random.choice(list("ACGT".replace(x, ""))) if random.random() < rate else x for x in text)


def steps_of(a, b, drop=100):
    """Return (best score, columns) of extending two texts to the right, 16 columns at a time, without gaps, letter by letter."""
    best = columns = score = 0
    for begin in range(0, min(len(a), len(b)), 16):
        end = min(begin + 16, len(a), len(b))
        score += sum(5 if x == y else -4 for x, y in zip(a[begin:end], b[begin:end], strict=True))
        if score > best:
            best, columns = score, end
        if score <= best - drop:
            break
    return best, columns


def place(texts, pairs):
    """Return (packed, seeds) of (a, place in a, b, place in b, turned) in rows of texts."""
    packed, member = pack(pl.Series(texts))
    first, second = (member[[p[i] for p in pairs]] for i in (0, 2))
    lead, other = (np.array([p[i] for p in pairs]) for i in (1, 3))
    turned = np.array([p[4] for p in pairs])
    start = np.where(turned, 2 * packed.cells - packed.starts[second] - packed.lengths[second], packed.starts[second])
    return packed, Seeds(first, second, packed.starts[first] + lead, start + other, np.zeros(len(pairs), np.uint8))


def test_without_gaps_it_is_the_slow_extension_on_both_strands():
    random = np.random.default_rng(1)
    texts, pairs = [], []
    for n in range(40):
        consensus = dna(random, 120 + 7 * n)
        copy = dna(random, 50) + mutated(random, consensus[n:], random.uniform(0, 0.5)) + dna(random, 5 * n)
        turned = n % 2 == 1
        texts += [consensus, copy[::-1].translate(COMPLEMENT) if turned else copy]
        at = int(random.integers(n, len(consensus)))
        pairs.append((2 * n, at, 2 * n + 1, at - n + 50, turned))
    packed, seeds = place(texts, pairs)
    found = extend(packed, seeds, gapped=False)
    for n, (row, at, other, other_at, turned) in enumerate(pairs):
        a, b = texts[row], texts[other][::-1].translate(COMPLEMENT) if turned else texts[other]
        right, left = steps_of(a[at:], b[other_at:]), steps_of(a[:at][::-1], b[:other_at][::-1])
        assert (found.start[n], found.end[n], found.score[n]) == (at - left[1], at + right[1], left[0] + right[0])


@pytest.mark.parametrize("k", range(1, 9))
def test_with_gaps_it_crosses_an_insertion_or_a_deletion_and_pays_for_it(k):
    random = np.random.default_rng(2)
    a = dna(random, 320)
    # the change lies where a step ends: 5 steps of 16 columns right of the seed, 1 left of it
    texts = [a, a[:120] + dna(random, k) + a[120:], a[:24] + dna(random, k) + a[24:], a[:120] + a[120 + k :]]
    packed, seeds = place(texts, [(0, 40, 1, 40, False), (0, 40, 2, 40 + k, False), (0, 40, 3, 40, False)])
    gapped, ungapped = extend(packed, seeds, gapped=True), extend(packed, seeds, gapped=False)
    cost = 24 + 6 * k
    assert gapped.score[0] == 320 * 5 - cost
    assert (gapped.start[0], gapped.end[0]) == (0, 320)
    assert gapped.score[1] == 320 * 5 - cost
    # on the other diagonal the deleted bases of the first sequence meet whatever comes before
    assert 320 * 5 - cost - 9 * 16 <= gapped.score[2] <= 320 * 5 - cost
    assert ungapped.score[0] < 130 * 5


def test_rooms_are_counted_base_by_base():
    random = np.random.default_rng(5)
    texts = [dna(random, n) for n in (50, 300, 120, 77)]
    places = [
        (int(a), int(random.integers(len(texts[a]))), int(b), int(random.integers(len(texts[b]))), bool(t))
        for a, b, t in zip(*random.integers(0, 4, (2, 60)), random.integers(0, 2, 60), strict=True)
    ]
    packed, seeds = place(texts, places)
    for band in (0, 8):
        right, left = rooms(packed, seeds, band)
        for n, (a, at, b, other, _) in enumerate(places):
            inside = [
                [
                    0 <= at + i < len(texts[a])
                    and any(0 <= other + i + d < len(texts[b]) for d in range(-band, band + 1))
                ]
                for i in range(-400, 400)
            ]
            assert right[n] == sum(x for (x,) in inside[400:])
            assert left[n] == sum(x for (x,) in inside[:400])


def test_masked_bases_neither_match_nor_count():
    random = np.random.default_rng(3)
    a = dna(random, 64)
    texts = [a + "N" * 40 + a, a + "N" * 40 + a + "A"]
    packed, seeds = place(texts, [(0, 0, 1, 0, False)])
    found = extend(packed, seeds, gapped=False)
    assert found.score[0] == 5 * 128
    assert found.end[0] - found.start[0] == 128


def test_lambda_solves_karlin_and_altschuls_equation():
    for p in (0.25, 0.3, 0.34):
        rate = float(decay(np.array(p), gapped=False))
        assert p * math.exp(5 * rate) + (1 - p) * math.exp(-4 * rate) == pytest.approx(1, abs=2e-3)
    # blastn's own value for +5 / -4 is 0.192
    assert float(decay(np.array(0.25), gapped=False)) == pytest.approx(0.192, abs=1e-3)
    rates = decay(np.linspace(0.2, 0.6, 50), gapped=True)
    assert (np.diff(rates) <= 0).all()
    assert rates[-1] == 0
    assert (rates <= decay(np.linspace(0.2, 0.6, 50), gapped=False) + 1e-12).all()


@pytest.mark.parametrize("gapped", [False, True])
def test_chance_reaches_a_score_no_more_often_than_its_bound(gapped):
    random = np.random.default_rng(4)
    n, places = 400, 30
    texts = [dna(random, 250) for _ in range(2 * n)]
    pairs = [
        (2 * i, int(a), 2 * i + 1, int(b), False) for i in range(n) for a, b in random.integers(0, 240, (places, 2))
    ]
    packed, seeds = place(texts, pairs)
    score = extend(packed, seeds, gapped=gapped).score
    rate = float(decay(np.array(0.25), gapped=gapped))
    for threshold in (20, 30, 40, 50):
        # an alignment through a given place begins at one of its bases: 250 of them on 17 or 1 diagonals
        bound = 250 * (17 if gapped else 1) * math.exp(-rate * threshold)
        assert (score >= threshold).mean() <= min(1, bound)
    assert (score > 15).any()
