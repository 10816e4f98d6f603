"""The calibrated threshold: by hand, by the rule it belongs to, and by the rate on fresh shuffles that it never saw."""

import numpy as np
import oracles
import pytest
from region_tables import explain, scores_of, table_of
from tiny import random_sequences, tiny_loaded

from phenolens.explain.alrw import alrw
from phenolens.explain.region_threshold import chance_table, peaks, shuffled_copies, threshold_of
from phenolens.explain.regions import find_regions


def test_a_rule_finds_a_region_exactly_below_the_peak():
    rng = np.random.default_rng(1)
    values = rng.gamma(2, size=(60, 40)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[7] = np.nan
    values[8] = 0.3
    for shift, times_min in (
        (0.0, 0.0),
        (0.0, 1.5),
        (-2.0, 0.0),
    ):  # the last: scores of either sign, as attributions have
        scores = scores_of((values + shift).tolist(), 40)
        top = peaks(scores.values, 3, times_min)
        for threshold in (0.0, 0.31, 0.9):
            settings = explain(min_run=3, times_min=times_min, shuffles=19)
            found = find_regions(scores, table_of([40] * 60), settings, threshold=threshold)
            assert set(found["sequence_id"]) == {f"s{i}" for i in np.flatnonzero(top > threshold)}
    assert top[7] == -np.inf
    assert not find_regions(scores, table_of([40] * 60), settings, threshold=np.inf).height


def test_without_a_threshold_the_rule_is_the_papers():
    values = np.random.default_rng(2).gamma(2, size=(20, 30)).astype(np.float32)
    top = peaks(values, 4)
    for row, peak in zip(values.tolist(), top, strict=True):
        assert bool(oracles.regions(row, 30, 4, 0.0, 0)) == (peak > 0)


def test_peaks_by_hand():
    # mean 2: relative scores are -1/2, -1/2, 1/2, 1, 1/2, -1
    assert peaks(np.array([[1, 1, 3, 4, 3, 0.0]]), 3).tolist() == [0.5]
    assert peaks(np.array([[1, 1, 3, 4, 3, 0.0]]), 1).tolist() == [1.0]
    assert peaks(np.array([[1, 1, 3, 4, 3, 0.0]]), 7).tolist() == [-np.inf]


@pytest.mark.parametrize(
    ("n", "rate", "rank"), [(99, 0.05, 95), (19, 0.05, 19), (18, 0.05, None), (500, 0.05, 476), (9, 0.1, 9)]
)
def test_the_threshold_is_the_ranked_peak(n, rate, rank):
    values = np.random.default_rng(3).permutation(np.arange(1, n + 1) / 10)
    assert threshold_of(values, rate) == (np.inf if rank is None else pytest.approx(rank / 10))


def test_the_rate_on_fresh_shuffles_is_the_stated_one_within_binomial_error():
    """1,000 fresh copies of the sequences, and as many of others of the same kind: neither was seen when the threshold was set."""
    loaded = tiny_loaded("bert", max_tokens=128)
    real = random_sequences(300, 90, 4)
    _, copies = shuffled_copies(real, 1000, 5)
    score = lambda texts: peaks(alrw(loaded, list(map(str, range(len(texts)))), texts).values, 8)  # noqa: E731
    threshold = threshold_of(score(copies), 0.1)
    for source, seed in ((real, 6), (random_sequences(300, 90, 7), 8)):
        fresh = score(shuffled_copies(source, 1000, seed)[1])
        seen = int((fresh > threshold).sum())
        # the threshold rests on 1,000 copies too, so its own binomial error adds as much again: 2 x 1,000 x 0.1 x 0.9
        assert abs(seen - 100) <= 3.3 * 180**0.5


def test_copies_are_shuffled_and_of_every_sequence_as_often():
    real = random_sequences(7, 60, 9)
    of, copies = shuffled_copies(real, 30, 10)
    assert np.bincount(of, minlength=7).min() >= 4
    assert np.bincount(of, minlength=7).max() <= 5
    pairs = lambda s: sorted(s[i : i + 2] for i in range(len(s) - 1))  # noqa: E731
    for i, copy in zip(of, copies, strict=True):
        assert pairs(copy) == pairs(real[i])
        assert copy != real[i]
    assert shuffled_copies(real, 30, 10)[1] == copies
    assert shuffled_copies(real, 30, 11)[1] != copies
    assert shuffled_copies([], 30, 10)[1] == []
    assert sorted(shuffled_copies(real, 4, 1)[0].tolist()) == sorted(set(shuffled_copies(real, 4, 1)[0].tolist()))


def test_the_table_counts_both_under_each_rule():
    labels, tops = np.array(["a", "a", "b"]), np.array([0.5, 2.0, -1.0])
    of, chance = np.array(["a"] * 8 + ["b"] * 2), np.array([0.1] * 4 + [3.0] + [-1.0] * 5)
    table = chance_table({"paper": 0.0, "calibrated": 1.0}, (labels, tops), (of, chance))
    rows = {(r["rule"], r["label"]): r for r in table.iter_rows(named=True)}
    assert (rows["paper", None]["found"], rows["paper", None]["by_chance"]) == (pytest.approx(2 / 3), 0.5)
    assert (rows["calibrated", "a"]["found"], rows["calibrated", "a"]["by_chance"]) == (0.5, 1 / 8)
    assert (rows["calibrated", "b"]["sequences"], rows["calibrated", "b"]["shuffled"]) == (1, 2)
    assert rows["paper", None]["low"] == pytest.approx(0.2366, abs=1e-4)  # Wilson's interval of 5 of 10
    none = chance_table({"calibrated": np.inf}, (labels, tops), (of[:0], chance[:0]))
    assert none.select("threshold", "by_chance", "low").row(0) == (None, None, None)
    assert none["found"].to_list() == [0.0] * 3


def test_too_few_shuffles_are_refused():
    with pytest.raises(ValueError, match="at least 1 / false_positive_rate"):
        explain(shuffles=18, region_rule="calibrated")
    assert explain(shuffles=0).region_rule == "paper"
