"""Oracle: transformers' own hidden states under eager attention, one sequence at a time, and the classifier's own head."""

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded, tiny_settings
from tiny_folders import tiny_folder

from phenolens.explain.features import features
from phenolens.model.load import load
from phenolens.model.tokens import encode

LENGTHS = [60, 7, 5, 30, 41, 64, 150, 12]
SEQUENCES = [s[:n] for s, n in zip(random_sequences(8, 150, 1), LENGTHS, strict=True)]
LONG = [s for s in SEQUENCES if len(s) > 5]


def eager_states(loaded, row):
    """Hidden states (K, T, D) of one row of token ids without padding, with eager attention."""
    model = loaded.model
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    with torch.no_grad():
        states = model.eval().base_model(input_ids=torch.tensor([row]), output_hidden_states=True).hidden_states
    model.set_attn_implementation(before)
    return torch.stack([state[0] for state in states]).numpy()


def slow_features(loaded, sequence):
    """(mean, reading) (K, D): a loop over windows and tokens."""
    tokens, means, readings = encode(loaded.rule, [sequence]), [], []
    for start, end in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        states = eager_states(loaded, tokens.ids[start:end].tolist())
        content = [t for t, (first, _) in enumerate(tokens.spans[start:end].tolist()) if first >= 0]
        means.append(sum(states[:, t] for t in content) / len(content))
        readings.append(states[:, -1 if loaded.model.config.model_type in ("gpt2", "mistral") else 0])
    return sum(means) / len(means), sum(readings) / len(readings)


@pytest.mark.parametrize("cut", ["head_tail", "windows"])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_equal_the_hidden_states_of_eager_attention(family, cut):
    loaded = tiny_loaded(family, cut=cut, max_tokens=32)
    found = features(loaded, SEQUENCES, batch_size=3)
    assert found.mean.dtype == found.reading.dtype == np.float32
    assert found.mean.shape == found.reading.shape == (8, 3, 32)
    for i, sequence in enumerate(SEQUENCES):
        if family == "bert" and len(sequence) < 6:
            assert np.isnan(found.mean[i]).all()
            assert np.isnan(found.reading[i]).all()
            continue
        mean, reading = slow_features(loaded, sequence)
        np.testing.assert_allclose(found.mean[i], mean, atol=2e-5)
        np.testing.assert_allclose(found.reading[i], reading, atol=2e-5)


@pytest.mark.parametrize("family", ["roberta", "esm", "modernbert", "roformer", "megatron-bert", "mistral"])
def test_other_families(family, tmp_path):
    settings = tiny_settings(max_tokens=38, cut="head")
    loaded = load(str(tiny_folder(tmp_path / family, family)), ("a", "b"), settings, 1)
    found = features(loaded, LONG)
    for i, sequence in enumerate(LONG):
        mean, reading = slow_features(loaded, sequence)
        np.testing.assert_allclose(found.mean[i], mean, atol=2e-5)
        np.testing.assert_allclose(found.reading[i], reading, atol=2e-5)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_head_makes_the_logits_of_the_last_layer_at_the_reading_token(family):
    loaded = tiny_loaded(family)
    model = loaded.model.eval()
    last = torch.from_numpy(features(loaded, LONG).reading[:, -1])
    for i, sequence in enumerate(LONG):
        ids = torch.tensor([encode(loaded.rule, [sequence]).ids.tolist()])
        with torch.no_grad():
            expected = model(input_ids=ids).logits[0]
            head = (
                model.classifier(model.bert.pooler(last[i][None, None])) if family == "bert" else model.score(last[i])
            )
        torch.testing.assert_close(head.reshape(-1), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_batch_size_padding_and_order_change_nothing(family):
    loaded = tiny_loaded(family, cut="windows", max_tokens=32)
    whole = features(loaded, SEQUENCES)
    for size in (1, 3):
        for one, other in zip(features(loaded, SEQUENCES, batch_size=size), whole, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    order = np.random.default_rng(1).permutation(len(SEQUENCES))
    for one, other in zip(features(loaded, [SEQUENCES[i] for i in order]), whole, strict=True):
        np.testing.assert_allclose(one, other[order], atol=1e-5)


def test_the_model_is_as_before_and_no_sequence_gives_no_row():
    loaded = tiny_loaded("bert")
    loaded.model.train()
    assert len(features(loaded, []).mean) == 0
    features(loaded, LONG)
    assert loaded.model.training
