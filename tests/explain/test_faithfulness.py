"""Curves and areas of a classifier whose truth is known: it counts the k-mers of one motif and knows nothing else."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import spearmanr
from tiny import MOTIF, planted, tiny_loaded

from phenolens.core.errors import DataError
from phenolens.core.types import BaseScores
from phenolens.explain.faithfulness import faithfulness, measured
from phenolens.explain.faithfulness_tables import SHARES, Key, area_between, rank_correlation
from phenolens.explain.replacement import packed, shuffled_copies, unpacked
from phenolens.model.predict import predict

LENGTH = 60
WORDS = [MOTIF[i : i + 6] for i in range(len(MOTIF) - 5)]


class MotifCounter(torch.nn.Module):
    """Says `with` for a sequence that holds k-mers of the motif, the surer the more of its three."""

    def __init__(self, words):
        super().__init__()
        self.register_buffer("words", torch.tensor(words))

    @property
    def device(self):
        return self.words.device

    def forward(self, input_ids, attention_mask):
        found = torch.isin(input_ids, self.words).sum(dim=1).float()
        return SimpleNamespace(logits=torch.stack([2 * found - 3, torch.zeros_like(found)], dim=1))


@pytest.fixture(scope="module")
def counter():
    loaded = tiny_loaded("bert")
    return loaded._replace(model=MotifCounter([loaded.rule.vocabulary[word] for word in WORDS]))


@pytest.fixture(scope="module")
def sequences():
    made = planted(160, LENGTH, 5)
    motif = (made.positions[:, None] >= 0) & (
        (np.arange(LENGTH) >= made.positions[:, None]) & (np.arange(LENGTH) < made.positions[:, None] + len(MOTIF))
    )
    chosen = np.flatnonzero(made.positions >= 0)  # what has no motif has nothing that could be replaced
    return made.table[chosen], motif[chosen].astype(np.float32)


def scored(table, values, method):
    return BaseScores(table["sequence_id"].to_list(), values.astype(np.float32), method)


@pytest.fixture(scope="module")
def found(counter, sequences):
    table, truth = sequences
    noise = np.random.default_rng(1).random(truth.shape)
    given = {
        "trained": [scored(table, truth, "oracle"), scored(table, noise, "noise"), scored(table, -truth, "inverted")],
        "random weights": [scored(table, noise, "oracle")],
    }
    return faithfulness(counter, table, given, shuffles=2, resamples=400, seed=3)


def row(areas, method, control, curve, model="trained"):
    wanted = {"method": method, "control": control, "curve": curve, "model": model}
    return areas.filter(pl.col("label").is_null(), **wanted).row(0, named=True)


@pytest.mark.parametrize("curve", ["deletion", "insertion"])
@pytest.mark.parametrize("control", ["shift", "gc", "random"])
def test_oracle_is_better_than_chance_noise_is_not_and_inverted_is_worse(found, control, curve):
    assert row(found.areas, "oracle", control, curve)["low"] > 0.1
    assert row(found.areas, "oracle", control, curve)["q_value"] < 0.01
    noise = row(found.areas, "noise", control, curve)
    assert noise["low"] < 0 < noise["high"]
    inverted = row(found.areas, "inverted", control, curve)
    assert inverted["area"] < 0
    # scattered bases never rebuild the motif either, so nothing can be much worse than they are
    assert inverted["high"] < (0 if control == "shift" or curve == "deletion" else 0.01)


def test_pairs_of_methods_and_of_models_are_compared(found):
    assert row(found.areas, "oracle", "noise", "deletion")["low"] > 0.1
    assert row(found.areas, "oracle", "random weights", "deletion")["low"] > 0.1
    control = row(found.areas, "oracle", "random", "deletion", "random weights")
    assert control["low"] < 0 < control["high"]
    assert set(found.areas.filter(model="random weights")["control"]) == {"shift", "random"}


def test_curves_begin_at_the_whole_sequence_and_at_its_shuffled_copy(counter, sequences, found):
    whole = predict(counter, sequences[0]["sequence"].to_list())[:, 0].mean()
    start = (
        found.curves.filter(share=0.0)
        .group_by("curve")
        .agg(pl.col("mean").min().alias("a"), pl.col("mean").max().alias("b"))
    )
    assert dict(start.select("curve", "a").iter_rows())["deletion"] == pytest.approx(whole)
    assert dict(start.select("curve", "b").iter_rows())["deletion"] == pytest.approx(whole)
    a, b = start.filter(curve="insertion").select("a", "b").row(0)
    assert a == b < 0.2


def test_area_is_the_sum_of_trapezoids():
    rng = np.random.default_rng(2)
    one, other = rng.random((2, 4, len(SHARES))), rng.random((2, 4, len(SHARES)))
    for n in range(4):
        for curve, sign in ((0, -1), (1, 1)):
            gap = sign * (one - other)[curve, n]
            oracle = sum((b - a) * (x + y) / 2 for (a, b), (x, y) in zip(pairwise(SHARES), pairwise(gap), strict=True))
            assert area_between(one, other)[n, curve] == pytest.approx(oracle / 0.5)
    assert area_between(one, one - 0.25)[:, 1] == pytest.approx(0.25)


def test_areas_of_the_table_are_those_of_the_mean_curves(found):
    mean = {
        (curve, control): part.sort("share")["mean"].to_numpy()
        for (curve, control), part in found.curves.filter(model="trained", method="oracle").group_by("curve", "control")
    }
    for control in ("shift", "gc", "random"):
        for curve, sign in (("deletion", -1), ("insertion", 1)):
            gap = sign * (mean[curve, None] - mean[curve, control])
            area = np.sum(np.diff(SHARES) * (gap[1:] + gap[:-1]) / 2) / 0.5
            assert row(found.areas, "oracle", control, curve)["area"] == pytest.approx(area)


def test_order_of_rows_and_batch_size_change_nothing(counter, sequences):
    table, truth = sequences
    values = truth + np.random.default_rng(3).integers(0, 3, truth.shape)  # with ties
    order = np.random.default_rng(4).permutation(table.height)
    one = faithfulness(counter, table, {"trained": [scored(table, values, "x")]}, shuffles=1, resamples=50)
    moved = {"trained": [scored(table[order], values[order], "x")]}
    for other in (
        faithfulness(counter, table[order], moved, shuffles=1, resamples=50, batch_size=7),
        faithfulness(counter, table, moved, shuffles=1, resamples=50),
    ):
        assert one.areas.equals(other.areas)
        assert one.curves.equals(other.curves)
    assert not one.curves.equals(faithfulness(counter, table, moved, shuffles=1, resamples=50, seed=9).curves)


def test_curves_equal_a_loop_over_sequences_and_shares(counter, sequences):
    """With scores on four bases only and a copy that is known: put in by hand what the curve puts in."""
    texts = sequences[0]["sequence"].to_list()[:5]
    values = np.full((5, LENGTH), np.nan)
    values[:, 20:40] = np.random.default_rng(5).random((5, 20))
    curves = measured(counter, texts, {("trained", "x"): values}, shuffles=1, batch_size=8, seed=2)[
        Key("trained", "x", None)
    ]
    copies = unpacked(shuffled_copies(packed(texts), np.random.default_rng([2, 0])))
    for n, (text, copy) in enumerate(zip(texts, copies, strict=True)):
        label = int(predict(counter, [text])[0].argmax())
        for at, share in enumerate(SHARES):
            top = sorted(range(20, 40), key=lambda base: -values[n, base])[: round(share * 20)]
            for kind, (base, other) in enumerate(((text, copy), (copy, text))):
                changed = "".join(other[i] if i in top else base[i] for i in range(LENGTH))
                assert curves[kind, n, at] == pytest.approx(predict(counter, [changed])[0, label], abs=1e-6)


def test_classes_have_rows_of_their_own_and_intervals_are_over_groups(counter):
    made = planted(60, LENGTH, 8)
    values = np.random.default_rng(1).random((60, LENGTH))
    both = faithfulness(counter, made.table, {"trained": [scored(made.table, values, "x")]}, shuffles=1, resamples=50)
    assert set(both.areas["label"]) == {None, "with", "without"}
    assert both.areas.filter(label="with")["n"].unique().to_list() == [30]
    one_group = made.table.with_columns(group=pl.lit("g"))
    single = faithfulness(counter, one_group, {"trained": [scored(made.table, values, "x")]}, shuffles=1, resamples=50)
    assert single.areas["low"].null_count() == single.areas.height
    assert single.areas["p_value"].min() == 1.0


def test_sequences_without_a_score_are_left_out_and_no_sequence_gives_empty_tables(counter, sequences):
    table, truth = sequences
    values = truth.copy()
    values[:3] = np.nan
    part = faithfulness(counter, table, {"trained": [scored(table, values, "x")]}, shuffles=1, resamples=0)
    assert part.areas["n"].unique().to_list() == [table.height - 3]
    nothing = faithfulness(counter, table.head(0), {"trained": [scored(table, values, "x")]})
    assert [t.height for t in nothing] == [0, 0, 0]


def test_scores_of_other_sequences_are_an_error(counter, sequences):
    table, truth = sequences
    with pytest.raises(DataError, match="have no scores of x"):
        faithfulness(counter, table, {"trained": [scored(table.tail(3), truth[-3:], "x")]})


def test_likeness_of_scores_is_spearmans(found, sequences):
    rng = np.random.default_rng(6)
    one, other = rng.integers(0, 6, (4, 30)).astype(float), rng.random((4, 30))
    one[0, 3:9], other[1, :5], one[3] = np.nan, np.nan, 2.0
    alike = rank_correlation(one, other)
    for n in range(3):
        assert alike[n] == pytest.approx(spearmanr(one[n], other[n], nan_policy="omit").statistic)
    assert np.isnan(alike[3])
    line = found.sanity.row(0, named=True)
    assert (line["method"], line["model"], line["n"]) == ("oracle", "random weights", sequences[0].height)
    assert line["low"] < 0 < line["high"]
