import copy

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from phenolens.core.errors import DataError
from phenolens.explain.attention import reading_attention
from phenolens.model.tokens import encode, padded

LENGTHS = [6, 20, 64, 7, 33, 64, 12, 50]


def inputs(loaded, rows):
    sequences = [s[:n] for s, n in zip(random_sequences(8, 64, 1), LENGTHS, strict=True)]
    ids, mask, _ = padded(loaded.rule, encode(loaded.rule, sequences), np.array(rows))
    return torch.from_numpy(ids), torch.from_numpy(mask)


def sharpened(family):
    """A model whose attention is far from uniform."""
    loaded = tiny_loaded(family)
    with torch.no_grad():
        for name, weight in loaded.model.named_parameters():
            if any(part in name for part in ("query", "key", "c_attn")) and weight.ndim == 2:
                weight.mul_(20)
    loaded.model.eval()
    return loaded


@torch.no_grad()
@pytest.mark.parametrize("layer", [0, 1, -1])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_equals_eager_attention_of_the_reading_token(family, layer):
    loaded = sharpened(family)
    ids, mask = inputs(loaded, range(8))
    eager = copy.deepcopy(loaded.model)
    eager.set_attn_implementation("eager")
    whole = eager(input_ids=ids, attention_mask=mask, output_attentions=True).attentions[layer]  # (B, H, T, T)
    position = mask.sum(dim=1) - 1 if family == "gpt2" else torch.zeros(8, dtype=torch.long)
    expected = whole[torch.arange(8), :, position]
    found = reading_attention(loaded.model, ids, mask, layer=layer)
    assert expected.max() > 0.5
    assert loaded.model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_gpt2_with_scaling_by_layer_equals_eager():
    loaded = sharpened("gpt2")
    for number, block in enumerate(loaded.model.transformer.h):
        block.attn.scaling /= number + 1
    ids, mask = inputs(loaded, range(8))
    eager = copy.deepcopy(loaded.model)
    eager.set_attn_implementation("eager")
    whole = eager(input_ids=ids, attention_mask=mask, output_attentions=True).attentions[-1]
    expected = whole[torch.arange(8), :, mask.sum(dim=1) - 1]
    torch.testing.assert_close(reading_attention(loaded.model, ids, mask), expected, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_token_that_is_read_is_the_one_the_classifier_reads(family):
    """Changing the state of the reading token after the last layer changes the logits; of any other, nothing."""
    loaded = sharpened(family)
    ids, mask = inputs(loaded, [1, 3])
    base = loaded.model(input_ids=ids, attention_mask=mask).logits
    position = mask.sum(dim=1) - 1 if family == "gpt2" else torch.zeros(2, dtype=torch.long)
    top = loaded.model.transformer.ln_f if family == "gpt2" else loaded.model.bert.encoder.layer[-1]
    for row in range(2):
        for token in range(ids.shape[1]):

            def push(module, args, output, row=row, token=token):
                output[row, token] += 5 * torch.arange(output.shape[-1])
                return output

            hook = top.register_forward_hook(push)
            moved = loaded.model(input_ids=ids, attention_mask=mask).logits
            hook.remove()
            assert torch.allclose(moved[row], base[row], atol=1e-4) is (token != int(position[row]))


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_padding_gets_nothing_and_real_tokens_sum_to_one(family):
    loaded = sharpened(family)
    ids, mask = inputs(loaded, range(8))
    found = reading_attention(loaded.model, ids, mask)
    assert (found.masked_select(mask[:, None] == 0) == 0).all()
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(8, 2))


@torch.no_grad()
def test_the_model_keeps_no_hook_after_an_error():
    loaded = sharpened("bert")
    ids, mask = inputs(loaded, [0])
    with pytest.raises(IndexError):
        reading_attention(loaded.model, ids + 10_000, mask)
    assert not any(module._forward_pre_hooks for module in loaded.model.modules())


def test_other_models_are_refused_in_one_sentence():
    config = DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=8)
    model = DistilBertForSequenceClassification(config)
    with pytest.raises(
        DataError, match=r"attention of a distilbert model is not supported; expected bert, gpt2; choose"
    ):
        reading_attention(model, torch.ones(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.long))
