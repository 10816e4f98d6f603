"""TRANSFAC motif format: lines with two-letter codes, one motif to each `//`.

AC  MA0004.1
ID  Arnt
P0      A      C      G      T
01      4     16      0      0
//
"""

from collections.abc import Sequence
from pathlib import Path

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.matrices import MotifFile, Row, from_counts, numbers, refuse_repeats


def parse_transfac(path: str | Path, lines: Sequence[tuple[int, str]]) -> MotifFile:
    """Return the motifs of a TRANSFAC file (background None): identifier = AC, else ID; name = NA, else ID.

    Parameters
    ----------
    path : the file, for errors.
    lines : (line number, text) of the whole file.

    Raises
    ------
    InputError : a motif without AC and ID, without counts, with letters in another order, or two of one identifier.
    """
    motifs: list[Motif] = []
    places: list[int] = []
    record: list[tuple[int, list[str]]] = []
    for line, text in [*lines, (lines[-1][0], "//")]:
        words = text.split()
        if text.strip() != "//":
            record += [(line, words)] if words else []
        elif any(words[0] in ("P0", "PO") for _, words in record):
            motifs.append(_motif(path, record))
            places.append(record[0][0])
            record = []
        else:
            # the head of a TRANSFAC file is a record without matrix
            record = []
    refuse_repeats(path, places, motifs)
    return MotifFile(motifs, None)


def _motif(path: str | Path, record: Sequence[tuple[int, list[str]]]) -> Motif:
    field = {words[0]: " ".join(words[1:]) for _, words in reversed(record) if len(words) > 1}
    line = record[0][0]
    identifier, name = field.get("AC", field.get("ID")), field.get("NA", field.get("ID"))
    if identifier is None:
        raise InputError(path, "has a motif without an identifier", expected="a line AC or ID", line=line)
    letters = next((n, words[1:5]) for n, words in record if words[0] in ("P0", "PO"))
    if letters[1] != list("ACGT"):
        raise InputError(path, f"has the letters {' '.join(letters[1])}", expected="A C G T", line=letters[0])
    # a consensus letter may follow the four counts
    rows = [Row(n, numbers(path, n, words[1:5])) for n, words in record if words[0].isdigit()]
    if not rows:
        raise InputError(path, f"motif {identifier} has no counts", expected="lines '01 4 16 0 0' after P0", line=line)
    comments = [words[1:] for _, words in record if words[0] == "CC"]
    kinds = (_comment(comments, tag) for tag in ("tf_class", "tf_family", "tax_group"))
    return Motif(identifier, name, *from_counts(path, rows), *kinds)


def _comment(comments: Sequence[Sequence[str]], tag: str) -> str | None:
    """Return what a comment `CC tf_family:PAS domain factors` of a JASPAR file says; None where there is none."""
    texts = (" ".join(words) for words in comments)
    found = [text.removeprefix(f"{tag}:").strip(" ;") for text in texts if text.startswith(f"{tag}:")]
    return found[0] or None if found else None
