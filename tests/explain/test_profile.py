import numpy as np
import polars as pl
import pytest
from oracles import group_bootstrap
from polars.testing import assert_frame_equal

from phenolens.core.schemas import PROFILE
from phenolens.core.types import BaseScores
from phenolens.explain.profile import Profile, profile


def scores(values):
    return BaseScores([f"s{i}" for i in range(len(values))], np.asarray(values, dtype=np.float32), "alrw")


def test_means_and_counts_are_of_the_sequences_that_reach_a_position():
    found = profile(
        scores([[1, 2, np.nan], [3, np.nan, np.nan], [5, 6, 7]]), ["a", "a", "b"], ["x", "y", "z"], resamples=0
    )
    assert found.select("label", "position", "mean", "n").rows() == [
        ("a", 0, 2, 2),
        ("a", 1, 2, 1),
        ("b", 0, 5, 1),
        ("b", 1, 6, 1),
        ("b", 2, 7, 1),
    ]
    assert found["low"].null_count() == found.height
    assert found["method"].unique().to_list() == ["alrw"]


def test_band_is_that_of_resampled_rows_of_whole_groups():
    """Against the row-index bootstrap of core/stats, a second method; both are random, so they agree within noise."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 4)
    values = rng.normal(size=(30, 6))[groups] + 0.1 * rng.normal(size=(120, 6))
    values[rng.random(values.shape) < 0.2] = np.nan
    found = profile(scores(values), ["a"] * 120, [f"g{g}" for g in groups], resamples=4000, seed=2)
    means = np.array([np.nanmean(values[rows], axis=0) for rows in group_bootstrap(groups, 4000, 3)])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    np.testing.assert_allclose(found["low"], low, atol=0.03)
    np.testing.assert_allclose(found["high"], high, atol=0.03)


def test_near_copies_in_one_group_do_not_narrow_the_band():
    values = np.random.default_rng(4).normal(size=(20, 3))
    once = profile(scores(values), ["a"] * 20, [str(i) for i in range(20)], seed=5)
    copies = profile(
        scores(np.repeat(values, 10, axis=0)), ["a"] * 200, [str(i) for i in range(20) for _ in range(10)], seed=5
    )
    np.testing.assert_allclose(
        once.select("low", "high", "mean").to_numpy(), copies.select("low", "high", "mean").to_numpy(), atol=1e-3
    )


def test_one_group_has_no_band_and_same_seed_same_band():
    values = np.random.default_rng(6).random((4, 5))
    assert profile(scores(values), ["a"] * 4, ["x"] * 4)["low"].null_count() == 5
    first, second = (profile(scores(values), ["a"] * 4, list("wxyz"), seed=7) for _ in range(2))
    assert first.equals(second)
    assert (first["low"] <= first["mean"]).all()
    assert (first["high"] >= first["mean"]).all()


def test_position_that_only_one_group_reaches_has_no_band():
    values = [[1, 5], [2, np.nan], [3, np.nan]]
    found = profile(scores(values), ["a"] * 3, list("xyz"))
    assert found["low"].is_null().to_list() == [False, True]
    assert found["mean"].to_list() == [2, 5]


def test_no_sequences_no_rows():
    found = profile(scores(np.zeros((0, 0))), [], [])
    assert found.height == 0
    assert list(found.schema) == list(PROFILE.columns)


@pytest.mark.parametrize("resamples", [1, 63, 64, 65, 200])
def test_any_number_of_resamples(resamples):
    values = np.random.default_rng(8).random((10, 4))
    found = profile(scores(values), ["a"] * 10, [str(i) for i in range(10)], resamples=resamples)
    assert found.select(pl.col("low", "high").is_not_null().all()).row(0) == (True, True)


def test_blocks_of_any_size_and_order_give_the_same_bands():
    """Groups lie across blocks; three kinds of score go side by side, each as if alone."""
    rng = np.random.default_rng(9)
    values = rng.normal(size=(60, 3, 7)).astype(np.float32)
    values[rng.random(60) < 0.3, :, 4:] = np.nan
    labels, groups = [f"c{i}" for i in rng.integers(0, 2, 60)], [f"g{i}" for i in rng.integers(0, 9, 60)]
    options = {"resamples": 300, "seed": 4}
    alone = [profile(scores(values[:, kind]), labels, groups, **options) for kind in range(3)]
    for size in (1, 7, 60):
        sums, order = Profile(labels, 7, kinds=3, **options), rng.permutation(60)
        for at in range(0, 60, size):
            rows = order[at : at + size]
            sums.add(values[rows], [labels[i] for i in rows], [groups[i] for i in rows])
        for kind in range(3):
            assert_frame_equal(sums.table("alrw", kind), alone[kind], abs_tol=1e-5)


def test_many_positions_take_fewer_resamples_and_then_no_band(monkeypatch):
    monkeypatch.setattr("phenolens.explain.profile.CELLS", 2000)
    values = np.random.default_rng(8).random((10, 4))
    named = [str(i) for i in range(10)]
    assert Profile(["a"], 4, resamples=1000).resamples == 500
    sums = Profile(["a"], 21, resamples=1000)
    sums.add(values, ["a"] * 10, named)
    table = sums.table("alrw")
    assert table["low"].null_count() == 4
    np.testing.assert_allclose(table["mean"], values.mean(axis=0), rtol=1e-6)
