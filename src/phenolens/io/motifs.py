"""Motif files: MEME text, JASPAR or TRANSFAC, plain or gzip, told by their content."""

import re
from pathlib import Path

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.jaspar import parse_jaspar
from phenolens.io.matrices import MotifFile
from phenolens.io.meme import parse_meme
from phenolens.io.text import lines
from phenolens.io.transfac import parse_transfac

TRANSFAC = re.compile(r"(VV|AC|ID|NA|DE|XX)(\s|$)")


def read_motifs(path: str | Path) -> list[Motif]:
    """Return the motifs of a file, in file order.

    Raises
    ------
    InputError : as `read_motif_file`.
    """
    return read_motif_file(path).motifs


def read_motif_file(path: str | Path) -> MotifFile:
    """Return the motifs of a file, and the background that it states.

    Parameters
    ----------
    path : MEME, JASPAR or TRANSFAC file.

    Raises
    ------
    InputError : another format, or a matrix that is none, with its line.
    """
    content = list(lines(path))
    line, first = next(((n, t.strip()) for n, t in content if t.strip() and not t.startswith("#")), (1, ""))
    if any(text.startswith("MEME version") for _, text in content[:50]):
        return parse_meme(path, content)
    if first.startswith(">"):
        return parse_jaspar(path, content)
    if TRANSFAC.match(first):
        return parse_transfac(path, content)
    remedy = "save the motifs in MEME's minimal text format" if first.startswith("<") else None
    expected = "'MEME version 4', a JASPAR '>' or a TRANSFAC AC or ID line"
    raise InputError(path, f"begins with '{first[:30]}'", expected=expected, remedy=remedy, line=line)
