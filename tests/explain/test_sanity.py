"""Models that have learned nothing: same architecture with other weights, and a training on permuted labels."""

import polars as pl
import torch
from tiny import planted, tiny_loaded, tiny_settings
from trainings import equal, weights_of

from phenolens.explain.sanity import permuted_labels, random_weights
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
