"""The attention that the reading token pays to every token, from the layer's own queries and keys.

The reading token is the one whose state the classifier reads: [CLS] in BERT, the last real token in GPT-2 (position 0 of a
causal model sees only itself). Under sdpa a model returns no attention; one row of it costs H x T here, never H x T x T.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from phenolens.core.errors import DataError


class Family(NamedTuple):
    """Where a family of models keeps what attention is computed from.

    attention_modules : model -> its self-attention modules, first layer first.
    query_key : (module, hidden states (B, T, D)) -> queries and keys, each (B, T, D).
    heads : name of the module's attribute with the number of heads.
    reads_last : whether the classifier reads the last real token instead of the first one.
    """

    attention_modules: Callable[[Any], list[Any]]
    query_key: Callable[[Any, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    heads: str
    reads_last: bool


def _bert_query_key(module: Any, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return module.query(hidden), module.key(hidden)


def _gpt2_query_key(module: Any, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    query, key, _ = module.c_attn(hidden).split(module.split_size, dim=2)
    return query, key


FAMILIES = {
    "bert": Family(
        lambda m: [layer.attention.self for layer in m.base_model.encoder.layer],
        _bert_query_key,
        "num_attention_heads",
        False,
    ),
    "gpt2": Family(lambda m: [block.attn for block in m.base_model.h], _gpt2_query_key, "num_heads", True),
}


def reading_attention(model: Any, ids: torch.Tensor, mask: torch.Tensor, *, layer: int = -1) -> torch.Tensor:
    """Return the reading token's attention, float32 (B, H, T): each row sums to 1 over real tokens, padding is 0.

    Parameters
    ----------
    model : classifier in evaluation mode, of a family in FAMILIES.
    ids, mask : int64 (B, T), padded on the right, on the model's device.
    layer : which layer, as a list index; -1 is the last.

    Raises
    ------
    DataError : another kind of model.
    """
    kind = model.config.model_type
    if kind not in FAMILIES:
        raise DataError(
            "explain",
            f"attention of a {kind} model is not supported",
            expected=", ".join(FAMILIES),
            remedy="choose a BERT or GPT-2 model in train.model",
        )
    family, seen = FAMILIES[kind], []
    module = family.attention_modules(model)[layer]
    hook = module.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
    )
    try:
        model.base_model(input_ids=ids, attention_mask=mask)
    finally:
        hook.remove()
    hidden = seen[0]  # (B, T, D)
    position = _last(ids, model.config.pad_token_id) if family.reads_last else torch.zeros_like(mask[:, 0])  # (B,)
    query, key = family.query_key(module, hidden)
    query = query[torch.arange(len(ids), device=ids.device), position]  # (B, D)
    heads = getattr(module, family.heads)
    query = query.reshape(len(ids), heads, -1).float()  # (B, H, D / H)
    key = key.reshape(*ids.shape, heads, -1).float()  # (B, T, H, D / H)
    scores = torch.einsum("bhd,bthd->bht", query, key) * module.scaling
    column = torch.arange(ids.shape[1], device=ids.device)
    visible = mask.bool() & (column <= position[:, None]) if family.reads_last else mask.bool()  # (B, T)
    row: torch.Tensor = scores.masked_fill(~visible[:, None], float("-inf")).softmax(dim=-1)
    return row


def _last(ids: torch.Tensor, pad: int) -> torch.Tensor:
    """Return int64 (B,), the token that a causal classifier of transformers reads: the last one that is not padding.

    A tokenizer that ends every sequence with end-of-text, where this is also the padding, is read one token earlier.
    """
    return (torch.arange(ids.shape[1], device=ids.device) * (ids != pad)).argmax(dim=1)
