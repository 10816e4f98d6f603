"""Places in free space: enumerated by hand, painted base by base, and compared with the best there is."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.dataset.placement import SMALLEST_POOLS, draw, minus, placed, space_of, winners


def nothing(start, length):
    return np.zeros((*start.shape, 0))


def position(start, length):
    """Return a covariate that rises along the chromosome, so that the best place is known: 0 at base 0, 1 at base 1,000,000."""
    return (start / 1_000_000)[..., None]


def place(length, free, values_of=nothing, goal=None, seed=1):
    length = np.asarray(length)
    goal = np.zeros((len(length), 0)) if goal is None else np.asarray(goal)
    pieces = tuple(np.array(side) for side in zip(*free, strict=True))
    return placed(length, goal, pieces, values_of, np.random.default_rng(seed))


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)).map(lambda x: (x[0], x[0] + x[1])), max_size=8)


def painted(rows, size=100):
    base = np.zeros(size, dtype=int)
    for start, end in rows:
        base[start:end] += 1
    return base


@settings(deadline=None, max_examples=60)
@given(spans, spans)
def test_what_is_taken_is_not_free(pieces, taken):
    free = np.flatnonzero(np.diff(painted(pieces) > 0, prepend=False, append=False)).reshape(-1, 2)
    took = np.array(taken, dtype=np.int64).reshape(-1, 2)
    left = minus((free[:, 0], free[:, 1]), (took[:, 0], took[:, 1]))
    assert (
        painted(zip(*left, strict=True)).tolist()
        == ((painted(pieces) > 0) & (painted(taken) == 0)).astype(int).tolist()
    )


def test_every_place_where_an_interval_fits_is_equally_likely():
    space = space_of((np.array([0, 100, 200]), np.array([4, 107, 203])))
    draws = 90_000
    start, end = draw(np.full(draws, 3), space, np.random.default_rng(1))
    places, counts = np.unique(start, return_counts=True)
    assert places.tolist() == [0, 1, 100, 101, 102, 103, 104, 200]  # enumerated by hand
    assert set(zip(start.tolist(), end.tolist(), strict=True)) == {
        (s, 4 if s < 100 else 107 if s < 200 else 203) for s in places.tolist()
    }
    assert np.abs(counts / draws - 1 / 8).max() < 5 * np.sqrt(1 / 8 / draws)
    assert (draw(np.full(5, 8), space, np.random.default_rng(1))[0] == -1).all()
    assert space.places(np.array([1, 3, 7, 8])).tolist() == [14, 8, 1, 0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8)), max_size=15), st.randoms(use_true_random=False))
def test_winners_do_not_overlap_and_the_first_in_rank_always_wins(rows, random):
    start = np.array([s for s, _ in rows], dtype=np.int64)
    length = np.array([n for _, n in rows], dtype=np.int64)
    rank = np.array(random.sample(range(len(rows)), len(rows)), dtype=np.int64)
    won = winners(start, length, rank)
    assert painted(zip(start[won], (start + length)[won], strict=True)).max() <= 1
    if rows:
        assert won[rank.argmin()]
    reach = max((n for _, n in rows), default=0)
    for i in range(len(rows)):
        rivals = [rank[j] for j in range(len(rows)) if j != i and abs(start[i] - start[j]) < reach]
        assert won[i] == (rank[i] < min(rivals, default=len(rows)))


@settings(deadline=None, max_examples=25)
@given(spans, st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(0, 5))
def test_places_lie_in_free_pieces_and_never_overlap(pieces, lengths, seed):
    free = np.flatnonzero(np.diff(painted(pieces) > 0, prepend=False, append=False)).reshape(-1, 2)
    found = place(lengths, free if len(free) else np.zeros((1, 2), dtype=np.int64), seed=seed)
    used = painted((s, s + n) for s, n in zip(found, lengths, strict=True) if s >= 0)
    assert used.max() <= 1
    assert not used[painted(pieces) == 0].any()
    # a target that would fit into what is left by all has its place
    longest = max(
        (
            run
            for run in np.diff(
                np.flatnonzero(np.diff(((painted(pieces) > 0) & (used == 0)).astype(int), prepend=0, append=0))
            )[::2]
        ),
        default=0,
    )
    assert all(s >= 0 or n > longest for s, n in zip(found, lengths, strict=True))


def test_the_place_found_is_among_the_nearest_that_there_are():
    random = np.random.default_rng(5)
    goal = random.random(200)
    found = place(np.full(200, 100), [(0, 1_000_100)], position, goal[:, None])
    # 200 targets of 100 bases share a pool of 2 ** 14 / 4 or more places, some 250 bases apart
    assert np.median(np.abs(found / 1_000_000 - goal)) < 2 / SMALLEST_POOLS[0]
    assert np.abs(found / 1_000_000 - goal).max() < 0.03


def test_a_wish_that_does_not_matter_is_the_mean():
    found = place(np.full(50, 100), [(0, 1_000_100)], position, np.full((50, 1), np.nan))
    assert np.abs(found / 1_000_000 - 0.5).max() < 0.05


def test_rare_places_are_found_in_a_larger_pool():
    """200 bases of a million are what is wanted: one place of the first pool at most."""

    def island(start, length):
        return ((start >= 600_000) & (start < 600_200)).astype(float)[..., None]

    found = place([50, 51, 52], [(0, 1_000_000)], island, np.ones((3, 1)))
    assert ((found >= 600_000) & (found < 600_200)).all()


def test_equal_values_do_not_send_all_to_the_same_few_places():
    def flat(start, length):
        return np.zeros((*start.shape, 2))

    found = np.sort(place(np.full(3000, 100), [(0, 1_000_000)], flat, np.zeros((3000, 2))))
    assert (found >= 0).all()
    assert (np.diff(found) >= 100).all()
    # spread evenly: a Kolmogorov distance at the 0.1 % level
    assert np.abs(found / 1_000_000 - np.linspace(0, 1, 3000)).max() < 1.95 / np.sqrt(3000)


def test_thousands_that_want_the_only_place_take_neither_long_nor_much():
    before = time.process_time()
    found = place(np.full(8000, 400), [(1000, 1500)])
    assert (found >= 0).sum() == 1
    assert time.process_time() - before < 10


@pytest.mark.parametrize("seed", range(5))
def test_long_targets_find_the_few_places_where_they_fit(seed):
    """One free piece takes the long one almost exactly; the short ones must not break it up first."""
    found = place([50] * 60 + [5000], [(20_000, 25_010), (30_000, 34_900)], seed=seed)
    assert (found >= 0).all()
    assert 20_000 <= found[-1] <= 20_010
