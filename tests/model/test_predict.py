from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded

from phenolens.core.errors import DataError
from phenolens.model import predict as module
from phenolens.model.predict import predict
from phenolens.model.tokens import encode


def mixed(n=40):
    lengths = np.random.default_rng(1).integers(6, 120, size=n)
    return [s[:length] for s, length in zip(random_sequences(n, 120, 2), lengths, strict=True)]


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_probabilities_are_those_of_the_model_one_sequence_at_a_time(family):
    loaded, sequences = tiny_loaded(family), mixed(12)
    expected = []
    for sequence in sequences:
        ids = torch.tensor([encode(loaded.rule, [sequence]).ids.tolist()])
        with torch.no_grad():
            expected.append(torch.softmax(loaded.model.eval()(input_ids=ids).logits, dim=1)[0].tolist())
    found = predict(loaded, sequences)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_batch_size_row_order_and_chunks_change_nothing(family, monkeypatch):
    loaded, sequences = tiny_loaded(family), mixed()
    one = predict(loaded, sequences, batch_size=1)
    order = np.random.default_rng(3).permutation(len(sequences))
    for found in (
        predict(loaded, sequences, batch_size=3),
        predict(loaded, sequences, batch_size=64),
        predict(loaded, [sequences[i] for i in order], batch_size=7)[np.argsort(order)],
    ):
        np.testing.assert_allclose(found, one, atol=1e-6)
    monkeypatch.setattr(module, "CHUNK", 11)
    np.testing.assert_allclose(predict(loaded, sequences, batch_size=4), one, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_windows_give_the_softmax_of_their_mean_logits_whatever_the_batch(family, monkeypatch):
    loaded, sequences = tiny_loaded(family, max_tokens=20, cut="windows"), ["", *mixed(12), "acgtNNacgtac"]
    expected = []
    for sequence in sequences:
        tokens = encode(loaded.rule, [sequence])
        rows = [tokens.ids[a:b].tolist() or [loaded.rule.pad] for a, b in pairwise(tokens.offsets.tolist())]
        with torch.no_grad():
            logits = [loaded.model.eval()(input_ids=torch.tensor([ids])).logits[0] for ids in rows]
        expected.append(torch.softmax(sum(logits) / len(logits), dim=0).tolist())
    for size in (1, 3, 64):
        np.testing.assert_allclose(predict(loaded, sequences, batch_size=size), expected, atol=1e-6)
    monkeypatch.setattr(module, "CHUNK_BASES", 150)
    np.testing.assert_allclose(predict(loaded, sequences, batch_size=3), expected, atol=1e-6)


def test_sequences_that_fit_are_the_same_in_windows_as_whole():
    sequences = [s[:50] for s in mixed()]
    whole, windows = (
        predict(tiny_loaded("bert", max_tokens=64, cut=cut), sequences) for cut in ("head_tail", "windows")
    )
    np.testing.assert_array_equal(whole, windows)


def test_lower_case_is_the_same_sequence():
    loaded, sequences = tiny_loaded("bert"), mixed(5)
    np.testing.assert_array_equal(predict(loaded, sequences), predict(loaded, [s.lower() for s in sequences]))


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_empty_and_too_short_sequences_have_probabilities_too(family):
    found = predict(tiny_loaded(family), ["ACGTACGTAC", "", "AC"])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_no_sequences_no_rows():
    assert predict(tiny_loaded("bert"), []).shape == (0, 2)


def test_mode_stays_as_it_was_also_after_an_error():
    loaded = tiny_loaded("bert", dropout=0.3)
    for mode in (True, False):
        loaded.model.train(mode)
        first, second = predict(loaded, mixed(3)), predict(loaded, mixed(3))
        np.testing.assert_array_equal(first, second)
        with pytest.raises(DataError):
            predict(loaded, ["MKVLWEPQMKVLWEPQ"])
        assert loaded.model.training is mode
        assert loaded.model.device.type == "cpu"
