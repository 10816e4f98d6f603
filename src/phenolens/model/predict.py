"""Class probabilities of sequences, in input order, whatever the batch size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from phenolens.model.chunks import chunks
from phenolens.model.forward import logits, spread
from phenolens.model.gate import gate
from phenolens.model.load import Loaded
from phenolens.model.pool import pool
from phenolens.model.tokens import encode, padded

STEP_TOKENS = 1 << 12  # tokens of a step on a processor, padding included: more do not fit its cache
Precision = Literal["fp32", "bf16"]
CHUNK, CHUNK_BASES = 4096, 1 << 23  # sequences whose tokens are held at once, and their bases unless it is one sequence


class Batch(NamedTuple):
    """Some sequences of similar length as tensors.

    rows : int64 (B,), the sequence of each row, as its place in the input; one cut into windows has several rows, in any batch.
    ids, mask : int64 (B, T), padded on the right.
    spans : int32 (B, T, 2), bases under each token; -1, -1 for special tokens and padding.
    """

    rows: np.ndarray
    ids: torch.Tensor
    mask: torch.Tensor
    spans: np.ndarray


def predict(
    loaded: Loaded,
    sequences: Sequence[str],
    *,
    batch_size: int = 64,
    device: str | None = None,
    gated: bool = True,
    precision: Precision = "fp32",
) -> np.ndarray:
    """Return class probabilities, float32 (n, C), rows in input order and columns as loaded.labels.

    Parameters
    ----------
    loaded : classifier; its mode and device are the same after.
    sequences : n sequences of any case and length.
    batch_size : rows per step, at most; a sequence cut into windows has several rows, and its logits are their mean.
    device : where to compute; None takes the accelerator if there is one.
    gated : whether the tokens are looked at first; False where the caller has.
    precision : bf16 multiplies matrices with 8 significant bits: faster where the device has it, probabilities move by up to a few hundredths.

    Raises
    ------
    DataError : the tokenizer does not know the sequences' letters.
    """
    found = predict_logits(loaded, sequences, batch_size=batch_size, device=device, gated=gated, precision=precision)
    probabilities: np.ndarray = torch.softmax(torch.from_numpy(found), dim=1).numpy()
    return probabilities


def predict_logits(
    loaded: Loaded,
    sequences: Sequence[str],
    *,
    batch_size: int = 64,
    device: str | None = None,
    gated: bool = True,
    precision: Precision = "fp32",
) -> np.ndarray:
    """Return the logits whose softmax `predict` gives, float32 (n, C); of a sequence cut into windows the mean over them.

    Parameters and errors as in `predict`.
    """
    parts, owner = [torch.empty((0, len(loaded.labels)))], [np.empty(0, dtype=np.int64)]
    with evaluating(loaded.model, device) as model:

        def step(batch: Batch) -> torch.Tensor:
            ids, mask = batch.ids.to(model.device), batch.mask.to(model.device)
            with torch.autocast(model.device.type, torch.bfloat16, enabled=precision == "bf16"):
                return logits(model, ids, mask).float().cpu()

        on_processor = model.device.type == "cpu"
        work = batches(loaded, sequences, batch_size, most_tokens=STEP_TOKENS if on_processor else None, gated=gated)
        for batch, found in spread(step, work) if on_processor else ((batch, step(batch)) for batch in work):
            parts.append(found)
            owner.append(batch.rows)
        mean = pool(torch.cat(parts), torch.from_numpy(np.concatenate(owner)), len(sequences))
        logits_of_sequences: np.ndarray = mean.numpy()
    return logits_of_sequences


def batches(
    loaded: Loaded,
    sequences: Sequence[str],
    batch_size: int,
    *,
    most_tokens: int | None = None,
    gated: bool = True,
) -> Iterator[Batch]:
    """Yield all rows of all sequences in batches of similar length; only the tokens of a chunk are held at once.

    Parameters
    ----------
    loaded, sequences, batch_size, gated : as in predict.
    most_tokens : of a batch, padding included, unless it is one row; None for no limit.
    """
    for first, last in chunks(sequences, bases=CHUNK_BASES, most=CHUNK):
        chunk = sequences[first:last]
        tokens = encode(loaded.rule, chunk)
        if gated:
            gate(loaded.rule, tokens, chunk)
        order = np.argsort(-tokens.lengths, kind="stable")
        at = 0
        while at < len(order):
            longest = max(1, int(tokens.lengths[order[at]]))
            size = batch_size if most_tokens is None else min(batch_size, max(1, most_tokens // longest))
            rows = order[at : at + size]
            ids, mask, spans = padded(loaded.rule, tokens, rows)
            yield Batch(first + tokens.owner[rows], torch.from_numpy(ids), torch.from_numpy(mask), spans)
            at += size


@contextmanager
def evaluating(model: Any, device: str | None = None) -> Iterator[Any]:
    """Yield the model in evaluation mode, without gradients, on the device; mode and device come back, also after an error."""
    with ready(model, device), torch.inference_mode():
        yield model


@contextmanager
def ready(model: Any, device: str | None = None) -> Iterator[Any]:
    """Yield the model in evaluation mode on the device, as `evaluating`; what is computed between may still have gradients."""
    was_training, was_on = model.training, model.device
    try:
        model.eval()
        model.to(device or ("cuda" if torch.cuda.is_available() else was_on))
        yield model
    finally:
        model.to(was_on)
        model.train(was_training)
