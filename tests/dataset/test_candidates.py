"""Lines of seeds against a dictionary; partners in the order of their seeds."""

from itertools import pairwise

import numpy as np

from phenolens.dataset import candidates
from phenolens.dataset.candidates import collect, levels, merge, per_pair, places
from phenolens.dataset.seeds import Seeds


def some_seeds(n, seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 12, n), random.integers(12, 24, n)
    cell = random.integers(0, 5000, n)
    return Seeds(first, second, cell, cell + random.integers(-300, 300, n), random.integers(20, 64, n).astype(np.uint8))


def expected_lines(seeds):
    """Return {(first, second, stretch): (seeds, best (matches, cell, offset))}."""
    lines = {}
    for first, second, a, b, matches in zip(*(x.tolist() for x in seeds), strict=True):
        key, best = (first, second, (b - a) // 16), (matches, a, b - a)
        number, other = lines.get(key, (0, best))
        lines[key] = (number + 1, max(best, other, key=lambda x: (x[0], x[1], x[2] % 16)))
    return lines


def found_lines(lines):
    best = places(lines)
    rows = zip(
        lines.first,
        lines.second,
        lines.diagonal,
        lines.seeds,
        best.matches,
        best.first_cell,
        best.second_cell,
        strict=True,
    )
    return {(int(a), int(b), int(d)): (int(n), (int(m), int(c), int(e - c))) for a, b, d, n, m, c, e in rows}


def test_lines_are_those_of_a_dictionary_however_the_seeds_come(monkeypatch):
    seeds = some_seeds(5000, 1)
    chunks = [Seeds(*(x[at : at + 300] for x in seeds)) for at in range(0, 5000, 300)]
    expected = expected_lines(seeds)
    assert found_lines(collect(chunks)) == expected
    assert found_lines(collect(chunks[::-1])) == expected
    monkeypatch.setattr(candidates, "HELD", 1000)
    assert found_lines(collect(chunks)) == expected
    assert found_lines(merge([collect(chunks[:5]), collect(chunks[5:])])) == expected


def test_lines_of_a_pair_follow_each_other():
    lines = collect([some_seeds(5000, 2)])
    pairs = list(zip(lines.first.tolist(), lines.second.tolist(), strict=True))
    changes = sum(a != b for a, b in pairwise(pairs))
    assert changes == len(set(pairs)) - 1
    sums = per_pair(lines, lines.seeds)
    totals = {p: sum(int(n) for q, n in zip(pairs, lines.seeds, strict=True) if q == p) for p in set(pairs)}
    assert [totals[p] for p in pairs] == sums.tolist()


def test_partners_with_more_seeds_come_first():
    lines = collect([some_seeds(5000, 3)])
    level = levels(lines)
    pairs = list(zip(lines.first.tolist(), lines.second.tolist(), strict=True))
    total = dict(zip(pairs, per_pair(lines, lines.seeds).tolist(), strict=True))
    for later in range(12, 24):
        order = sorted((p for p in total if p[1] == later), key=lambda p: (-total[p], p[0]))
        for place, pair in enumerate(order):
            assert {int(x) for x, p in zip(level, pairs, strict=True) if p == pair} == {int(np.log2(place + 1))}


def test_nothing_gives_nothing():
    lines = collect([])
    assert len(lines.first) == len(levels(lines)) == len(per_pair(lines, lines.seeds)) == 0
