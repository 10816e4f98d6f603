"""Alleles of a VCF: a line-by-line oracle, bcftools, and the same answer for every way that a file can be stored."""

import gzip
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.io.variants import read_variants

SHARED = Path(__file__).parents[2] / "../shared/data/annotation/assembly_variants.chr20_0-1Mb.GRCh38.vcf.gz"
HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=5000>
##contig=<ID=chr2,length=5000>
##contig=<ID=chr3,length=5000>
##contig=<ID=chr4,length=5000>
##INFO=<ID=END,Number=1,Type=Integer,Description="end">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone\ttwo
"""
OTHERS = ["<DEL>", "<INS:ME:ALU>", "N[chr1:5[", "]chr2:9]A", ".A", "*", "G", "ACGTNacgt"]
KINDS = ["plain", "windows", "gzip", "bgzip", "tbi", "csi", "bcf", "bcf.csi"]


def record(chrom="chr1", pos=100, name=".", ref="A", alt="ACGT"):
    return f"{chrom}\t{pos}\t{name}\t{ref}\t{alt}\t.\tPASS\t.\tGT\t0|1\t.\n"


@pytest.fixture(scope="module")
def records():
    """Random records, sorted, of three chromosomes; no ALT twice in a record, none equal to its REF (bcftools refuses those)."""
    generator = np.random.default_rng(3)
    rows = []
    for chrom in ("chr1", "chr2", "chr3"):
        for pos in np.sort(generator.integers(1, 4000, 60)):
            ref = "".join(generator.choice(list("ACGT"), int(generator.choice([1, 1, 3, 400]))))
            alts = ["".join(generator.choice(list("ACGT"), int(n))) for n in generator.integers(1, 30, 3)]
            alts = [a for a in alts if a != ref][: int(generator.integers(1, 4))] or ["<DEL>"]
            if generator.random() < 0.3:
                alts[0] = str(generator.choice(OTHERS))
            name = f"v{pos}" if generator.random() < 0.4 else "."
            rows.append((chrom, int(pos), name, ref, list(dict.fromkeys(alts))))
    edges = [(7, "A"), (8, "A"), (38, "ACG"), (39, "ACG")]  # chr4:4000-4007 and 4040-4047 touched and overlapped
    return rows + [("chr4", 4000 + pos, ".", ref, ["ACGTACGTA"]) for pos, ref in edges]


@pytest.fixture
def stored(tmp_path, records):
    """Kind of storage -> the same records stored that way."""
    text = HEADER + "".join(record(c, p, n, r, ",".join(a)) for c, p, n, r, a in records)
    plain = tmp_path / "a.vcf"
    plain.write_text(text)

    def make(kind):
        if kind == "plain":
            return plain
        path = tmp_path / (f"b.{kind.split('.')[0]}" if "bcf" in kind else "b.vcf.gz")
        if kind in ("windows", "gzip"):
            path.write_bytes(text.replace("\n", "\r\n").encode() if kind == "windows" else gzip.compress(text.encode()))
        elif "bcf" in kind:
            with pysam.VariantFile(str(plain)) as old, pysam.VariantFile(str(path), "wb", header=old.header) as new:
                for row in old:
                    new.write(row)
        else:
            pysam.tabix_compress(str(plain), str(path))
        if kind in ("tbi", "csi", "bcf.csi"):
            pysam.tabix_index(str(path), preset="bcf" if "bcf" in kind else "vcf", csi="csi" in kind)
        return path

    return make


# many small regions, so that long records span several, and some records touch one without a shared base
REGIONS = pl.DataFrame(
    [
        ("chr1", 200, 210),
        ("chr1", 205, 600),
        ("chr1", 640, 641),
        ("chr1", 2000, 2100),
        ("chr4", 4000, 4007),
        ("chr4", 4040, 4047),
        ("chrX", 1, 9),
    ]
    + [("chr3", at, at + 7) for at in range(0, 3900, 40)],
    schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64},
    orient="row",
)


def by_hand(records, regions, min_length):
    """Alleles that are sequences, and the number of those that are not, one record at a time."""
    found, skipped = [], 0
    for chrom, pos, name, ref, alts in records:
        touching = [
            1 for c, start, end in regions.rows() if c == chrom and pos - 1 < end and start < pos - 1 + len(ref)
        ]
        for number, alt in enumerate(alts, start=1):
            base = name if name != "." else f"{chrom}-{pos}-{len(ref)}-{len(alt)}"
            if touching and len(alt) >= min_length and set(alt.upper()) <= set("ACGTN"):
                suffix = f"/{number}" if number > 1 else ""
                found.append((chrom, pos - 1, pos - 1 + len(ref), base + suffix, ref, alt))
            else:
                skipped += bool(touching)
    return found, skipped


@pytest.mark.parametrize("nearest", [0, 10_000])
@pytest.mark.parametrize("kind", KINDS)
def test_every_storage_gives_what_reading_by_hand_gives(kind, nearest, stored, records, monkeypatch):
    monkeypatch.setattr("phenolens.io.vcf.BYTES_A_QUERY", 0)  # an index is used wherever there is one
    monkeypatch.setattr("phenolens.io.vcf.QUERY_GAP", nearest)
    monkeypatch.setattr("phenolens.io.vcf.BATCH_ROWS", 7)
    got = read_variants(stored(kind), REGIONS, min_length=8)
    expected, skipped = by_hand(records, REGIONS, 8)
    assert sorted(got.table.rows()) == sorted(expected)
    assert len(expected) > 30
    assert got.skipped["n"].sum() == skipped
    assert got.table["start"].to_list() == [row[1] for row in sorted(expected, key=lambda row: row[:3])]


def test_without_regions_all_chromosomes_are_read(stored, records):
    everywhere = pl.DataFrame({"chrom": ["chr1", "chr2", "chr3", "chr4"], "start": [0] * 4, "end": [10_000] * 4})
    expected, skipped = by_hand(records, everywhere, 8)
    for kind in ("plain", "bcf.csi", "tbi"):
        got = read_variants(stored(kind), min_length=8)
        assert (sorted(got.table.rows()), got.skipped["n"].sum()) == (sorted(expected), skipped)


def test_an_index_spares_reading_the_rest(tmp_path, monkeypatch):
    path = tmp_path / "a.vcf"
    path.write_text(HEADER + record("chr1", 100) + record("chr2", 200, alt="ACGTT").replace("200", "2e2"))
    whole = pl.DataFrame({"chrom": ["chr1"], "start": [0], "end": [500]})
    with pytest.raises(InputError, match=r"a.vcf, line 10: POS is '2e2'; expected a whole number"):
        read_variants(path, min_length=1)
    good = tmp_path / "g.vcf"
    good.write_text(path.read_text().replace("2e2", "200"))
    pysam.tabix_compress(str(good), str(tmp_path / "b.vcf.gz"))
    pysam.tabix_index(str(tmp_path / "b.vcf.gz"), preset="vcf")
    monkeypatch.setattr("phenolens.io.vcf.BYTES_A_QUERY", 0)
    monkeypatch.setattr("phenolens.io.vcf._text_batches", None)
    assert read_variants(tmp_path / "b.vcf.gz", whole, min_length=1).table["start"].to_list() == [99]


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "reason"),
    [
        (5, "A", "<DEL>", "symbolic allele"),
        (5, "A", "<INS:ME:ALU>", "symbolic allele"),
        (5, "A", "<*>", "symbolic allele"),
        (5, "N", "N[chr1:5[", "breakend"),
        (5, "N", "]chr1:5]N", "breakend"),
        (5, "N", ".ACGTACGT", "breakend"),
        (5, "A", "*", "allele * (deleted by another variant)"),
        (5, "A", ".", "no alternative allele"),
        (5, "A", "ACRYGT", "letters that are no bases"),
        (5, "RA", "ACCCGT", "letters that are no bases"),
        (5, ".", "ACCCGT", "letters that are no bases"),
        (5, "ACGT", "acgt", "equal to the reference allele"),
        (5, "ACGTA", "ACG", "shorter than 4"),
        (0, "N", "ACGTACGT", "position 0, before the chromosome's first base"),
    ],
)
def test_what_is_no_sequence_is_counted_by_reason_with_its_first_place(pos, ref, alt, reason, tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(HEADER + record("chr2", pos, ref=ref, alt=alt) + record("chr2", 9, ref=ref, alt=f"{alt},ACGTNacgt"))
    got = read_variants(path, min_length=4)
    assert got.skipped.filter(pl.col("first") == f"chr2:{pos}")["reason"].to_list() == [reason]
    assert got.skipped["n"].sum() + got.table.height == 3
    kept = [] if "no bases" in reason and ref != "A" else ["ACGTNacgt"]
    assert [alt for alt in got.table["alt"] if alt == "ACGTNacgt"] == kept


def test_ids_tell_the_alleles_of_a_record_apart(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(HEADER + record(pos=7, ref="ac", alt="ACT,A,ACGG") + record(pos=9, name="sv", alt="ACT,AGG"))
    got = read_variants(path, min_length=3).table
    assert got.rows() == [
        ("chr1", 6, 8, "chr1-7-2-3", "AC", "ACT"),
        ("chr1", 6, 8, "chr1-7-2-4/3", "AC", "ACGG"),
        ("chr1", 8, 9, "sv", "A", "ACT"),
        ("chr1", 8, 9, "sv/2", "A", "AGG"),
    ]


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="the project's shared real data are not here")
@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
def test_bcftools_finds_the_same_long_alleles():
    query = "%CHROM\t%POS0\t%END\t%REF\t%ALT\n"
    one_an_allele = subprocess.run(["bcftools", "norm", "-m-", SHARED], capture_output=True, check=True).stdout
    command = ["bcftools", "query", "-i", "strlen(ALT)>=150", "-f", query]
    text = subprocess.run(command, input=one_an_allele, capture_output=True, check=True).stdout.decode()
    theirs = [line.split("\t") for line in text.splitlines()]
    got = read_variants(SHARED, min_length=150)
    assert len(theirs) == got.table.height == 19
    ours = got.table.select("chrom", "start", "end", "ref", "alt").rows()
    assert sorted(ours) == sorted((c, int(s), int(e), r, a) for c, s, e, r, a in theirs)
    assert got.skipped.select("reason", "n").rows() == [("shorter than 150", 3494)]
