"""Places for intervals in free space that resemble given values, no two overlapping.

Targets of about one length are served together: many random places, each uniform among all where the interval fits, are a pool
that all of them share, and a k-d tree finds for each target the places of the pool whose values are nearest. Where several
want one place a random one of them gets it and the others take their next best. Who finds none near enough waits for a fresh pool.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from phenolens.core import ranges
from phenolens.dataset.covariates import Pieces

ValuesOf = Callable[[np.ndarray, np.ndarray], np.ndarray]  # start, length -> float (..., covariates)

LENGTHS_PER_OCTAVE = 2  # targets whose lengths differ by less than a factor 2 ** (1 / 2) share a pool
LARGEST_CLASS = 1 << 13  # targets served together
POOL_PER_TARGET = 16
# of the pools that a class draws one after another: larger ones find rarer places for those that found nothing near enough,
# small ones at the end spread those that all want the same few places
SMALLEST_POOLS = tuple(1 << bits for bits in (12, 14, 16, 16, 16, 12, 10, 8, 6, 6, 6, 6))
NEIGHBOURS = 16  # places of the pool that a target looks at
PATIENT = 3  # pools in which a target waits for a place within TOLERANCE before it takes the best there is
TOLERANCE = 0.1  # standard deviations of the background, times the root of the number of covariates
JITTER = 0.02  # standard deviations: spreads targets over places of equal values
SMALLEST_SCALE = 0.002  # of a covariate: less variation of the background does not count


class Space(NamedTuple):
    """Free pieces of one chromosome, longest first, with running sums of their lengths."""

    start: np.ndarray
    end: np.ndarray
    length: np.ndarray
    total: np.ndarray

    def places(self, length: np.ndarray) -> np.ndarray:
        """Return int64: at how many places an interval of each length fits."""
        pieces = np.searchsorted(-self.length, -length, side="right")
        return np.asarray(self.total[pieces] - pieces * (length - 1))


class Pool(NamedTuple):
    """Random places: start, length they were drawn for, end of the free piece they lie in; int64 (m,)."""

    start: np.ndarray
    length: np.ndarray
    piece_end: np.ndarray


def space_of(free: Pieces) -> Space:
    """Return disjoint pieces sorted by length."""
    start, end = free
    order = np.argsort(start - end, kind="stable")
    length = (end - start)[order]
    return Space(start[order], end[order], length, np.concatenate([[0], np.cumsum(length)]))


def minus(pieces: Pieces, taken: Pieces) -> Pieces:
    """Return disjoint pieces without what is taken (in any order, overlapping or not)."""
    span = int(max(pieces[1].max(initial=0), taken[1].max(initial=0)))
    free_start, free_end = ranges.complement(*taken, span)
    a, b = ranges.overlap_pairs(*pieces, free_start, free_end)
    return np.maximum(pieces[0][a], free_start[b]), np.minimum(pieces[1][a], free_end[b])


def draw(length: np.ndarray, space: Space, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return (start, end of the free piece), int64 (n,): uniform among all places where an interval fits; -1 if there is none.

    The j longest pieces hold total[j] - j * (length - 1) places, a rising function of j as long as each piece is long
    enough; the piece of the u-th place is found by bisection.
    """
    pieces = np.searchsorted(-space.length, -length, side="right")
    places = space.total[pieces] - pieces * (length - 1)
    place = (generator.random(length.shape) * places).astype(np.int64)
    low, high = np.zeros_like(pieces), np.maximum(pieces - 1, 0)
    while np.any(low < high):
        middle = (low + high + 1) // 2
        fits = space.total[middle] - middle * (length - 1) <= place
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    offset = place - (space.total[low] - low * (length - 1))
    found = places > 0
    return np.where(found, space.start[low] + offset, -1), np.where(found, space.end[low], -1)


def placed(
    length: np.ndarray, goal: np.ndarray, free: Pieces, values_of: ValuesOf, generator: np.random.Generator
) -> np.ndarray:
    """Return int64 (n,): start of a place for each target, inside a free piece, none overlapping another; -1 where there is none.

    Parameters
    ----------
    length : int64 (n,), bases, > 0.
    goal : float (n, covariates), what the place should be like; NaN where that does not matter.
    free : pieces where places may lie.
    values_of : reads the covariates of places.
    generator : decides.
    """
    found = np.full(len(length), -1)
    size = np.floor(np.log2(length) * LENGTHS_PER_OCTAVE).astype(np.int64)
    # long ones first: short ones would break up the few places where they fit
    for value in np.unique(size)[::-1]:
        members = np.flatnonzero(size == value)
        for first in range(0, len(members), LARGEST_CLASS):
            rows = members[first : first + LARGEST_CLASS]
            found[rows], free = _served(length[rows], goal[rows], free, values_of, generator)
    return found


def _served(
    length: np.ndarray, goal: np.ndarray, free: Pieces, values_of: ValuesOf, generator: np.random.Generator
) -> tuple[np.ndarray, Pieces]:
    """Return (starts as `placed` does, what is free then) for targets of about one length."""
    found = np.full(len(length), -1)
    for attempt, smallest in enumerate(SMALLEST_POOLS):
        rows, space = np.flatnonzero(found < 0), space_of(free)
        if not len(rows) or not np.any(space.places(length[rows])):
            break
        pool = _pool(length[rows], max(smallest, POOL_PER_TARGET * len(rows)), space, generator)
        start, distance = _nearest(length[rows], goal[rows], pool, values_of, generator)
        if attempt < PATIENT:
            distance[distance > TOLERANCE * np.sqrt(max(1, goal.shape[1]))] = np.inf
        found[rows] = _dealt(start, distance, length[rows], generator)
        won = rows[found[rows] >= 0]
        free = minus(free, (found[won], found[won] + length[won]))
    return found, free


def _pool(length: np.ndarray, size: int, space: Space, generator: np.random.Generator) -> Pool:
    """Return at most `size` random places, of the targets' lengths in turn."""
    lengths = length[np.arange(size) % len(length)]
    start, piece_end = draw(lengths, space, generator)
    fits = start >= 0
    return Pool(start[fits], lengths[fits], piece_end[fits])


def _nearest(
    length: np.ndarray, goal: np.ndarray, pool: Pool, values_of: ValuesOf, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (start int64, distance float), (n, k): the places of a pool nearest to each goal; distance inf where none fits.

    A place of the pool was drawn for one target's length; its values and its room are looked up again for another's.
    """
    known = values_of(pool.start, pool.length)
    scale = np.maximum(known.std(axis=0), SMALLEST_SCALE)
    wish = np.where(np.isnan(goal), known.mean(axis=0), goal) / scale
    jitter = generator.random(len(known) + len(wish)) * JITTER
    tree = cKDTree(np.column_stack([known / scale, jitter[: len(known)]]), balanced_tree=False, compact_nodes=False)
    k = np.arange(1, min(NEIGHBOURS, len(known)) + 1)
    _, index = tree.query(np.column_stack([wish, jitter[len(known) :]]), k=k)
    start, wanted = pool.start[index], np.broadcast_to(length[:, None], index.shape)
    fits = start + wanted <= pool.piece_end[index]
    # what does not fit is looked up at its own length, to stay on the chromosome, and not used
    near = values_of(start, np.where(fits, wanted, pool.length[index]))
    distance = np.sqrt(((near / scale - wish[:, None]) ** 2).sum(-1))
    return start, np.where(fits, distance, np.inf)


def _dealt(start: np.ndarray, distance: np.ndarray, length: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return int64 (n,): the place each target gets, the nearest that no other one took; -1 where none is left.

    Parameters
    ----------
    start, distance : (n, k), candidates; a distance of inf is none.
    length : int64 (n,).
    """
    got, distance = np.full(len(length), -1), distance.copy()
    rank = generator.permutation(len(length))
    rows = np.arange(len(length))
    while True:
        best = distance[rows].argmin(axis=1)
        rows, best = rows[np.isfinite(distance[rows, best])], best[np.isfinite(distance[rows, best])]
        if not len(rows):
            return got
        first = start[rows, best]
        won = winners(first, length[rows], rank[rows])
        got[rows[won]] = first[won]
        order = np.argsort(first[won])
        taken_start, taken_end = first[won][order], (first[won] + length[rows[won]])[order]
        rows = rows[~won]
        last = np.searchsorted(taken_start, start[rows] + length[rows, None], side="left") - 1
        distance[rows] = np.where((last >= 0) & (taken_end[last] > start[rows]), np.inf, distance[rows])


def winners(start: np.ndarray, length: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return bool (n,): intervals of lower rank than every other that starts less than the longest length away; no two overlap.

    Cost grows with the number of such pairs, memory with n only: all may want one place.
    """
    order, reach = np.argsort(start, kind="stable"), length.max(initial=0)
    ordered = start[order]
    low = np.searchsorted(ordered, ordered - reach, side="right")
    high = np.searchsorted(ordered, ordered + reach, side="left")
    # reduceat takes the ranges between neighbouring indices: every other one is wanted, and the last may end after the end
    ranks = np.append(rank[order], 0)
    lowest = np.minimum.reduceat(ranks, np.column_stack([low, high]).ravel())[::2] if len(start) else ranks[:0]
    won = np.zeros(len(start), dtype=bool)
    won[order] = rank[order] == lowest
    return won
