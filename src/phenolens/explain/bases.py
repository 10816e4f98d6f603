"""From tokens to bases for additive scores: a token's score is spread evenly over its bases, and a base has the sum over its tokens.

So the scores of the bases add up to those of the tokens, whatever the tokens are (ALRW, which is no sum, takes the mean instead).
"""

from collections.abc import Sequence

import numpy as np

from phenolens.model.tokens import TokenRule, encode


class Sums:
    """Scores of bases as they grow, row of tokens by row of tokens.

    values : float64 (n, L), sums so far.
    seen : bool (n, L), whether a token covers the base.
    """

    def __init__(self, n: int, width: int) -> None:
        """Start with no score for n sequences of at most `width` bases."""
        self.values = np.zeros((n, width))
        self.seen = np.zeros((n, width), dtype=bool)

    def add(self, owner: np.ndarray, scores: np.ndarray, spans: np.ndarray) -> None:
        """Add the scores of tokens, each spread over its span.

        Parameters
        ----------
        owner : int64 (B,), the sequence of each row of tokens; it may come several times.
        scores : float (B, T); what stands at special tokens and padding is left out.
        spans : int (B, T, 2), bases under each token.
        """
        row, column = np.nonzero(spans[..., 1] > spans[..., 0])
        block = np.zeros((len(owner), self.values.shape[1]))
        base, length = _places(row, spans[row, column], block.shape[1])
        block += np.bincount(base, np.repeat(scores[row, column] / length, length), minlength=block.size).reshape(
            block.shape
        )
        np.add.at(self.values, owner, block)
        self.seen[owner[base // block.shape[1]], base % block.shape[1]] = True

    def result(self, windows: np.ndarray) -> np.ndarray:
        """Return float32 (n, L), NaN where no token covers a base: the sums divided by the rows of tokens (n,) of each sequence."""
        mean = self.values / np.maximum(windows, 1)[:, None]
        return np.where(self.seen, mean, np.nan).astype(np.float32)


def covered(rule: TokenRule, sequences: Sequence[str]) -> np.ndarray:
    """Return bool (n, L): whether the model reads a token over the base; False beyond a sequence's end."""
    tokens = encode(rule, sequences)
    real = tokens.spans[:, 1] > tokens.spans[:, 0]
    seen = np.zeros((len(sequences), max(map(len, sequences), default=0)), dtype=bool)
    owner = np.repeat(tokens.owner, tokens.lengths)[real]
    seen.ravel()[_places(owner, tokens.spans[real], seen.shape[1])[0]] = True
    return seen


def _places(owner: np.ndarray, spans: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (place of every base under every token on the flat (n, width) array, bases of each token)."""
    length = np.diff(spans)[:, 0].astype(np.int64)
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return np.repeat(owner * width + spans[:, 0], length) + within, length
