"""The genome: a FASTA file, plain or bgzip, read by position through its index (genome_index.py).

A plain file is read where its index says (plain_fasta.py), a bgzip file through pysam. pysam answers a request beyond a chromosome's end with fewer letters and no word; here every answer has the length that was asked for.
"""

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType

import numpy as np
import polars as pl
import pysam

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import check_lengths, listed, other_spelling, spelling_remedy
from phenolens.io.fasta import IUPAC
from phenolens.io.genome_index import Index, is_bgzip, quiet, usable_index
from phenolens.io.plain_fasta import MisplacedError, Plain, first_wrong, read_index, read_slice, read_whole

BASES = IUPAC.encode("ascii")
BLOCK = 1 << 22  # bases of a bgzip file read at a time for a whole chromosome


class GenomeFile:
    """An open genome, a context manager; fulfils `core.types.Genome`. It may be read from several threads.

    path : the FASTA file.
    lengths : chromosome -> bases, in file order.
    """

    def __init__(self, path: Path, handle: pysam.FastaFile, plain: Plain | None, scratch: contextlib.ExitStack) -> None:
        self.path = path
        self.lengths: dict[str, int] = dict(zip(handle.references, handle.lengths, strict=True))
        self._handle = handle
        self._scratch = scratch
        self._lock = threading.Lock()
        self._plain = plain

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Return bases [start, end) of the + strand, case kept.

        Parameters
        ----------
        chrom : name as in the file.
        start, end : 0-based, half-open, 0 <= start <= end <= length.

        Raises
        ------
        InputError : unknown chromosome, bases outside it, fewer bases in the file than its index says, or letters that are no bases.
        """
        self._refuse_unknown(chrom)
        if not 0 <= start <= end <= self.lengths[chrom]:
            raise InputError(
                self.path,
                f"{chrom}:{start}-{end} was asked for, but {chrom} has {self.lengths[chrom]} bases",
                expected="0 <= start <= end <= its length",
                remedy="check that the coordinates and the genome are of one build",
            )
        bases = self._read(chrom, start, end) if start < end else b""
        if wrong := bases.translate(None, BASES):
            raise self._no_base(f"{chrom}:{start}-{end}", wrong[0])
        return bases.decode("ascii")

    def letters(self, chrom: str) -> np.ndarray:
        """Return uint8 (L,), the ASCII codes of a whole chromosome's + strand, case kept, not writable; memory is one byte a base.

        Parameters
        ----------
        chrom : name as in the file.

        Raises
        ------
        InputError : unknown chromosome, fewer bases in the file than its index says, or letters that are no bases.
        """
        self._refuse_unknown(chrom)
        length = self.lengths[chrom]
        if self._plain is not None:
            try:
                letters = read_whole(self._plain.handle, self._plain.places[chrom])
            except (OSError, MisplacedError) as error:
                raise self._unreadable(f"{chrom}:0-{length}", error) from None
        else:
            letters = np.empty(length, dtype=np.uint8)
            for start in range(0, length, BLOCK):
                end = min(start + BLOCK, length)
                letters[start:end] = np.frombuffer(self._read(chrom, start, end), dtype=np.uint8)
        if (wrong := first_wrong(letters)) is not None:
            raise self._no_base(f"{chrom}:{wrong}-{wrong + 1}", int(letters[wrong]))
        letters.flags.writeable = False
        return letters

    def _read(self, chrom: str, start: int, end: int) -> bytes:
        try:
            if self._plain is not None:
                bases = read_slice(self._plain.handle, self._plain.places[chrom], start, end)
            else:
                # a pysam handle has one position in the file
                with self._lock, quiet():
                    bases = self._handle.fetch(chrom, start, end).encode("ascii", "replace")
        except (OSError, ValueError) as error:
            raise self._unreadable(f"{chrom}:{start}-{end}", error) from None
        if not bases:
            raise self._unreadable(f"{chrom}:{start}-{end}", "the file ends before it")
        if len(bases) != end - start:
            found = f"{chrom}:{start}-{end} has {len(bases)} bases in the file, {end - start} by its index"
            raise InputError(self.path, found, remedy=_rebuild(self.path))
        return bases

    def _refuse_unknown(self, chrom: str) -> None:
        if chrom not in self.lengths:
            other = other_spelling(chrom, self.lengths)
            remedy = spelling_remedy("the intervals", chrom, other) if other else None
            raise InputError(
                self.path, f"has no chromosome {chrom}", expected=f"one of: {listed(self.lengths)}", remedy=remedy
            )

    def _unreadable(self, place: str, reason: object) -> InputError:
        found = f"{place} cannot be read: {reason}"
        return InputError(self.path, found, remedy=f"copy the file again, or {_rebuild(self.path)}")

    def _no_base(self, place: str, letter: int) -> InputError:
        expected = f"DNA letters ({IUPAC[:15]}, either case)"
        return InputError(self.path, f"{place} holds {chr(letter)!r}", expected=expected, remedy=_rebuild(self.path))

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        self._handle.close()
        self._scratch.close()

    def __enter__(self) -> "GenomeFile":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


def open_genome(path: str | Path) -> GenomeFile:
    """Return the open genome; use it in a `with` statement.

    A missing index is built beside the file, or in a temporary folder where that one cannot be written.

    Parameters
    ----------
    path : FASTA file, plain or bgzip, with or without index files beside it.

    Raises
    ------
    InputError : not a FASTA file; gzip that is not bgzip; an index that belongs to another file; two sequences of one name, a sequence
        without name or bases, lines of uneven length.
    """
    path = Path(path)
    with contextlib.ExitStack() as scratch:
        index = usable_index(path, scratch, compressed=is_bgzip(path))
        handle = _open(path, index)
        plain = None
        if index.gzi is None:
            plain = Plain(os.open(path, os.O_RDONLY), read_index(index.fai))
            scratch.callback(os.close, plain.handle)
        return GenomeFile(path, handle, plain, scratch.pop_all())


def _open(path: Path, index: Index) -> pysam.FastaFile:
    compressed_index = None if index.gzi is None else str(index.gzi)
    try:
        with quiet():
            return pysam.FastaFile(str(path), filepath_index=str(index.fai), filepath_index_compressed=compressed_index)
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be opened: {error}", remedy=_rebuild(path)) from None


def _rebuild(path: Path) -> str:
    return f"delete {path}.fai and run again, if the file was changed after it was indexed"


def check_chromosomes(intervals: pl.DataFrame, genome: GenomeFile, path: str | Path) -> None:
    """Return nothing when every interval lies on the genome.

    Parameters
    ----------
    intervals : any table with chrom, start, end.
    genome : the open genome.
    path : the file of the intervals, for the error.

    Raises
    ------
    InputError : a chromosome that the genome does not have (with the way from `22` to `chr22`), or an interval beyond its end.
    """
    check_lengths(intervals, genome.lengths, path, genome.path)
