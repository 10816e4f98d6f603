"""Where the regions of a class could lie at all, the universe of its tests, and two ways to move them about in it.

The universe is the genome under the explained sequences of the class: no region was looked for elsewhere. `controls` keeps every region
in its own sequence; here regions also change sequence, so these nulls answer "among the searched bases, do regions prefer the feature?",
including a preference for whole sequences. Rotating keeps the distances between regions, which come in clusters; shuffling does not.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.controls import BLOCK
from phenolens.core.ground import Ground, ground
from phenolens.core.ranges import axis, overlap_pairs, union


class Universe(NamedTuple):
    """The searched bases of a class with its n regions.

    ground : the searched bases, merged and laid end to end, N in all.
    sequences : number of sequences that they are of.
    low : int64 (n,), place of each region's lowest base along the ground.
    length : int64 (n,), bases of each region.
    """

    ground: Ground
    sequences: int
    low: np.ndarray
    length: np.ndarray


def searched(sequences: pl.DataFrame, regions: pl.DataFrame) -> Universe:
    """Return the universe of regions: the sequences of their class that lie on the genome.

    Parameters
    ----------
    sequences : SEQUENCES that were explained; taken are those of the labels of the regions' sequences, alleles left out.
    regions : rows of `controls.by_class`, of one class.
    """
    labels = sequences.join(regions.select("sequence_id"), on="sequence_id", how="semi")["label"].unique()
    known = pl.all_horizontal(pl.col("chrom", "start", "end").is_not_null()) & pl.col("allele").is_null()
    searchable = sequences.filter(known & pl.col("label").is_in(labels.implode()))
    land = ground(searchable)
    low = land.shift(regions.select("chrom", "start", "end")) + regions["start"].to_numpy()
    return Universe(land, searchable.height, low, (regions["end"] - regions["start"]).to_numpy())


def along(land: Ground, feature: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (start, end) int64 of the feature's merged intervals along the ground, disjoint and sorted.

    Parameters
    ----------
    land : the ground; where two of its stretches meet, an interval ends.
    feature : table with chrom, start, end.
    """
    line = axis(land.table, feature)
    start, end, _ = union(*line.place(feature))
    low, high = line.place(land.table)
    stretch, interval = overlap_pairs(low, high, start, end)
    shift = land.first[:-1][stretch] - low[stretch]
    return np.maximum(start[interval], low[stretch]) + shift, np.minimum(end[interval], high[stretch]) + shift


def rotated(universe: Universe, *, controls: int, seed: tuple[int, ...], block: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield int64 (b, n) places of the regions' lowest bases, each row all regions moved on by one distance, uniform in 0 ... N - 1.

    What passes the end of the ground comes in at its beginning; a region may come to lie across two stretches, as no region that was found can.

    Parameters
    ----------
    universe : from `searched`.
    controls : rows in all.
    seed : of the generator, another one for every class, or their controls move alike.
    block : numbers in one array, at most (one row at least); it changes memory only.
    """
    generator, bases = np.random.default_rng((*seed, 1)), universe.ground.bases
    moved = generator.integers(0, bases, size=controls)
    rows = max(1, block // max(1, len(universe.low)))
    for first in range(0, controls, rows):
        yield (universe.low + moved[first : first + rows, None]) % bases


def shuffled(universe: Universe, *, controls: int, seed: tuple[int, ...], block: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield int64 (b, n) places of the regions' lowest bases, each uniform over all places of the ground where the region fits in a stretch.

    Parameters
    ----------
    universe, controls, seed, block : as in `rotated`.
    """
    generator = np.random.default_rng((*seed, 2))
    sizes = np.diff(universe.ground.first)
    order = np.argsort(-sizes, kind="stable")
    before = np.concatenate([[0], np.cumsum(sizes[order])])
    spare = universe.length - 1
    # stretches 0 ... fitting - 1, longest first, hold the region; stretch i has sizes[i] - spare places for it
    fitting = np.searchsorted(-sizes[order], -universe.length, side="right")
    places = before[fitting] - fitting * spare
    rows = max(1, block // max(1, len(universe.low)))
    for first in range(0, controls, rows):
        draws = generator.random((min(rows, controls - first), len(places))) * places
        place = np.minimum(draws.astype(np.int64), places - 1)
        stretch = _last_before(before, spare, place, fitting)
        within = place - (before[stretch] - stretch * spare)
        yield universe.ground.first[order[stretch]] + within


def _last_before(before: np.ndarray, spare: np.ndarray, place: np.ndarray, fitting: np.ndarray) -> np.ndarray:
    """Return int64, shape of `place`: the last stretch i < fitting with before[i] - i * spare <= place, by bisection."""
    low, high = np.zeros_like(place), np.broadcast_to(fitting, place.shape).copy()
    while (open_ := high - low > 1).any():
        middle = (low + high) // 2
        fits = before[middle] - middle * spare <= place
        low, high = np.where(open_ & fits, middle, low), np.where(open_ & ~fits, middle, high)
    return low
