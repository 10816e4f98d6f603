"""From a pair of equal words to the local alignment around it, and whether chance makes such a score.

Alignments are grown from the seed to both sides 16 columns at a time until the score lies DROP below its best (X-drop, Altschul et
al., Nucleic Acids Res 1997). A match scores +5, a mismatch -4: log-odds scores of homologous DNA that is about 65 % identical
(States, Gish & Altschul, Methods 1991). With gaps the alignment may change its diagonal between two steps, by k = 1 .. 8 bases
for 24 + 6 k, within 8 diagonals of the seed's.

Significance. Let p be the chance that two bases agree, phi = p e^(5 lambda) + (1 - p) e^(-4 lambda). A step multiplies the expected sum
over all paths of e^(lambda score) by at most phi^16 (1 + 2 sum_k e^(-lambda (24 + 6 k))). With the lambda that makes this 1 the sum is a
supermartingale, so an alignment that begins at a given pair of bases scores S or more with a chance of at most
e^(-lambda S): E <= (pairs of bases, both strands) e^(-lambda S). That is the E-value of Karlin & Altschul (PNAS 1990) with K = 1, and holds with
gaps. p comes from the composition of the two sequences: AT-rich or repetitive pairs need higher scores.
"""

from typing import NamedTuple

import numpy as np

from phenolens.dataset.packed import PAIRS_LOW, WORD, Packed, fetch
from phenolens.dataset.seeds import Seeds

MATCH, MISMATCH = 5, -4
GAP_OPEN, GAP_EXTEND = 24, 6
STEP = 16  # columns
BAND = 8  # diagonals on each side of the seed's
DROP = 100
FLOOR = -10_000  # a diagonal that is given up
BATCH = 1 << 16  # cells of the band at a time: they stay in the processor's cache
GRID = np.linspace(0.2, 0.44, 121)  # chance agreements; from 4 / 9 on, random sequences have a positive score
LOW = np.uint32(PAIRS_LOW & np.uint64(0xFFFFFFFF))


class Segments(NamedTuple):
    """Local alignments, parallel arrays int64 (m,): bases [start, end) of the first sequence, forward, and the score.

    A masked base is not counted, so that a segment with some is shorter by them.
    """

    start: np.ndarray
    end: np.ndarray
    score: np.ndarray


def decay(agreement: np.ndarray, *, gapped: bool) -> np.ndarray:
    """Return lambda of the E-value in this module's text; 0 where no score is significant.

    Parameters
    ----------
    agreement : float, probability p that two unrelated bases are equal.
    gapped : for alignments with gaps or for those without.
    """
    rate: np.ndarray = np.interp(agreement, GRID, GAPPED if gapped else UNGAPPED, right=0.0)
    return rate


def _decays(band: int) -> np.ndarray:
    """Return lambda at every agreement of GRID, float (g,); 0 where there is none."""
    p, rates = GRID[:, None], np.linspace(0.001, 0.4, 4000)
    base = p * np.exp(MATCH * rates) + (1 - p) * np.exp(MISMATCH * rates)
    changes = np.exp(-rates * (GAP_OPEN + GAP_EXTEND * np.arange(1, band + 1)[:, None])).sum(axis=0)
    growth = STEP * np.log(base) + np.log1p(2 * changes)
    # with gaps the growth is above 0 at rate 0, falls below it and comes back: the last rate below it counts
    below = growth < 0
    return np.where(below.any(axis=1), rates[len(rates) - 1 - below[:, ::-1].argmax(axis=1)], 0.0)


UNGAPPED, GAPPED = _decays(0), _decays(BAND)


def extend(packed: Packed, seeds: Seeds, *, gapped: bool) -> Segments:
    """Return the best local alignment through the place of each seed.

    Parameters
    ----------
    packed : the sequences.
    seeds : pairs of places (m,).
    gapped : with gaps; takes ten times as long.
    """
    band = BAND if gapped else 0
    batch = BATCH // (2 * band + 1)
    parts = [
        _both_sides(packed, Seeds(*(column[begin : begin + batch] for column in seeds)), band)
        for begin in range(0, len(seeds.first), batch)
    ]
    if not parts:
        return Segments(*(np.zeros(0, dtype=np.int64) for _ in Segments._fields))
    return Segments(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def rooms(packed: Packed, seeds: Seeds, band: int = BAND) -> tuple[np.ndarray, np.ndarray]:
    """Return (right, left), int64 (m,): bases on each side of a seed until every diagonal of the band has left one of the sequences.

    Parameters
    ----------
    packed : the sequences.
    seeds : pairs of places (m,); the place itself counts to the right.
    band : diagonals on each side of the seed's.
    """
    start, length = packed.starts[seeds.second], packed.lengths[seeds.second]
    turned = seeds.second_cell >= packed.cells
    lead = seeds.first_cell - packed.starts[seeds.first]
    other_lead = seeds.second_cell - np.where(turned, 2 * packed.cells - start - length, start)
    right = np.minimum(packed.lengths[seeds.first] - lead, length - other_lead + band)
    return right, np.minimum(lead, other_lead + band)


def _both_sides(packed: Packed, seeds: Seeds, band: int) -> Segments:
    """Return the segments of one batch."""
    lead = seeds.first_cell - packed.starts[seeds.first]
    right_room, left_room = rooms(packed, seeds, band)
    right, right_score = _grown(packed, seeds, right_room, 1, band)
    left, left_score = _grown(packed, seeds, left_room, -1, band)
    return Segments(lead - left, lead + right, left_score + right_score)


def _grown(packed: Packed, seeds: Seeds, room: np.ndarray, direction: int, band: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (columns, score), int64 (m,), of the best extension to the right (1) or left (-1) of each seed.

    room : bases after which a diagonal of the band has left one of the sequences.
    """
    reach, best = np.zeros(len(room), dtype=np.int64), np.zeros(len(room), dtype=np.int64)
    active = np.flatnonzero(room > 0)
    # scores are held relative to the best so far
    score = np.tile(_change(np.arange(-band, band + 1))[:, None], len(active)).astype(np.int16)
    seen = np.zeros(len(active), dtype=np.int64)
    done = 0
    while len(active):
        at = done if direction > 0 else -done - STEP
        gain, present = _columns(packed, seeds.first_cell[active] + at, seeds.second_cell[active] + at, band)
        if done:
            score = _changed(score)
        score += gain
        done += STEP
        seen += present
        top = score.max(axis=0)
        better = top > 0
        rows = active[better]
        reach[rows] = seen[better]
        best[rows] += top[better]
        score -= np.maximum(top, 0)
        np.maximum(score, FLOOR, out=score)
        on = (top > -DROP) & (room[active] > done)
        if not on.all():
            active, score, seen = active[on], score[:, on], seen[on]
    return reach, best


def _change(diagonals: np.ndarray) -> np.ndarray:
    """Return the score of a change by that many diagonals."""
    return np.where(diagonals == 0, 0, -GAP_OPEN - GAP_EXTEND * np.abs(diagonals))


def _changed(score: np.ndarray) -> np.ndarray:
    """Return the best score of each diagonal after at most one change, (band, m) as the input."""
    spread = score.copy()
    for to, of in [(i, i - 1) for i in range(1, len(score))] + [(i, i + 1) for i in range(len(score) - 2, -1, -1)]:
        np.maximum(spread[to], spread[of] - np.int16(GAP_EXTEND), out=spread[to])
    best: np.ndarray = np.maximum(score, spread - np.int16(GAP_OPEN))
    return best


def _columns(
    packed: Packed, first_cell: np.ndarray, second_cell: np.ndarray, band: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (score of the next 16 columns on every diagonal, int16 (2 band + 1, m); how many columns have two bases, int64 (m,))."""
    half = np.uint64(2 * (WORD - STEP))
    shifts = half - np.arange(0, 4 * band + 1, 2, dtype=np.uint64)[:, None]
    a = (fetch(packed.words, first_cell) >> half).astype(np.uint32)
    b = fetch(packed.words, second_cell - band)
    other = (b >> shifts).astype(np.uint32)
    other ^= a
    other |= other >> np.uint32(1)
    other &= LOW
    gain = np.bitwise_count(other).astype(np.int16)
    gain *= np.int16(MISMATCH - MATCH)
    gain += np.int16(MATCH * STEP)
    present = np.full(len(a), STEP, dtype=np.int64)
    a_masked = fetch(packed.masked, first_cell) >> half
    b_masked = fetch(packed.masked, second_cell - band)
    some = np.flatnonzero(a_masked | b_masked)
    if len(some):
        hidden = (b_masked[some] >> shifts).astype(np.uint32) | a_masked[some].astype(np.uint32)
        columns = STEP - np.bitwise_count(hidden).astype(np.int16)
        unequal = np.bitwise_count(other[:, some] & ~hidden).astype(np.int16)
        gain[:, some] = MATCH * columns + (MISMATCH - MATCH) * unequal
        present[some] = columns.max(axis=0)
    return gain, present
