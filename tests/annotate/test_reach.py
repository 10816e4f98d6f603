import numpy as np
import polars as pl
import pytest

from phenolens.annotate.genes import region_genes
from phenolens.annotate.reach import hits, reach_of, universe
from phenolens.core.schemas import REGIONS


def regions_at(places):
    """(chrom, start, end) ... -> REGIONS."""
    rows = [(f"r{i:05d}", "s", "a", 0, e - s, c, s, e, "+", 1.0, "A") for i, (c, s, e) in enumerate(places)]
    return pl.DataFrame(rows, schema={name: c.dtype for name, c in REGIONS.columns.items()}, orient="row")


def crowded(generator, genes_at, n=40):
    """Genes that nest, repeat a border, and lie on two of three chromosomes."""
    starts = generator.integers(0, 4000, n) // 10 * 10
    ends = starts + generator.integers(1, 30, n) * 10
    return genes_at(
        [(f"chr{1 + i % 2}", int(a), int(b), f"g{i:02d}") for i, (a, b) in enumerate(zip(starts, ends, strict=True))]
    )


@pytest.mark.parametrize("reach", [1, 60, 10**6])
def test_hits_equal_region_genes_one_region_at_a_time(genes_at, reach):
    generator = np.random.default_rng(3)
    genes = crowded(generator, genes_at)
    places = [
        (f"chr{1 + i % 3}", int(a), int(a + generator.integers(1, 300)))
        for i, a in enumerate(generator.integers(0, 5000, 400))
    ]
    regions = regions_at(places)
    world = reach_of(genes, regions, reach=reach)
    low, high = world.line.place(regions)
    found = hits(world, low[:, None], high[:, None])
    pairs = {(f"r{row:05d}", world.genes["gene_id"][int(gene)]) for row, gene in zip(*np.nonzero(found), strict=True)}
    near = region_genes(regions, genes)
    assert pairs == set(near.filter(pl.col("distance") <= reach).select("region_id", "gene_id").rows())
    assert near.filter(pl.col("distance") > reach).height > 0 or reach == 10**6
    together = hits(world, low[None], high[None])
    assert together.tolist() == [found.any(axis=0).tolist()]


@pytest.mark.parametrize("reach", [30, 10**6])
def test_the_universe_is_what_any_region_of_one_base_would_hit(genes_at, reach):
    generator = np.random.default_rng(6)
    genes = crowded(generator, genes_at, n=24)
    places = [("chr1", int(a), int(a + 90)) for a in range(0, 5000, 620)] + [("chr2", 4400, 4500), ("chr3", 0, 9)]
    table = pl.DataFrame(places, schema=["chrom", "start", "end"], orient="row")
    world = reach_of(genes, table, reach=reach)
    bases = regions_at([(c, b, b + 1) for c, a, e in places for b in range(a, e)])
    near = region_genes(bases, genes).filter(pl.col("distance") <= reach)
    assert set(world.genes["gene_id"].filter(pl.Series(universe(world, table)))) == set(near["gene_id"])
    wider = regions_at([(c, b, b + 25) for c, a, e in places for b in range(a, e - 24)])
    assert set(region_genes(wider, genes).filter(pl.col("distance") <= reach)["gene_id"]) <= set(near["gene_id"])


def test_of_two_genes_equally_near_the_lower_one_is_hit_and_a_gap_reaches_both(genes_at):
    genes = genes_at([("chr1", 0, 10, "low"), ("chr1", 20, 30, "high"), ("chr1", 100, 110, "far")])
    places = pl.DataFrame([("chr1", 35, 95)], schema=["chrom", "start", "end"], orient="row")
    world = reach_of(genes, places, reach=1000)
    assert world.genes["gene_id"].to_list() == ["low", "high", "far"]
    assert hits(world, np.array([[14], [15], [13]]), np.array([[16], [17], [15]])).tolist() == [
        [True, False, False],
        [False, True, False],
        [True, False, False],
    ]
    assert universe(world, places).tolist() == [False, True, True]


def test_no_genes(genes_at):
    table = pl.DataFrame([("chr1", 0, 9)], schema=["chrom", "start", "end"], orient="row")
    world = reach_of(genes_at([("chr2", 0, 9, "g")]), table, reach=10)
    assert hits(world, np.array([[3]]), np.array([[5]])).shape == (1, 0)
    assert universe(world, table).shape == (0,)
