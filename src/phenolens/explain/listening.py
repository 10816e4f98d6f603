"""Hearing what a model's attention is computed from while it runs as fast as ever.

Under sdpa a model returns no attention. Most of transformers' models hand queries and keys, rotary positions already applied, to one
function that can be replaced by name; ours notes them and goes on to sdpa. A few families compute the weights themselves and return
them from their attention modules; there a hook takes them, and drops them from the output. What is noted belongs to one batch in one
thread, so several batches may run side by side.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from phenolens.core.errors import DataError

NAME = "phenolens"
# Of modules that return (output, weights (B, H, T, T)) and know nothing of replaceable functions.
_RETURNING = (
    "RoFormerSelfAttention",
    "MegatronBertSelfAttention",
    "DisentangledSelfAttention",
    "BigBirdSelfAttention",
)
_UNKNOWN = (
    "softcap",
    "s_aux",
    "position_bias",
)  # arguments that change the weights in a way that `Layer` does not know
_thread = threading.local()


class Layer(NamedTuple):
    """One layer's attention over a batch: a function that gives its weights for some queries.

    rows : (first, one past the last) query -> float32 (B, H, q, T), each row sums to 1 over what the query sees.
    of : int64 (B,), one query of each sequence -> float32 (B, H, T).
    """

    rows: Callable[[int, int], torch.Tensor]
    of: Callable[[torch.Tensor], torch.Tensor]


class _Ear:
    """Notes the layers that are wanted (all where None), in the order in which they are computed."""

    def __init__(self, wanted: int | None) -> None:
        self.wanted, self.count, self.layers = wanted, 0, list[Layer]()

    def hear(self, make: Callable[[], Layer]) -> None:
        if self.wanted is None or self.wanted == self.count:
            self.layers.append(make())
        self.count += 1


@contextmanager
def listening(model: Any) -> Iterator[None]:
    """Let `heard` work on the model inside the block; after it the model computes attention as before.

    Raises
    ------
    DataError : a model whose attention cannot be heard.
    """
    returning = [module for module in model.modules() if type(module).__name__ in _RETURNING]
    if returning:
        hooks = [module.register_forward_hook(_take) for module in returning]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        return
    if not model._can_set_attn_implementation():
        raise DataError(
            "explain",
            f"how {type(model).__name__} computes its attention is not known, so it cannot be read",
            expected="a model that computes it through transformers' attention functions",
            remedy="use another method (integrated_gradients, gradient_x_input, occlusion, mutagenesis), or another model",
        )
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation(NAME)
        yield
    finally:
        model.set_attn_implementation(before)


def heard(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, wanted: int | None
) -> tuple[torch.Tensor, list[Layer], int]:
    """Return (logits (B, C), the wanted layer, or all of them where None, number of layers that were heard), inside `listening`.

    Parameters
    ----------
    model : classifier in evaluation mode.
    ids, mask : int64 (B, T), on the model's device.
    wanted : layer, from 0.
    """
    ear = _thread.ear = _Ear(wanted)
    extra = {"output_attentions": True} if model.config.model_type.startswith("deberta") else {}
    try:
        logits = model(input_ids=ids, attention_mask=mask, **extra).logits
    finally:
        _thread.ear = None
    return logits, ear.layers, ear.count


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    ear = getattr(_thread, "ear", None)
    if ear is not None:
        ear.hear(lambda: _of_queries(module, query, key, attention_mask, options))
    found: tuple[torch.Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    return found


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


def _of_queries(
    module: Any, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, options: dict[str, Any]
) -> Layer:
    """Return a layer from its queries (B, H, T, D), keys (B, H or fewer, T, D) and mask ((B, 1 or H, T, T), True or 0 where seen)."""
    strange = [name for name in _UNKNOWN if options.get(name) is not None]
    if strange:
        raise DataError("explain", f"attention with {strange[0]} is not supported", remedy="use another model")
    key = repeat_kv(key, query.shape[1] // key.shape[1]).float()
    scaling = options.get("scaling")
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    told = options.get("is_causal")
    causal = mask is None and (getattr(module, "is_causal", True) if told is None else told)
    column = torch.arange(key.shape[2], device=key.device)

    def weights(some: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        scores = some.float() @ key.transpose(-1, -2) * scaling
        if seen is not None:
            scores = scores.masked_fill(~seen, float("-inf")) if seen.dtype == torch.bool else scores + seen
        found: torch.Tensor = scores.softmax(dim=-1).nan_to_num(0.0)  # padding may see nothing
        return found

    def rows(first: int, last: int) -> torch.Tensor:
        seen = mask[:, :, first:last] if mask is not None else None
        if causal:
            seen = column <= column[first:last, None]
        return weights(query[:, :, first:last], seen)

    def of(position: torch.Tensor) -> torch.Tensor:
        batch = torch.arange(len(position), device=position.device)
        seen = mask.expand(len(position), -1, -1, -1)[batch, :, position, None] if mask is not None else None
        if causal:
            seen = (column <= position[:, None])[:, None, None]
        return weights(query[batch, :, position, None], seen)[:, :, 0]

    return Layer(rows, of)


def _take(module: Any, args: Any, output: Any) -> Any:
    """Note the weights that a module returns, and drop them, so that no model collects those of all layers."""
    ear = getattr(_thread, "ear", None)
    if ear is None:
        return output
    weights: torch.Tensor = output[1]

    def of(position: torch.Tensor) -> torch.Tensor:
        return weights[torch.arange(len(position), device=position.device), :, position].float()

    ear.hear(lambda: Layer(lambda first, last: weights[:, :, first:last].float(), of))
    return (output[0], None, *output[2:])
