"""MEME motif format, minimal or full text (https://meme-suite.org/meme/doc/meme-format.html), versions 3 to 5, DNA only.

Read are: ALPHABET, background letter frequencies, MOTIF lines (identifier, alternate name) and letter-probability matrices. Everything else,
log-odds matrices too, is passed over.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.matrices import MotifFile, Row, numbers, probabilities, refuse_repeats

KEY = re.compile(r"(\w+)\s*=\s*(\S+)")
MATRIX = "letter-probability matrix"
DNA = ("ACGT", '"DNA"', "DNA")
Lines = Sequence[tuple[int, str]]


def parse_meme(path: str | Path, lines: Lines) -> MotifFile:
    """Return the motifs and background of a MEME file.

    Parameters
    ----------
    path : the file, for errors.
    lines : (line number, text) of the whole file.

    Raises
    ------
    InputError : another alphabet than DNA; a motif without matrix or a matrix without motif; rows that are not w rows of four
        probabilities summing to 1; two motifs of one identifier; no motif.
    """
    motifs: list[Motif] = []
    places: list[int] = []
    background, head, at = None, None, 0
    while at < len(lines):
        line, text = lines[at]
        at += 1
        if text.startswith("ALPHABET"):
            at = _alphabet(path, lines, at - 1)
        elif text.startswith("Background letter frequencies"):
            background, at = _background(path, lines, at)
        elif text.startswith("MOTIF"):
            _refuse_pending(path, head)
            head = (line, *_names(path, line, text))
        elif text.startswith(MATRIX):
            if head is None:
                raise InputError(
                    path, "has a matrix without a motif", expected="a line 'MOTIF identifier' before it", line=line
                )
            keys = dict(KEY.findall(text))
            rows, at = _rows(path, lines, at, line, keys)
            sites = keys.get("nsites")
            motifs.append(
                Motif(
                    head[1],
                    head[2],
                    probabilities(path, rows),
                    None if sites is None else numbers(path, line, [sites])[0],
                )
            )
            places.append(head[0])
            head = None
    _refuse_pending(path, head)
    refuse_repeats(path, places, motifs)
    return MotifFile(motifs, background)


def _refuse_pending(path: str | Path, head: tuple[int, str, str | None] | None) -> None:
    if head is not None:
        raise InputError(
            path,
            f"motif {head[1]} has no letter-probability matrix",
            expected=f"'{MATRIX}: alength= 4 w= ...' and its rows",
            line=head[0],
        )


def _names(path: str | Path, line: int, text: str) -> tuple[str, str | None]:
    # full MEME output writes `MOTIF CACGTG MEME-1  width = 6  sites = 20`
    words = re.split(r"\s+width\s*=", text)[0].split()[1:]
    if not words:
        raise InputError(path, "has a motif without an identifier", expected="'MOTIF identifier name'", line=line)
    return words[0], words[1] if len(words) > 1 else None


def _alphabet(path: str | Path, lines: Lines, at: int) -> int:
    """Return where reading goes on after an ALPHABET line or block."""
    line, text = lines[at]
    stated = text.removeprefix("ALPHABET").lstrip("= ").strip()
    if text.startswith("ALPHABET="):
        letters, after = stated, at + 1
    else:
        after = next((i + 1 for i in range(at, len(lines)) if lines[i][1].startswith("END ALPHABET")), len(lines))
        pairs = [re.match(r"(\S)\s.*~\s*(\S)", text) for _, text in lines[at + 1 : after]]
        letters = "".join(sorted(m.group(1) + m.group(2) for m in pairs if m))
        letters = "ACGT" if letters == "ATCG" else stated
    if letters not in DNA:
        raise InputError(
            path,
            f"has the alphabet {letters}",
            expected="ACGT",
            remedy="motifs of DNA are needed: protein and RNA motifs cannot be used",
            line=line,
        )
    return after


def _background(path: str | Path, lines: Lines, at: int) -> tuple[np.ndarray, int]:
    """Return (frequencies of A, C, G, T, where reading goes on)."""
    start = at
    words: list[str] = []
    while at < len(lines) and len(words) < 8 and re.match(r"\s*[A-Za-z]\s+[\d.]", lines[at][1]):
        words += lines[at][1].split()
        at += 1
    line = lines[min(start, len(lines) - 1)][0]
    if [w.upper() for w in words[::2]] != list("ACGT") or len(words) != 8:
        raise InputError(
            path, f"has the background '{' '.join(words)}'", expected="'A 0.25 C 0.25 G 0.25 T 0.25'", line=line
        )
    return probabilities(path, [Row(line, numbers(path, line, words[1::2]))])[0], at


def _rows(path: str | Path, lines: Lines, at: int, line: int, keys: dict[str, str]) -> tuple[list[Row], int]:
    """Return (rows of the matrix whose head is at `line`, where reading goes on)."""
    if keys.get("alength", "4") != "4":
        raise InputError(
            path,
            f"has a matrix of {keys['alength']} letters",
            expected="alength= 4",
            remedy="motifs of DNA are needed",
            line=line,
        )
    rows: list[Row] = []
    while at < len(lines) and re.match(r"\s*[-+.\d]*\d", lines[at][1]):
        number, text = lines[at]
        rows.append(Row(number, numbers(path, number, text.split())))
        at += 1
    if not rows or str(len(rows)) != keys.get("w", str(len(rows))):
        raise InputError(
            path,
            f"has a matrix of {len(rows)} rows",
            expected=f"{keys.get('w', 'at least 1')} rows, as its w says",
            line=line,
        )
    return rows, at
