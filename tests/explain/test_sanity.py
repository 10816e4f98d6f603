"""Models that have learned nothing: same architecture with other weights, and a training on permuted labels."""

import numpy as np
import polars as pl
import torch
from tiny import planted, tiny_loaded, tiny_settings
from trainings import equal, weights_of

from phenolens.explain.methods import METHODS
from phenolens.explain.sanity import DRAWS, permuted_labels, random_weights, scores_of_random_weights
from phenolens.model.predict import predict
from phenolens.model.train import train

SETTINGS = tiny_settings()


def test_weights_are_drawn_anew_and_all_else_stays():
    loaded = tiny_loaded("bert", seed=1)
    before, made = weights_of(loaded), random_weights(loaded, SETTINGS, 5)
    assert equal(before, weights_of(loaded))
    assert {name: w.shape for name, w in before.items()} == {name: w.shape for name, w in weights_of(made).items()}
    drawn = [name for name, w in before.items() if w.std() > 0]
    assert len(drawn) > 10
    assert not [name for name in drawn if torch.equal(before[name], weights_of(made)[name])]
    assert made.model.config._attn_implementation == loaded.model.config._attn_implementation
    assert made.labels == loaded.labels
    assert equal(weights_of(made), weights_of(random_weights(loaded, SETTINGS, 5)))
    assert not equal(weights_of(made), weights_of(random_weights(loaded, SETTINGS, 6)))


def test_a_model_of_permuted_labels_does_not_know_the_classes_that_the_same_training_learns(tmp_path):
    table, settings = planted(120, 40, 3).table, tiny_settings(epochs=8)
    learned = table.filter(pl.col("split") == "train")
    texts, truth = learned["sequence"].to_list(), (learned["label"] == "without").to_numpy()
    real = tiny_loaded("bert")
    train(real, table, tmp_path, settings, 1)
    permuted = permuted_labels(tiny_loaded("bert"), table, settings, 1)
    right = [(predict(model, texts).argmax(1) == truth).mean() for model in (real, permuted)]
    assert right[0] > 0.95
    assert 0.3 < right[1] < 0.7


def test_groups_are_dealt_to_several_draws_and_scores_are_those_of_their_draw():
    table = planted(36, 40, 3).table.with_columns(group=pl.Series([f"g{i // 2}" for i in range(36)]))
    loaded, target = tiny_loaded("bert"), np.zeros(36, dtype=np.int64)
    methods = {name: METHODS[name] for name in ("alrw", "gradient_x_input")}
    found, draw = scores_of_random_weights(loaded, table, methods, SETTINGS, target=target, seed=2)
    assert set(draw) == set(range(DRAWS))
    assert pl.DataFrame({"g": table["group"], "d": draw}).n_unique() == 18
    one = np.flatnonzero(draw == 4)
    some = table[one]
    model = random_weights(loaded, SETTINGS, 2 * DRAWS + 4)
    for scores, method in zip(found, methods.values(), strict=True):
        alone = method(model, some["sequence_id"].to_list(), some["sequence"].to_list(), target=target[one])
        np.testing.assert_allclose(scores.values[one], alone.values, atol=1e-6)
    assert [scores.method for scores in found] == list(methods)
    again, _ = scores_of_random_weights(loaded, table.head(0), methods, SETTINGS, target=target[:0], seed=2)
    assert again[0].values.shape == (0, 0)
