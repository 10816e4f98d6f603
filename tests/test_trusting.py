"""The sample that methods are tested on: so many of each class, whatever the order of the rows."""

import polars as pl

from phenolens.trusting import sampled

ROWS = pl.DataFrame({"sequence_id": [f"s{i:03}" for i in range(90)], "label": ["a"] * 60 + ["b"] * 25 + ["c"] * 5})


def test_as_many_of_each_class_as_asked_for_and_all_of_a_small_one():
    found = sampled(ROWS, 20, seed=1)
    assert dict(found.group_by("label").len().iter_rows()) == {"a": 20, "b": 20, "c": 5}
    assert found["sequence_id"].is_sorted()
    assert found["sequence_id"].n_unique() == 45


def test_the_order_of_rows_changes_nothing_and_the_seed_does():
    assert sampled(ROWS, 20, seed=1).equals(sampled(ROWS.reverse(), 20, seed=1))
    assert not sampled(ROWS, 20, seed=1).equals(sampled(ROWS, 20, seed=2))
    assert sampled(ROWS.head(0), 20, seed=1).height == 0
