"""Bases of an uncompressed FASTA, read straight from the file where its index says that they lie.

All lines of a sequence but the last hold `bases` letters in `width` bytes (line end included), so base i lies at byte
offset + i // bases * width + i % bases. A whole chromosome is read some hundred kilobytes at a time into the array that is returned:
nothing else of its size is held, and the file is not mapped (mapped pages would count as memory of the process).
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phenolens.io.fasta import IUPAC

CHUNK_BYTES = 1 << 18  # stays in a core's second-level cache
LINE_ENDS = b"\r\n"
IS_BASE = np.zeros(256, dtype=bool)
IS_BASE[list(IUPAC.encode("ascii"))] = True


class Geometry(NamedTuple):
    """Where a sequence lies in its file, as the .fai says.

    length : bases.
    offset : byte of the first base.
    bases, width : letters, and bytes with line end, of a full line.
    """

    length: int
    offset: int
    bases: int
    width: int

    def byte(self, position: int) -> int:
        """Return the byte at which a base lies."""
        return self.offset + position + position // self.bases * (self.width - self.bases)


class Plain(NamedTuple):
    """An open plain FASTA: its file descriptor, and sequence name -> where it lies."""

    handle: int
    places: dict[str, Geometry]


class MisplacedError(Exception):
    """The file does not hold what its index says: the message says what was found."""


def read_index(path: Path) -> dict[str, Geometry]:
    """Return sequence name -> its geometry, of a .fai file that was found to fit its FASTA."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return {name: Geometry(*(int(cell) for cell in cells[:4])) for name, *cells in rows}


def read_slice(handle: int, place: Geometry, start: int, end: int) -> bytes:
    """Return the letters of bases [start, end), start < end, line ends dropped; fewer where the file has fewer.

    Parameters
    ----------
    handle : file descriptor of the FASTA.
    place : where the sequence lies.
    start, end : 0-based, half-open, inside the sequence.
    """
    first = place.byte(start)
    return os.pread(handle, place.byte(end - 1) + 1 - first, first).translate(None, LINE_ENDS)


def read_whole(handle: int, place: Geometry) -> np.ndarray:
    """Return uint8 (L,), the letters of a whole sequence.

    Raises
    ------
    MisplacedError : the file ends too early, or a line does not end where the index says.
    """
    out = np.empty(place.length, dtype=np.uint8)
    lines = place.length // place.bases
    step = max(1, CHUNK_BYTES // place.width)
    raw = np.empty((step if lines > 1 and place.width <= CHUNK_BYTES else 0, place.width), dtype=np.uint8)
    # the last full line may lack its line end: it is read with the rest
    whole = lines - 1 if len(raw) else 0
    for line in range(0, whole, step):
        rows = raw[: min(step, whole - line)]
        _fill(handle, rows.reshape(-1), place.offset + line * place.width)
        _refuse_letters_between(rows[:, place.bases :], line * place.bases)
        letters = out[line * place.bases : (line + len(rows)) * place.bases]
        letters.reshape(len(rows), place.bases)[...] = rows[:, : place.bases]
    for start in range(whole * place.bases, place.length, place.bases):
        end = min(start + place.bases, place.length)
        _fill(handle, out[start:end], place.byte(start))
        if end < place.length:
            gap = np.empty(place.width - place.bases, dtype=np.uint8)
            _fill(handle, gap, place.byte(start) + place.bases)
            _refuse_letters_between(gap, start)
    return out


def _fill(handle: int, target: np.ndarray, byte: int) -> None:
    """Fill a contiguous uint8 array with the file's content from this byte on."""
    view, done = target.data, 0
    while done < len(view):
        got = os.preadv(handle, [view[done:]], byte + done)
        if not got:
            raise MisplacedError("the file ends before it")
        done += got


def _refuse_letters_between(gaps: np.ndarray, base: int) -> None:
    if not ((gaps == ord("\n")) | (gaps == ord("\r"))).all():
        raise MisplacedError(f"lines after base {base} do not end where its index says")


def first_wrong(letters: np.ndarray) -> int | None:
    """Return the position of the first of uint8 (L,) letters that is no IUPAC code of DNA; None where all are.

    Nearly every letter is A, C, G, T or N, which some byte-wide comparisons tell; a table is asked only where another one is.
    """
    size = min(len(letters), CHUNK_BYTES)
    upper, masked = np.empty(size, dtype=np.uint8), np.empty(size, dtype=np.uint8)
    fine, equal = np.empty(size, dtype=bool), np.empty(size, dtype=bool)
    for start in range(0, len(letters), CHUNK_BYTES):
        chunk = letters[start : start + CHUNK_BYTES]
        n = len(chunk)
        np.bitwise_and(chunk, 0xDF, out=upper[:n])
        np.bitwise_and(upper[:n], 0xFB, out=masked[:n])
        np.equal(masked[:n], ord("C"), out=fine[:n])  # C and G differ in the bit dropped
        for letter in b"ATN":
            np.logical_or(fine[:n], np.equal(upper[:n], letter, out=equal[:n]), out=fine[:n])
        if not fine[:n].all() and not (known := IS_BASE[chunk]).all():
            return start + int(known.argmin())
    return None
