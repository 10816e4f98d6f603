import gzip
from pathlib import Path

import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.core.schemas import GENES
from phenolens.core.table import check
from phenolens.io import text
from phenolens.io.genes import read_genes

SHARED = Path(__file__).parents[2] / "../shared/data/annotation/genes.chr21.GRCh38.gff3.gz"

# one model of two genes as three providers write it; columns that do not matter are dots
ENSEMBL_GFF3 = """\
##gff-version 3
22 . chromosome 1 1000 . . . ID=chromosome:22
22 . exon 11 20 . + . Parent=transcript:T1;Name=E1
22 . gene 11 90 . + . ID=gene:G1;Name=ABC%3B1;biotype=protein_coding;gene_id=G1;version=3
22 . mRNA 11 90 . + . ID=transcript:T1;Parent=gene:G1;Name=ABC1-201;biotype=protein_coding
22 . CDS 15 20 . + 0 ID=CDS:P1;Parent=transcript:T1
22 . exon 51 90 . + . Parent=transcript:T1
22 . biological_region 1 5 . . . external_name=x
###
22 . ncRNA_gene 201 300 . - . ID=gene:G2;biotype=lncRNA;gene_id=G2
22 . lnc_RNA 201 300 . - . ID=transcript:T2;Parent=gene:G2;biotype=lncRNA
22 . exon 201 300 . - . Parent=transcript:T2
##FASTA
>22
ACGT
"""
GENCODE_GFF3 = """\
22 . gene 11 90 . + . ID=G1;gene_id=G1;gene_type=protein_coding;gene_name=ABC%3B1
22 . transcript 11 90 . + . ID=T1;Parent=G1;gene_id=G1;transcript_id=T1;gene_type=protein_coding;gene_name=ABC%3B1
22 . exon 11 20 . + . ID=exon:T1:1;Parent=T1;gene_id=G1;gene_type=protein_coding;gene_name=ABC%3B1
22 . CDS 15 20 . + 0 ID=CDS:T1;Parent=T1;gene_id=G1;gene_type=protein_coding;gene_name=ABC%3B1
22 . exon 51 90 . + . ID=exon:T1:2;Parent=T1;gene_id=G1;gene_type=protein_coding;gene_name=ABC%3B1
22 . gene 201 300 . - . ID=G2;gene_id=G2;gene_type=lncRNA
22 . transcript 201 300 . - . ID=T2;Parent=G2;gene_id=G2;gene_type=lncRNA
22 . exon 201 300 . - . ID=exon:T2:1;Parent=T2;gene_id=G2;gene_type=lncRNA
"""
REFSEQ_GFF3 = """\
22 . region 1 1000 . + . ID=22:1..1000;Name=22
22 . gene 11 90 . + . ID=gene-G1;Name=ABC%3B1;gene=ABC%3B1;gene_biotype=protein_coding
22 . mRNA 11 90 . + . ID=rna-T1;Parent=gene-G1;Name=T1
22 . exon 11 20 . + . ID=exon-T1-1;Parent=rna-T1
22 . exon 51 90 . + . ID=exon-T1-2;Parent=rna-T1
22 . CDS 15 20 . + 0 ID=cds-P1;Parent=rna-T1
22 . gene 201 300 . - . ID=gene-G2;gene_biotype=lncRNA
22 . lnc_RNA 201 300 . - . ID=rna-T2;Parent=gene-G2
22 . exon 201 300 . - . ID=exon-T2-1;Parent=rna-T2
22 . enhancer 5 9 . . . ID=id-E
"""
ENSEMBL_GTF = """\
#!genome-build GRCh38
22 . gene 11 90 . + . gene_id "G1"; gene_version "3"; gene_name "ABC;1"; gene_biotype "protein_coding";
22 . transcript 11 90 . + . gene_id "G1"; transcript_id "T1"; gene_name "ABC;1"; gene_biotype "protein_coding";
22 . exon 11 20 . + . gene_id "G1"; transcript_id "T1"; exon_number "1"; gene_name "ABC;1"; gene_biotype "protein_coding";
22 . CDS 15 20 . + 0 gene_id "G1"; transcript_id "T1"; exon_number "1"; gene_name "ABC;1"; gene_biotype "protein_coding";
22 . exon 51 90 . + . gene_id "G1"; transcript_id "T1"; exon_number "2"; gene_name "ABC;1"; gene_biotype "protein_coding";
22 . gene 201 300 . - . gene_id "G2"; gene_biotype "lncRNA";
22 . transcript 201 300 . - . gene_id "G2"; transcript_id "T2"; gene_biotype "lncRNA";
22 . exon 201 300 . - . gene_id "G2"; transcript_id "T2"; exon_number "1"; gene_biotype "lncRNA";
"""
# 1-based closed 11-90 is 10-90 half-open
EXPECTED = [
    ("22", 10, 20, "+", "exon", "G1", "ABC;1", "protein_coding"),
    ("22", 10, 90, "+", "gene", "G1", "ABC;1", "protein_coding"),
    ("22", 10, 90, "+", "transcript", "G1", "ABC;1", "protein_coding"),
    ("22", 14, 20, "+", "CDS", "G1", "ABC;1", "protein_coding"),
    ("22", 50, 90, "+", "exon", "G1", "ABC;1", "protein_coding"),
    ("22", 200, 300, "-", "exon", "G2", None, "lncRNA"),
    ("22", 200, 300, "-", "gene", "G2", None, "lncRNA"),
    ("22", 200, 300, "-", "transcript", "G2", None, "lncRNA"),
]


def tabbed(content):
    """Put tabs between the first nine columns."""
    return (
        "\n".join(
            line if line.startswith(("#", ">")) else "\t".join(line.split(" ", 8)) for line in content.splitlines()
        )
        + "\n"
    )


@pytest.fixture
def genes(tmp_path):
    def write(content, name="genes.gff3"):
        path = tmp_path / name
        path.write_text(tabbed(content))
        return path

    return write


@pytest.mark.parametrize("content", [ENSEMBL_GFF3, GENCODE_GFF3, REFSEQ_GFF3, ENSEMBL_GTF])
@pytest.mark.parametrize("name", ["g.gff3", "g.gtf"])
def test_one_model_from_every_provider(genes, content, name):
    assert check(read_genes(genes(content, name)), GENES).rows() == EXPECTED


@pytest.mark.parametrize("content", [ENSEMBL_GFF3, REFSEQ_GFF3, ENSEMBL_GTF])
def test_order_of_lines_compression_line_ends_and_batches_change_nothing(genes, tmp_path, content, monkeypatch):
    kept = [line for line in tabbed(content).partition("##FASTA")[0].splitlines() if not line.startswith("#")]
    path = tmp_path / "g.gff3.gz"
    path.write_bytes(gzip.compress("\r\n".join(reversed(kept)).encode()))
    monkeypatch.setitem(text.line_batches.__kwdefaults__, "size", 100)
    assert read_genes(path).rows() == EXPECTED


def test_gtf_without_gene_and_transcript_rows_gets_them(genes):
    only_exons = "\n".join(line for line in ENSEMBL_GTF.splitlines() if " exon " in line or " CDS " in line)
    assert read_genes(genes(only_exons)).rows() == EXPECTED


def test_gff3_of_transcripts_without_genes_gets_genes(genes):
    content = "22 . mRNA 11 90 . + . ID=T1;Name=x\n22 . exon 11 20 . + . Parent=T1\n"
    table = read_genes(genes(content))
    assert sorted(table.select("feature", "start", "end", "gene_id").rows()) == [
        ("exon", 10, 20, "T1"),
        ("gene", 10, 90, "T1"),
        ("transcript", 10, 90, "T1"),
    ]


def test_exon_of_two_transcripts_is_there_once_and_of_two_genes_twice(genes):
    content = (
        "22 . gene 1 9 . + . ID=A\n22 . mRNA 1 9 . + . ID=A1;Parent=A\n22 . mRNA 1 9 . + . ID=A2;Parent=A\n"
        "22 . gene 1 9 . + . ID=B\n22 . mRNA 1 9 . + . ID=B1;Parent=B\n22 . exon 1 9 . + . Parent=A1,A2,B1\n"
    )
    table = read_genes(genes(content)).filter(pl.col("feature") == "exon")
    assert table["gene_id"].to_list() == ["A", "B"]


def test_parts_that_hang_on_the_gene_itself(genes):
    content = "M . gene 1 9 . + . ID=gene-ND1;gene_biotype=protein_coding\nM . CDS 1 9 . + 0 ID=cds-1;Parent=gene-ND1\n"
    table = read_genes(genes(content))
    assert sorted(table["feature"]) == ["CDS", "gene"]
    assert set(table["gene_id"]) == {"ND1"}


def test_ensembl_pseudogene_is_a_transcript_where_it_has_a_parent_and_rna_a_gene_where_it_is_called_one(genes):
    content = (
        "21 . RNA 1 9 . + . ID=gene:G1;gene_id=G1\n21 . transcript 1 9 . + . ID=transcript:T1;Parent=gene:G1\n"
        "21 . pseudogene 11 19 . + . ID=gene:G2;gene_id=G2\n21 . pseudogene 11 19 . + . ID=transcript:T2;Parent=gene:G2\n"
    )
    assert sorted(read_genes(genes(content)).select("gene_id", "feature").rows()) == [
        ("G1", "gene"), ("G1", "transcript"), ("G2", "gene"), ("G2", "transcript"),
    ]  # fmt: skip


def test_unknown_strand_is_a_dot(genes):
    assert read_genes(genes("1 . gene 1 9 . ? . ID=A\n"))["strand"].to_list() == ["."]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("1 . gene 1 9 . +\n", ", line 1: has 7 columns; expected 9, separated by tabs, as GFF3 and GTF have"),
        ("#\n1 . gene x 9 . + . ID=a\n", ", line 2: start is 'x'; expected a whole number, 1-based"),
        ("1 . gene 1 9.0 . + . ID=a\n", ", line 1: end is '9.0'; expected a whole number, 1-based"),
        ("1 . gene 0 9 . + . ID=a\n", ", line 1: start 0 is less than 1; expected 1-based coordinates"),
        (
            "1 . gene 9 5 . - . ID=a\n",
            ", line 1: end 5 is before start 9; expected start <= end, also on the minus strand",
        ),
        ("1 . gene 1 9 . 1 . ID=a\n", ", line 1: strand is '1'; expected '+', '-', '.' or '?'"),
        ("1 . gene 1 9 . + . ABC1\n", ", line 1: column 9 is 'ABC1'; expected tag=value (GFF3) or tag \"value\" (GTF)"),
        (
            '1 . exon 1 9 . + . gene_id "a";\n1 . exon 1 9 . + . transcript_id "a";\n',
            ', line 2: has no gene_id; expected gene_id "..." in column 9, as GTF has',
        ),
        (
            "1 . gene 1 9 . + . ID=a\n1 . exon 1 9 . + . Parent=t\n",
            (
                ", line 2: names the Parent 't', which is not in the file; expected every Parent as the ID of a row; "
                "take the whole annotation file, not a selection of its lines"
            ),
        ),
        ("# nothing\n", ": has no feature; expected lines of nine columns, as GFF3 and GTF have"),
        (
            "1 . enhancer 1 9 . . . ID=e1\n",
            (
                ": has no gene; expected rows of type gene, or with a gene_id; "
                "take the gene annotation, not a regulatory or repeat file"
            ),
        ),
    ],
)
def test_bad_file(genes, content, sentence):
    path = genes(content)
    with pytest.raises(InputError) as caught:
        read_genes(path)
    assert str(caught.value) == f"{path}{sentence}"


def slow_reading(path):
    """Follow each row's Parent by hand."""
    with gzip.open(path, "rt") as handle:
        cells = [line.rstrip("\n").split("\t") for line in handle if not line.startswith("#")]
    tags = [dict(tag.split("=", 1) for tag in c[8].split(";")) for c in cells]
    by_id = {t["ID"]: t for t in tags if "ID" in t}
    rows = set()
    for c, tag in zip(cells, tags, strict=True):
        for parent in tag.get("Parent", "").split(","):
            top = by_id[parent] if parent else tag
            while "Parent" in top:
                top = by_id[top["Parent"]]
            if not top.get("ID", "").startswith("gene:"):
                continue
            is_part = c[2] in ("exon", "CDS", "five_prime_UTR", "three_prime_UTR")
            feature = c[2] if is_part else tag["ID"].split(":")[0]
            rows.add((c[0], int(c[3]) - 1, int(c[4]), c[6], feature, top["gene_id"], top["Name"], top["biotype"]))
    return rows


@pytest.mark.shared_data
def test_whole_chromosome_against_a_slow_reading():
    if not SHARED.is_file():
        pytest.skip("the shared data is not here")
    table = check(read_genes(SHARED), GENES)
    assert set(table.rows()) == slow_reading(SHARED)
    assert not table.is_duplicated().any()
