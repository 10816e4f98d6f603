"""What can be wrong with a VCF: one line that names the file, the place, what was found, what was expected, what to do."""

import gzip
import os
import re

import polars as pl
import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.io.vcf import record_batches

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n"
ROW = "chr1\t100\t.\tA\tACGT\t.\tPASS\t.\tGT\t0|1\n"
TEXT = f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=9999>\n{COLUMNS}{ROW}"
REGIONS = pl.DataFrame({"chrom": ["chr1"], "start": [0], "end": [500]})
CUT = "download or copy it again"


def read(path, regions=None):
    return pl.concat(record_batches(path, regions))


def refused(path, regions=None):
    with pytest.raises(InputError) as caught:
        read(path, regions)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def bgzip(tmp_path):
    """A bgzip VCF of 3,000 records with its index; the index is used however small the file."""
    plain, path = tmp_path / "p.vcf", tmp_path / "v.vcf.gz"
    plain.write_text(TEXT + "".join(ROW.replace("100", str(101 + i)) for i in range(2999)))
    pysam.tabix_compress(str(plain), str(path))
    pysam.tabix_index(str(path), preset="vcf")
    return path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("chr1\t5\t9\n", "line 1: begins with 'chr1\t5\t9'; expected a VCF file"),
        (">chr1\nACGT\n", "line 1: begins with '>chr1'; expected a VCF file"),
        (TEXT.replace(COLUMNS, ""), "line 3: has a record before its column names: chr1, 100"),
        (TEXT.replace("REF\tALT", "ALT\tREF"), "line 3: has the column names #CHROM, POS, ID, ALT, REF"),
        (TEXT.replace(COLUMNS, COLUMNS.replace("\t", " ")), "put tabs between the columns"),
        (TEXT[:50], "line 2: ends within its header"),
        (TEXT + "chr1\t5\t.\tA\n", f"line 5: has 4 columns; expected at least 8 columns separated by tabs; if this is the last line, the file is cut off: {CUT}"),
        (TEXT + ROW.replace("\t", " "), "line 5: has spaces between its columns"),
        (TEXT + ROW.replace("\tGT\t0|1\n", ""), f"line 5: ends with a line of 8 columns; expected 10 columns, as its column names; {CUT}"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_wrong_text_is_named_with_its_line(text, sentence, tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(text)
    assert " ".join(sentence.split()) in refused(path)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_bytes(TEXT.encode() + ROW.encode() + ROW.replace("\t.\tA", "\t\xe9\tA").encode("latin-1") + ROW.encode())
    assert "line 4: is not UTF-8 text between this line and line 7" in refused(path)


def test_a_file_that_is_cut_off_or_damaged(bgzip, tmp_path):
    whole, cut = bgzip.read_bytes(), tmp_path / "cut.vcf.gz"
    for length in (len(whole) // 2, len(whole) - 28, len(whole) - 3):
        cut.write_bytes(whole[:length])
        assert "ends without bgzip's end marker: it is cut off; expected a whole file" in refused(cut)
    damaged = len(whole) - 100
    cut.write_bytes(whole[:damaged] + b"\0\0\0\0" + whole[damaged + 4 :])
    assert re.search(r"line \d{3,}: is damaged; expected a whole bgzip file", refused(cut))
    cut.write_bytes(gzip.compress(TEXT.encode() * 100)[:-40])
    assert "ends in the middle of its gzip data" in refused(cut)


def test_a_bcf_that_is_cut_off_or_damaged(bgzip, tmp_path):
    path = tmp_path / "a.bcf"
    with pysam.VariantFile(str(tmp_path / "p.vcf")) as old:
        old.header.formats.add("GT", 1, "String", "genotype")
        with pysam.VariantFile(str(path), "wb", header=old.header) as new:
            for record in old:
                new.write(record)
    assert read(path).height == 3000
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert "it is cut off" in refused(path)
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(gzip.decompress(whole)[:-50])
    assert "cannot be read (htslib: truncated file); expected a whole VCF or BCF file" in refused(path)
    path.write_bytes(gzip.compress(gzip.decompress(whole)))
    assert "cannot be read (htslib: seek not implemented" in refused(path)


def test_an_old_index_is_refused_where_it_would_be_used(bgzip, monkeypatch):
    os.utime(f"{bgzip}.tbi", (1, 1))
    assert read(bgzip, REGIONS).height == 3000  # small enough to be read whole
    monkeypatch.setattr("phenolens.io.vcf.BYTES_A_QUERY", 0)
    assert re.search(r"v.vcf.gz.tbi: is older than \S+v.vcf.gz; .*; make it anew \(bcftools index -f", refused(bgzip, REGIONS))  # fmt: skip
    (bgzip.parent / "v.vcf.gz.tbi").unlink()
    assert read(bgzip, REGIONS).height == 3000


def test_a_damaged_index(bgzip, monkeypatch):
    monkeypatch.setattr("phenolens.io.vcf.BYTES_A_QUERY", 0)
    (bgzip.parent / "v.vcf.gz.tbi").write_bytes(b"nothing")
    assert "with the index of this file" in refused(bgzip, REGIONS)


def test_an_index_that_would_cost_more_than_the_file_is_not_used(bgzip, monkeypatch):
    monkeypatch.setattr("phenolens.io.vcf._indexed_rows", None)
    assert read(bgzip, REGIONS)["line"].to_list() == list(range(4, 3004))
    monkeypatch.setattr("phenolens.io.vcf.BYTES_A_QUERY", bgzip.stat().st_size)
    with pytest.raises(TypeError):
        read(bgzip, REGIONS)


def test_batches_stay_small_whatever_the_file(bgzip, monkeypatch):
    monkeypatch.setattr("phenolens.io.vcf.BATCH_ROWS", 100)
    assert {batch.height for batch in record_batches(bgzip, None)} == {100, 0}
    monkeypatch.setattr("phenolens.io.vcf.BATCH_LETTERS", 50)
    assert max(batch.height for batch in record_batches(bgzip, None)) == 11


def test_blank_lines_are_passed_over_and_numbers_hold(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(TEXT + "\n" + ROW + "\n\n")
    assert read(path)["line"].to_list() == [4, 6]
