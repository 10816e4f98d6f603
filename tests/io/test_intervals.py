import gzip
import itertools
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError, InputError
from phenolens.core.schemas import GENES, INTERVALS
from phenolens.core.table import check, empty
from phenolens.io.intervals import features, genes_as_intervals, interval_batches, read_intervals

REGULATORY = Path(__file__).parents[2] / "../shared/data/annotation/regulatory_build.chr21.GRCh38.bed"
GFF3 = (
    "22\t.\tgene\t11\t90\t.\t+\t.\tID=gene:G1;gene_id=G1;Name=ABC1\n22\t.\tmRNA\t11\t90\t.\t+\t.\tID=transcript:T1;Parent=gene:G1\n"
    "22\t.\texon\t11\t20\t.\t+\t.\tParent=transcript:T1\n22\t.\texon\t51\t90\t.\t+\t.\tParent=transcript:T1\n"
)
BED = "22\t10\t90\tABC1\t0\t+\n"


@pytest.mark.parametrize(
    "name", ["a.bed", "a.BED", "a.bed.gz", "a.bed.bgz", "a.gff3", "a.gff.gz", "a.gtf", "a.narrowPeak", "a.broadPeak.gz"]
)
def test_format_by_ending(tmp_path, name):
    path = tmp_path / name
    content = (GFF3 if ".g" in name.lower().removesuffix(".gz") and "bed" not in name.lower() else BED).encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    table = check(read_intervals(path), INTERVALS)
    assert table.select("chrom", "start", "end", "name", "strand").rows() == [("22", 10, 90, "ABC1", "+")]


@pytest.mark.parametrize(
    ("feature", "places"),
    [("gene", [(10, 90)]), ("exon", [(10, 20), (50, 90)]), ("transcript", [(10, 90)]), ("intron", [(20, 50)])],
)
def test_features_of_a_gene_file(tmp_path, feature, places):
    path = tmp_path / "a.gff3"
    path.write_text(GFF3)
    assert read_intervals(path, (feature,)).select("start", "end").rows() == places


def test_several_features_of_a_gene_file_are_one_table(tmp_path):
    path = tmp_path / "a.gff3"
    path.write_text(GFF3)
    table = read_intervals(path, ("exon", "intron", "transcript", "gene"))
    assert table.select("start", "end").rows() == [(10, 20), (10, 90), (20, 50), (50, 90)]


TYPED = """\
22\t.\tgene\t11\t90\t.\t+\t.\tID=gene:G1;biotype=protein_coding
22\t.\tmRNA\t11\t90\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding
22\t.\texon\t11\t20\t.\t+\t.\tParent=transcript:T1
22\t.\texon\t31\t90\t.\t+\t.\tParent=transcript:T1
22\t.\tncRNA_gene\t201\t300\t.\t-\t.\tID=gene:G2;biotype=miRNA
22\t.\tmiRNA\t201\t300\t.\t-\t.\tID=transcript:T2;Parent=gene:G2;biotype=miRNA
22\t.\texon\t201\t300\t.\t-\t.\tParent=transcript:T2
"""


@pytest.mark.parametrize(
    ("chosen", "starts"),
    [
        (("gene:protein_coding",), [10]), (("gene:miRNA",), [200]), (("gene:protein_coding", "gene:miRNA"), [10, 200]), (("gene",), [10, 200]),
        (("exon:miRNA",), [200]), (("intron:protein_coding",), [20]), (("intron:miRNA",), []), ((), [10, 200]),
    ],
)  # fmt: skip
def test_features_of_a_gene_type(tmp_path, chosen, starts):
    path = tmp_path / "a.gff3"
    path.write_text(TYPED)
    assert read_intervals(path, chosen)["start"].to_list() == starts


SERVE = """\
# assembled transcripts
chr1\tStringTie\ttranscript\t1001\t3000\t1000\t+\t.\tgene_id "HERVH_1p36.33"; transcript_id "HERVH_1p36.33.1"; cov "1.2";
chr1\tStringTie\texon\t1001\t1500\t1000\t+\t.\tgene_id "HERVH_1p36.33"; transcript_id "HERVH_1p36.33.1"; exon_number "1";
chr1\tStringTie\texon\t2501\t3000\t1000\t+\t.\tgene_id "HERVH_1p36.33"; transcript_id "HERVH_1p36.33.1"; exon_number "2";
chrX\tStringTie\ttranscript\t51\t90\t1000\t.\t.\tgene_id "HERVK_Xq28"; transcript_id "HERVK_Xq28.1";
chrX\tStringTie\texon\t51\t90\t1000\t.\t.\tgene_id "HERVK_Xq28"; transcript_id "HERVK_Xq28.1"; exon_number "1";
"""


@pytest.mark.parametrize(
    ("chosen", "places"),
    [
        ("transcript", [("chr1", 1000, 3000), ("chrX", 50, 90)]), ("exon", [("chr1", 1000, 1500), ("chr1", 2500, 3000), ("chrX", 50, 90)]),
        ("gene", [("chr1", 1000, 3000), ("chrX", 50, 90)]), ("intron", [("chr1", 1500, 2500)]),
    ],
)  # fmt: skip
def test_a_gtf_of_transcripts_without_genes(tmp_path, chosen, places):
    path = tmp_path / "serve.gtf"
    path.write_text(SERVE)
    table = read_intervals(path, (chosen,))
    assert table.select("chrom", "start", "end").rows() == places
    assert set(table["name"]) <= {"HERVH_1p36.33", "HERVK_Xq28"}


def said(path, *chosen):
    with pytest.raises(InputError) as caught:
        read_intervals(path, chosen)
    return str(caught.value)


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / "a.gff3"
    path.write_text(GFF3)
    assert said(path, "gene", "enhancer") == (
        f"{path}: has no feature 'enhancer'; expected one of: exon, gene, intron, transcript; change what follows # in the study file"
    )
    path.write_text(TYPED)
    assert said(path, "gene:mirna") == (
        f"{path}: has no feature 'gene:mirna'; expected one of: gene:miRNA, gene:protein_coding; did you mean 'gene:miRNA'?"
    )
    bed = tmp_path / "a.bed"
    bed.write_text(BED)
    assert (
        said(bed, "exon")
        == f"{bed}: has no feature 'exon'; expected one of: ABC1; change what follows # in the study file"
    )
    other = tmp_path / "a.vcf.gz"
    assert said(other) == (
        f"{other}: has the ending '.vcf', which says nothing about its format; expected .bed, .narrowPeak, .broadPeak, .gff3, .gff, "
        ".gtf, .out, .txt or .tsv, with or without .gz; rename the file after its format"
    )
    text = tmp_path / "a.txt"
    text.write_text("\n" + BED)
    assert said(text) == (
        f"{text}: is no table of repeats or of the GWAS catalogue: it begins with '22 10 90 ABC1 0 +'; expected UCSC's rmsk or gwasCatalog, "
        "RepeatMasker's .out, or EBI's GWAS associations; rename the file after its format (.bed, .gff3, .gtf ...), if it is another"
    )
    text.write_text("\n\n")
    assert said(text).startswith(f"{text}: is no table of repeats")


@pytest.mark.shared_data
@pytest.mark.skipif(not REGULATORY.exists(), reason="needs ../shared/data")
def test_kinds_of_a_regulatory_bed():
    rows = [line.split("\t") for line in REGULATORY.read_text().splitlines()]
    kinds = {row[4] for row in rows}
    assert len(kinds) >= 4
    for kind in kinds:
        expected = [(r[0], int(r[1]), int(r[2]), r[3]) for r in rows if r[4] == kind]
        found = read_intervals(REGULATORY, (kind,))
        assert found.select("chrom", "start", "end", "name").rows() == expected


def model(rows):
    """GENES of (gene, feature, start, end); gene B lies on the other strand of the same place."""
    return pl.DataFrame(
        [("c", s, e, "-" if g == "B" else "+", f, g, None, None) for g, f, s, e in rows],
        schema={name: column.dtype for name, column in GENES.columns.items()},
        orient="row",
    )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from(["transcript", "exon"]), st.integers(0, 30), st.integers(1, 12)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_introns_against_base_sets(drawn):
    rows = [(g, f, s, s + n) for g, f, s, n in drawn]
    genes = model([*rows, ("Z", "transcript", 0, 2), ("Z", "exon", 0, 1)])
    found = genes_as_intervals(genes, "intron")
    for gene in "ABZ":
        mine = [r for r in genes.select("gene_id", "feature", "start", "end").rows() if r[0] == gene]
        covered = {f: {b for _, g, s, e in mine if g == f for b in range(s, e)} for f in ("transcript", "exon")}
        expected = covered["transcript"] - covered["exon"] if covered["exon"] else set()
        runs = found.filter(pl.col("name") == gene).select("start", "end").rows()
        assert {b for s, e in runs for b in range(s, e)} == expected
        # runs are whole: none touches another
        assert all(b + 1 <= c for (_, b), (c, _) in itertools.pairwise(runs))
        assert set(found.filter(pl.col("name") == gene)["strand"]) <= {"-" if gene == "B" else "+"}


def test_intervals_come_once_per_gene_and_are_named_by_symbol_or_id():
    genes = model([("A", "exon", 1, 5), ("A", "exon", 1, 5), ("B", "exon", 1, 5)])
    genes = genes.with_columns(gene_name=pl.when(pl.col("gene_id") == "A").then(pl.lit("abc")))
    table = check(genes_as_intervals(genes, "exon"), INTERVALS)
    assert table.rows() == [("c", 1, 5, "abc", None, "+"), ("c", 1, 5, "B", None, "-")]


def test_features_and_their_absence():
    assert features(model([("A", "gene", 0, 5), ("A", "exon", 0, 5)])) == ["exon", "gene"]
    assert features(empty(GENES)) == []
    with pytest.raises(DataError) as caught:
        genes_as_intervals(model([("A", "gene", 0, 5)]), "intron")
    assert str(caught.value) == "gene table: has no feature 'intron'; expected one of: gene"


@pytest.mark.parametrize("size", [1, 40, 1 << 22])
def test_batches_are_the_file_in_order(tmp_path, size):
    path = tmp_path / "a.bed"
    rows = [f"chr{i % 3}\t{i}\t{i + 10}\tn{i}\t{i}\t+\n" for i in range(30)]
    path.write_text("track\n" + "".join(rows))
    batches = list(interval_batches(path, size=size))
    assert pl.concat(batch.table for batch in batches).equals(read_intervals(path))
    assert (len(batches) > 10) == (size < 100)
    path.write_text("".join([*rows, rows[3]]))
    assert sum(batch.table.height for batch in interval_batches(path, size=size)) == 31
