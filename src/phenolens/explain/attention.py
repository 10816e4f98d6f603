"""The attention that the reading token pays to every token, of one layer or through all of them.

The reading token is the one whose state the classifier reads: [CLS] in BERT and its relatives, the last real token in GPT-2 and its
(position 0 of a causal model sees only itself). A classifier that reads the mean of all tokens has the mean of their rows. One row
costs H x T here, never H x T x T; rollout goes through T x T of one layer at a time, some queries at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, NamedTuple

import torch

from phenolens.core.errors import DataError
from phenolens.explain.listening import Layer, heard, listening
from phenolens.model.forward import logits_and_weights, reads_first

Which = int | Literal["rollout"]
_FIRST = (
    "albert", "bert", "big_bird", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "esm", "megatron-bert", "modernbert",
    "roberta", "roformer", "xlm-roberta",
)  # fmt: skip
_LAST = ("gpt2", "gpt_neox", "llama", "mistral", "mixtral", "qwen2")
QUERIES = 64  # worked on at once where all rows of a layer are needed
_OTHERS = "use another method (integrated_gradients, gradient_x_input, occlusion, mutagenesis), or another model"


class Reading(NamedTuple):
    """What a batch's classes were read from.

    weights : float32 (B, H, T), attention of the reading token, 0 at padding; rollout has one row for all heads, H = 1.
    logits : float32 (B, C).
    """

    weights: torch.Tensor
    logits: torch.Tensor


def check_layer(model: Any, layer: Which) -> None:
    """Make sure that the model has attention, a reading token that is known, and this layer.

    Raises
    ------
    DataError : it has not; one sentence says what.
    """
    kind, heads = model.config.model_type, getattr(model.config, "num_attention_heads", None)
    if kind not in (*_FIRST, *_LAST):
        found = (
            f"which token a {kind} classifier reads its class from is not known"
            if heads
            else f"a {kind} model has no attention between tokens, so there is none to read"
        )
        raise DataError("explain", found, expected=", ".join((*_FIRST, *_LAST)), remedy=_OTHERS)
    if kind == "big_bird" and model.config.attention_type != "original_full":
        raise DataError(
            "explain",
            "big_bird's block_sparse attention draws blocks at random and changes with the batch",
            expected="attention_type = original_full",
            remedy="set attention_type in the model's config.json",
        )
    layers = model.config.num_hidden_layers
    if layer != "rollout" and not -layers <= layer < layers:
        raise DataError(
            "explain.layer",
            f"{layer} of a model with {layers} layers",
            expected=f"{-layers} to {layers - 1}, or rollout",
            remedy="-1 is the last layer",
        )


@contextmanager
def attending(model: Any, layer: Which) -> Iterator[None]:
    """Let `read` work on the model inside the block.

    Raises
    ------
    DataError : as `check_layer`, and a model whose attention cannot be heard.
    """
    check_layer(model, layer)
    with nullcontext() if _short(model, layer) else listening(model):
        yield


def read(model: Any, ids: torch.Tensor, mask: torch.Tensor, layer: Which = -1) -> Reading:
    """Return the reading token's attention and the logits of a batch, inside `attending` for the same layer; several threads may.

    rollout (Abnar and Zuidema, ACL 2020) follows attention through all layers, half of it staying where it is for the residual
    connection: r = e A_L ... A_1 with A = (mean over heads + I) / 2, from the reading token's unit vector e.

    Parameters
    ----------
    model : classifier in evaluation mode.
    ids, mask : int64 (B, T), padded on either side, on the model's device.
    layer : as a list index, -1 is the last; or rollout.
    """
    if _short(model, layer) and bool(mask[:, 0].all()):
        logits, weights = logits_and_weights(model, ids, mask)
        return Reading(weights.float(), logits)
    count = model.config.num_hidden_layers
    with listening(model) if _short(model, layer) else nullcontext():
        logits, layers, found = heard(model, ids, mask, None if layer == "rollout" else layer % count)
    if found != count:
        raise DataError(
            "explain",
            f"attention of {found} layers of {type(model).__name__} was heard",
            expected=f"of {count}, as its config.json says",
            remedy=_OTHERS,
        )
    if layer == "rollout":
        row = read_shares(model, ids, mask)
        for one in reversed(layers):
            row = (row + _mixed(one, row).mean(dim=1)) / 2
        return Reading(row[:, None], logits)
    if _reads_mean(model):
        return Reading(_mixed(layers[0], read_shares(model, ids, mask)), logits)
    return Reading(layers[0].of(_position(model, ids, mask)), logits)


def reading_attention(model: Any, ids: torch.Tensor, mask: torch.Tensor, *, layer: Which = -1) -> torch.Tensor:
    """Return the reading token's attention, float32 (B, H, T), as `read`; each row sums to 1 over real tokens, padding is 0.

    Parameters
    ----------
    model, ids, mask, layer : as in `read`.

    Raises
    ------
    DataError : as `attending`.
    """
    with attending(model, layer):
        return read(model, ids, mask, layer).weights


def _short(model: Any, layer: Which) -> bool:
    return layer != "rollout" and layer in (-1, model.config.num_hidden_layers - 1) and reads_first(model)


def _reads_mean(model: Any) -> bool:
    return getattr(model.config, "classifier_pooling", "cls") == "mean"


def _position(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return int64 (B,), the token whose state the class is read from.

    A causal classifier of transformers reads the last token that is not padding, so a tokenizer that ends every sequence with
    end-of-text, where this is also the padding, is read one token earlier.
    """
    kind = model.config.model_type
    # all causal classifiers of transformers have their head in `score`
    if kind in _FIRST or (kind not in _LAST and not hasattr(model, "score")):
        return mask.argmax(dim=1)
    pad = model.config.pad_token_id
    real = mask if pad is None else (ids != pad).long()
    return (torch.arange(ids.shape[1], device=ids.device) * real).argmax(dim=1)


def read_shares(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return float32 (B, T), the share of each token's state in what the class is read from: 1 for the reading token, or 1 / tokens for all.

    Parameters
    ----------
    model, ids, mask : as in `read`.
    """
    if _reads_mean(model):
        return mask.float() / mask.sum(dim=1, keepdim=True)
    place = torch.arange(ids.shape[1], device=ids.device)
    return (place == _position(model, ids, mask)[:, None]).float()


def _mixed(layer: Layer, shares: torch.Tensor) -> torch.Tensor:
    """Return float32 (B, H, T), the sum of a layer's rows, each times its share (B, T)."""
    length = shares.shape[1]
    return sum(
        (
            torch.einsum("bq,bhqt->bht", shares[:, at : at + QUERIES], layer.rows(at, min(at + QUERIES, length)))
            for at in range(0, length, QUERIES)
        ),
        start=torch.zeros((), device=shares.device),
    )
