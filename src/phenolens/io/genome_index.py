"""The index of a genome FASTA: .fai (where each sequence lies) and, for bgzip, .gzi (where each compressed block lies).

An index that does not fit its FASTA gives wrong letters without a word. So one that is older than the FASTA, or does not end where the
FASTA ends, is built anew and compared; samtools passes over sequences that it cannot use, so they are counted.
"""

import contextlib
import gzip
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pysam
from pysam.utils import SamtoolsError

from phenolens.core.errors import InputError
from phenolens.io.text import GZIP, blocks, line_batches, lines, open_raw

TWO_BIT = (b"\x1a\x41\x27\x43", b"\x43\x27\x41\x1a")


class Index(NamedTuple):
    """Paths of the two index files; `gzi` is None for a plain FASTA."""

    fai: Path
    gzi: Path | None

    @property
    def files(self) -> list[Path]:
        """Those that there should be."""
        return [self.fai] if self.gzi is None else [self.fai, self.gzi]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Return a context in which htslib writes nothing to stderr: our errors replace its complaints."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def is_bgzip(path: Path) -> bool:
    """Return whether a FASTA file is bgzip (True) or plain (False).

    Raises
    ------
    InputError : gzip that cannot be read by position, .2bit, or no FASTA file.
    """
    with open_raw(path) as handle:
        head = handle.read(18)
    if head[:4] in TWO_BIT:
        raise InputError(path, "is a .2bit file", expected="FASTA, plain or bgzip", remedy="convert it: twoBitToFa")
    compressed = head.startswith(GZIP)
    if compressed and not (head[3:4] == b"\x04" and head[12:14] == b"BC"):
        remedy = f"compress it so that it can be read by position: gunzip {path} && bgzip {path.with_suffix('')}"
        raise InputError(path, "is gzip, but not bgzip", expected="FASTA, plain or bgzip", remedy=remedy)
    start = next(line_batches(path, size=1 << 16)).filter(pl.col("text").str.strip_chars() != "").head(1)
    number, text = start.row(0) if start.height else (1, "")
    if not text.startswith(">"):
        raise InputError(
            path, f"begins with '{text[:20]}'", expected="a FASTA file, which begins with '>'", line=number
        )
    return compressed


def usable_index(path: Path, scratch: contextlib.ExitStack, *, compressed: bool) -> Index:
    """Return an index that fits the FASTA: the one beside it, or one built there, or one built in a temporary folder.

    Parameters
    ----------
    path : the FASTA file.
    scratch : removes the temporary folder when it is closed.
    compressed : whether the file is bgzip.

    Raises
    ------
    InputError : the index beside the file belongs to another file, or the file cannot be indexed.
    """
    beside = Index(Path(f"{path}.fai"), Path(f"{path}.gzi") if compressed else None)
    if _fits(path, beside):
        return beside
    folder = Path(scratch.enter_context(tempfile.TemporaryDirectory(prefix="phenolens-")))
    built = _build(path, Index(folder / "genome.fai", folder / "genome.gzi" if compressed else None))
    for old, new in zip(beside.files, built.files, strict=True):
        if old.is_file() and old.stat().st_size and old.read_bytes() != new.read_bytes():
            remedy = f"delete it (rm {old}) and run again: it is made anew"
            raise InputError(old, f"does not fit {path}", expected="the index of this file", remedy=remedy)
    return beside if _kept(built, beside) else built


def _fits(path: Path, index: Index) -> bool:
    """Return whether the index is there, is not older than the FASTA, and ends where the FASTA ends."""
    if not all(f.is_file() for f in index.files) or min(f.stat().st_mtime for f in index.files) < path.stat().st_mtime:
        return False
    rows = [line.split("\t")[1:] for line in index.fai.read_text(encoding="utf-8").splitlines()]
    if not rows or not all(len(row) == 4 and all(cell.isdigit() for cell in row) for row in rows):
        return False
    length, offset, bases, width = (int(cell) for cell in max(rows, key=lambda row: int(row[1])))
    if not (length and bases):
        return False
    end = offset + (length - 1) // bases * width + (length - 1) % bases + 1
    begin, tail = _plain_tail(path, end) if index.gzi is None else _bgzip_tail(path, index.gzi)
    return begin <= end <= begin + len(tail) and not tail[end - begin :].strip()


def _plain_tail(path: Path, end: int) -> tuple[int, bytes]:
    """Return (position, content) of the file from the last base on, as far as it matters."""
    with path.open("rb") as handle:
        handle.seek(end - 1)
        return end - 1, handle.read(4096)


def _bgzip_tail(path: Path, gzi: Path) -> tuple[int, bytes]:
    """Return (position, content) of the uncompressed file from the last block that .gzi knows on; nothing where that is no block."""
    entries = gzi.read_bytes()
    pairs = len(entries) // 16 and struct.unpack("<Q", entries[:8])[0]
    if len(entries) != 8 + 16 * pairs:
        return 0, b""
    compressed, begin = struct.unpack("<QQ", entries[-16:]) if pairs else (0, 0)
    with path.open("rb") as handle:
        handle.seek(compressed)
        # a fitting index leaves the last block and the end marker, 64 KiB each at most
        block = handle.read(1 << 18)
    try:
        return begin, gzip.decompress(block)
    except (OSError, EOFError, zlib.error):
        return 0, b""


def _build(path: Path, index: Index) -> Index:
    options = ["--fai-idx", str(index.fai)] + ([] if index.gzi is None else ["--gzi-idx", str(index.gzi)])
    try:
        with quiet():
            pysam.faidx(str(path), *options)
    except SamtoolsError:
        _refuse_layout(path)
        raise InputError(path, "cannot be indexed", expected="a FASTA file that samtools faidx takes") from None
    headers = sum(block.count(b"\n>") + block.startswith(b">") for _, block in blocks(path))
    names = [line.split("\t")[0] for line in index.fai.read_text(encoding="utf-8").splitlines()]
    if headers != len(names) or "" in names:
        _refuse_layout(path)
    return index


def _kept(built: Index, beside: Index) -> bool:
    """Return whether the index now lies beside its FASTA; a folder that cannot be written is no error."""
    for new, wanted in zip(built.files, beside.files, strict=True):
        partial = wanted.with_name(f"{wanted.name}.{new.parent.name}")
        try:
            shutil.copyfile(new, partial)
            partial.replace(wanted)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return False
    return True


def _refuse_layout(path: Path) -> None:
    """Return nothing when samtools can index the file; reads line by line, to find the place of what samtools refused."""
    names: dict[str, int] = {}
    name, width, ended, bases, number = "", 0, False, 1, 0
    for number, text in lines(path):
        if text.startswith(">"):
            _refuse_empty(path, name, bases, number - 1)
            name = (text[1:].split() or [""])[0]
            if not name:
                raise InputError(path, "has a sequence without a name", expected="'>name'", line=number)
            if name in names:
                found = f"names a sequence {name} again, after line {names[name]}"
                raise InputError(
                    path, found, expected="every name once", remedy="rename or remove one of the two", line=number
                )
            names[name], width, ended, bases = number, 0, False, 0
        elif text and (ended or len(text) > width > 0):
            found = f"has {len(text)} letters of sequence {name} after a line of another length"
            expected = f"lines of {width} letters, only the last one shorter"
            raise InputError(
                path, found, expected=expected, remedy=f"wrap it anew: seqkit seq -w 60 {path}", line=number
            )
        else:
            width = width or len(text)
            ended, bases = len(text) < width or not text, bases + len(text)
    _refuse_empty(path, name, bases, number)


def _refuse_empty(path: Path, name: str, bases: int, line: int) -> None:
    if not bases:
        raise InputError(
            path, f"has no bases for sequence {name}", expected="at least one base", remedy="remove it", line=line
        )
