"""Against eager attention, which computes every row of every layer: transformers' own code, not ours."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_loaded
from transformers import AutoConfig, AutoModelForSequenceClassification

from phenolens.core.errors import DataError
from phenolens.explain.attention import attending, check_layer, read, reading_attention
from phenolens.model.tokens import encode, padded

LENGTHS = [6, 20, 64, 7, 33, 64, 12, 50]
_BERT = {"num_hidden_layers": 3, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
_LLAMA = {**_BERT, "num_key_value_heads": 1}
KINDS = {
    "bert": _BERT,
    "roberta": {**_BERT, "max_position_embeddings": 80},
    "camembert": {**_BERT, "max_position_embeddings": 80},
    "xlm-roberta": {**_BERT, "max_position_embeddings": 80},
    "electra": _BERT,
    "albert": {**_BERT, "embedding_size": 16},
    "esm": {**_BERT, "position_embedding_type": "rotary", "token_dropout": False, "mask_token_id": 19},
    "distilbert": {"n_layers": 3, "dim": 16, "n_heads": 2, "hidden_dim": 32},
    "modernbert": {**_BERT, "local_attention": 8, "global_attn_every_n_layers": 2},
    "roformer": {**_BERT, "embedding_size": 16},
    "megatron-bert": _BERT,
    "deberta-v2": {**_BERT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    "deberta": {**_BERT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "big_bird": {**_BERT, "attention_type": "original_full"},
    "gpt2": {"n_layer": 3, "n_embd": 16, "n_head": 2, "scale_attn_by_inverse_layer_idx": True},
    "gpt_neox": {**_BERT, "rotary_pct": 0.5},
    "llama": _LLAMA,
    "mistral": {**_LLAMA, "sliding_window": 5},
    "mixtral": {**_LLAMA, "num_local_experts": 2},
    "qwen2": _LLAMA,
}
CAUSAL = ("gpt2", "gpt_neox", "llama", "mistral", "mixtral", "qwen2")
PADDINGS = ("left", "right")


def classifier(kind, **changes):
    """A tiny random classifier whose attention is far from uniform."""
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    config = AutoConfig.for_model(kind, **{"vocab_size": 20, "num_labels": 3, **KINDS[kind], **ids, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if any(
                part in name
                for part in ("query", "key", "c_attn", "qkv", "q_proj", "k_proj", "q_lin", "k_lin", "in_proj")
            ):
                weight.mul_(100)
    return model


def batch(padding, lengths=(9, 4, 17, 17, 12)):
    ids = torch.randint(3, 19, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(1))
    column, lengths = torch.arange(ids.shape[1]), torch.tensor(lengths)[:, None]
    mask = (column < lengths) if padding == "right" else (column >= ids.shape[1] - lengths)
    return ids * mask, mask.long()


def eager_attentions(model, ids, mask):
    eager = copy.deepcopy(model)
    if eager._can_set_attn_implementation():
        eager.set_attn_implementation("eager")
    found = eager(input_ids=ids, attention_mask=mask, output_attentions=True)
    return found.attentions, found.logits


def read_at(kind, ids, mask):
    """The token whose row is wanted: the first real one, or the last."""
    place = torch.arange(ids.shape[1]) * mask
    return place.argmax(dim=1) if kind in CAUSAL else mask.argmax(dim=1)


@torch.no_grad()
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_equals_eager_attention_of_the_reading_token(kind, padding):
    model, (ids, mask) = classifier(kind), batch(padding)
    wholes, logits = eager_attentions(model, ids, mask)
    before = model.config._attn_implementation
    for layer in (0, 1, 2, -1, -3):
        with attending(model, layer):
            found = read(model, ids, mask, layer)
        expected = wholes[layer][torch.arange(5), :, read_at(kind, ids, mask)]
        torch.testing.assert_close(found.weights, expected, atol=1e-5, rtol=0)
        assert (found.weights[mask[:, None].expand_as(found.weights) == 0] == 0).all()
        if padding == "right" or kind in CAUSAL:  # transformers reads position 0 of the others, which is padding
            torch.testing.assert_close(found.logits, logits, atol=1e-4, rtol=0)
    assert wholes[0].max() > 0.3
    assert model.config._attn_implementation == before
    assert not any(module._forward_hooks for module in model.modules())


@torch.no_grad()
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kind", ["bert", "gpt2", "modernbert", "mistral", "roformer", "deberta-v2"])
def test_rollout_equals_the_product_of_whole_matrices(kind, padding, monkeypatch):
    monkeypatch.setattr("phenolens.explain.attention.QUERIES", 4)
    model, (ids, mask) = classifier(kind), batch(padding)
    product, one = torch.eye(ids.shape[1]).expand(5, -1, -1), torch.eye(ids.shape[1])
    for whole in eager_attentions(model, ids, mask)[0]:
        product = (whole.mean(dim=1) + one) / 2 @ product
    expected = product[torch.arange(5), read_at(kind, ids, mask)]
    found = reading_attention(model, ids, mask, layer="rollout")
    torch.testing.assert_close(found, expected[:, None], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(5, 1))


@torch.no_grad()
@pytest.mark.parametrize("padding", PADDINGS)
def test_a_classifier_that_reads_the_mean_has_the_mean_of_the_rows(padding):
    model, (ids, mask) = classifier("modernbert", classifier_pooling="mean"), batch(padding)
    whole = eager_attentions(model, ids, mask)[0][-1]
    expected = (whole * mask[:, None, :, None]).sum(dim=2) / mask.sum(dim=1)[:, None, None]
    torch.testing.assert_close(reading_attention(model, ids, mask), expected, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("layer", [1, "rollout"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral"])
def test_a_causal_model_read_before_a_final_end_of_text_sees_nothing_after_that_token(kind, layer):
    """Nothing is padded, so no mask says what a token sees; the last token is the padding's, and the class is read before it."""
    model, (ids, mask) = classifier(kind), batch("right", lengths=(9, 9))
    ids[1, -1] = 0
    wholes, _ = eager_attentions(model, ids, mask)
    product, one = torch.eye(9).expand(2, -1, -1), torch.eye(9)
    for whole in wholes:
        product = (whole.mean(dim=1) + one) / 2 @ product
    expected = (product[:, None] if layer == "rollout" else wholes[layer])[torch.arange(2), :, torch.tensor([8, 7])]
    found = reading_attention(model, ids, mask, layer=layer)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found[1, :, 8] == 0).all()


def tiny_batch(loaded, rows):
    sequences = [s[:n] for s, n in zip(random_sequences(8, 64, 1), LENGTHS, strict=True)]
    ids, mask, _ = padded(loaded.rule, encode(loaded.rule, sequences), np.array(rows))
    return torch.from_numpy(ids), torch.from_numpy(mask)


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_token_that_is_read_is_the_one_the_classifier_reads(family):
    """Changing the state of the reading token after the last layer changes the logits; of any other, nothing."""
    loaded = tiny_loaded(family)
    loaded.model.eval()
    ids, mask = tiny_batch(loaded, [1, 3])
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
@pytest.mark.parametrize("kind", ["bert", "roformer"])
def test_nothing_stays_behind_after_an_error(kind):
    model, (ids, mask) = classifier(kind), batch("right")
    with pytest.raises(IndexError):
        reading_attention(model, ids + 10_000, mask, layer=0)
    assert model.config._attn_implementation == classifier(kind).config._attn_implementation
    assert not any(module._forward_hooks for module in model.modules())
    torch.testing.assert_close(
        reading_attention(model, ids, mask, layer=0), reading_attention(classifier(kind), ids, mask, layer=0)
    )


@pytest.mark.parametrize(
    ("kind", "changes", "layer", "message"),
    [
        ("mamba", {}, -1, "a mamba model has no attention between tokens, so there is none to read; expected albert, bert"),
        ("xlnet", {}, -1, "which token a xlnet classifier reads its class from is not known"),
        ("bert", {"num_hidden_layers": 3}, 3, r"explain.layer: 3 of a model with 3 layers; expected -3 to 2, or rollout"),
        ("big_bird", {}, -1, "draws blocks at random and changes with the batch"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_one_sentence(kind, changes, layer, message):
    with pytest.raises(DataError, match=message):
        check_layer(SimpleNamespace(config=AutoConfig.for_model(kind, **changes)), layer)
