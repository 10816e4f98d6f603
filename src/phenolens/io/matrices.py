"""What all motif formats share: rows of four numbers become a checked probability matrix."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phenolens.core.errors import InputError
from phenolens.core.types import Motif

TOLERANCE = 0.01


class MotifFile(NamedTuple):
    """What a motif file holds.

    motifs : in file order, identifiers unique.
    background : float64 (4,), frequencies of A, C, G, T the file states; None where it states none.
    """

    motifs: list[Motif]
    background: np.ndarray | None


class Row(NamedTuple):
    """The numbers of one line of a matrix, with the line's number."""

    line: int
    values: list[float]


def numbers(path: str | Path, line: int, cells: Sequence[str], *, signed: bool = False) -> list[float]:
    """Return the cells as numbers.

    Raises
    ------
    InputError : a cell is no number, is negative unless `signed`, or is not finite.
    """
    values = []
    for cell in cells:
        try:
            value = float(cell)
        except ValueError:
            raise InputError(path, f"has '{cell}' in a matrix", expected="a number", line=line) from None
        if not (isfinite(value) and (signed or value >= 0)):
            raise InputError(
                path, f"has {cell} in a matrix", expected="a number" if signed else "a number >= 0", line=line
            )
        values.append(value)
    return values


def probabilities(path: str | Path, rows: Sequence[Row]) -> np.ndarray:
    """Return float64 (w, 4) of rows that are probabilities already, each divided by its sum, which rounding moves a little off 1.

    Raises
    ------
    InputError : a row has not four numbers or its sum is not within 0.01 of 1.
    """
    for row in rows:
        _refuse_width(path, row)
        if abs(sum(row.values) - 1) > TOLERANCE:
            raise InputError(
                path,
                f"has a row that sums to {sum(row.values):.6g}",
                expected="probabilities of A, C, G, T that sum to 1",
                line=row.line,
            )
    matrix: np.ndarray = np.array([row.values for row in rows])
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def from_counts(path: str | Path, rows: Sequence[Row]) -> tuple[np.ndarray, float]:
    """Return (float64 (w, 4) probabilities, number of sites) of rows that are counts; no pseudocount is added. Sites = largest row sum.

    Raises
    ------
    InputError : a row has not four numbers, or no counts.
    """
    for row in rows:
        _refuse_width(path, row)
        if sum(row.values) == 0:
            raise InputError(
                path, "has a motif position without counts", expected="counts of A, C, G, T, not all 0", line=row.line
            )
    counts = np.array([row.values for row in rows])
    totals = counts.sum(axis=1, keepdims=True)
    return counts / totals, float(totals.max())


def _refuse_width(path: str | Path, row: Row) -> None:
    if len(row.values) != 4:
        found = f"has {len(row.values)} number{'s' * (len(row.values) != 1)} in a matrix row"
        raise InputError(path, found, expected="4: A, C, G, T", line=row.line)


def refuse_repeats(path: str | Path, lines: Sequence[int], motifs: Sequence[Motif]) -> None:
    """Return nothing when there are motifs and their identifiers are unique; `lines` says where each begins.

    Raises
    ------
    InputError : no motif, or two of one identifier.
    """
    if not motifs:
        raise InputError(path, "has no motif", expected="at least one")
    seen: dict[str, int] = {}
    for line, motif in zip(lines, motifs, strict=True):
        if motif.motif_id in seen:
            found = f"names a motif {motif.motif_id} again, after line {seen[motif.motif_id]}"
            raise InputError(
                path,
                found,
                expected="every identifier once",
                remedy="rename or remove one of the two motifs",
                line=line,
            )
        seen[motif.motif_id] = line
