"""Motif files: MEME text, JASPAR, TRANSFAC or HOCOMOCO, plain or gzip, or JASPAR's database, told by their content."""

import re
from collections.abc import Collection
from pathlib import Path

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.choice import refuse_absent
from phenolens.io.hocomoco import looks_like_hocomoco, parse_hocomoco
from phenolens.io.jaspar import parse_jaspar
from phenolens.io.jaspar_database import is_jaspar_database, read_jaspar_database
from phenolens.io.matrices import MotifFile
from phenolens.io.meme import parse_meme
from phenolens.io.motif_classes import with_classes
from phenolens.io.text import lines
from phenolens.io.transfac import parse_transfac

TRANSFAC = re.compile(r"(VV|AC|ID|NA|DE|XX)(\s|$)")


def read_motifs(path: str | Path, taxa: Collection[str] = ()) -> list[Motif]:
    """Return the motifs of a file, in file order, with class, family and taxon where the file or the built-in list knows them.

    Parameters
    ----------
    path : as `read_motif_file`.
    taxa : taxonomic groups to take, e.g. vertebrates; all where none is named.

    Raises
    ------
    InputError : as `read_motif_file`; no motif of such a taxon.
    """
    motifs = with_classes(read_motif_file(path).motifs)
    if not taxa:
        return motifs
    refuse_absent(path, taxa, sorted({motif.tax_group for motif in motifs if motif.tax_group}))
    return [motif for motif in motifs if motif.tax_group in taxa]


def read_motif_file(path: str | Path) -> MotifFile:
    """Return the motifs of a file, and the background that it states.

    Parameters
    ----------
    path : MEME, JASPAR, TRANSFAC or HOCOMOCO file, or JASPAR's database.

    Raises
    ------
    InputError : another format, or a matrix that is none, with its line.
    """
    if is_jaspar_database(path):
        return read_jaspar_database(Path(path))
    content = list(lines(path))
    line, first = next(((n, t.strip()) for n, t in content if t.strip() and not t.startswith("#")), (1, ""))
    if any(text.startswith("MEME version") for _, text in content[:50]):
        return parse_meme(path, content)
    if first.startswith(">"):
        return (parse_hocomoco if looks_like_hocomoco(content) else parse_jaspar)(path, content)
    if TRANSFAC.match(first):
        return parse_transfac(path, content)
    remedy = "save the motifs in MEME's minimal text format" if first.startswith("<") else None
    expected = "'MEME version 4', a JASPAR or HOCOMOCO '>' or a TRANSFAC AC or ID line"
    raise InputError(path, f"begins with '{first[:30]}'", expected=expected, remedy=remedy, line=line)
