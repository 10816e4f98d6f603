"""Which tokens of a long sequence the model gets to see, as rows of its input."""

from typing import NamedTuple

import numpy as np

PAPER_HEAD, PAPER_TAIL = 300, 212


class Pieces(NamedTuple):
    """Rows of model input, each of one or two stretches of tokens of one sequence.

    owner : int64 (r,), the sequence of each row, ascending.
    first : int64 (r, 2), first token of both stretches, as an index in the sequence.
    size : int64 (r, 2), tokens in them; 0 where there is no second stretch.
    """

    owner: np.ndarray
    first: np.ndarray
    size: np.ndarray


def pieces(cut: str, tokens: np.ndarray, room: int, *, joins: bool) -> Pieces:
    """Return what is kept of sequences of m tokens, with room for b of them in a row.

    head_tail keeps all when m <= b, else the first b * 300 / 512 and the last ones, without repeats; head keeps the first b.
    windows keeps all: w = ceil(m / b) rows of b tokens, whose first tokens are spread evenly from 0 to m - b (at
    i (m - b) / (w - 1), rounded down), so that they overlap as little as so few windows can.
    paper joins the first 300 and the last 212, repeated when m < 512, and keeps the first b of these.

    Parameters
    ----------
    cut : head_tail, head, windows or paper.
    tokens : int64 (n,), m of each sequence.
    room : b, at least 1.
    joins : whether `paper` joins head and tail (overlapping k-mers); where it does not, the paper cuts the end, which is head.
    """
    owner = np.arange(len(tokens))
    if cut == "windows":
        windows = np.maximum(-(-tokens // room), 1)
        owner = np.repeat(owner, windows)
        last = np.maximum(tokens - room, 0)[owner]
        first = ranges(windows) * last // np.maximum(windows - 1, 1)[owner]
        return _both(owner, first, np.minimum(tokens, room)[owner], 0, 0)
    if cut == "paper" and joins:
        head = np.minimum(np.minimum(tokens, PAPER_HEAD), room)
        tail = np.minimum(tokens, PAPER_TAIL)
        return _both(owner, 0, head, tokens - tail, np.minimum(tail, room - head))
    share = round(room * PAPER_HEAD / (PAPER_HEAD + PAPER_TAIL)) if cut == "head_tail" else room
    head = np.where(tokens > room, share, tokens)
    tail = np.minimum(tokens, room) - head
    return _both(owner, 0, head, tokens - tail, tail)


def _both(
    owner: np.ndarray, first: np.ndarray | int, count: np.ndarray, second: np.ndarray | int, more: np.ndarray | int
) -> Pieces:
    pairs = (np.stack(np.broadcast_arrays(a, b, owner)[:2], axis=1) for a, b in ((first, second), (count, more)))
    return Pieces(owner, *pairs)


def ranges(counts: np.ndarray) -> np.ndarray:
    """Return 0 .. counts[0] - 1, 0 .. counts[1] - 1, ... in one array."""
    position: np.ndarray = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return position
