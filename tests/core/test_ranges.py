"""Interval kernels against one boolean per base and against double loops."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phenolens.core import ranges

SPAN = 40
one = st.tuples(st.integers(0, SPAN - 1), st.integers(1, 12)).map(lambda x: (x[0], min(SPAN, x[0] + x[1])))
many = st.lists(one, max_size=12)


def arrays(intervals):
    return np.array([s for s, _ in intervals], dtype=np.int64), np.array([e for _, e in intervals], dtype=np.int64)


def painted(intervals, span=SPAN):
    base = np.zeros(span, dtype=bool)
    for start, end in intervals:
        base[start:end] = True
    return base


@settings(deadline=None, max_examples=40)
@given(many, many)
def test_overlap_pairs_are_those_that_share_a_base(a, b):
    expected = [(i, j) for i in range(len(a)) for j in range(len(b)) if (painted([a[i]]) & painted([b[j]])).any()]
    i, j = ranges.overlap_pairs(*arrays(a), *arrays(b))
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == expected


@settings(deadline=None, max_examples=40)
@given(many, st.integers(0, 3))
def test_union_joins_what_is_at_most_gap_apart(a, gap):
    start, end, member = ranges.union(*arrays(a), gap)
    covered = painted(a)
    # fill every hole of at most `gap` bases between covered bases, letter by letter
    positions = np.flatnonzero(covered)
    for left, right in pairwise(positions):
        if right - left - 1 <= gap:
            covered[left:right] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[0], covered.astype(int), [0]])))
    assert start.tolist() == edges[::2].tolist()
    assert end.tolist() == edges[1::2].tolist()
    for (s, e), run in zip(a, member, strict=True):
        assert start[run] <= s < e <= end[run]


@settings(deadline=None, max_examples=40)
@given(many)
def test_complement_is_every_base_not_covered(a):
    start, end = ranges.complement(*arrays(a), SPAN)
    free = painted(list(zip(start, end, strict=True)))
    assert (free == ~painted(a)).all()
    assert (start[1:] > end[:-1]).all()


@settings(deadline=None, max_examples=40)
@given(many, many)
@example(a=[(20, 22)], b=[(0, 18), (2, 4)])  # the nearest one on the left is not the last to start
def test_nearest_is_the_smallest_distance_of_a_double_loop(a, b):
    index, distance = ranges.distance_to_nearest(*arrays(a), *arrays(b))
    for (s, e), i, d in zip(a, index, distance, strict=True):
        apart = [0 if bs < e and s < be else (s - be + 1 if be <= s else bs - e + 1) for bs, be in b]
        if not b:
            assert i == -1
            assert d == np.iinfo(np.int64).max
        else:
            assert d == min(apart)
            assert apart[i] == d


def table(*rows):
    return pl.DataFrame(rows, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row")


@pytest.mark.parametrize("gap", [0, 1, 2, 50])
def test_no_gap_joins_two_chromosomes(gap):
    rows = table(("chr1", 0, 10), ("chr2", 0, 10), ("chr2", 60, 70))
    start, _, _ = ranges.union(*ranges.axis(rows, gap=gap).place(rows), gap)
    assert len(start) == (2 if gap == 50 else 3)


def test_places_on_the_axis_do_not_depend_on_the_order_of_rows_or_tables():
    a, b = table(("chr2", 5, 9), ("chr1", 3, 8)), table(("chr1", 0, 100))
    assert ranges.axis(a, b) == ranges.axis(b, a[::-1])
    start, end = ranges.axis(a, b).place(a)
    assert (end - start).tolist() == [4, 5]
