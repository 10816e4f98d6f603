"""bigWig files: one number per base of the genome, absent where nothing was measured (read and written with pybigtools)."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl
import pybigtools

from phenolens.core.errors import DataError, InputError, WriteError
from phenolens.io.chromosomes import listed, other_spelling, spelling_remedy
from phenolens.io.text import open_raw

BIGWIG, BIGBED = 0x888FFC26, 0x8789F2EB


class Signal:
    """An open bigWig file, a context manager.

    path : the file.
    chroms : chromosome -> bases, as the file has them.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        _refuse_other_formats(self.path)
        # an open file, because pybigtools judges a path by its ending
        self._handle = open_raw(self.path)
        try:
            self._reader = pybigtools.open(self._handle)
            self.chroms: dict[str, int] = dict(self._reader.chroms())
        except (pybigtools.BBIReadError, ValueError):
            self._handle.close()
            raise self._damaged() from None

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Return float32 (end - start,), NaN where the file has no value and outside the chromosome.

        Parameters
        ----------
        chrom : name as in the file.
        start, end : 0-based, half-open; may reach beyond the chromosome.

        Raises
        ------
        InputError : a chromosome that the file does not have, or damaged data.
        """
        if chrom not in self.chroms:
            other = other_spelling(chrom, self.chroms)
            raise InputError(
                self.path,
                f"has no chromosome {chrom}",
                expected=f"one of: {listed(self.chroms)}",
                remedy=spelling_remedy("the intervals", chrom, other) if other else None,
            )
        answer = np.full(max(end - start, 0), np.nan, dtype=np.float32)
        first, last = max(start, 0), min(end, self.chroms[chrom])
        if first < last:
            try:
                answer[first - start : last - start] = self._reader.values(chrom, first, last, fillna=None)
            except pybigtools.BBIReadError:
                raise self._damaged() from None
        return answer

    def _damaged(self) -> InputError:
        return InputError(
            self.path, "is a damaged or cut bigWig file", expected="a whole one", remedy="download or copy it again"
        )

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._handle.close()

    def __enter__(self) -> "Signal":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


def read_signal(path: str | Path) -> Signal:
    """Return the open bigWig; use it in a `with` statement.

    Raises
    ------
    InputError : missing, not a bigWig, or damaged.
    """
    return Signal(path)


def _refuse_other_formats(path: Path) -> None:
    with open_raw(path) as handle:
        head = handle.read(4)
    magic = {struct.unpack(order + "I", head)[0] for order in "<>"} if len(head) == 4 else set()
    if BIGBED in magic:
        raise InputError(path, "is a bigBed file", expected="a bigWig file", remedy="convert it to BED: bigBedToBed")
    if BIGWIG not in magic:
        remedy = "convert wiggle or bedGraph text: wigToBigWig, bedGraphToBigWig"
        raise InputError(path, f"begins with {head!r}", expected="a bigWig file", remedy=remedy)


def write_bigwig(path: str | Path, table: pl.DataFrame | Iterable[pl.DataFrame], lengths: Mapping[str, int]) -> None:
    """Write a bigWig of these runs; rows of a table may come in any order, rows whose value is NaN or null are absent in the file.

    Parameters
    ----------
    path : where to write.
    table : chrom, start, end (0-based, half-open), value; no base in two rows. Or several tables, each of whole chromosomes, by name; only
        one is held at a time.
    lengths : chromosome -> bases, of every chromosome in the table.

    Raises
    ------
    DataError : no value at all, a row outside its chromosome, or two rows that share a base.
    WriteError : the file cannot be made, or does not hold what was written.
    """
    tables = iter([table] if isinstance(table, pl.DataFrame) else table)
    rows = _Rows(tables, lengths, f"table for {path}")
    path = Path(path)
    # pybigtools takes no other ending, and a file that is renamed when whole may have one
    target = path if path.suffix.lower() in (".bw", ".bigwig") else path.with_name(f"{path.name}.bw")
    try:
        target.open("wb").close()
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror}") from None
    whole = False
    try:
        writer = pybigtools.open(str(target), "w")
        writer.write({c: lengths[c] for c in sorted(lengths)}, rows)
        rows.complain()
        _check_written(target, rows.last)
        target.replace(path)
        whole = True
    finally:
        if not whole:
            target.unlink(missing_ok=True)


class _Rows:
    """The rows of several tables, checked as they are read; last : the last run of each chromosome."""

    def __init__(self, tables: Iterator[pl.DataFrame], lengths: Mapping[str, int], subject: str) -> None:
        self._tables, self._lengths, self._subject = tables, lengths, subject
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._error: Exception | None = None
        self.last: dict[str, tuple[Any, ...]] = {}
        if not self._next_table():
            raise DataError(subject, "has no value", expected="at least one row with a number")

    def _next_table(self) -> bool:
        for table in self._tables:
            rows = _writable(table, self._lengths, self._subject)
            found = rows["chrom"].unique(maintain_order=True).to_list()
            if found and self.last and found[0] <= next(reversed(self.last)):
                raise DataError(
                    self._subject, f"{found[0]} comes after {next(reversed(self.last))}", expected="chromosomes by name"
                )
            last = rows.group_by("chrom", maintain_order=True).last().select(rows.columns)
            self.last |= {row[0]: row for row in last.iter_rows()}
            self._rows = rows.iter_rows()
            if found:
                return True
        return False

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        if (row := next(self._rows, None)) is not None:
            return row
        try:
            more = self._next_table()
        except DataError as error:
            # pybigtools does not pass it on
            self._error, more = error, False
        if not more:
            raise StopIteration
        return next(self._rows)

    def complain(self) -> None:
        """Raise what was wrong with a table."""
        if self._error is not None:
            raise self._error


def _writable(table: pl.DataFrame, lengths: Mapping[str, int], subject: str) -> pl.DataFrame:
    """Return the rows that hold a number, sorted as a bigWig needs them."""
    value = pl.col("value").cast(pl.Float64)
    rows = table.select("chrom", "start", "end", value).filter(
        pl.col("value").is_not_null() & pl.col("value").is_not_nan()
    )
    rows = rows.sort("chrom", "start", "end")
    length = pl.col("chrom").replace_strict(dict(lengths), default=None, return_dtype=pl.Int64)
    inside = (pl.col("start") >= 0) & (pl.col("start") < pl.col("end")) & (pl.col("end") <= length)
    outside = rows.filter(~inside.fill_null(False))
    if outside.height:
        chrom, start, end, _ = outside.row(0)
        expected = f"0 <= start < end <= {lengths[chrom]}" if chrom in lengths else f"one of: {listed(lengths)}"
        raise DataError(subject, f"{chrom}:{start}-{end} is not on the genome", expected=expected)
    before = rows.with_columns(pl.col("start", "end").shift(1).over("chrom").name.prefix("previous_"))
    overlap = before.filter(pl.col("start") < pl.col("previous_end"))
    if overlap.height:
        chrom, start, end, _, previous_start, previous_end = overlap.row(0)
        found = f"{chrom}:{previous_start}-{previous_end} and {chrom}:{start}-{end} overlap"
        raise DataError(subject, found, expected="one value a base", remedy="average or drop one of the rows")
    return rows


def _check_written(path: Path, last: Mapping[str, tuple[Any, ...]]) -> None:
    """Read the last run of each chromosome back, because pybigtools prints a failure instead of raising it."""
    try:
        with read_signal(path) as written:
            for chrom, start, end, value in last.values():
                if not np.allclose(written.values(chrom, start, end), np.float32(value)):
                    raise WriteError(path, f"does not hold {chrom}:{start}-{end} after writing")
    except InputError as error:
        raise WriteError(path, f"is not whole after writing ({error.found})") from None
