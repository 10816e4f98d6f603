import gzip
import shutil
import subprocess
from pathlib import Path

import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.io.vcf_names import variant_chromosomes

SHARED = Path(__file__).parents[2] / "../shared/data/annotation/assembly_variants.chr20_0-1Mb.GRCh38.vcf.gz"
FORMAT = "##fileformat=VCFv4.2\n"
CONTIGS = (
    "##contig=<ID=chr2,length=90>\n##contig=<assembly=GRCh38,ID=chr1_KI270706v1_random>\n##contig=<ID=HLA-A*01:01>\n"
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORDS = "chr2\t5\t.\tA\tC\t.\t.\t.\nchr2\t9\t.\tA\tC\t.\t.\t.\nchrM\t5\t.\tA\tC\t.\t.\t.\n"
DECLARED = ["chr2", "chr1_KI270706v1_random", "HLA-A*01:01"]


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n")])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_declared_names_else_those_of_records(tmp_path, change, pack):
    path = tmp_path / "a.vcf"
    path.write_bytes(pack(change(FORMAT + CONTIGS + COLUMNS + RECORDS).encode()))
    assert variant_chromosomes(path) == DECLARED
    path.write_bytes(pack(change(FORMAT + COLUMNS + RECORDS).encode()))
    assert variant_chromosomes(path) == ["chr2", "chrM"]
    path.write_bytes(pack(change(FORMAT + COLUMNS).encode()))
    assert variant_chromosomes(path) == []


def test_a_header_longer_than_one_piece(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(
        FORMAT + "##note=" + "x" * 200_000 + "\n" + CONTIGS + COLUMNS.replace("INFO", "INFO\t" + "s" * 99) + RECORDS
    )
    assert variant_chromosomes(path) == DECLARED


def test_bcf(tmp_path):
    text = tmp_path / "a.vcf"
    text.write_text(FORMAT + "##contig=<ID=chr2>\n##contig=<ID=chrM>\n" + COLUMNS + RECORDS)
    with (
        pysam.VariantFile(str(text)) as source,
        pysam.VariantFile(str(tmp_path / "a.bcf"), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    assert variant_chromosomes(tmp_path / "a.bcf") == ["chr2", "chrM"]


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        variant_chromosomes(tmp_path / "a.vcf")


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists() or shutil.which("bcftools") is None, reason="needs ../shared/data and bcftools")
def test_against_bcftools():
    said = subprocess.run(["bcftools", "view", "-h", SHARED], capture_output=True, text=True, check=True).stdout
    expected = [
        line.split("ID=")[1].split(",")[0].rstrip(">") for line in said.splitlines() if line.startswith("##contig")
    ]
    assert variant_chromosomes(SHARED) == expected
