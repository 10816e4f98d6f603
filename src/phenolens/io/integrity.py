"""Whether a file is what its provider published: size, checksum, and for compressed files that they can be read to their end."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from phenolens.core.errors import InputError
from phenolens.io.text import GZIP

CHUNK = 1 << 20
PAGE = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)
AGAIN = "fetch it again; if it stays so, the provider has changed the file: see its page"

OnBytes = Callable[[int, int], None]


class Expected(NamedTuple):
    """What is known of a file before it is there; None where it is not."""

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def has_checksum(self) -> bool:
        """Whether a checksum vouches for every byte."""
        return self.sha256 is not None or self.md5 is not None


def check(path: Path, expected: Expected, on_bytes: OnBytes) -> None:
    """Return nothing for a file that is whole: size and checksums as expected, no web page, gzip to its end with its CRC.

    Where a checksum vouches for the bytes, gzip is not decompressed.

    Parameters
    ----------
    path : the file.
    expected : what was published.
    on_bytes : called with (bytes read, bytes in all).

    Raises
    ------
    InputError : what is wrong.
    """
    with path.open("rb") as handle:
        head = handle.read(512)
    if PAGE.match(head):
        raise InputError(path, "is a web page", expected="data", remedy=AGAIN)
    size = path.stat().st_size
    if size == 0:
        raise InputError(path, "is empty", expected="data", remedy=AGAIN)
    if expected.size is not None and size != expected.size:
        raise InputError(path, f"has {size:,} bytes", expected=f"{expected.size:,}", remedy=AGAIN)
    for kind in ("sha256", "md5"):
        published = getattr(expected, kind)
        if published is not None and (found := checksum(path, kind, on_bytes)) != published:
            name = {"sha256": "SHA-256", "md5": "MD5"}[kind]
            raise InputError(path, f"has the {name} {found}", expected=published, remedy=AGAIN)
    if head.startswith(GZIP) and not expected.has_checksum:
        _read_gzip(path, size, on_bytes)


def checksum(path: Path, kind: str, on_bytes: OnBytes = lambda done, total: None) -> str:
    """Return the checksum of a file in hexadecimal; kind is sha256 or md5."""
    digest, done, size = hashlib.new(kind, usedforsecurity=False), 0, path.stat().st_size
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done, size)
    return digest.hexdigest()


def _read_gzip(path: Path, size: int, on_bytes: OnBytes) -> None:
    with path.open("rb") as below, gzip.GzipFile(fileobj=below) as handle:
        try:
            while handle.read(CHUNK):
                on_bytes(below.tell(), size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> InputError:
    """Return the error for gzip that ends too early (EOFError) or does not decompress."""
    found = "ends in the middle of its gzip data" if isinstance(error, EOFError) else f"is damaged: {error}"
    return InputError(path, found, expected="a whole gzip file", remedy=AGAIN)


def published(path: Path, name: str) -> Expected:
    """Return the checksum of a file in a list as md5sum and sha256sum write it: checksum, then the name, perhaps with `*` or a folder.

    Parameters
    ----------
    path : the list.
    name : file name without a folder.

    Raises
    ------
    InputError : the list does not name the file, or its checksum is neither MD5 nor SHA-256.
    """
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(maxsplit=1)
        if len(fields) == 2 and Path(fields[1].lstrip("*").strip()).name == name:
            value = fields[0].lower()
            if re.fullmatch("[0-9a-f]{64}", value):
                return Expected(sha256=value)
            if re.fullmatch("[0-9a-f]{32}", value):
                return Expected(md5=value)
            raise InputError(path, f"has the checksum {value[:80]} for {name}", expected="MD5 or SHA-256")
    raise InputError(path, f"does not list {name}", expected="a line with its checksum and its name")
