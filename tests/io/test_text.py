import gzip
import os
import re
import subprocess
import sys

import polars as pl
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenolens.core.errors import InputError
from phenolens.io import text


def numbered(path, **options):
    return [row for batch in text.line_batches(path, **options) for row in batch.iter_rows()]


def error_of(path):
    with pytest.raises(InputError) as caught:
        numbered(path)
    return str(caught.value)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("how", ["plain", "gzip", "bgzip", "gzip without suffix"])
def test_same_lines_whatever_the_line_ends_the_compression_and_the_last_line_end(tmp_path, ending, last, how):
    content = ["chr1\t0\t5", "", "# ÄÖ", "x"]
    data = (ending.join(content) + ending * last).encode()
    path = tmp_path / "a.txt"
    path.write_bytes(gzip.compress(data) if "gzip" in how and how != "bgzip" else data)
    if how == "bgzip":
        pysam.tabix_compress(str(path), str(tmp_path / "a.txt.gz"))
        path = tmp_path / "a.txt.gz"
    assert numbered(path) == list(enumerate(content, start=1))


def test_byte_order_mark_is_removed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfchr1\n")
    assert numbered(path) == [(1, "chr1")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.lists(st.text(alphabet="abä\t \U0001f9ec", max_size=12), min_size=1, max_size=20),
    size=st.integers(1, 40),
)
def test_batch_size_changes_nothing(tmp_path, content, size):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(content) + "\n", encoding="utf-8", newline="")
    expected = list(enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1))
    assert numbered(path, size=size) == expected
    assert list(text.lines(path)) == expected
    assert b"".join(block for _, block in text.blocks(path, size=size)) == path.read_bytes()


def test_batches_have_declared_types(tmp_path):
    (tmp_path / "a.txt").write_text("x\n")
    assert next(text.line_batches(tmp_path / "a.txt")).schema == {"line": pl.Int64, "text": pl.String}


def test_missing_file(tmp_path):
    path = tmp_path / "none.bed"
    assert error_of(path) == f"{path}: does not exist; expected a file; check the path"


def test_folder(tmp_path):
    assert error_of(tmp_path) == f"{tmp_path}: is a folder; expected a file; name a file in it"


def test_file_below_a_file(tmp_path):
    (tmp_path / "a").write_text("x")
    path = tmp_path / "a" / "b"
    assert error_of(path) == f"{path}: cannot be opened: Not a directory; check its permissions"


@pytest.mark.parametrize(
    ("data", "found"), [(b"", "is empty"), (gzip.compress(b"", mtime=0), "is empty once decompressed")]
)
def test_empty_file(tmp_path, data, found):
    path = tmp_path / "a.bed"
    path.write_bytes(data)
    assert error_of(path) == f"{path}: {found}; expected at least one line; check that its download or copy was whole"


def test_truncated_gzip_names_the_last_line_that_was_read(tmp_path):
    path = tmp_path / "a.gz"
    data = gzip.compress(b"chr1\t1\t2\n" * 1000)
    path.write_bytes(data[:-9])
    assert re.sub(r"line \d+", "line N", error_of(path)) == (
        f"{path}, line N: ends in the middle of its gzip data; expected a whole gzip file; download or copy it again"
    )


def test_damaged_gzip(tmp_path):
    path = tmp_path / "a.gz"
    data = bytearray(gzip.compress(b"chr1\t1\t2\n" * 1000))
    data[-6] ^= 0xFF  # in the checksum
    path.write_bytes(data)
    assert "is damaged: CRC check failed" in error_of(path)
    assert error_of(path).endswith("expected a whole gzip file; download or copy it again")


def test_zero_byte(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes(b"chr1\t1\t2\nchr1\t\x00\x01\n")
    assert error_of(path) == f"{path}, line 2: is not text: it holds a zero byte; expected UTF-8 text, plain or gzip"


def test_latin_1(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes("a\nb\nü\n".encode("latin-1"))
    assert error_of(path) == (
        f"{path}, line 3: is not UTF-8 text: it holds the byte 0xFC; expected UTF-8 text, plain or gzip; "
        "if it is Latin-1 text: iconv -f latin1 -t utf-8"
    )


def test_old_mac_line_ends(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes(b"a\nb\rc\r")
    assert (
        error_of(path) == f"{path}, line 2: has a bare CR as line end; expected LF or CR LF; convert it: tr '\\r' '\\n'"
    )


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"BZh9", "is compressed with bzip2; expected UTF-8 text, plain or gzip; unpack it: bunzip2"),
        (b"PK\x03\x04", "is a zip archive or an Excel sheet; expected UTF-8 text, plain or gzip; unpack it, or save it as tab-separated text"),
        ("a".encode("utf-16"), "is UTF-16 text; expected UTF-8 text, plain or gzip; save it as UTF-8"),
    ],
)  # fmt: skip
def test_other_formats_are_named(tmp_path, start, said):
    path = tmp_path / "a.bed"
    path.write_bytes(start + b"\x00\x01" * 20)
    assert error_of(path) == f"{path}: {said}"


def test_file_is_closed_after_an_error(tmp_path, recwarn):
    path = tmp_path / "a.bed"
    path.write_bytes(b"\x00")
    error_of(path)
    path.unlink()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("redirect", "sentence"),
    [
        ("<&-", "standard input: is closed; expected a file or another command's output; name a file, or pipe one in"),
        ("</dev/null", "standard input: is empty; expected at least one line; check the command before the pipe"),
    ],
)
def test_standard_input_without_content(redirect, sentence):
    code = (
        "from phenolens.core.errors import PhenolensError\nfrom phenolens.io.text import open_raw\n"
        "try:\n    open_raw('-')\nexcept PhenolensError as error:\n    print(error)"
    )
    shell = ["sh", "-c", f'exec "{sys.executable}" -c "$CODE" {redirect}']
    done = subprocess.run(shell, capture_output=True, text=True, check=True, env={**os.environ, "CODE": code})
    assert done.stdout.strip() == sentence
