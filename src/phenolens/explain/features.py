"""Features of sequences in every layer of a model: the mean over tokens, and the token that the class is read from.

Hidden states as transformers returns them: layer 0 are the embeddings, the last one is what the classifier's head gets. The mean is over tokens that
stand for bases; special tokens and padding do not count. A sequence read in windows has the mean over its windows, as its logits have.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from phenolens.core.errors import DataError
from phenolens.explain.attention import read_shares
from phenolens.model.forward import spread
from phenolens.model.load import Loaded
from phenolens.model.predict import STEP_TOKENS, Batch, batches, evaluating


class Features(NamedTuple):
    """Features of n sequences in K layers of width D; NaN for a sequence without a token.

    mean : float32 (n, K, D), mean over the tokens that stand for bases.
    reading : float32 (n, K, D), the token that the class is read from; the mean of all tokens for a classifier that reads that.
    """

    mean: np.ndarray
    reading: np.ndarray


def features(loaded: Loaded, sequences: Sequence[str], *, batch_size: int = 64) -> Features:
    """Return the features of every layer, K = number of layers + 1, layer 0 being the embeddings.

    Parameters
    ----------
    loaded : classifier; its mode and device are the same after.
    sequences : n sequences of any case.
    batch_size : rows per step, at most; changes nothing but speed and memory.

    Raises
    ------
    DataError : the tokenizer does not know the letters, or the model does not return its hidden states.
    """
    pools: list[np.ndarray] = []
    rows = np.zeros(len(sequences))
    with evaluating(loaded.model) as model:

        def step(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
            return _pooled(model, batch)

        work = batches(loaded, sequences, batch_size, most_tokens=STEP_TOKENS)
        done = spread(step, work) if model.device.type == "cpu" else ((batch, step(batch)) for batch in work)
        for batch, found in done:
            if not pools:
                pools = [np.zeros((len(sequences), *values.shape[1:]), dtype=np.float32) for values in found]
            for pool, values in zip(pools, found, strict=True):
                np.add.at(pool, batch.rows, values)
            np.add.at(rows, batch.rows, 1)
    if not pools:
        return Features(np.zeros((0, 0, 0), dtype=np.float32), np.zeros((0, 0, 0), dtype=np.float32))
    for pool in pools:
        pool /= rows[:, None, None].astype(np.float32)
    mean, reading = pools
    reading[np.isnan(mean[:, 0, 0])] = np.nan
    return Features(mean, reading)


def _pooled(model: Any, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean, reading), float32 (B, K, D) each, of the rows of a batch."""
    ids, mask = batch.ids.to(model.device), batch.mask.to(model.device)
    states = getattr(
        model.base_model(input_ids=ids, attention_mask=mask, output_hidden_states=True), "hidden_states", None
    )
    if not states:
        kind = model.config.model_type
        raise DataError(
            "explain", f"a {kind} model does not return its hidden states", remedy="set explain.layers = false"
        )
    content = torch.from_numpy(batch.spans[..., 1] > batch.spans[..., 0]).to(model.device).float()
    share = content / content.sum(dim=1, keepdim=True)  # (B, T); 0 / 0 = NaN without a token
    shares = torch.stack([share, read_shares(model, ids, mask)])  # (2, B, T)
    mean, reading = torch.stack([torch.einsum("pbt,btd->pbd", shares, state.float()) for state in states], dim=2)
    return mean.cpu().numpy(), reading.cpu().numpy()
