"""Batches are checked by what they promise: every sequence once, within the budget, alike in every epoch, whatever the processes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.model.batching import ABSENT, Batches, by_rows, by_tokens

LENGTHS = st.lists(st.integers(1, 512), min_size=1, max_size=120)


def padded_tokens(batch, lengths):
    return len(batch) * max(lengths[row] for row in batch)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(512, 4096), st.integers(0, 5))
def test_token_batches_hold_each_sequence_once_within_the_budget_and_epochs_differ_in_order_only(lengths, budget, seed):
    epochs = [by_tokens(np.array(lengths), budget, np.random.default_rng((seed, epoch))) for epoch in range(3)]
    for batches in epochs:
        assert sorted(int(row) for batch in batches for row in batch) == list(range(len(lengths)))
        assert all(padded_tokens(batch, lengths) <= budget for batch in batches)
    assert len({tuple(sorted(len(batch) for batch in batches)) for batches in epochs}) == 1


def test_token_batches_waste_little_and_a_sequence_beyond_the_budget_stands_alone():
    lengths = np.random.default_rng(1).lognormal(5.5, 0.6, 2000).astype(int).clip(20, 512)
    batches = by_tokens(lengths, 8192, np.random.default_rng(2))
    read = sum(padded_tokens(batch, lengths) for batch in batches)
    assert lengths.sum() / read > 0.9
    assert [b.tolist() for b in by_tokens(np.array([3, 100, 3]), 10, None)] == [[1], [0, 2]]


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(1, 4), st.integers(0, 5))
def test_row_batches_hold_each_sequence_once_and_only_the_last_step_is_short(lengths, size, together, seed):
    batches = by_rows(np.array(lengths), size, np.random.default_rng(seed), together)
    assert sorted(int(row) for batch in batches for row in batch) == list(range(len(lengths)))
    steps = [sum(map(len, batches[i : i + together])) for i in range(0, len(batches), together)]
    assert steps[:-1] == [size * together] * (len(steps) - 1)
    assert max(map(len, batches)) <= size


def test_row_batches_are_of_similar_length():
    lengths = np.random.default_rng(1).integers(20, 512, 2000)
    spread = [np.ptp(lengths[batch]) for batch in by_rows(lengths, 16, np.random.default_rng(2))]
    assert np.mean(spread) < 20


@pytest.mark.parametrize("tokens", [None, 600])
def test_an_epoch_is_drawn_from_seed_and_number_alone(tokens):
    lengths = np.random.default_rng(1).integers(20, 200, 100)
    first, second = (Batches(lengths, 8, tokens, 1, 3) for _ in range(2))
    orders = []
    for epoch in (0, 1, 2):
        first.set_epoch(epoch)
        orders.append(list(first))
        assert len(orders[-1]) == len(first)
        assert {number for batch in orders[-1] for number, _ in batch} == {epoch}
    second.set_epoch(2)
    assert list(second) == orders[2]
    rows = [[row for batch in order for _, row in batch] for order in orders]
    assert rows[0] != rows[1] != rows[2]
    assert list(Batches(lengths, 8, tokens, 1, 4)) != orders[0]


@pytest.mark.parametrize("tokens", [None, 300])
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_every_batch_and_take_as_many_steps(tokens, processes):
    lengths = np.random.default_rng(1).integers(20, 200, 49)
    alone = list(Batches(lengths, 8, tokens, 1, 3))
    shares = [list(Batches(lengths, 8, tokens, 1, 3, (i, processes))) for i in range(processes)]
    assert {len(share) for share in shares} == {len(alone)}
    for whole, *parts in zip(alone, *shares, strict=True):
        present = Counter(item for part in parts for item in part if item[1] != ABSENT)
        assert present == Counter(whole)
        assert all(parts)
