"""Lengths against files that others made: the contigs of a GRCh38 VCF, and the built-in chromosome of hg19."""

import gzip
import re
from pathlib import Path

import pytest

from phenolens.core.study import DEMO
from phenolens.io.assemblies import assembly_of
from phenolens.io.genome import open_genome

VCF = Path(__file__).parents[3] / "shared" / "data" / "annotation" / "assembly_variants.chr20_0-1Mb.GRCh38.vcf.gz"


def test_the_built_in_chromosome_is_of_hg19():
    with open_genome(DEMO / "chr22.hg19.fa.gz") as genome:
        assert assembly_of(genome.lengths) == "hg19"


@pytest.mark.shared_data
def test_every_chromosome_of_hg38_as_a_vcf_header_has_it():
    if not VCF.exists():
        pytest.skip("shared/data is not here")
    with gzip.open(VCF, "rt") as lines:
        header = [line for line in lines if line.startswith("##contig")]
    lengths = {m[1]: int(m[2]) for line in header if (m := re.search(r"ID=(\w+),length=(\d+)", line))}
    assert len(lengths) == 24
    for chrom, length in lengths.items():
        assert assembly_of({chrom: length}) == "hg38"
        assert assembly_of({chrom.removeprefix("chr"): length, "KI270706.1": 5}) == "hg38"
        assert assembly_of(lengths | {chrom: length - 1}) is None


def test_a_genome_without_a_known_chromosome_has_no_name():
    assert assembly_of({}) is None
    assert assembly_of({"contig1": 249250621}) is None
    assert assembly_of({"chr1": 249250621, "chr2": 242193529}) is None, "one chromosome of each"
