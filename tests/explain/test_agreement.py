import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from phenolens.core.errors import DataError
from phenolens.core.types import BaseScores
from phenolens.explain.agreement import agreement, shared_top


def table(n, groups=None):
    return pl.DataFrame(
        {
            "sequence_id": [f"s{i}" for i in range(n)],
            "label": ["ab"[i % 2] for i in range(n)],
            "group": [f"g{i}" for i in range(n)] if groups is None else groups,
        }
    )


def scores(values, method):
    return BaseScores([f"s{i}" for i in range(len(values))], values.astype(np.float32), method)


def made(n=12, width=40, seed=1):
    generator = np.random.default_rng(seed)
    first = generator.normal(size=(n, width))
    second = first + generator.normal(size=(n, width))
    first[1, 20:], second[2, :10] = np.nan, np.nan
    return first.astype(np.float32), second.astype(np.float32)


def test_correlation_is_scipys_sequence_by_sequence_and_the_mean_of_each_class():
    first, second = made()
    found = agreement([scores(first, "one"), scores(second, "two")], table(12), resamples=50)
    single = []
    for a, b in zip(first, second, strict=True):
        both = ~(np.isnan(a) | np.isnan(b))
        single.append(spearmanr(a[both], b[both]).statistic)
    assert found["label"].to_list() == [None, "a", "b"]
    assert found["signed"].all()
    expected = [np.mean(single), np.mean(single[::2]), np.mean(single[1::2])]
    np.testing.assert_allclose(found["correlation"].to_numpy(), expected, atol=1e-6)
    assert (found["correlation_low"] < found["correlation"]).all()
    assert (found["correlation_high"] > found["correlation"]).all()


def test_attention_is_compared_with_the_size_of_the_others():
    first, second = made()
    found = agreement([scores(np.abs(first), "alrw"), scores(second, "two")], table(12), resamples=0)
    plain = agreement([scores(np.abs(first), "alrw"), scores(np.abs(second), "two")], table(12), resamples=0)
    assert not found["signed"].any()
    assert found["correlation"].to_list() == plain["correlation"].to_list()


def test_a_method_agrees_with_itself_and_not_with_its_opposite():
    first, _ = made()
    pairs = agreement([scores(first, "one"), scores(2 * first, "two"), scores(-first, "three")], table(12), resamples=0)
    whole = pairs.filter(pl.col("label").is_null()).sort("first", "second")
    assert whole.select("first", "second").rows() == [("one", "three"), ("one", "two"), ("two", "three")]
    np.testing.assert_allclose(whole["correlation"], [-1, 1, -1], atol=1e-6)
    np.testing.assert_allclose(whole["overlap"], [0, 1, 0], atol=1e-6)


def test_shared_top_counts_the_highest_tenth():
    first = np.arange(30.0)[None]  # highest three: 27, 28, 29
    second = first.copy()
    second[0, [27, 5]] = 4.5, 27  # highest three: 28, 29, 5
    assert shared_top(first, second)[0] == pytest.approx(2 / 3)
    second[0, 10:] = np.nan  # ten bases are left, of which one is the highest: 9 and 5
    assert shared_top(first, second)[0] == 0
    assert np.isnan(shared_top(first, np.full_like(first, np.nan))[0])


def test_equal_scores_share_no_more_than_chance():
    flat = np.zeros((2000, 50))
    assert shared_top(flat, flat).mean() == pytest.approx(0.1, abs=0.01)


def test_one_group_has_no_interval_and_a_constant_score_no_correlation():
    first, second = made(4)
    same = agreement([scores(first, "one"), scores(second, "two")], table(4, ["g"] * 4))
    assert same["correlation_low"].null_count() == same.height
    flat = agreement([scores(np.ones((4, 40)), "one"), scores(second, "two")], table(4))
    assert flat["n"].to_list() == [0, 0, 0]
    assert flat["correlation"].null_count() == 3


def test_scores_of_other_sequences_are_refused():
    first, second = made()
    other = scores(second, "two")._replace(sequence_ids=[f"s{i}" for i in range(11, -1, -1)])
    with pytest.raises(DataError, match="scores of different sequences"):
        agreement([scores(first, "one"), other], table(12))
