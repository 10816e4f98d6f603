"""JASPAR motif format: `>MA0004.1 Arnt`, then the counts of A, C, G and T over the positions, one line a letter.

    >MA0004.1 Arnt
    A  [  4 19  0  0  0  0 ]
    C  [ 16  0 20  0  0  0 ]
    G  [  0  1  0 20  0 20 ]
    T  [  0  0  0  0 20  0 ]

The older form without letters and brackets is read too.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.matrices import MotifFile, Row, from_counts, numbers, refuse_repeats


def parse_jaspar(path: str | Path, lines: Sequence[tuple[int, str]]) -> MotifFile:
    """Return the motifs of a JASPAR file (background None).

    Parameters
    ----------
    path : the file, for errors.
    lines : (line number, text) of the whole file.

    Raises
    ------
    InputError : not four lines a motif, in the order A C G T, of equally many counts >= 0; a position without counts; two motifs of one
        identifier.
    """
    filled = [(line, text.strip()) for line, text in lines if text.strip()]
    heads = [i for i, (_, text) in enumerate(filled) if text.startswith(">")]
    motifs = []
    for head, after in zip(heads, [*heads[1:], len(filled)], strict=True):
        line, text = filled[head]
        words = text[1:].split(maxsplit=1)
        if not words:
            raise InputError(path, "has a motif without an identifier", expected="'>identifier name'", line=line)
        matrix, sites = from_counts(path, _rows(path, words[0], line, filled[head + 1 : after]))
        motifs.append(Motif(words[0], words[1] if len(words) > 1 else None, matrix, sites))
    refuse_repeats(path, [filled[i][0] for i in heads], motifs)
    return MotifFile(motifs, None)


def _rows(path: str | Path, motif: str, line: int, body: Sequence[tuple[int, str]]) -> list[Row]:
    """Return one row a position; the file has one line a letter."""
    if len(body) != 4:
        raise InputError(
            path,
            f"motif {motif} has {len(body)} line{'s' * (len(body) != 1)} of counts",
            expected="4: A, C, G, T",
            line=line,
        )
    counts = []
    for (number, text), letter in zip(body, "ACGT", strict=True):
        cells = re.sub(r"[\[\]]", " ", text).split()
        if cells and cells[0].isalpha():
            if cells[0].upper() != letter:
                raise InputError(
                    path,
                    f"motif {motif} has counts of {cells[0]} here",
                    expected=f"{letter}, in the order A, C, G, T",
                    line=number,
                )
            cells = cells[1:]
        counts.append(Row(number, numbers(path, number, cells)))
        if not cells or len(cells) != len(counts[0].values):
            found = f"motif {motif} has {len(cells)} counts of {letter}"
            raise InputError(
                path, found, expected=f"{len(counts[0].values) or 'at least 1'}, one a position, as for A", line=number
            )
    return [Row(line, list(values)) for values in zip(*(row.values for row in counts), strict=True)]
