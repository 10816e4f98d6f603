import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from phenolens.annotate.genes import genes_with_regions, region_genes
from phenolens.core.schemas import GENE_COUNTS, GENES, REGION_GENES
from phenolens.core.table import check


def genes_of(rows):
    """(chrom, start, end, gene_id[, feature]) ... -> GENES."""
    full = [
        (chrom, start, end, "+", (rest or ["gene"])[0], gene, gene.upper(), "protein_coding")
        for chrom, start, end, gene, *rest in rows
    ]
    return check(pl.DataFrame(full, schema={name: c.dtype for name, c in GENES.columns.items()}, orient="row"), GENES)


@pytest.fixture
def placed(sequences_of, regions_of):
    """(chrom, start, end[, label]) ... -> REGIONS at these places; chrom None for no place."""

    def make(places):
        rows = []
        for i, (chrom, start, end, *_) in enumerate(places):
            rows.append({"sequence_id": f"s{i}", "sequence": "A" * (end - start), "strand": "+"})
            rows[-1] |= {"chrom": chrom, "start": start} if chrom else {}
        return regions_of(sequences_of(rows), [(f"s{i}", 0, p[2] - p[1], *p[3:]) for i, p in enumerate(places)])

    return make


def test_every_pair_equals_a_double_loop(placed):
    generator = np.random.default_rng(1)
    chroms = ["chr1", "chr2", "chr3"]
    genes = [
        (chroms[i % 2], int(a), int(a + generator.integers(1, 400)), f"g{i}")
        for i, a in enumerate(generator.integers(0, 9000, 60))
    ]
    places = [
        (chroms[i % 3], int(a), int(a + generator.integers(1, 60)))
        for i, a in enumerate(generator.integers(0, 9500, 200))
    ]
    table = check(region_genes(placed(places), genes_of(genes)), REGION_GENES)
    expected = []
    for i, (chrom, start, end) in enumerate(places):
        gaps = [(max(s - end + 1, start - e + 1, 0), s, gene) for c, s, e, gene in genes if c == chrom]
        inside = [(f"r{i:05d}", gene, 0) for gap, _, gene in gaps if gap == 0]
        nearest = min(gaps, default=None)
        expected += inside or ([(f"r{i:05d}", nearest[2], nearest[0])] if nearest else [])
    found = table.select("region_id", "gene_id", "distance").rows()
    assert sorted(found) == sorted(expected)
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert any(row[2] == 0 for row in found)
    assert any(row[2] > 1 for row in found)


def test_touching_is_distance_one_and_other_chromosomes_are_never_near(placed):
    genes = genes_of([("chr1", 100, 200, "left"), ("chr2", 0, 50, "other")])
    table = region_genes(placed([("chr1", 200, 210), ("chr3", 0, 10), ("chr2", 400, 410)]), genes)
    assert table.select("gene_id", "distance").rows() == [("left", 1), ("other", 351)]
    assert table.row(0)[2:4] == ("LEFT", "protein_coding")


def test_a_gene_without_a_gene_row_is_the_span_of_its_exons(placed):
    genes = genes_of(
        [
            ("chr1", 10, 20, "e", "exon"),
            ("chr1", 80, 90, "e", "exon"),
            ("chr1", 40, 60, "g"),
            ("chr1", 45, 48, "g", "exon"),
        ]
    )
    table = region_genes(placed([("chr1", 50, 55), ("chr1", 25, 30)]), genes)
    assert table.select("region_id", "gene_id", "distance").rows() == [
        ("r00000", "e", 0),
        ("r00000", "g", 0),
        ("r00001", "e", 0),
    ]


def test_a_gene_with_two_rows_is_counted_once(placed):
    table = region_genes(placed([("chr1", 50, 55)]), genes_of([("chr1", 0, 60, "g"), ("chr1", 52, 90, "g")]))
    assert table.select("gene_id", "distance").rows() == [("g", 0)]


def test_regions_or_genes_that_are_absent_give_empty_tables(placed):
    genes, regions = genes_of([("chr1", 0, 60, "g")]), placed([("chr1", 5, 9)])
    for table in (
        region_genes(placed([]), genes),
        region_genes(placed([(None, 0, 9)]), genes),
        region_genes(regions, genes_of([])),
        region_genes(placed([("chr7", 0, 9)]), genes),
    ):
        assert table.is_empty()
        check(table, REGION_GENES)
    assert_frame_equal(genes_with_regions(table, regions), check(genes_with_regions(table, regions), GENE_COUNTS))


def test_genes_are_counted_by_distinct_overlapping_regions(placed):
    genes = genes_of([("chr1", 0, 100, "few"), ("chr1", 200, 300, "many"), ("chr1", 200, 300, "also")])
    regions = placed(
        [
            ("chr1", 0, 5, "a"),
            ("chr1", 210, 215, "a"),
            ("chr1", 220, 230, "a"),
            ("chr1", 120, 130, "a"),
            ("chr1", 250, 260, "b"),
        ]
    )
    table = region_genes(regions, genes)
    counts = genes_with_regions(pl.concat([table, table[:0]]), regions)
    expected = [("a", "also", 2), ("a", "many", 2), ("a", "few", 1), ("b", "also", 1), ("b", "many", 1)]
    assert counts.select("label", "gene_id", "regions").rows() == expected
    assert genes_with_regions(table, regions, fewest=2)["gene_id"].to_list() == ["also", "many"]
