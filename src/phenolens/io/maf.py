"""Multiple alignments in MAF: which bases of the reference other species share, base by base, in one pass over the file.

Blocks of lines `s SPECIES.CHROM START SIZE STRAND LENGTH LETTERS`, one a species, all LETTERS of a block equally long
(https://genome.ucsc.edu/FAQ/FAQformat.html#format5). On strand - START counts from the end of the chromosome. A gap or an N in another
species says nothing about the base, so it is not counted; a base that nobody else covers has no value.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from phenolens.core.errors import InputError
from phenolens.core.ground import Ground
from phenolens.io.chromosomes import listed, other_spelling
from phenolens.io.text import blocks

GAP, UNKNOWN, UPPER = ord("-"), ord("N"), 0xDF


class Row(NamedTuple):
    """One species of a block: LETTERS are `text`; start is 0-based, from the strand's first base."""

    species: str
    chrom: str
    start: int
    size: int
    strand: str
    length: int
    text: bytes


class Alike(NamedTuple):
    """Per base of a ground (N bases) how the reference compares with s other species.

    species : the others, in the order of their first block.
    seen : uint16 (N,), how many of them have a base there.
    same : uint16 (N,), how many have the reference's base.
    """

    species: list[str]
    seen: np.ndarray
    same: np.ndarray

    def share(self) -> np.ndarray:
        """Return float32 (N,): share of the species seen at a base that have the reference's; NaN where none is seen."""
        share = np.full(len(self.seen), np.nan, dtype=np.float32)
        np.divide(self.same, self.seen, out=share, where=self.seen > 0)
        return share

    def all_alike(self) -> np.ndarray:
        """Return float32 (N,): 1 where all species have the reference's base, 0 where one differs, NaN where not all are seen."""
        whole = self.seen == len(self.species) if self.species else np.zeros(len(self.seen), dtype=bool)
        return np.where(whole, self.same == self.seen, np.nan).astype(np.float32)


def read_alike(path: str | Path, land: Ground, species: tuple[str, ...] = ()) -> Alike:
    """Return how alike the species are along the ground.

    A species that has several rows in a block counts with its first; a base of the reference in several blocks, with the first of them.

    Parameters
    ----------
    path : MAF, plain or gzip.
    land : the stretches asked about; chromosomes may be spelled otherwise in the file (22 for chr22).
    species : the reference, then those compared with it; all others of the file where there are none; the first row's species is the
        reference where this is empty.

    Raises
    ------
    InputError : no MAF file, or a wrong line; a species that is nowhere in the file; no block on a chromosome of the ground.
    """
    others = dict.fromkeys(species[1:])
    seen, same = np.zeros((2, land.bases), dtype=np.uint16)
    taken = np.zeros(land.bases, dtype=bool)
    reference, chroms, names = (species[0] if species else None), dict[str, str | None](), dict[str, None]()
    for line, rows in _blocks(path):
        reference = reference or rows[0].species
        names.update(dict.fromkeys(row.species for row in rows))
        home = next((row for row in rows if row.species == reference), None)
        if home is None:
            continue
        if home.chrom not in chroms:
            known = home.chrom in land.chroms
            chroms[home.chrom] = home.chrom if known else other_spelling(home.chrom, land.chroms)
        if (chrom := chroms[home.chrom]) is None:
            continue
        place, columns = _places(path, line, home, chrom, land)
        fresh = ~taken[place]
        place, columns = place[fresh], columns[fresh]
        taken[place] = True
        compared = {
            r.species: r for r in reversed(rows) if r.species != reference and (not others or r.species in others)
        }
        _count(compared, np.frombuffer(home.text, dtype=np.uint8)[columns] & UPPER, place, columns, (seen, same))
    _refuse_absent(path, land, species, names, chroms)
    return Alike(list(others) or [name for name in names if name != reference], seen, same)


def aligned_species(path: str | Path, species: tuple[str, ...] = ()) -> str:
    """Return a sentence on the first block of a MAF file, for `phenolens check`: the reference and the other species.

    Parameters
    ----------
    path, species : as in `read_alike`.

    Raises
    ------
    InputError : as `read_alike`, of the first block.
    """
    _, rows = next(_blocks(path), (0, []))
    if not rows:
        raise InputError(path, "has no block", expected="blocks of lines that begin with s")
    names = dict.fromkeys(row.species for row in rows)
    reference = species[0] if species else rows[0].species
    return f"reference {reference}, in the first block {', '.join(names)}"


def _count(
    compared: dict[str, Row],
    base: np.ndarray,
    place: np.ndarray,
    columns: np.ndarray,
    counts: tuple[np.ndarray, np.ndarray],
) -> None:
    """Add a block's species to the counts (seen, same) at these places; base: the reference's letters there, upper case."""
    for row in compared.values():
        other = np.frombuffer(row.text, dtype=np.uint8)[columns]
        known = (other != GAP) & (other & UPPER != UNKNOWN) & (base != UNKNOWN)
        counts[0][place] += known
        counts[1][place] += known & (other & UPPER == base)


def _places(path: str | Path, line: int, home: Row, chrom: str, land: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Return (place along the ground, column of the block), int64 both, of the reference's bases that lie on the ground."""
    columns = np.flatnonzero(np.frombuffer(home.text, dtype=np.uint8) != GAP)
    if len(columns) != home.size:
        raise InputError(
            path, f"row of {home.species} has {len(columns)} bases", expected=f"{home.size}, as its SIZE", line=line
        )
    if home.strand == "-":
        columns, first = columns[::-1], home.length - home.start - home.size
    else:
        first = home.start
    low = land.line.offsets[chrom] + first
    at = np.searchsorted(land.high, low, side="right")
    if at == len(land.low) or land.low[at] >= low + home.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    last = np.searchsorted(land.low, low + home.size, side="left")
    pieces = [
        np.arange(max(low, land.low[i]), min(low + home.size, land.high[i])) + (land.first[i] - land.low[i])
        for i in range(at, last)
    ]
    starts = [np.arange(max(low, land.low[i]) - low, min(low + home.size, land.high[i]) - low) for i in range(at, last)]
    return np.concatenate(pieces), columns[np.concatenate(starts)]


def _blocks(path: str | Path) -> Iterator[tuple[int, list[Row]]]:
    """Yield (number of its first row's line, rows) of each block."""
    rows: list[Row] = []
    first = 0
    for start, chunk in blocks(path):
        for number, text in enumerate(chunk.removesuffix(b"\n").split(b"\n"), start):
            if number == 1 and not text.startswith(b"##maf"):
                raise InputError(
                    path,
                    f"begins with {text[:20].decode('latin-1')!r}",
                    expected="##maf version=1",
                    remedy="name a MAF file",
                    line=1,
                )
            if text.startswith(b"s"):
                first = first if rows else number
                rows.append(_row(path, number, text))
                if len(rows[-1].text) != len(rows[0].text):
                    raise InputError(
                        path,
                        f"row of {len(rows[-1].text)} letters in a block of {len(rows[0].text)}",
                        expected="rows of a block equally long",
                        line=number,
                    )
            elif text[:1] in (b"a", b"", b"\r") and rows:
                yield first, rows
                rows = []
    if rows:
        yield first, rows


def _row(path: str | Path, number: int, text: bytes) -> Row:
    cells = text.split()
    whole = len(cells) == 7 and all(cells[i].isdigit() for i in (2, 3, 5)) and cells[4] in (b"+", b"-")
    if not whole:
        raise InputError(
            path,
            f"row '{text[:60].decode('latin-1')}'",
            expected="s SPECIES.CHROM START SIZE STRAND LENGTH LETTERS",
            remedy="download or copy the file again",
            line=number,
        )
    name, _, chrom = cells[1].decode("latin-1").partition(".")
    return Row(name, chrom or name, int(cells[2]), int(cells[3]), cells[4].decode(), int(cells[5]), cells[6])


def _refuse_absent(
    path: str | Path, land: Ground, species: tuple[str, ...], names: dict[str, None], chroms: dict[str, str | None]
) -> None:
    if not names:
        raise InputError(path, "has no block", expected="blocks of lines that begin with s")
    if missing := [name for name in species if name not in names]:
        raise InputError(
            path,
            f"has no species {missing[0]}",
            expected=f"one of: {listed(names)}",
            remedy="change what follows # in the study file",
        )
    if land.bases and not any(chroms.values()):
        raise InputError(
            path,
            f"has no block on {listed(land.chroms)}",
            expected=f"chromosomes of the study; the file's reference has {listed(chroms)}",
            remedy="name the reference species after #, or take the alignment of this genome",
        )
