"""Every method finds what a model has learned: bases of a planted 8-mer score higher than the others (benchmarks/planted.py at size)."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tiny import MOTIF, planted, tiny_loaded, tiny_settings

from phenolens.explain.methods import METHODS
from phenolens.model.predict import predict
from phenolens.model.train import train

SIGNED = (
    "alrw",
    "integrated_gradients",
    "occlusion",
)  # the sign of the others is no evidence where a motif is more than enough


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A model that tells sequences with MOTIF from others, and test sequences that have it, with its place."""
    found, gentle = planted(600, 40, 3), {"learning_rate": 3e-3, "epochs": 6}
    loaded = tiny_loaded("bert", **gentle)
    train(loaded, found.table, tmp_path_factory.mktemp("planted"), tiny_settings(**gentle), 1)
    rows = np.flatnonzero((found.table["split"] == "test").to_numpy() & (found.positions >= 0))[:12]
    return loaded, found.table["sequence"].gather(rows).to_list(), found.positions[rows]


def test_the_model_has_learned_it(learned):
    loaded, sequences, _ = learned
    assert (predict(loaded, sequences).argmax(axis=1) == loaded.labels.index("with")).mean() > 0.95


@pytest.mark.parametrize("name", METHODS)
def test_planted_bases_score_highest(learned, name):
    loaded, sequences, positions = learned
    target = np.full(len(sequences), loaded.labels.index("with"))
    values = METHODS[name](loaded, [str(i) for i in range(len(sequences))], sequences, target=target).values
    inside = np.arange(40) - positions[:, None]
    planted_bases = (inside >= 0) & (inside < len(MOTIF))
    scores = values if name in SIGNED else np.abs(values)
    assert np.mean([roc_auc_score(t, v) for t, v in zip(planted_bases, scores, strict=True)]) > 0.9


@pytest.mark.parametrize("name", ["integrated_gradients", "gradient_x_input", "occlusion", "mutagenesis"])
def test_what_speaks_for_one_of_two_classes_speaks_against_the_other(learned, name):
    loaded, sequences, _ = learned
    few, ids = sequences[:2], ["a", "b"]
    one, other = (METHODS[name](loaded, ids, few, target=np.full(2, column)).values for column in (0, 1))
    np.testing.assert_allclose(one, -other, atol=1e-4 * np.abs(one).max())
