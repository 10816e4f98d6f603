"""What background is matched in besides length, read for any interval of one chromosome in constant time.

gc : G and C among A, C, G, T.   masked : share of lower-case letters.   cpg : C followed by G, both inside, per base.
covered : share of bases inside given intervals.   gene_distance : log10(1 + d), d as in `bedtools closest -d`: 0 inside a gene,
1 beside it; the chromosome's length where it has no gene.

The letters become one bit a base and property, in pieces that fit a core's cache, with a running count every 64 bases: 3/16 byte a
base and property, after which the letters are not needed any more.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core import ranges

Pieces = tuple[np.ndarray, np.ndarray]  # start, end: int64, sorted, disjoint

CHUNK = 1 << 17  # letters at a time; a multiple of 64
ONE = np.uint64(1)


class Track(NamedTuple):
    """Where on a chromosome of L bases something holds.

    words : uint64 (L / 64 + 1,), one bit a base, the first one lowest.
    before : int32 or int64 (L / 64 + 1,), bits set before each word.
    """

    words: np.ndarray
    before: np.ndarray

    def up_to(self, position: np.ndarray) -> np.ndarray:
        """Return int64: bases before each position (0 .. L) at which it holds."""
        word = position >> 6
        low_bits = (ONE << (position & 63).astype(np.uint64)) - ONE
        counts: np.ndarray = np.add(self.before[word], np.bitwise_count(self.words[word] & low_bits), dtype=np.int64)
        return counts

    def within(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return int64: bases of [start, end) at which it holds."""
        counts: np.ndarray = self.up_to(end) - self.up_to(start)
        return counts


class Landscape(NamedTuple):
    """What is known of every place of one chromosome.

    length : bases.
    tracks : name -> Track, of gc, masked, cpg as far as needed.
    unknown : start, end (int64, sorted, disjoint) of the runs of letters other than A, C, G, T.
    covered : start, end (int64, sorted, disjoint) of the intervals whose share is matched.
    genes : the same of merged genes.
    """

    length: int
    tracks: dict[str, Track]
    unknown: Pieces
    covered: Pieces
    genes: Pieces


def landscape(
    letters: np.ndarray, match: Iterable[str], covered: pl.DataFrame | None = None, genes: pl.DataFrame | None = None
) -> Landscape:
    """Return what `values` needs of a chromosome; the letters are read once and not kept.

    Parameters
    ----------
    letters : uint8 (L,), ASCII codes, case kept.
    match : names of covariates, as above.
    covered, genes : tables with start, end of this chromosome (0-based, half-open); may overlap.
    """
    tracks, unknown = read_letters(letters, (name for name in ("gc", "masked", "cpg") if name in match))
    return Landscape(len(letters), tracks, unknown, _merged(covered), _merged(genes))


def _merged(table: pl.DataFrame | None) -> Pieces:
    if table is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return ranges.union(table["start"].to_numpy(), table["end"].to_numpy())[:2]


def values(place: Landscape, match: Iterable[str], start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return float64 (..., covariates), the covariates `match` of intervals [start, start + length).

    Parameters
    ----------
    place : of the chromosome.
    match : gc, masked, cpg, covered, gene_distance, in the order of the last axis.
    start, length : int64 of one shape, length > 0, inside the chromosome.
    """
    end = start + length
    found = []
    for name in match:
        if name == "gc":
            known = length - _inside(place.unknown, start, end)
            found.append(place.tracks["gc"].within(start, end) / np.maximum(known, 1))
        elif name == "masked":
            found.append(place.tracks["masked"].within(start, end) / length)
        elif name == "cpg":
            found.append(place.tracks["cpg"].within(start, end - 1) / length)
        elif name == "covered":
            found.append(_inside(place.covered, start, end) / length)
        else:
            found.append(np.log10(1 + _gene_distance(place, start, end)))
    return np.stack(found, axis=-1) if found else np.zeros((*start.shape, 0))


def _inside(pieces: Pieces, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return int64: bases of each interval that lie in one of the pieces."""
    first, last = pieces
    if not len(first):
        return np.zeros(start.shape, dtype=np.int64)
    total = np.cumsum(last - first)
    counted = []
    for position in (start, end):
        # bases of all pieces that begin before the position, less what the last of them has beyond it
        piece = np.searchsorted(first, position, side="right") - 1
        counted.append(np.where(piece >= 0, total[piece] - np.maximum(last[piece] - position, 0), 0))
    return np.asarray(counted[1] - counted[0])


def _gene_distance(place: Landscape, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return int64: 0 = overlaps a gene, 1 = touches one; the chromosome's length where there is none."""
    first, last = place.genes
    if not len(first):
        return np.full(start.shape, place.length)
    # merged genes are sorted by start and by end: the nearest ones are the last before an interval's end and the next
    after = np.searchsorted(first, end, side="left")
    left = np.where(after > 0, np.maximum(start - last[after - 1] + 1, 0), place.length)
    right = np.where(after < len(first), first[np.minimum(after, len(first) - 1)] - end + 1, place.length)
    return np.minimum(left, right)


class _Scratch(NamedTuple):
    """Arrays of one chunk, made once: letters upper-cased, with further bits dropped, and two times whether something holds."""

    upper: np.ndarray
    bits: np.ndarray
    strong: np.ndarray
    holds: np.ndarray


def read_letters(letters: np.ndarray, names: Iterable[str]) -> tuple[dict[str, Track], tuple[np.ndarray, np.ndarray]]:
    """Return (name -> Track, (start, end) of the runs of letters other than A, C, G, T) of a chromosome.

    Parameters
    ----------
    letters : uint8 (L,), ASCII codes.
    names : of gc, masked (lower case), cpg (this base C, the next one G); in either case.
    """
    names = list(names)
    words = {name: np.zeros(len(letters) // 64 + 1, dtype="<u8") for name in names}
    octets = {name: array.view(np.uint8) for name, array in words.items()}
    size = min(CHUNK, len(letters))
    whole = _Scratch(*(np.empty(size, dtype) for dtype in (np.uint8, np.uint8, np.bool_, np.bool_)))
    runs = []
    for start in range(0, len(letters), CHUNK):
        chunk = letters[start : start + CHUNK]
        scratch = _Scratch(*(array[: len(chunk)] for array in whole))
        np.bitwise_and(chunk, 0xDF, out=scratch.upper)  # without the bit of lower case
        np.bitwise_and(scratch.upper, 0xFB, out=scratch.bits)  # without the bit in which C and G differ
        np.equal(scratch.bits, ord("C"), out=scratch.strong)
        runs.append(_unknown(scratch) + start)
        for name in names:
            bits = np.packbits(_holds(letters, start, name, scratch), bitorder="little")
            octets[name][start // 8 : start // 8 + len(bits)] = bits
    edges = np.concatenate([np.zeros((0, 2), dtype=np.int64), *runs])
    unknown = ranges.union(edges[:, 0], edges[:, 1])[:2]  # a run may go on in the next chunk
    return {name: Track(words[name], _running(words[name])) for name in names}, unknown


def _unknown(scratch: _Scratch) -> np.ndarray:
    """Return int64 (runs, 2): start and end in the chunk of runs of letters other than A, C, G, T."""
    known = scratch.strong.copy()
    for letter in b"AT":
        np.logical_or(known, np.equal(scratch.upper, letter, out=scratch.holds), out=known)
    if known.all():
        return np.zeros((0, 2), dtype=np.int64)
    return np.flatnonzero(np.diff(known, prepend=True, append=True)).reshape(-1, 2)


def _holds(letters: np.ndarray, start: int, name: str, scratch: _Scratch) -> np.ndarray:
    """Return bool: whether each letter of the chunk that begins at `start` is of this kind."""
    if name == "gc":
        return scratch.strong
    chunk, holds = letters[start : start + CHUNK], scratch.holds
    if name == "masked":
        np.bitwise_and(chunk, 0x60, out=scratch.bits)
        np.equal(scratch.bits, 0x60, out=holds)
        return holds
    np.equal(scratch.upper, ord("C"), out=holds)
    following = letters[start + 1 : start + 1 + len(chunk)]
    np.logical_and(holds[: len(following)], (following & 0xDF) == ord("G"), out=holds[: len(following)])
    holds[len(following) :] = False
    return holds


def _running(words: np.ndarray) -> np.ndarray:
    """Return the number of bits set before each word."""
    before = np.empty(len(words), dtype=np.int32 if 64 * len(words) < 1 << 31 else np.int64)
    before[0] = total = 0
    for start in range(0, len(words) - 1, CHUNK):
        counts = np.bitwise_count(words[start : min(start + CHUNK, len(words) - 1)])
        part = before[start + 1 : start + 1 + len(counts)]
        np.cumsum(counts, dtype=before.dtype, out=part)
        np.add(part, total, out=part)
        total = int(part[-1])
    return before
