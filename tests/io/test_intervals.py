import gzip
import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError, InputError
from phenolens.core.schemas import GENES, INTERVALS
from phenolens.core.table import check, empty
from phenolens.io.intervals import features, genes_as_intervals, read_intervals

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
    assert read_intervals(path, feature).select("start", "end").rows() == places


def said(path, feature=None):
    with pytest.raises(InputError) as caught:
        read_intervals(path, feature)
    return str(caught.value)


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / "a.gff3"
    path.write_text(GFF3)
    assert (
        said(path, "enhancer")
        == f"{path}: has no feature 'enhancer'; expected one of: exon, gene, intron, transcript; change `feature`"
    )
    bed = tmp_path / "a.bed"
    bed.write_text(BED)
    assert (
        said(bed, "exon")
        == f"{bed}: is no gene file and has no feature 'exon'; expected a GFF3 or GTF file; remove `feature`"
    )
    other = tmp_path / "a.txt.gz"
    assert said(other) == (
        f"{other}: has the ending '.txt', which says nothing about its format; "
        "expected .bed, .narrowPeak, .broadPeak, .gff3, .gff or .gtf, with or without .gz; rename the file after its format"
    )


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
