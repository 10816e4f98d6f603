"""From the attention that tokens get to scores of bases with norm 1: our mean over the tokens that cover a base, and the paper's arithmetic."""

import numpy as np

from phenolens.model.tokens import TokenRule


def mean_bases(attention: np.ndarray, spans: np.ndarray, _: TokenRule) -> np.ndarray:
    """Return float64 (B, K, W) from (B, K, T): mean over covering tokens of attention / span length, divided by the L2 norm."""
    row, column = np.nonzero(spans[..., 1] > spans[..., 0])  # special tokens and padding have no span
    start, length = spans[row, column, 0], np.diff(spans[row, column])[:, 0]
    width = int(spans.max(initial=0))
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    base = np.repeat(row * width + start, length) + within
    size = len(attention) * width
    count = np.bincount(base, minlength=size)
    shares = attention[row, :, column] / length[:, None]
    sums = [np.bincount(base, np.repeat(share, length), minlength=size) for share in shares.T]
    total = np.stack(sums).reshape(len(sums), len(attention), width).swapaxes(0, 1)
    count = count.reshape(len(attention), 1, width)
    return unit(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def unit(values: np.ndarray) -> np.ndarray:
    """Return rows (last axis) divided by their L2 norm over defined values."""
    norm = np.sqrt(np.nansum(values**2, axis=-1, keepdims=True))
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
    return unit(total / np.minimum(np.minimum(position + 1, max_tokens - position), k))


def paper_bases(attention: np.ndarray, spans: np.ndarray, rule: TokenRule) -> np.ndarray:
    """Return float64 (B, K, W) from (B, K, T): position p of the paper's vector on the first base of token p, the last k - 1 on the end of the last token.

    A base that the joined k-mers hold twice keeps its first score.
    """
    content = (spans[..., 1] > spans[..., 0]).sum(axis=1)
    width = int(spans.max(initial=0))
    position = np.arange(rule.max_tokens)
    token = np.minimum(position, np.maximum(content[:, None] - 1, 0))
    base = np.take_along_axis(spans[..., 0], token + 1, axis=1) + (position - token)
    row, column = np.nonzero((position < (content + rule.k - 1)[:, None]) & (content[:, None] > 0))
    place, first = np.unique(row * width + base[row, column], return_index=True)
    result = np.full((len(attention), attention.shape[1], width), np.nan)
    for number in range(attention.shape[1]):
        vectors = paper_vectors(attention[:, number], content, rule.k, rule.max_tokens)
        result[place // max(width, 1), number, place % max(width, 1)] = vectors[row, column][first]
    return result
