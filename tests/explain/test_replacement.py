"""What is replaced, by what, and what each control keeps."""

from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from phenolens.explain.replacement import control_ranking, packed, ranking, replaced, shuffled_copies, unpacked

TEXTS = ["ACGTTGCANNNACGGTACCA", "acgtacgtac", "GGGGGGGGGGTTTTTTTTTTACGT", ""]


def test_letters_go_in_and_out_in_upper_case():
    assert unpacked(packed(TEXTS)) == [text.upper() for text in TEXTS]


def test_copies_keep_dinucleotides_and_letters_that_are_no_bases():
    texts = ["".join(row) for row in np.random.default_rng(1).choice(list("ACGT"), (40, 90))]
    copies = unpacked(shuffled_copies(packed(texts), np.random.default_rng(2)))
    for text, copy in zip(texts, copies, strict=True):
        assert sorted(pairwise(text)) == sorted(pairwise(copy))
        assert sum(a != b for a, b in zip(text, copy, strict=True)) > 45  # three quarters, were they independent
    n_at = [i for i, letter in enumerate(TEXTS[0]) if letter == "N"]
    for seed in range(20):
        copy = unpacked(shuffled_copies(packed(TEXTS), np.random.default_rng(seed)))[0]
        assert [i for i, letter in enumerate(copy) if letter == "N"] == n_at


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        float, st.tuples(st.integers(1, 6), st.integers(1, 25)), elements=st.sampled_from([0.0, 1.0, 2.0, np.nan])
    ),
    st.integers(0, 1000),
)
def test_ranks_fall_with_the_score_and_are_the_first_numbers(values, seed):
    ranks = ranking(values, np.random.default_rng(seed))
    for scores, row in zip(values, ranks, strict=True):
        has = ~np.isnan(scores)
        assert sorted(row[has]) == list(range(has.sum()))
        assert (row[~has] == len(row)).all()
        by_rank = scores[has][np.argsort(row[has])]
        assert (np.diff(by_rank) <= 0).all()


def test_ties_are_in_random_order():
    first = ranking(np.zeros((4000, 4)), np.random.default_rng(3)).argmin(axis=1)
    assert (np.abs(np.bincount(first, minlength=4) - 1000) < 150).all()


@pytest.fixture(scope="module")
def ranked():
    rng = np.random.default_rng(4)
    letters = rng.choice(np.frombuffer(b"ACGTN", np.uint8), size=(50, 70), p=[0.3, 0.2, 0.15, 0.3, 0.05])
    values = rng.random((50, 70))
    values[:, 60:] = np.nan
    values[:20, :7] = np.nan
    values[0] = np.nan
    return letters, ranking(values, rng)


@pytest.mark.parametrize("control", ["random", "gc", "shift"])
def test_a_control_ranks_the_same_bases_otherwise(ranked, control):
    letters, ranks = ranked
    moved = control_ranking(ranks, letters, control, np.random.default_rng(5))
    assert ((moved == 70) == (ranks == 70)).all()
    assert (np.sort(moved, axis=1) == np.sort(ranks, axis=1)).all()
    assert (moved != ranks)[1:].any(axis=1).all()


def test_gc_control_replaces_as_many_of_each_kind_at_every_step(ranked):
    letters, ranks = ranked
    moved = control_ranking(ranks, letters, "gc", np.random.default_rng(6))
    for kind in (b"GC", b"AT", b"N"):
        is_kind = np.isin(letters, np.frombuffer(kind, np.uint8))
        for number in range(61):
            assert (((ranks < number) & is_kind).sum(1) == ((moved < number) & is_kind).sum(1)).all()


def test_shift_keeps_runs(ranked):
    letters, ranks = ranked
    moved = control_ranking(ranks, letters, "shift", np.random.default_rng(7))
    for before, after in zip(ranks, moved, strict=True):
        one, other = before[before < 70].tolist(), after[after < 70].tolist()
        rotations = [one[k:] + one[:k] for k in range(1, len(one))]
        assert other in rotations or not one


def test_shift_keeps_a_block_a_block():
    values = np.zeros((200, 50))
    values[:, 12:22] = np.arange(10, 0, -1)
    ranks = ranking(values, np.random.default_rng(1))
    moved = control_ranking(ranks, packed(["A" * 50] * 200), "shift", np.random.default_rng(8)) < 10
    for row in moved:
        runs = [(key, len(list(run))) for key, run in groupby(row)]
        inside = [size for key, size in runs if key]
        assert inside == [10] or (row[0] and row[-1] and sum(inside) == 10 and len(inside) == 2)


def test_replaced_letters_are_those_of_the_copy_at_the_top_bases_and_nowhere_else(ranked):
    letters, ranks = ranked
    others = np.full_like(letters, ord("x"))
    number = np.arange(50)
    changed = replaced(letters, others, ranks, number)
    top = ranks < number[:, None]
    assert (changed[top] == ord("x")).all()
    assert (changed[~top] == letters[~top]).all()
    assert (top.sum(axis=1) == np.minimum(number, (ranks < 70).sum(axis=1))).all()
