import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import kept_tokens

from phenolens.model.cut import pieces, ranges

COUNTS = st.lists(st.integers(0, 700), min_size=1, max_size=6)
ROOM = st.integers(1, 600)


def rows(found):
    """Token numbers of every row, as lists."""
    return [
        [j for start, size in zip(first, sizes, strict=True) for j in range(start, start + size)]
        for first, sizes in zip(found.first.tolist(), found.size.tolist(), strict=True)
    ]


@given(COUNTS, ROOM, st.sampled_from(["head_tail", "head", "paper"]), st.booleans())
def test_one_row_per_sequence_holds_what_the_cut_keeps(counts, room, cut, joins):
    found = pieces(cut, np.array(counts), room, joins=joins)
    assert found.owner.tolist() == list(range(len(counts)))
    expected = cut if joins or cut != "paper" else "head"
    assert rows(found) == [kept_tokens(m, room, expected) for m in counts]


@given(COUNTS, ROOM)
def test_windows_cover_every_token_with_as_few_rows_as_can_be_and_even_overlaps(counts, room):
    found = pieces("windows", np.array(counts), room, joins=True)
    for i, m in enumerate(counts):
        own = [row for row, owner in zip(rows(found), found.owner.tolist(), strict=True) if owner == i]
        assert len(own) == max(1, math.ceil(m / room))
        assert {len(row) for row in own} == {min(m, room)}
        assert sorted({j for row in own for j in row}) == list(range(m))
        steps = np.diff([row[0] for row in own if row])
        assert np.ptp(steps) <= 1 if len(steps) else m <= room
    assert (np.diff(found.owner) >= 0).all()


@pytest.mark.parametrize("cut", ["head_tail", "head", "paper", "windows"])
def test_no_sequences_no_rows(cut):
    found = pieces(cut, np.array([], dtype=np.int64), 10, joins=True)
    assert found.owner.shape == (0,)
    assert found.first.shape == found.size.shape == (0, 2)


def test_ranges_start_anew_at_zero():
    assert ranges(np.array([2, 0, 3])).tolist() == [0, 1, 0, 1, 2]
