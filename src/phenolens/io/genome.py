"""The genome: a FASTA file, plain or bgzip, read by position through its index (genome_index.py).

pysam answers a request beyond a chromosome's end with fewer letters and no word; here every answer has the length that was asked for.
"""

import contextlib
from pathlib import Path
from types import TracebackType

import polars as pl
import pysam

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import check_lengths, listed, other_spelling, spelling_remedy
from phenolens.io.fasta import IUPAC
from phenolens.io.genome_index import Index, is_bgzip, quiet, usable_index

DELETE_BASES = str.maketrans("", "", IUPAC)


class GenomeFile:
    """An open genome, a context manager; fulfils `core.schemas.Genome`.

    path : the FASTA file.
    lengths : chromosome -> bases, in file order.
    """

    def __init__(self, path: Path, handle: pysam.FastaFile, scratch: contextlib.ExitStack) -> None:
        self.path = path
        self.lengths: dict[str, int] = dict(zip(handle.references, handle.lengths, strict=True))
        self._handle = handle
        self._scratch = scratch

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
        if chrom not in self.lengths:
            other = other_spelling(chrom, self.lengths)
            remedy = spelling_remedy("the intervals", chrom, other) if other else None
            raise InputError(
                self.path, f"has no chromosome {chrom}", expected=f"one of: {listed(self.lengths)}", remedy=remedy
            )
        if not 0 <= start <= end <= self.lengths[chrom]:
            raise InputError(
                self.path,
                f"{chrom}:{start}-{end} was asked for, but {chrom} has {self.lengths[chrom]} bases",
                expected="0 <= start <= end <= its length",
                remedy="check that the coordinates and the genome are of one build",
            )
        bases = self._read(chrom, start, end) if start < end else ""
        if wrong := bases.translate(DELETE_BASES):
            expected = f"DNA letters ({IUPAC[:15]}, either case)"
            raise InputError(
                self.path, f"{chrom}:{start}-{end} holds {wrong[0]!r}", expected=expected, remedy=_rebuild(self.path)
            )
        return bases

    def _read(self, chrom: str, start: int, end: int) -> str:
        try:
            with quiet():
                bases: str = self._handle.fetch(chrom, start, end)
        except (OSError, ValueError) as error:
            found = f"{chrom}:{start}-{end} cannot be read: {error}"
            raise InputError(self.path, found, remedy=f"copy the file again, or {_rebuild(self.path)}") from None
        if len(bases) != end - start:
            found = f"{chrom}:{start}-{end} has {len(bases)} bases in the file, {end - start} by its index"
            raise InputError(self.path, found, remedy=_rebuild(self.path))
        return bases

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
        return GenomeFile(path, handle, scratch.pop_all())


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
