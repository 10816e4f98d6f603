"""Which sequences are copies of each other: all against all on both strands, then connected components.

Equal spaced words (`seeds`) give places where two sequences may be alike, local alignments around them (`extension`) decide. The words
are as short as the number of bases allows: 9 of 15 bases for a million bases, 15 of 25 for eighty million.

Pairs of 300-base copies that differ by 10, 15, 20 % from their consensus, a tenth of the changes insertions or deletions, found among 600
such pairs: 1.00, 1.00, 0.91 (blastn -word_size 11, E <= 0.001: 1.00, 0.94, 0.49; MMseqs2 easy-search -k 9: 1.00, 1.00, 0.72). Families of 60
end in one component at each of these. docs/leakage.md has the tables; benchmarks/leakage.py makes them.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from phenolens.core import ranges
from phenolens.dataset.candidates import Lines, collect, levels, merge, per_pair, places
from phenolens.dataset.extension import MATCH, MISMATCH, Segments, decay, extend, rooms
from phenolens.dataset.packed import Packed, counts_before, pack, running_counts
from phenolens.dataset.seeds import CHANCE_PAIRS, Seeds, beginnings, keys, seeds, weight_for

EXPECTED = 1e-3  # alignments by chance in the whole search
PART_BASES = 12_000_000  # bases whose words are sorted at a time
PARTS = (8, 16)  # fewest, most
# partners of a word in large families, and pairs for each word
FIRST, REST = (2, 0.15), (32, 1.25)  # in the first part, in each of the others
LEVELS = 6  # a sequence is aligned with its 1, 2, 4, ... 32 most promising partners
BATCH = 1 << 14  # alignments of a thread at a time

Map = Callable[..., Iterator[Any]]


def similar(
    sequences: pl.Series, *, identity: float | None = None, coverage: float = 0.5, threads: int | None = None
) -> np.ndarray:
    """Return int64 (n,): the component of each sequence; sequences in one component are linked by chains of similar pairs.

    Two sequences are similar when local alignments between them on either strand, each of them significant (less than one such
    alignment is expected by chance in a thousand searches like this one), together cover `coverage` of the shorter one. So old
    repeats are linked as far as they can be told from chance, and chance does not link. Equal sequences, also in
    other case or reverse-complemented, are always similar. Components are numbered by first appearance; they depend neither on the
    order of rows nor on threads.

    Parameters
    ----------
    sequences : n sequences, String; upper or lower case; letters other than A C G T match nothing.
    identity : share of equal bases that the alignments also need, 0 to 1; a gap of k counts like (24 + 6 k) / 9 unequal bases.
        None: no such limit.
    coverage : share of the shorter sequence, 0 to 1.
    threads : of the search; None takes every core.
    """
    if not len(sequences):
        return np.zeros(0, dtype=np.int64)
    packed, member = pack(sequences)
    bases = int(packed.lengths.sum())
    parts = PARTS[0]
    while parts < PARTS[1] and bases > parts * PART_BASES:
        parts *= 2
    weight, component = weight_for(bases), np.arange(len(packed.lengths))
    begin_at = beginnings(packed, weight)
    limits = Limits(identity or 0.0, coverage, math.log(max(bases, 1) ** 2 / EXPECTED))

    def lines(part: int) -> Lines:
        words = keys(packed, begin_at, weight, part, parts)
        few, most = FIRST if part == 0 else REST
        return collect(seeds(packed, words, component, few, int(most * len(words.values)) + CHANCE_PAIRS // parts))

    with ThreadPoolExecutor(threads or cpu_count() or 1) as pool:
        # near copies are found by any part of the words; once they are known, the other parts have less to do
        for turn in ([0], list(range(1, parts))):
            found = merge(list(pool.map(lines, turn)))
            component = _joined(packed, found, component, limits, pool.map)
    number = component[member]
    _, first, inverse = np.unique(number, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


class Limits(NamedTuple):
    """What makes a pair similar: identity and coverage as in `similar`; nats: lambda times score of a significant alignment."""

    identity: float
    coverage: float
    nats: float


def _joined(packed: Packed, lines: Lines, component: np.ndarray, limits: Limits, run: Map) -> np.ndarray:
    """Return the components after the alignments along these lines, the most promising partners of each sequence first."""
    right, left = rooms(packed, places(lines))
    lines = lines.where(per_pair(lines, right + left) >= limits.coverage * packed.lengths[lines.first])
    level, running = levels(lines), running_counts(packed)
    for now in range(LEVELS):
        rest = lines.where(level == now)
        for gapped in (False, True):
            rest = rest.where(component[rest.first] != component[rest.second])
            if not len(rest.first):
                break
            seeds = places(rest)
            batches = [Seeds(*(x[at : at + BATCH] for x in seeds)) for at in range(0, len(seeds.first), BATCH)]
            aligned = list(run(lambda batch, gapped=gapped: extend(packed, batch, gapped=gapped), batches))
            segments = Segments(*(np.concatenate(column) for column in zip(*aligned, strict=True)))
            rate = decay(_agreement(packed, running, seeds, segments), gapped=gapped)
            kept = np.flatnonzero((rate * segments.score >= limits.nats) & (segments.end > segments.start))
            chosen = Seeds(*(x[kept] for x in seeds)), Segments(*(x[kept] for x in segments))
            component = _merged(component, *_similar(*chosen, packed.lengths, limits))
    return component


def _agreement(packed: Packed, running: np.ndarray, seeds: Seeds, segments: Segments) -> np.ndarray:
    """Return float (m,): the chance that a base of the one and a base of the other side of an alignment are equal.

    From the composition of the aligned stretches, so that low complexity within a sequence does not count as likeness.
    """
    start = packed.starts[seeds.first] + segments.start
    end = packed.starts[seeds.first] + segments.end
    offset, turned = seeds.second_cell - seeds.first_cell, seeds.second_cell >= packed.cells
    # a gap may push the other side a few bases over the edge of its sequence
    other = np.where(turned, 2 * packed.cells - end - offset, start + offset), end - start
    sides = (start, end), (other[0], np.minimum(other[0] + other[1], packed.cells - 1))
    first, second = (counts_before(packed, running, b) - counts_before(packed, running, a) for a, b in sides)
    equal = first * np.where(turned[:, None], second[:, ::-1], second)
    chance: np.ndarray = equal.sum(axis=1) / np.maximum(first.sum(axis=1) * second.sum(axis=1), 1)
    return chance


def _similar(seeds: Seeds, segments: Segments, lengths: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """Return (first, second) of the pairs whose alignments together cover enough of the shorter sequence.

    A base of either sequence counts once: two copies within one sequence do not both align with a single one in the other.
    Rows of a pair follow each other.
    """
    first, second = seeds.first, seeds.second
    if not len(first):
        return first, second
    pair = np.cumsum((np.diff(first, prepend=-1) != 0) | (np.diff(second, prepend=-1) != 0)) - 1
    heads = np.flatnonzero(np.diff(pair, prepend=-1))
    covered = np.minimum(
        _covered(pair, segments.start, segments.end),
        _covered(pair, *(x + seeds.second_cell - seeds.first_cell for x in (segments.start, segments.end))),
    )
    aligned = np.bincount(pair, weights=segments.end - segments.start)
    equal = (np.bincount(pair, weights=segments.score) - MISMATCH * aligned) / (MATCH - MISMATCH)
    enough = (covered >= limits.coverage * lengths[first[heads]]) & (equal >= limits.identity * aligned)
    return first[heads][enough], second[heads][enough]


def _covered(pair: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return float (p,): bases within the intervals [start, end) of each pair, int64 (m,); pairs are numbered from 0, ascending."""
    low = start.min()
    span = int(end.max() - low) + 2  # pairs lie side by side on one axis
    start, end, _ = ranges.union(start - low + pair * span, end - low + pair * span)
    covered: np.ndarray = np.bincount(start // span, weights=end - start)
    return covered


def _merged(component: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return int64 (n,): the components after these pairs are put together."""
    edges = (component[first], component[second])
    shape = (len(component), len(component))
    graph = coo_array((np.ones(len(first), dtype=np.int8), edges), shape=shape)
    number: np.ndarray = connected_components(graph, directed=False)[1][component]
    return number.astype(np.int64)
