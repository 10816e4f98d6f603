from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from phenolens.core.errors import DataError
from phenolens.evaluate.length import length_bins, metrics_by_length

LABELS = ["a", "b"]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=200), st.integers(1, 25), st.integers(1, 60))
def test_bins_hold_every_length_and_are_never_too_small(lengths: list[int], bins: int, min_bin: int) -> None:
    values = np.array(lengths)
    edges = length_bins(values, bins, min_bin)
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= bins + 1
    assert edges[0] == values.min()
    assert edges[-1] == values.max() + 1
    counts = [int(np.sum((values >= a) & (values < b))) for a, b in pairwise(edges)]
    assert sum(counts) == len(values)
    assert len(counts) == 1 or min(counts) >= min_bin


def test_bins_are_equal_in_log_length() -> None:
    np.testing.assert_array_equal(length_bins(np.arange(100, 1601), 4, 1), [100, 200, 400, 800, 1601])


def test_small_bins_join_their_smaller_neighbour() -> None:
    # 100-199: 50, 200-399: 3, 400-799: 20, 800-1600: 50
    lengths = np.concatenate([np.full(50, 100), np.full(3, 250), np.full(20, 500), np.full(50, 1600)])
    np.testing.assert_array_equal(length_bins(lengths, 4, 10), [100, 200, 800, 1601])
    np.testing.assert_array_equal(length_bins(lengths, 4, 24), [100, 800, 1601])
    np.testing.assert_array_equal(length_bins(lengths, 4, 200), [100, 1601])


def test_one_length_is_one_bin() -> None:
    np.testing.assert_array_equal(length_bins(np.full(7, 300), 20, 100), [300, 301])


def table(n: int = 200) -> tuple[pl.DataFrame, pl.DataFrame]:
    generator = np.random.default_rng(8)
    lengths = np.where(np.arange(n) % 2 == 0, 100, 400)
    truth = generator.integers(0, 2, n)
    # right on every long sequence, guessing on short ones
    p = np.where(lengths == 400, 0.1 + 0.8 * truth, generator.uniform(0.01, 0.99, n))
    ids = [f"s{i}" for i in range(n)]
    sequences = pl.DataFrame({"sequence_id": ids, "sequence": ["A" * x for x in lengths], "group": ids})
    frame = {"run": "run-0", "split": "test", "sequence_id": ids, "label": [LABELS[t] for t in truth]}
    return pl.DataFrame(frame | {"p_a": 1 - p, "p_b": p}), sequences


def test_metrics_are_those_of_the_sequences_in_the_bin() -> None:
    predictions, sequences = table()
    found = metrics_by_length(predictions, sequences, LABELS, bins=2, min_bin=10, resamples=30)
    assert found["bin"].unique().sort().to_list() == ["100-199", "200-400"]
    accuracy = dict(found.filter(pl.col("metric") == "accuracy").select("bin", "value").iter_rows())
    assert accuracy["200-400"] == 1
    short = predictions.gather_every(2)
    assert accuracy["100-199"] == pytest.approx(accuracy_score(short["label"] == "b", short["p_b"] > 0.5))
    share = found.filter(pl.col("metric") == "share").sort("bin")
    assert share["value"].to_list() == [0.5, 0.5]
    assert share["n"].to_list() == [100, 100]
    assert found["class"].null_count() == found.height


def test_every_sequence_is_in_one_bin() -> None:
    predictions, sequences = table()
    lengths = np.random.default_rng(2).choice([100, 141, 199, 200, 201, 282, 283, 400], 200)
    sequences = sequences.with_columns(sequence=pl.Series(["A" * length for length in lengths]))
    found = metrics_by_length(predictions, sequences, LABELS, bins=4, min_bin=1, resamples=0)
    counts = found.filter(pl.col("metric") == "accuracy").select("bin", "n")
    expected = {"100-141": 0, "142-199": 0, "200-282": 0, "283-400": 0}
    for length in lengths.tolist():
        expected[next(name for name in expected if length <= int(name.split("-")[1]))] += 1
    assert dict(counts.iter_rows()) == expected


def test_share_sums_to_one_for_every_run_and_split() -> None:
    predictions, sequences = table()
    both = pl.concat([predictions, predictions.with_columns(run=pl.lit("vote")), predictions.head(90).with_columns(split=pl.lit("validation"))])  # fmt: skip
    found = metrics_by_length(both, sequences, LABELS, bins=2, min_bin=10, resamples=0)
    sums = (
        found.filter(pl.col("metric") == "share").group_by("run", "split").agg(pl.col("value").sum(), pl.col("n").sum())
    )
    assert sums.height == 3
    assert sums["value"].to_list() == [1.0, 1.0, 1.0]
    assert sorted(sums["n"]) == [90, 200, 200]


def test_share_of_bases_beyond_the_input_is_that_of_the_models_only() -> None:
    predictions, sequences = table()
    both = pl.concat([predictions, predictions.with_columns(run=pl.lit("length"))])
    room = 250  # every base beyond the 250th is cut off
    lost = [max(0, len(s) - room) for s in sequences["sequence"]]
    lengths = [len(s) for s in sequences["sequence"]]
    cut = sequences.with_columns(cut_off=pl.Series([a / b for a, b in zip(lost, lengths, strict=True)]))
    found = metrics_by_length(both, cut, LABELS, bins=1, min_bin=1, resamples=0).filter(metric="cut_off")
    assert found["run"].to_list() == ["run-0"]
    assert found["value"].item() == pytest.approx(sum(lost) / sum(lengths))
    assert found["n"].item() == 200
    by_bin = metrics_by_length(both, cut, LABELS, bins=2, min_bin=1, resamples=0).filter(metric="cut_off")
    assert by_bin["value"].to_list() == pytest.approx([0, 150 / 400])
    assert (
        metrics_by_length(both, sequences, LABELS, bins=2, min_bin=1, resamples=0).filter(metric="cut_off").is_empty()
    )


def test_bin_with_one_class_has_no_auroc() -> None:
    predictions, sequences = table()
    predictions = predictions.filter((pl.col("label") == "a") | pl.int_range(pl.len()).mod(2).eq(1))
    found = metrics_by_length(predictions, sequences, LABELS, bins=2, min_bin=10, resamples=30)
    auroc = dict(found.filter(pl.col("metric") == "auroc_macro").select("bin", "value").iter_rows())
    assert auroc["100-199"] is None
    assert auroc["200-400"] == 1


def test_unknown_sequence_is_named() -> None:
    predictions, sequences = table()
    with pytest.raises(DataError, match="1 predicted sequences are not among the sequences, the first: s3"):
        metrics_by_length(predictions, sequences.filter(pl.col("sequence_id") != "s3"), LABELS)
