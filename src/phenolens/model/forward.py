"""Logits of many batches, as fast as a processor gives them: nothing computed that no logit depends on, and one batch per core.

A BERT classifier reads its class at [CLS] alone, so its last layer is computed for that one position: with query q of head h and
hidden states H, scores are q W_k H' = (W_k' q) H' and the result is W_v (a H), which needs neither keys nor values of all tokens.
The softmax does not see what the bias of the keys adds to every score of a row. Exact up to rounding; a quarter of the work of four layers.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import torch
from transformers import BertForSequenceClassification
from transformers.modeling_outputs import SequenceClassifierOutput

IN_FLIGHT = 2  # batches a core that wait or run


def logits(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the logits (B, C) of a sequence classifier in evaluation mode.

    Parameters
    ----------
    model : Hugging Face model for sequence classification.
    ids, mask : int64 (B, T), padded on the right, on the model's device.
    """
    if reads_first(model):
        return logits_and_weights(model, ids, mask)[0]
    found: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
    return found


def shorten(model: Any) -> None:
    """Give a model, in place, a forward that computes nothing that its logits do not depend on; gradients are the same up to rounding.

    A model for which there is no such way, or whose keys and values carry updates (LoRA), stays as it is.
    """
    if not reads_first(model):
        return

    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        return SequenceClassifierOutput(logits=logits_and_weights(model, input_ids, attention_mask)[0])

    model.forward = forward


def reads_first(model: Any) -> bool:
    """Return whether the last layer is computed at the first token alone."""
    if type(model) is not BertForSequenceClassification:
        return False
    bert, config = cast("Any", model.bert), cast("Any", model.config)
    attention = bert.encoder.layer[-1].attention
    plain = all(type(part) is torch.nn.Linear for part in (attention.self.key, attention.self.value))
    return plain and not config.is_decoder and config._attn_implementation == "sdpa"


def logits_and_weights(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (logits (B, C), attention of the first token in the last layer (B, H, T)) of a model for which `reads_first` holds."""
    seen = mask[:, None, None, :].bool()  # (B, 1, 1, T)
    hidden = model.bert.embeddings(input_ids=ids)  # (B, T, E)
    *layers, last = model.bert.encoder.layer
    whole = None if bool(seen.all()) else seen
    for layer in layers:
        hidden = layer(hidden, whole)
    gathered, weights = _attention_of_first(last.attention.self, hidden, seen)
    attended = last.attention.output(gathered, hidden[:, :1])
    pooled = model.dropout(model.bert.pooler(last.feed_forward_chunk(attended)))
    return model.classifier(pooled), weights


def _attention_of_first(attention: Any, hidden: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (what the first token gathers from all, before the output projection, (B, 1, E); its attention (B, H, T))."""
    heads, width = attention.num_attention_heads, hidden.shape[-1]
    query = attention.query(hidden[:, 0]).unflatten(1, (heads, -1))  # (B, H, D)
    keys, values = (part.weight.view(heads, -1, width) for part in (attention.key, attention.value))  # (H, D, E)
    wanted = torch.einsum("bhd,hde->bhe", query, keys) * attention.scaling
    scores = wanted @ hidden.transpose(1, 2)  # (B, H, T)
    weights = scores.masked_fill(~seen[:, 0], float("-inf")).softmax(dim=-1)
    gathered = torch.einsum("bhe,hde->bhd", weights @ hidden, values)
    return gathered.flatten(1)[:, None] + attention.value.bias, weights


def spread(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield (item, work(item)) in order, each item on one core, as many at a time as torch has threads.

    Small models gain little from many threads within one operation, and on a busy machine these wait for the slowest of them.

    Parameters
    ----------
    work : without gradients, safe to run in several threads.
    items : taken one by one, a few ahead of the results.
    """
    with _one_thread_each() as cores, ThreadPoolExecutor(cores) as workers:
        waiting: deque[tuple[Any, Future[Any]]] = deque()
        try:
            for item in items:
                waiting.append((item, workers.submit(torch.inference_mode()(work), item)))
                if len(waiting) == IN_FLIGHT * cores:
                    done, result = waiting.popleft()
                    yield done, result.result()
            while waiting:
                done, result = waiting.popleft()
                yield done, result.result()
        finally:
            for _, result in waiting:
                result.cancel()


@contextmanager
def _one_thread_each() -> Iterator[int]:
    """Yield the number of threads that torch uses, and let each operation use one inside the block."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        yield threads
    finally:
        torch.set_num_threads(threads)
