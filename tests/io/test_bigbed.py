"""bigBed as other readers see it: nine declared columns, the rows of the BED file, and an error instead of a wrong file."""

import struct

import numpy as np
import polars as pl
import pybigtools
import pytest

from phenolens.core.errors import DataError, WriteError
from phenolens.io.bed import write_bed
from phenolens.io.bigbed import write_bigbed

LENGTHS = {"chr1": 100_000, "chr10": 5_000, "chr2": 60_000}


def regions(n, seed=1):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 4_000, n)
    return pl.DataFrame(
        {
            "chrom": rng.choice(sorted(LENGTHS), n),
            "start": start,
            "end": start + rng.integers(1, 90, n),
            "strand": rng.choice(["+", "-"], n),
            "label": rng.choice(["a", "b"], n),
            "region_id": [f"ERV:{i}/3-9" for i in range(n)],
            "mean_score": rng.random(n),
        }
    )


def lines(path):
    return [tuple(line.split("\t")) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("n", [1, 40, 3000])
def test_holds_what_the_bed_file_holds(tmp_path, n):
    table = regions(n)
    write_bed(tmp_path / "a.bed", table, labels=["b", "a"])
    write_bigbed(tmp_path / "a.bb", table, LENGTHS, labels=["b", "a"])
    with pybigtools.open(str(tmp_path / "a.bb")) as opened:
        held = [(chrom, *map(str, row)) for chrom in opened.chroms() for row in opened.records(chrom)]
    assert sorted(held) == sorted(lines(tmp_path / "a.bed"))


def test_another_library_reads_rows_and_column_names(tmp_path):
    reader = pytest.importorskip("pyBigWig", reason="pyBigWig, a second reader, is not installed")
    table = regions(500)
    write_bed(tmp_path / "a.bed", table)
    write_bigbed(tmp_path / "a.bb", table, LENGTHS)
    opened = reader.open(str(tmp_path / "a.bb"))
    held = [
        (chrom, str(start), str(end), *rest.split("\t"))
        for chrom, size in opened.chroms().items()
        for start, end, rest in opened.entries(chrom, 0, size)
    ]
    assert sorted(held) == sorted(lines(tmp_path / "a.bed"))
    assert b"reserved" in opened.SQL()


def test_the_header_says_nine_columns_and_names_them(tmp_path):
    """Offsets as in UCSC's bbiFile: counts of fields at 32 and 34, autoSql at 36, summary at 44; the file closes with its magic number."""
    write_bigbed(tmp_path / "a.bb", regions(30), LENGTHS)
    whole = (tmp_path / "a.bb").read_bytes()
    fields, defined, autosql, summary = struct.unpack_from("<HHQQ", whole, 32)
    text = whole[autosql : whole.index(b"\0", autosql)].decode()
    assert (fields, defined) == (9, 9)
    assert [line.split(";")[0].split()[-1] for line in text.splitlines()[3:-1]] == (
        ["chrom", "chromStart", "chromEnd", "name", "score", "strand", "thickStart", "thickEnd", "reserved"]
    )
    assert whole[-4:] == whole[:4]
    assert summary == autosql + len(text) + 1, "readers take the names to end where the summary begins"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"end": 99_999_999}, "is not on the genome"),
        ({"chrom": "chrZ"}, "expected one of: chr1, chr10, chr2"),
        ({"chrom": None}, "has no region with coordinates"),
    ],
)
def test_what_no_browser_could_show_is_refused(tmp_path, change, text):
    table = regions(3).with_columns(
        **{k: pl.lit(v, dtype=pl.Int64 if k == "end" else pl.String) for k, v in change.items()}
    )
    with pytest.raises(DataError, match=text):
        write_bigbed(tmp_path / "a.bb", table, LENGTHS)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(WriteError, match="cannot be written"):
        write_bigbed(tmp_path / "none" / "a.bb", regions(3), LENGTHS)
