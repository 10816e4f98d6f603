"""Class probabilities of sequences, in input order, whatever the batch size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from phenolens.model.load import Loaded
from phenolens.model.tokens import encode, gate, padded

CHUNK = 4096  # sequences whose tokens are held at once


class Batch(NamedTuple):
    """Some sequences of similar length as tensors.

    rows : int (B,), their place in the input.
    ids, mask : int64 (B, T), padded on the right.
    spans : int32 (B, T, 2), bases under each token; -1, -1 for special tokens and padding.
    """

    rows: np.ndarray
    ids: torch.Tensor
    mask: torch.Tensor
    spans: np.ndarray


def predict(loaded: Loaded, sequences: Sequence[str], *, batch_size: int = 64, device: str | None = None) -> np.ndarray:
    """Return class probabilities, float32 (n, C), rows in input order and columns as loaded.labels.

    Parameters
    ----------
    loaded : classifier; its mode and device are the same after.
    sequences : n sequences of any case and length.
    batch_size : sequences per step.
    device : where to compute; None takes the accelerator if there is one.

    Raises
    ------
    DataError : the tokenizer does not know the sequences' letters.
    """
    result = np.empty((len(sequences), len(loaded.labels)), dtype=np.float32)
    with evaluating(loaded.model, device) as model:
        for batch in batches(loaded, sequences, batch_size):
            logits = model(input_ids=batch.ids.to(model.device), attention_mask=batch.mask.to(model.device)).logits
            result[batch.rows] = torch.softmax(logits.float(), dim=1).cpu().numpy()
    return result


def batches(loaded: Loaded, sequences: Sequence[str], batch_size: int) -> Iterator[Batch]:
    """Yield all sequences in batches of similar length; only the tokens of a chunk are held at once."""
    for first in range(0, len(sequences), CHUNK):
        chunk = sequences[first : first + CHUNK]
        tokens = encode(loaded.rule, chunk)
        gate(loaded.rule, tokens, chunk)
        order = np.argsort(-tokens.lengths, kind="stable")
        for at in range(0, len(order), batch_size):
            rows = order[at : at + batch_size]
            ids, mask, spans = padded(loaded.rule, tokens, rows)
            yield Batch(first + rows, torch.from_numpy(ids), torch.from_numpy(mask), spans)


@contextmanager
def evaluating(model: Any, device: str | None = None) -> Iterator[Any]:
    """Yield the model in evaluation mode, without gradients, on the device; mode and device come back, also after an error."""
    was_training, was_on = model.training, model.device
    try:
        model.eval()
        model.to(device or ("cuda" if torch.cuda.is_available() else was_on))
        with torch.inference_mode():
            yield model
    finally:
        model.to(was_on)
        model.train(was_training)
