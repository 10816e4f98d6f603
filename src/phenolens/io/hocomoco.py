"""HOCOMOCO's formats: `>AHR_HUMAN.H11MO.0.B`, then one line a position with the numbers of A, C, G and T.

The numbers are counts (.pcm), probabilities (.pfm, .ppm) or natural logarithms of probability / 0.25 (.pwm); which of them is told by the
numbers of each motif. A matrix of logarithms carries HOCOMOCO's pseudocounts in it and no number of sites.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.matrices import TOLERANCE, MotifFile, Row, from_counts, numbers, probabilities, refuse_repeats

Lines = Sequence[tuple[int, str]]


def looks_like_hocomoco(lines: Lines) -> bool:
    """Return True for `>name` records of four numbers a line which are not JASPAR's four lines a motif (a square one alone is JASPAR's)."""
    lengths, widths = [], set()
    for _, text in lines:
        if text.startswith(">"):
            lengths.append(0)
        elif text.strip() and lengths:
            lengths[-1] += 1
            widths.add(len(text.split()) if text.strip()[0] in "-.0123456789" else 0)
    return widths == {4} and set(lengths) != {4}


def parse_hocomoco(path: str | Path, lines: Lines) -> MotifFile:
    """Return the motifs of a HOCOMOCO file (background None).

    Parameters
    ----------
    path : the file, for errors.
    lines : (line number, text) of the whole file.

    Raises
    ------
    InputError : a motif without identifier or rows; a row that is not four numbers; a matrix that holds neither counts, nor probabilities, nor
        their logarithms; two motifs of one identifier.
    """
    heads: list[tuple[int, str]] = []
    bodies: list[list[Row]] = []
    for line, text in lines:
        if text.startswith(">"):
            heads.append((line, text[1:].strip()))
            bodies.append([])
        elif text.strip():
            bodies[-1].append(Row(line, numbers(path, line, text.split(), signed=True)))
    motifs = []
    for (line, head), rows in zip(heads, bodies, strict=True):
        words = head.split(maxsplit=1)
        if not words or not rows:
            found = f"motif {words[0]} has no rows" if words else "has a motif without an identifier"
            raise InputError(path, found, expected="'>identifier' and one line of four numbers a position", line=line)
        motifs.append(Motif(words[0], words[1] if len(words) > 1 else None, *_matrix(path, words[0], rows)))
    refuse_repeats(path, [line for line, _ in heads], motifs)
    return MotifFile(motifs, None)


def _matrix(path: str | Path, motif: str, rows: list[Row]) -> tuple[np.ndarray, float | None]:
    """Return (probabilities, sites or None), after telling what the numbers are."""
    if any(len(row.values) != 4 for row in rows):
        return probabilities(path, rows), None  # which refuses it, with the line
    values = np.array([row.values for row in rows])
    if (values >= 0).all():
        if np.abs(values.sum(axis=1) - 1).max() <= TOLERANCE:
            return probabilities(path, rows), None
        return from_counts(path, rows)
    odds = np.exp(values) / 4
    if np.abs(odds.sum(axis=1) - 1).max() > TOLERANCE:
        expected = "counts >= 0, probabilities that sum to 1, or natural logarithms of probability / 0.25"
        raise InputError(path, f"motif {motif} has numbers of another kind", expected=expected, line=rows[0].line)
    return odds / odds.sum(axis=1, keepdims=True), None
