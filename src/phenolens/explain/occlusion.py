"""Occlusion: what a stretch of bases is worth, by hiding it and asking the model again (Zeiler & Fergus, ECCV 2014).

A window of w bases is replaced by N, which every tokenizer here turns into its unknown token, or into a letter that says nothing.
A base has the mean, over the windows that hold it, of F(sequence) - F(sequence without the window).
"""

from collections.abc import Sequence

import numpy as np

from phenolens.core.types import BaseScores
from phenolens.explain.bases import covered
from phenolens.explain.replacement import packed, unpacked
from phenolens.explain.target import explained, targets
from phenolens.model.load import Loaded

WINDOWS_AT_ONCE = 1 << 13
_N = ord("N")


def occlusion(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    target: np.ndarray | None = None,
    batch_size: int = 64,
    seed: int = 0,
    window: tuple[int, int] = (10, 5),
) -> BaseScores:
    """Return the mean fall of the explained score when windows over a base are hidden; nothing is drawn.

    Windows start every `stride` bases and the last one ends with the sequence; a shorter sequence is one window. NaN where the model reads no token.

    Parameters
    ----------
    window : (bases hidden at once, bases from one window to the next, at most as many).
    Others, and errors, as in `mutagenesis`.
    """
    del seed
    chosen = targets(loaded, sequences, target, batch_size=batch_size)
    whole = explained(loaded, sequences, chosen, batch_size=batch_size)
    letters, seen = packed(sequences), covered(loaded.rule, sequences)
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    row, start = _starts(lengths, *window)
    hidden = np.arange(letters.shape[1])
    total, count = np.zeros(letters.shape), np.zeros(letters.shape)
    for at in range(0, len(row), WINDOWS_AT_ONCE):
        r, s = row[at : at + WINDOWS_AT_ONCE], start[at : at + WINDOWS_AT_ONCE, None]
        inside = (hidden >= s) & (hidden < np.minimum(s + window[0], lengths[r, None]))
        found = explained(loaded, unpacked(np.where(inside, _N, letters[r])), chosen[r], batch_size=batch_size)
        np.add.at(total, r, inside * (whole[r] - found)[:, None])
        np.add.at(count, r, inside)
    values = np.divide(total, count, out=np.full(letters.shape, np.nan), where=seen & (count > 0))
    return BaseScores(list(sequence_ids), values.astype(np.float32), "occlusion")


def _starts(lengths: np.ndarray, width: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (row, first base) of every window."""
    last = np.maximum(lengths - width, 0)
    number = -(-last // stride) + 1
    row = np.repeat(np.arange(len(lengths)), number)
    within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    return row, np.minimum(within * stride, last[row])
