"""ALRW, average local representation weight: how much the classifier's reading token attends to each base.

Last layer's attention of the reading token, summed over heads; token to base; divided by its L2 norm over the sequence
(Du, Zhong, Liu, J Transl Med 22:756, 2024). Attention says where a model looks, not that the base matters.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from phenolens.core.errors import DataError
from phenolens.core.types import BaseScores
from phenolens.explain.attention import reading_attention
from phenolens.model.load import Loaded
from phenolens.model.predict import batches, evaluating
from phenolens.model.tokens import TokenRule


def alrw(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    mode: Literal["default", "paper"] = "default",
    batch_size: int = 64,
) -> BaseScores:
    """Return a score of every base, L2 norm 1 per sequence, NaN where no token covers it.

    default: every token spreads its attention evenly over the bases it covers (attention / bases of the token), and a base
    has the mean of the tokens that really cover it. Overlapping k-mers all have k bases, so this is the mean of their
    attention; uniform attention gives a flat profile. Of a sequence read in windows a base has the mean over the windows
    that cover it, each with norm 1.
    paper: the reference's arithmetic (see `paper_vectors`), put back on the bases; k-mer models only.

    Parameters
    ----------
    loaded : BERT or GPT-2 classifier; its mode and device are the same after.
    sequence_ids : n names.
    sequences : n sequences of any case.
    batch_size : sequences per step; changes nothing but speed and memory.

    Raises
    ------
    DataError : another kind of model; paper with a model that has no k-mers; unknown letters.
    """
    if mode == "paper" and loaded.rule.kind != "kmer":
        raise DataError(
            "explain.mode",
            "paper is defined for k-mer models only",
            remedy="use explain.mode = default with this model",
        )
    windows = loaded.rule.cut == "windows"
    if mode == "paper" and windows:
        raise DataError(
            "explain.mode",
            "paper is not defined for sequences read in windows (train.cut = windows)",
            remedy="use explain.mode = default with this model",
        )
    values = np.full((len(sequences), max(map(len, sequences), default=0)), np.nan, dtype=np.float32)
    place = _paper_bases if mode == "paper" else _mean_bases
    seen = np.zeros(values.shape if windows else 0, dtype=np.uint32)
    with evaluating(loaded.model) as model:
        for batch in batches(loaded, sequences, batch_size):
            attention = reading_attention(model, batch.ids.to(model.device), batch.mask.to(model.device)).sum(
                dim=1
            )  # (B, T)
            found = place(attention.double().cpu().numpy(), batch.spans, values.shape[1], loaded.rule)
            if windows:
                _add(values, seen, batch.rows, found)
            else:
                values[batch.rows] = found
    if windows:
        values = _unit(np.divide(values, seen, out=values, where=seen > 0))
    return BaseScores(list(sequence_ids), values, "alrw" if mode == "default" else "alrw-paper")


def _add(values: np.ndarray, seen: np.ndarray, rows: np.ndarray, found: np.ndarray) -> None:
    """Add the scores of windows to the sums (n, L) of their sequences, in place, and count the windows over each base."""
    for row, scores in zip(rows, found, strict=True):
        covered = np.flatnonzero(~np.isnan(scores))
        values[row, covered] = np.where(seen[row, covered] > 0, values[row, covered], 0) + scores[covered]
        seen[row, covered] += 1


def _mean_bases(attention: np.ndarray, spans: np.ndarray, width: int, _: TokenRule) -> np.ndarray:
    """Return float64 (B, width): mean over covering tokens of attention / span length, divided by the L2 norm."""
    row, column = np.nonzero(spans[..., 1] > spans[..., 0])  # special tokens and padding have no span
    start, length = spans[row, column, 0], np.diff(spans[row, column])[:, 0]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    base = np.repeat(row * width + start, length) + within
    size = len(attention) * width
    total = np.bincount(base, np.repeat(attention[row, column] / length, length), minlength=size)
    count = np.bincount(base, minlength=size)
    mean = np.divide(total, count, out=np.full(size, np.nan), where=count > 0).reshape(len(attention), width)
    return _unit(mean)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return rows divided by their L2 norm over defined values."""
    norm = np.sqrt(np.nansum(values**2, axis=1, keepdims=True))
    return values / np.where(norm > 0, norm, np.nan)


def paper_vectors(attention: np.ndarray, content: np.ndarray, k: int, max_tokens: int) -> np.ndarray:
    """Return the reference's score vectors, float64 (B, max_tokens), over positions of the joined k-mers (METHOD 5, 9).

    Rows are padded to max_tokens and only tokens 1 .. max_tokens - k + 1 are scored, so that as many positions come out as
    tokens go in. A position has the sum of the k scores before it, divided by the number of tokens that would cover it in
    a full row: k nearly everywhere, also where a shorter sequence ends (the edge dilution). The token before the padding,
    which is [SEP], counts 0; in the one row where it is the last scored token it counts, as in the reference.

    Parameters
    ----------
    attention : float (B, T), summed over heads, [CLS] first.
    content : int (B,), k-mers of each sequence.
    """
    scored = max_tokens - k + 1
    tokens = np.zeros((len(attention), scored))
    width = min(attention.shape[1] - 1, scored)
    tokens[:, :width] = attention[:, 1 : 1 + width]
    last = np.where(content == scored - 1, scored, content)
    tokens[np.arange(scored) >= last[:, None]] = 0
    padded = np.pad(tokens, ((0, 0), (k - 1, k - 1)))
    total = np.lib.stride_tricks.sliding_window_view(padded, k, axis=1).sum(axis=-1)  # (B, max_tokens)
    position = np.arange(max_tokens)
    return _unit(total / np.minimum(np.minimum(position + 1, max_tokens - position), k))


def _paper_bases(attention: np.ndarray, spans: np.ndarray, width: int, rule: TokenRule) -> np.ndarray:
    """Return float64 (B, width): position p of the paper's vector on the first base of token p, the last k - 1 on the end of the last token.

    A base that the joined k-mers hold twice keeps its first score.
    """
    real = spans[..., 1] > spans[..., 0]
    content = real.sum(axis=1)
    vectors = paper_vectors(attention, content, rule.k, rule.max_tokens)
    position = np.arange(rule.max_tokens)
    token = np.minimum(position, np.maximum(content[:, None] - 1, 0))
    base = np.take_along_axis(spans[..., 0], token + 1, axis=1) + (position - token)
    row, column = np.nonzero((position < (content + rule.k - 1)[:, None]) & (content[:, None] > 0))
    place, first = np.unique(row * width + base[row, column], return_index=True)
    result = np.full(len(attention) * width, np.nan)
    result[place] = vectors[row, column][first]
    return result.reshape(len(attention), width)
