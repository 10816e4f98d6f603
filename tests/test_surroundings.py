"""The stage's part on where regions lie, from real files to tables: what each setting does, and that names follow the genome."""

import numpy as np
import polars as pl
import pytest
from sequence_tables import sequence_table

from phenolens.core.progress import Silent
from phenolens.core.schemas import CONSERVATION, GENE_COUNTS, REGION_GENES, REGIONS
from phenolens.core.schemas_biology import CONSERVED, FAMILIES, GENE_SET_ENRICHMENT, OVERLAP
from phenolens.core.study import load_study
from phenolens.core.table import check
from phenolens.inputs import open_inputs, read_annotation
from phenolens.inputs_files import annotate_files
from phenolens.job import Job
from phenolens.surroundings import annotate_surroundings

GENOME = "".join(np.random.default_rng(1).choice(list("ACGT"), 6000))
STUDY = """name = "s"
[dataset]
genome = "genome.fa"
[[dataset.classes]]
label = "a"
intervals = "a.bed"
[explain]
splits = ["test"]
[annotate]
genes = "genes.gff3"
controls = 19
alignments = { primates = "blocks.maf#hg,pan,gor" }
families = "families.bed"
gene_sets = { go = "sets.gmt", traits = "gwas.tsv" }
gene_set_sizes = [1, 50]
gene_regions = 2
"""


@pytest.fixture
def job(tmp_path):
    """A study of a genome of one chromosome, chr1, whose annotation calls it 1; pan differs from it at every tenth base, gor covers half."""
    (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n")
    (tmp_path / "a.bed").write_text("chr1\t1\t90\n")
    gene = "1\tx\tgene\t{1}\t{2}\t.\t+\t.\tID={0};Name={0};biotype={3}\n"
    kinds = ("protein_coding", "lncRNA")
    (tmp_path / "genes.gff3").write_text(
        "".join(gene.format(f"G{i}", 500 * i + 51, 500 * i + 150, kinds[i % 2]) for i in range(12))
    )
    pan = "".join({"A": "C", "C": "A", "G": "T", "T": "G"}[b] if i % 10 == 0 else b for i, b in enumerate(GENOME))
    rows = (("hg.1", GENOME), ("pan.3", pan), ("gor.9", GENOME[:3000] + "N" * 3000))
    (tmp_path / "blocks.maf").write_text(
        "##maf version=1\na\n" + "".join(f"s {name} 0 6000 + 6000 {letters}\n" for name, letters in rows)
    )
    (tmp_path / "families.bed").write_text(
        "".join(f"1\t{500 * i}\t{500 * i + 300}\t{'XYZ'[i % 3]}\n" for i in range(12))
    )
    (tmp_path / "sets.gmt").write_text("even\tx\tG0\tG2\tG4\nfar\tx\tZ9\n")
    (tmp_path / "gwas.tsv").write_text("chrom\tpos\tDISEASE/TRAIT\tMAPPED_GENE\n1\t5\tAsthma\tG1 - G3\n")
    (tmp_path / "study.toml").write_text(STUDY)
    return Job(load_study(tmp_path / "study.toml"), tmp_path, Silent())


def tables():
    """Twelve sequences of 300 bases of two classes, a region of 20 on the gene of each of those under test."""
    starts = [500 * i for i in range(12)]
    rows = [("ab"[i % 4 == 3], "train" if i == 2 else "test", GENOME[s : s + 300]) for i, s in enumerate(starts)]
    place = {"chrom": pl.lit("chr1"), "start": pl.Series(starts), "strand": pl.lit("+")}
    sequences = sequence_table(rows).with_columns(**place).with_columns(end=pl.col("start") + 300)
    regions = [
        (f"r{i}", f"s{i}", row[0], 60 + 5 * k, 80 + 5 * k, "chr1", s + 60 + 5 * k, s + 80 + 5 * k, "+", 1.0, row[2][:20])
        for i, (row, s) in enumerate(zip(rows, starts, strict=True)) if row[1] == "test" for k in range(1)
    ]  # fmt: skip
    return sequences, pl.DataFrame(regions, schema={n: c.dtype for n, c in REGIONS.columns.items()}, orient="row")


def test_every_table_comes_out_with_the_genomes_names(job):
    sequences, regions = tables()
    with open_inputs(job.study) as inputs:
        lines = read_annotation(inputs)
        assert "feature gene:lncRNA: 6 intervals" in lines
        assert "alignment primates: reference hg, in the first block hg, pan, gor" in lines
        assert lines[-3:] == ["families: 3 in 12 intervals", "gene sets go: 2", "gene sets traits: 1"]
        near = annotate_surroundings(job, inputs, regions, sequences)
    check(near, REGION_GENES)
    names = {"blocks.maf", "families.bed", "sets.gmt", "gwas.tsv", "genes.gff3"}
    assert names <= {path.name for path in annotate_files(job.study)}

    def read(name, schema):
        types = {column: of.dtype for column, of in schema.columns.items()}
        return check(pl.read_csv(job.folder / "annotate" / f"{name}.tsv", separator="\t", schema=types), schema)

    overlaps = read("overlap", OVERLAP)
    assert set(overlaps["feature"]) == {"gene", "gene:protein_coding", "gene:lncRNA"}
    a = overlaps.filter(label="a", feature="gene", null="matched").row(0, named=True)
    # s2 is of the training split and was not searched: 8 sequences of class a are the universe
    assert (a["universe_sequences"], a["universe_bases"], a["observed"]) == (8, 2400, 1.0)
    signals = read("conservation", CONSERVATION).filter(label="a")
    shares = {row["signal"]: (row["observed"], row["covered"]) for row in signals.iter_rows(named=True)}
    # 8 regions of class a, 4 of them where gor has bases: 2 of 20 bases differ in pan
    assert shares["primates: identity"] == pytest.approx((0.5 * 0.95 + 0.5 * 0.9, 1.0))
    assert shares["primates: all alike"] == pytest.approx((0.9, 0.5))
    assert set(read("conserved", CONSERVED)["list"]) == {"highly"}
    assert set(read("families", FAMILIES)["family"]) == set("XYZ")
    assert read("genes", GENE_COUNTS)["regions"].to_list() == [1] * 11
    sets = read("gene_sets", GENE_SET_ENRICHMENT).filter(label="a")
    found = {row["set_name"]: (row["hit"], row["set_size"], row["universe"]) for row in sets.iter_rows(named=True)}
    assert found == {"even": (2, 2, 8), "Asthma": (1, 1, 8)}
