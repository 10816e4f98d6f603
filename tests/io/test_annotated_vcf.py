"""What INFO says of alleles: frequencies and ClinVar's verdicts, with an index and without, as BCF, and what is wrong with a record."""

import polars as pl
import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.core.ground import ground
from phenolens.core.schemas_variants import FREQUENCIES, SCORED
from phenolens.core.table import check
from phenolens.io.annotated_vcf import clinvar_rows, frequency_rows, vcf_names

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=RF,Description="x">
##contig=<ID=1,length=5000>
##contig=<ID=2,length=5000>
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=AN,Number=1,Type=Integer,Description="x">
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
##INFO=<ID=AF_EUR,Number=A,Type=Float,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2
"""
RECORDS = [
    ("1", 11, "A", "C", "PASS", "AC=3;AF=0.25;AN=16"),
    ("1", 12, "A", "C,G", "PASS", "AC=2,1;AF_EUR=0.9,0.9;AN=8"),
    ("1", 13, "A", "T", ".", "AF_EUR=0.5;AF=0.125"),
    ("1", 14, "AT", "A", "PASS", "AF=0.5"),
    ("1", 15, "A", "T", "RF", "AF=0.5"),
    ("1", 16, "A", "T", "PASS", "AC=0;AN=16"),
    ("1", 17, "A", "T", "PASS", "AC=0;AN=0;AF=."),
    ("1", 18, "A", "<DEL>", "PASS", "AF=0.5"),
    ("1", 500, "A", "T", "PASS", "AF=0.5"),
    ("2", 11, "A", "T", "PASS", "AF=0.75"),
]
KEPT = [
    ("chr1", 10, "A", "C", 3 / 16),
    ("chr1", 11, "A", "C", 0.25),
    ("chr1", 11, "A", "G", 0.125),
    ("chr1", 12, "A", "T", 0.125),
    ("chr1", 13, "AT", "A", 0.5),
]
LOST = {"filtered out by the file (FILTER)": 1, "seen in nobody": 1, "without a frequency": 1, "no letters": 1}


def text(records):
    return HEADER + "".join(f"{c}\t{p}\t.\t{r}\t{a}\t.\t{f}\t{i}\tGT\t0/1\t0/0\n" for c, p, r, a, f, i in records)


def wanted(*places):
    return ground(pl.DataFrame(places, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row"))


def read(path, reader=frequency_rows, stretches=None):
    batches = list(reader(path, stretches or wanted(("chr1", 5, 100)), vcf_names(path, ["chr1", "chr2"])))
    lost = {}
    for batch in batches:
        for reason, n in batch.skipped.items():
            lost[reason] = lost.get(reason, 0) + n
    return pl.concat([batch.table for batch in batches]), lost


@pytest.mark.parametrize("kind", ["plain", "indexed", "bcf"])
def test_frequencies_are_those_of_the_records_on_the_ground(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("phenolens.io.vcf.BYTES_A_QUERY", 1)
    (path := tmp_path / "a.vcf").write_text(text(RECORDS))
    if kind == "indexed":
        path = pysam.tabix_index(str(path), preset="vcf", keep_original=True)
    elif kind == "bcf":
        with (
            pysam.VariantFile(str(path)) as source,
            pysam.VariantFile(str(tmp_path / "a.bcf"), "wb", header=source.header) as out,
        ):
            for record in source:
                out.write(record)
        path = tmp_path / "a.bcf"
    table, lost = read(path)
    assert check(table, FREQUENCIES).rows() == [(*row[:4], pytest.approx(row[4])) for row in KEPT]
    assert lost == LOST


def test_chromosomes_with_records_are_known_from_the_index(tmp_path):
    (path := tmp_path / "a.vcf").write_text(text(RECORDS[:3]))
    names = vcf_names(path, ["chr1", "chr2"])
    assert names == (["chr1", "chr2"], [], {"1": "chr1", "2": "chr2"})
    indexed = pysam.tabix_index(str(path), preset="vcf", keep_original=True)
    assert vcf_names(indexed, ["chr1", "chr2"]).indexed == ["chr1"]


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        ("AF=high", "line 13: has 'high' as AF; expected a number"),
        ("AC=1,2;AN=4", "line 13: has 2 values of AC for 1 alleles at chr1:12; expected one for each allele"),
    ],
)
def test_a_frequency_that_is_none_has_its_sentence(tmp_path, info, sentence):
    (path := tmp_path / "a.vcf").write_text(text([RECORDS[0], ("1", 12, "A", "C", "PASS", info)]))
    with pytest.raises(InputError) as caught:
        read(path)
    assert sentence in str(caught.value)


def test_the_verdict_of_clinvar(tmp_path):
    verdicts = [
        "Pathogenic/Likely_pathogenic",
        "Benign",
        "Uncertain_significance",
        "Conflicting_classifications_of_pathogenicity",
        "Likely_benign",
    ]
    header = "##fileformat=VCFv4.1\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [
        f"1\t{11 + i}\t.\tA\tG\t.\t.\tALLELEID=1;CLNSIG={v};GENEINFO=ADA2:51816|X:3\n" for i, v in enumerate(verdicts)
    ]
    (path := tmp_path / "a.vcf").write_text(header + "".join(lines) + "1\t20\t.\tAT\tA\t.\t.\tCLNSIG=Pathogenic\n")
    table, lost = read(path, clinvar_rows)
    assert check(table, SCORED).select("start", "score", "kind", "gene").rows() == [
        (10, 1.0, "Pathogenic/Likely pathogenic", "ADA2"),
        (11, 0.0, "Benign", "ADA2"),
        (14, 0.0, "Likely benign", "ADA2"),
    ]
    assert lost == {"not a substitution of one base": 1, "without a score": 2}
