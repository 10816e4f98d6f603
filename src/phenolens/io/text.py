"""Opening text files: plain, gzip or bgzip, with Unix or Windows line ends, streamed with their line numbers.

Everything that can be wrong with a text file before its format matters is found here: missing, a folder, not readable, empty,
another compression, cut off, not text.
"""

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from phenolens.core.errors import STDIN, InputError

BATCH_BYTES = 1 << 24
GZIP = b"\x1f\x8b"
OTHER_FORMATS = {
    b"BZh": ("is compressed with bzip2", "unpack it: bunzip2"),
    b"\xfd7zXZ": ("is compressed with xz", "unpack it: unxz"),
    b"\x28\xb5\x2f\xfd": ("is compressed with zstandard", "unpack it: unzstd"),
    b"PK\x03\x04": ("is a zip archive or an Excel sheet", "unpack it, or save it as tab-separated text"),
    b"%PDF": ("is a PDF document", "save its table as tab-separated text"),
    b"\xff\xfe": ("is UTF-16 text", "save it as UTF-8"),
    b"\xfe\xff": ("is UTF-16 text", "save it as UTF-8"),
    b"{\\rtf": ("is a rich-text document", "save it as plain text"),
}


def open_raw(path: str | Path) -> BinaryIO:
    """Return the file's bytes as stored, opened for reading; `-` (STDIN) is standard input.

    Raises
    ------
    InputError : the file is missing, a folder, not readable, or of zero bytes; standard input is closed.
    """
    path = Path(path)
    if path == STDIN:
        return _open_stdin()
    if path.is_dir():
        raise InputError(path, "is a folder", expected="a file", remedy="name a file in it")
    try:
        handle = path.open("rb")
    except FileNotFoundError:
        raise InputError(path, "does not exist", expected="a file", remedy="check the path") from None
    except OSError as error:
        raise InputError(path, f"cannot be opened: {error.strerror}", remedy="check its permissions") from None
    if not handle.peek(1):
        handle.close()
        raise InputError(
            path, "is empty", expected="at least one line", remedy="check that its download or copy was whole"
        )
    return handle


def _open_stdin() -> BinaryIO:
    # where it was closed at the start, Python has no __stdin__, and file 0 may be any other by now
    if sys.__stdin__ is None:
        raise InputError(
            STDIN, "is closed", expected="a file or another command's output", remedy="name a file, or pipe one in"
        )
    handle = open(0, "rb", closefd=False)  # noqa: SIM115  # the caller closes it, as it does a file
    if not handle.peek(1):
        raise InputError(STDIN, "is empty", expected="at least one line", remedy="check the command before the pipe")
    return handle


def open_bytes(path: str | Path) -> BinaryIO:
    """Return the file's content as bytes, decompressed where it is gzip or bgzip (told by its first bytes, not by its name).

    Raises
    ------
    InputError : as `open_raw`, or the file is of another compression or encoding.
    """
    handle = open_raw(path)
    start = handle.peek(8)[:8]  # type: ignore[attr-defined]  # open_raw returns a BufferedReader
    for magic, (found, remedy) in OTHER_FORMATS.items():
        if start.startswith(magic):
            handle.close()
            raise InputError(path, found, expected="UTF-8 text, plain or gzip", remedy=remedy)
    return cast("BinaryIO", _Gunzip(handle)) if start.startswith(GZIP) else handle


class _Gunzip(gzip.GzipFile):
    """A gzip reader that also closes the file below it."""

    def __init__(self, handle: BinaryIO) -> None:
        super().__init__(fileobj=handle, mode="rb")
        self._below = handle

    def close(self) -> None:
        super().close()
        self._below.close()


def blocks(path: str | Path, *, size: int = BATCH_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, bytes) of runs of whole lines, decompressed; only the last may lack its line end.

    Parameters
    ----------
    path : the file.
    size : bytes read at a time; a run is longer only where one line is.
    """
    first, rest, empty = 1, b"", True
    with open_bytes(path) as handle:
        while chunk := _read(handle, size, path, first):
            empty = False
            head, line_end, tail = chunk.rpartition(b"\n")
            if not line_end:
                rest += chunk
                continue
            whole = rest + head + line_end
            yield first, whole
            first, rest = first + whole.count(b"\n"), tail
    if empty:
        raise InputError(
            path,
            "is empty once decompressed",
            expected="at least one line",
            remedy="check that its download or copy was whole",
        )
    if rest:
        yield first, rest


def _read(handle: BinaryIO, size: int, path: str | Path, line: int) -> bytes:
    try:
        return handle.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        cut = isinstance(error, EOFError)
        raise InputError(
            path,
            "ends in the middle of its gzip data" if cut else f"is damaged: {error}",
            expected="a whole gzip file",
            remedy="download or copy it again",
            line=line,
        ) from None
    except OSError as error:
        raise InputError(
            path, f"cannot be read: {error.strerror or error}", remedy="check the disk", line=line
        ) from None


def line_batches(path: str | Path, *, size: int = BATCH_BYTES) -> Iterator[pl.DataFrame]:
    """Yield the file as tables (line: Int64, 1-based; text: String without line end), a few million lines at a time.

    A byte-order mark and the CR of Windows line ends are removed; blank lines are kept, so that numbers hold.

    Parameters
    ----------
    path : the file.
    size : bytes of one batch.

    Raises
    ------
    InputError : as `open_bytes`, or the gzip data is cut or damaged, or the content is not UTF-8 text.
    """
    for first, block in blocks(path, size=size):
        yield line_table(block, path, first)


def line_table(block: bytes, path: str | Path, first: int) -> pl.DataFrame:
    """Return a run of whole lines as `line_batches` yields it.

    Parameters
    ----------
    block : its bytes.
    path : what errors call the file.
    first : number of its first line; a byte-order mark is removed from line 1.

    Raises
    ------
    InputError : the content is not UTF-8 text.
    """
    text = _decode(block, path, first)
    if first == 1:
        text = text.removeprefix("\ufeff")
    lines = pl.Series("text", [text.removesuffix("\n")]).str.split("\n").explode()
    return lines.to_frame().with_row_index("line", offset=first).with_columns(pl.col("line").cast(pl.Int64))


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) one by one, for small files and for finding the place of an error."""
    for batch in line_batches(path):
        yield from cast("Iterator[tuple[int, str]]", batch.iter_rows())


def _decode(block: bytes, path: str | Path, first: int) -> str:
    expected = "UTF-8 text, plain or gzip"
    if (at := block.find(b"\x00")) >= 0:
        raise InputError(
            path, "is not text: it holds a zero byte", expected=expected, line=first + block.count(b"\n", 0, at)
        )
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"is not UTF-8 text: it holds the byte 0x{block[error.start]:02X}"
        line = first + block.count(b"\n", 0, error.start)
        remedy = "if it is Latin-1 text: iconv -f latin1 -t utf-8"
        raise InputError(path, found, expected=expected, remedy=remedy, line=line) from None
    text = text.replace("\r\n", "\n").removesuffix("\r")
    if (at := text.find("\r")) >= 0:
        line = first + text.count("\n", 0, at)
        raise InputError(
            path, "has a bare CR as line end", expected="LF or CR LF", remedy="convert it: tr '\\r' '\\n'", line=line
        )
    return text
