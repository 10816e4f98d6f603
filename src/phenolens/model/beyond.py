"""How much of each sequence the model never gets to see."""

from collections.abc import Sequence

import numpy as np

from phenolens.model.tokens import TokenRule, encode

CHUNK = 4096  # sequences whose tokens are held at once


def cut_off(rule: TokenRule, sequences: Sequence[str]) -> np.ndarray:
    """Return the share of each sequence's bases that no token of its input covers, float64 (n,).

    0 for a sequence that is read whole, and for one that gives no token at all (nothing was cut from it).

    Parameters
    ----------
    rule : of the model.
    sequences : n sequences.
    """
    shares = [_of_chunk(rule, sequences[at : at + CHUNK]) for at in range(0, len(sequences), CHUNK)]
    return np.concatenate([np.zeros(0), *shares])


def _of_chunk(rule: TokenRule, sequences: Sequence[str]) -> np.ndarray:
    tokens = encode(rule, sequences)
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    ends = np.append(0, np.cumsum(lengths))
    content = tokens.spans[:, 0] >= 0
    owner = np.repeat(tokens.owner, tokens.lengths)[content]
    spans = tokens.spans[content] + ends[owner, None]  # places of the sequences laid end to end
    opened, closed = (np.bincount(spans[:, side], minlength=ends[-1] + 1) for side in (0, 1))
    seen = np.append(0, np.cumsum(np.cumsum(opened - closed)[:-1] > 0))
    unseen = lengths - np.diff(seen[ends])
    return np.where(tokens.uncut > 0, unseen / np.maximum(lengths, 1), 0.0)
