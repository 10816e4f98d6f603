from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import group_bootstrap
from scipy.stats import false_discovery_control

from phenolens.core.stats import (
    benjamini_hochberg,
    group_bootstrap_weights,
    group_mean_intervals,
    holm,
    interval,
    permutation_p,
    sign_flip_p,
)


@given(hnp.arrays(float, st.integers(1, 40), elements=st.floats(0, 1)))
def test_benjamini_hochberg_equals_scipy(p_values: np.ndarray) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p_values), false_discovery_control(p_values), rtol=1e-12)


@settings(max_examples=50)
@given(hnp.arrays(float, st.integers(1, 6), elements=st.sampled_from([0.0, 0.01, 0.2, 0.2, 0.7, 1.0, np.nan])))
def test_holm_is_the_closed_test_of_bonferroni(p_values: np.ndarray) -> None:
    """Holm's p of a test is the largest Bonferroni p of all sets of tests that it belongs to."""
    adjusted, present = holm(p_values), [i for i, p in enumerate(p_values) if not np.isnan(p)]
    assert np.array_equal(np.isnan(adjusted), np.isnan(p_values))
    for i in present:
        sets = [chosen for size in range(1, 7) for chosen in combinations(present, size) if i in chosen]
        assert adjusted[i] == pytest.approx(max(min(1, len(c) * min(p_values[j] for j in c)) for c in sets))


@settings(max_examples=50)
@given(hnp.arrays(float, st.integers(1, 30), elements=st.sampled_from([0.0, 1e-6, 0.01, 0.2, 0.2, 1.0, np.nan])))
def test_benjamini_hochberg_leaves_nan_out_of_the_number_of_tests(p_values: np.ndarray) -> None:
    adjusted = benjamini_hochberg(p_values)
    present = ~np.isnan(p_values)
    assert np.isnan(adjusted[~present]).all()
    if present.any():
        np.testing.assert_allclose(adjusted[present], false_discovery_control(p_values[present]))


def test_benjamini_hochberg_of_no_test_is_empty() -> None:
    assert benjamini_hochberg(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (10.0, 2 * 1 / 10),  # beyond all nine: 2 / (n + 1), the smallest possible
        (-10.0, 2 * 1 / 10),
        (9.0, 2 * 2 / 10),  # level with the largest one
        (8.5, 2 * 2 / 10),
        (5.0, 1.0),  # the median: 2 * (5 + 1) / 10 is capped
    ],
)
def test_permutation_p_by_hand(observed: float, expected: float) -> None:
    assert permutation_p(observed, np.arange(1.0, 10.0)) == pytest.approx(expected)


def test_permutation_p_without_observation_or_null_is_nan() -> None:
    assert np.isnan(permutation_p(np.nan, np.arange(5.0)))
    assert np.isnan(permutation_p(1.0, np.full(5, np.nan)))
    assert permutation_p(10.0, np.array([1.0, np.nan, 2.0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.5])
def test_permutation_p_is_valid_under_the_null(level: float) -> None:
    draws = np.random.default_rng(4).normal(size=(4000, 100))
    p_values = np.array([permutation_p(row[0], row[1:]) for row in draws])
    # exact: two-sided rejection at 2 (b + 1) / 100 <= level
    assert np.mean(p_values <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_interval_of_uniform_samples_is_their_tails() -> None:
    assert interval(np.linspace(0, 1, 1001)) == pytest.approx((0.025, 0.975))
    assert interval(np.linspace(0, 1, 1001), level=0.5) == pytest.approx((0.25, 0.75))


def test_interval_needs_half_of_the_samples() -> None:
    assert interval(np.array([1.0, 1.0, np.nan, np.nan])) == (1.0, 1.0)
    assert np.isnan(interval(np.array([1.0, np.nan, np.nan]))).all()
    assert np.isnan(interval(np.zeros(0))).all()


def test_group_bootstrap_draws_whole_groups() -> None:
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    for rows in group_bootstrap(groups, 30, 2):
        drawn = np.bincount(rows, minlength=6)
        assert all(len(set(drawn[groups == group])) == 1 for group in "abc")
        assert sum(drawn[groups == group][0] for group in "abc") == 3


def test_group_bootstrap_covers_the_mean_where_rows_would_not() -> None:
    generator = np.random.default_rng(11)
    by_group = by_row = 0
    trials = 100
    for trial in range(trials):
        groups = np.repeat(np.arange(40), 10)
        values = generator.normal(size=40)[groups] + 0.1 * generator.normal(size=400)
        for unit, add in ((groups, 1), (np.arange(400), 0)):
            low, high = interval(np.array([values[rows].mean() for rows in group_bootstrap(unit, 120, trial)]))
            by_group += add * (low <= 0 <= high)
            by_row += (1 - add) * (low <= 0 <= high)
    assert 0.86 <= by_group / trials <= 0.99
    assert by_row / trials < 0.7


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(0, 20), st.integers(0, 99), st.integers(1, 40))
def test_weights_are_the_same_resamples_in_any_block_size(
    groups: list[int], resamples: int, seed: int, cells: int
) -> None:
    names = np.array(groups)
    blocks = list(group_bootstrap_weights(names, resamples, seed, cells))
    expected = group_bootstrap(names, resamples, seed)
    assert sum(len(block) for block in blocks) == resamples
    if resamples:
        weights = np.concatenate(blocks)[:, np.unique(names, return_inverse=True)[1]]
        np.testing.assert_array_equal(weights, [np.bincount(rows, minlength=len(names)) for rows in expected])


def test_sign_flip_p_is_the_share_of_all_flips_at_least_as_extreme() -> None:
    rng = np.random.default_rng(1)
    values, groups = rng.normal(0.3, 1, size=(20, 3)), np.repeat([f"g{i}" for i in range(8)], [1, 1, 2, 2, 3, 3, 4, 4])
    found = sign_flip_p(values, groups, flips=40_000, seed=2)
    sums = np.stack([values[groups == name].sum(axis=0) for name in np.unique(groups)])
    flips = np.array(list(product([1, -1], repeat=8))) @ sums
    np.testing.assert_allclose(found, (np.abs(flips) >= np.abs(sums.sum(axis=0)) - 1e-9).mean(axis=0), atol=0.012)
    assert sign_flip_p(np.zeros((5, 1)), np.arange(5), flips=9)[0] == 1.0


def test_sign_flip_p_holds_its_level_when_whole_groups_go_together() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 6)
    together = np.repeat(rng.normal(size=(30, 600)), 6, axis=0)  # 30 independent values, six times each
    assert 0.025 < (sign_flip_p(together, groups, flips=999, seed=4) <= 0.05).mean() < 0.08


def test_group_mean_intervals_equal_a_loop_over_resamples() -> None:
    rng = np.random.default_rng(5)
    values, groups = rng.normal(size=(12, 2)), np.array(list("aabbbcddeeee"))
    low, high = group_mean_intervals(values, groups, resamples=300, seed=6)
    weights = np.concatenate(list(group_bootstrap_weights(groups, 300, 6)))
    means = [np.average(values, axis=0, weights=[drawn["abcde".index(group)] for group in groups]) for drawn in weights]
    np.testing.assert_allclose(low, np.percentile(means, 2.5, axis=0))
    np.testing.assert_allclose(high, np.percentile(means, 97.5, axis=0))
    assert np.isnan(group_mean_intervals(values, np.array(["g"] * 12))[0]).all()
