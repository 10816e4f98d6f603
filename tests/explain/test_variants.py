"""The model's view of substitutions against predicting each changed sequence on its own."""

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded

from phenolens.explain.variants import Substitution, score_changes
from phenolens.model.predict import predict


@pytest.mark.parametrize("batch_size", [1, 64])
def test_changes_are_log_odds_after_minus_before(batch_size):
    loaded = tiny_loaded("bert")
    with torch.no_grad():
        for weights in loaded.model.parameters():
            if weights.ndim == 2:
                weights.mul_(8)  # a model that minds single bases
    sequences = random_sequences(5, 40, 3)
    target = np.array([0, 1, 1, 0, 1])
    asked = [
        Substitution(s, p, letter)
        for s, p, letter in ((3, 7, "A"), (1, 0, "C"), (3, 8, "G"), (4, 39, "T"), (1, 0, "C"))
    ]
    found = score_changes(loaded, sequences, target, asked, batch_size=batch_size)
    for one, change in zip(asked, found, strict=True):
        text = sequences[one.sequence]
        put = "".join(one.letter if i == one.position else base for i, base in enumerate(text))
        before, after = (predict(loaded, [t])[0].astype(float) for t in (text, put))
        own = target[one.sequence]
        odds = [np.log(p[own]) - np.log(p[1 - own]) for p in (before, after)]
        assert change == pytest.approx(odds[1] - odds[0], abs=1e-3)
    assert found[1] == found[4]
    assert np.abs(found).max() > 0.1


def test_the_base_that_is_there_changes_nothing_and_nothing_asked_is_nothing():
    loaded = tiny_loaded("bert")
    sequence = random_sequences(1, 40, 3)
    assert score_changes(loaded, sequence, np.array([1]), [Substitution(0, 5, sequence[0][5])]) == pytest.approx([0])
    assert len(score_changes(loaded, sequence, np.array([1]), [])) == 0
