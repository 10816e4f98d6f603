"""Which alignments to try, and in which order: seeds of one pair on neighbouring diagonals are one line, promising partners come first."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from phenolens.dataset.packed import scrambled
from phenolens.dataset.seeds import Seeds

DIAGONALS = 16  # of one line
HELD = 1 << 21  # seeds that wait to be put into lines


class Lines(NamedTuple):
    """Seeds put together: parallel arrays (m,), one row for each pair and stretch of 16 diagonals.

    first, second : int32, sequences, as in Seeds.
    diagonal : int64, stretch of diagonals.
    best : uint64, matches, cell and diagonal of the best seed in one number (`places` takes it apart).
    seeds : int32, how many there were.
    """

    first: np.ndarray
    second: np.ndarray
    diagonal: np.ndarray
    best: np.ndarray
    seeds: np.ndarray

    def where(self, rows: np.ndarray) -> "Lines":
        """Return these rows, given by number or as bool (m,)."""
        return Lines(*(column[rows] for column in self))


def collect(chunks: Iterable[Seeds]) -> Lines:
    """Return the lines of seeds that come in chunks; no more than HELD seeds wait at a time.

    Parameters
    ----------
    chunks : seeds, in any order; the result depends on which seeds there are only.
    """
    done, waiting, held = [_lines([])], [], 0
    for chunk in chunks:
        waiting.append(chunk)
        held += len(chunk.first)
        if held > HELD:
            done.append(_lines(waiting))
            waiting, held = [], 0
    return merge([*done, _lines(waiting)])


def merge(tables: list[Lines]) -> Lines:
    """Return the lines of several tables, those of one pair and stretch put together; rows of a pair follow each other.

    Parameters
    ----------
    tables : at least one.
    """
    table = Lines(*(np.concatenate(column) for column in zip(*tables, strict=True)))
    if not len(table.first):
        return table
    table = table.where(_order(table.first, table.second, table.diagonal))
    heads = np.flatnonzero(_new(table.first) | _new(table.second) | _new(table.diagonal))
    merged = table.where(heads)
    return merged._replace(
        best=np.maximum.reduceat(table.best, heads), seeds=np.add.reduceat(table.seeds, heads, dtype=np.int32)
    )


def places(lines: Lines) -> Seeds:
    """Return the best seed of each line."""
    cell = ((lines.best >> np.uint64(4)) & np.uint64((1 << 52) - 1)).astype(np.int64)
    second_cell = cell + lines.diagonal * DIAGONALS + (lines.best & np.uint64(15)).astype(np.int64)
    return Seeds(
        lines.first.astype(np.int64), lines.second.astype(np.int64), cell, second_cell, lines.best >> np.uint64(56)
    )


def per_pair(lines: Lines, values: np.ndarray) -> np.ndarray:
    """Return (m,): for each line the sum of these values over all lines of its pair.

    Parameters
    ----------
    lines : rows of a pair follow each other.
    values : (m,).
    """
    if not len(values):
        return values
    heads = np.flatnonzero(_new(lines.first) | _new(lines.second))
    return np.repeat(np.add.reduceat(values, heads), np.diff(np.append(heads, len(values))))


def levels(lines: Lines) -> np.ndarray:
    """Return int64 (m,): when to look at each line; the partners of a sequence are ordered by their number of seeds.

    Partners are sequences before it in the fixed order of `pack`. Level 0 is the first of them, 1 the next two, 2 the next four.

    Parameters
    ----------
    lines : rows of a pair follow each other.
    """
    if not len(lines.first):
        return np.zeros(0, dtype=np.int64)
    heads = np.flatnonzero(_new(lines.first) | _new(lines.second))
    number = np.add.reduceat(lines.seeds, heads)
    pairs = lines.where(heads)
    later, earlier = np.maximum(pairs.first, pairs.second), np.minimum(pairs.first, pairs.second)
    order = np.lexsort((earlier, -number, later))
    begins = np.flatnonzero(_new(later[order]))
    sizes = np.diff(np.append(begins, len(order)))
    level = np.empty(len(order), dtype=np.int64)
    level[order] = np.log2(np.arange(len(order)) - np.repeat(begins, sizes) + 1).astype(np.int64)
    return np.repeat(level, np.diff(np.append(heads, len(lines.first))))


def _lines(chunks: list[Seeds]) -> Lines:
    """Return the lines of these seeds."""
    if not chunks:
        return Lines(*(np.zeros(0, dtype=dtype) for dtype in (np.int32, np.int32, np.int64, np.uint64, np.int32)))
    seeds = Seeds(*(np.concatenate(column) for column in zip(*chunks, strict=True)))
    offset = seeds.second_cell - seeds.first_cell
    diagonal = offset // DIAGONALS
    best = seeds.matches.astype(np.uint64) << np.uint64(56)
    best |= seeds.first_cell.astype(np.uint64) << np.uint64(4) | (offset % DIAGONALS).astype(np.uint64)
    row = _order(seeds.first, seeds.second, diagonal)
    first, second, diagonal = seeds.first[row], seeds.second[row], diagonal[row]
    heads = np.flatnonzero(_new(first) | _new(second) | _new(diagonal))
    number = np.diff(np.append(heads, len(row))).astype(np.int32)
    pair_columns = first[heads].astype(np.int32), second[heads].astype(np.int32)
    return Lines(*pair_columns, diagonal[heads], np.maximum.reduceat(best[row], heads), number)


def _order(first: np.ndarray, second: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Return int64 (m,), an order of rows in which those of one pair follow each other, and of these those of one diagonal.

    Numbers that hold a hash of the pair, the lower bits of the diagonal, and the row are sorted: ten times as fast as sorting rows.
    Two pairs may share their hash, and far diagonals of very long sequences their lower bits; that costs a second look at
    the same alignment.
    """
    row_bits = np.uint64(len(first).bit_length())
    diagonal_bits = (np.uint64(64) - row_bits) // np.uint64(4)
    pair = scrambled(first.astype(np.uint64) << np.uint64(32) | second.astype(np.uint64))
    key = pair >> (row_bits + diagonal_bits) << diagonal_bits
    key |= diagonal.astype(np.uint64) & ((np.uint64(1) << diagonal_bits) - np.uint64(1))
    key = key << row_bits | np.arange(len(first), dtype=np.uint64)
    key.sort()
    return (key & ((np.uint64(1) << row_bits) - np.uint64(1))).view(np.int64)


def _new(values: np.ndarray) -> np.ndarray:
    """Return bool (m,): where a value differs from the one before it."""
    new = np.ones(len(values), dtype=bool)
    new[1:] = values[1:] != values[:-1]
    return new
