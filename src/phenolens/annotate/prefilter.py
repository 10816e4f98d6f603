"""Which windows can reach a motif's threshold: 64 motifs at once, with one look-up for eight letters.

The text is a row of overlapping 8-mer codes. A table has, for each 8-mer, one bit a lane: could a window with these letters here still
reach the lane's threshold if its other letters were the best ones? A motif of 13 positions has two tables, the second read
eight letters on; the AND of what both say leaves about one window in a thousand, and these are scored letter by letter. No window at or above
the threshold is lost, none below it is kept: the bits only save work.

A motif whose single letters tell little gets several lanes. Each asks that the first eight letters score within an interval
of its own, and so that the others make up for what lacks.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from phenolens.annotate.pvalues import OTHER

WORD = 8  # letters looked up at once; a table of 4^8 rows of 64 bits fits the second cache
GAP = 4**WORD  # code of a place without a letter: no window starts there
LANES = 64
MOST_LEVELS = 16  # lanes of one motif and strand
CANDIDATE_COST = 1000  # what one window scored letter by letter costs, in lanes looked up
NEVER = -(2**20)  # score of a letter other than A, C, G, T


class Matrix(NamedTuple):
    """What is looked for in one direction: motif index, whether reversed, int64 (w, 4) scores >= 0, lowest score of a hit."""

    motif: int
    reverse: bool
    scores: np.ndarray
    lowest: int


class Group(NamedTuple):
    """Up to 64 lanes that share their look-ups.

    tables : for each stretch of 8 motif positions uint64 (4^8 + 1,), bit l = lane l can be reached; the last row is that of `GAP`.
    scores : int32 (lanes, w, 5), of A, C, G, T and of anything else; 0 beyond the motif.
    lowest : int64 (lanes,), lowest score of a hit.
    motif, reverse : int64 and bool (lanes,), what each lane looks for.
    """

    tables: list[np.ndarray]
    scores: np.ndarray
    lowest: np.ndarray
    motif: np.ndarray
    reverse: np.ndarray


class Found(NamedTuple):
    """Windows at or above the threshold: motif int64, position int64 in the text, reverse bool, score int64; (m,) each."""

    motif: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    score: np.ndarray


class _Lane(NamedTuple):
    """A matrix whose first stretch must score within [low, high)."""

    matrix: Matrix
    low: int
    high: int


def word_codes(letters: np.ndarray) -> np.ndarray:
    """Return int64 (n - 7,): the code of the 8 letters from each place on, first most significant; `GAP` where none begins.

    Parameters
    ----------
    letters : uint8 (n,), 0 .. 3, or 4 for anything else, which reads as 0 behind the first letter.
    """
    clean = np.where(letters == OTHER, 0, letters).astype(np.uint16)
    pairs = clean[:-1] << np.uint16(2) | clean[1:]
    fours = pairs[:-2] << np.uint16(4) | pairs[2:]
    codes = (fours[:-4] << np.uint16(8) | fours[4:]).astype(np.int64)
    codes[letters[: len(codes)] == OTHER] = GAP
    return codes


def groups(matrices: Sequence[Matrix]) -> list[Group]:
    """Return the lanes of all matrices, those with equally many stretches together; a matrix that cannot reach its threshold has none."""
    reachable = [matrix for matrix in matrices if matrix.lowest <= matrix.scores.max(axis=1).sum()]
    by_stretches: dict[int, list[_Lane]] = {}
    for lanes in map(_lanes, reachable):
        by_stretches.setdefault(-(-len(lanes[0].matrix.scores) // WORD), []).extend(lanes)
    batches = [
        lanes[first : first + LANES]
        for _, lanes in sorted(by_stretches.items())
        for first in range(0, len(lanes), LANES)
    ]
    return [_group(batch) for batch in batches]


def search(group: Group, codes: np.ndarray, letters: np.ndarray, size: int) -> Found:
    """Return the windows that begin in the first `size` places and reach their threshold.

    Parameters
    ----------
    group : what to look for.
    codes : int64, as `word_codes`, for `size` places and at least the motif's width more.
    letters : uint8, of as many places.
    size : number of places.
    """
    reached = group.tables[0].take(codes[:size], mode="clip")  # clip: numpy looks up without checking the range
    for stretch, table in enumerate(group.tables[1:], start=1):
        reached &= table.take(codes[stretch * WORD : stretch * WORD + size], mode="clip")
    places = np.flatnonzero(reached != 0)
    bits = np.unpackbits(reached[places].view(np.uint8), bitorder="little").view(bool)
    cells = np.flatnonzero(bits)
    position, lane = places[cells >> 6], cells & (LANES - 1)
    width = group.scores.shape[1]
    flat, base, score = group.scores.ravel(), lane * (5 * width), np.zeros(len(cells), dtype=np.int64)
    for column in range(width):
        score += flat.take(base + letters[position + column], mode="clip")
        base += 5
    hits = np.flatnonzero(score >= group.lowest[lane])
    lane = lane[hits]
    return Found(group.motif[lane], position[hits], group.reverse[lane], score[hits])


def _group(lanes: Sequence[_Lane]) -> Group:
    widths = [len(lane.matrix.scores) for lane in lanes]
    stretches = -(-widths[0] // WORD)
    rows = np.zeros((stretches, LANES // 8, GAP + 1), dtype=np.uint8)
    scores = np.zeros((len(lanes), max(widths), 5), dtype=np.int32)
    sums: list[np.ndarray] = []
    for number, lane in enumerate(lanes):
        if not number or lanes[number - 1].matrix is not lane.matrix:
            sums = _sums(lane.matrix.scores)
        for row, allowed in zip(rows[:, number // 8, :GAP], _allowed(lane, sums), strict=True):
            row |= allowed.view(np.uint8) << np.uint8(number % 8)
        scores[number, : widths[number], :4], scores[number, : widths[number], 4] = lane.matrix.scores, NEVER
    return Group(
        [np.ascontiguousarray(row.T).view(np.uint64).ravel() for row in rows],
        scores,
        np.array([lane.matrix.lowest for lane in lanes]),
        np.array([lane.matrix.motif for lane in lanes]),
        np.array([lane.matrix.reverse for lane in lanes]),
    )


def _sums(scores: np.ndarray) -> list[np.ndarray]:
    """Return for each stretch of 8 positions int16 (4^8,), the sum of the scores of every 8-mer there."""
    padded = np.zeros((-(-len(scores) // WORD) * WORD, 4), dtype=np.int16)
    padded[: len(scores)] = scores
    result = []
    for stretch in padded.reshape(-1, WORD, 4):
        sums = np.zeros(1, dtype=np.int16)
        for row in stretch[::-1]:
            sums = (row[:, None] + sums).ravel()
        result.append(sums)
    return result


def _allowed(lane: _Lane, sums: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield for each stretch bool (4^8,), which of its 8-mers leave the lane reachable."""
    best = [int(stretch.max()) for stretch in sums]
    yield (sums[0] >= lane.low) & (sums[0] < lane.high)
    for stretch, most in zip(sums[1:], best[1:], strict=True):
        yield stretch >= lane.matrix.lowest - (lane.high - 1) - (sum(best[1:]) - most)


def _lanes(matrix: Matrix) -> list[_Lane]:
    """Return the lanes of a matrix: as many levels of its first stretch as make the work least, by the share of 8-mers that pass."""
    sums = _sums(matrix.scores)
    best = [int(stretch.max()) for stretch in sums]
    least = max(0, matrix.lowest - sum(best[1:]))
    chosen, cost = [_Lane(matrix, least, best[0] + 1)], np.inf
    if len(sums) == 1:
        return chosen
    levels = 1
    while levels <= MOST_LEVELS:
        edges = np.unique(np.linspace(least, best[0] + 1, levels + 1).round().astype(int))
        lanes = [_Lane(matrix, int(low), int(high)) for low, high in pairwise(edges)]
        passing = sum(prod(np.count_nonzero(kept) / GAP for kept in _allowed(lane, sums)) for lane in lanes)
        if len(lanes) + CANDIDATE_COST * passing >= cost:
            break
        chosen, cost = lanes, len(lanes) + CANDIDATE_COST * passing
        levels *= 2
    return chosen
