import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.gene_sets import Sizes, gene_set_enrichment
from phenolens.annotate.genes import region_genes
from phenolens.core.errors import DataError
from phenolens.core.schemas_biology import GENE_SET_ENRICHMENT, GENE_SETS
from phenolens.core.table import check

SMALL = Sizes(smallest=1)


def sets_of(**sets):
    """name = genes ... -> GENE_SETS."""
    rows = [(name, None, gene) for name, genes in sets.items() for gene in genes]
    return pl.DataFrame(rows, schema={name: c.dtype for name, c in GENE_SETS.columns.items()}, orient="row")


@pytest.fixture
def town(sequences_of, genes_at):
    """Sixty sequences of 500 bases, 2,000 apart; a gene of 40 to 400 bases in each, and one outside all: (sequences, genes)."""
    generator = np.random.default_rng(2)
    rows = [
        {"sequence_id": f"s{i}", "sequence": "A" * 500, "chrom": "chr1", "start": 2000 * i, "strand": "+-"[i % 2]}
        for i in range(60)
    ]
    lengths = generator.integers(40, 400, 60).tolist()
    genes = [("chr1", 2000 * i + 20, 2000 * i + 20 + n, f"g{i}") for i, n in enumerate(lengths)]
    return sequences_of(rows), genes_at([*genes, ("chr1", 500_000, 500_100, "far")])


def test_counts_and_p_equal_scipy_and_a_loop_over_regions(town, regions_of, random_places):
    sequences, genes = town
    generator = np.random.default_rng(1)
    regions = regions_of(sequences, random_places(generator, sequences, 60, labels=("a", "b")))
    sets = {
        "go": sets_of(x=[f"g{i}" for i in range(12)], y=["G20", "g21", "FAR", "nobody"], z=["far"]),
        "empty": sets_of(w=["g1"]),
    }
    table = check(gene_set_enrichment(regions, sequences, genes, sets, SMALL, controls=50, seed=1), GENE_SET_ENRICHMENT)
    assert set(table.select("label", "collection", "set_name").rows()) == {
        (label, *name) for label in "ab" for name in (("go", "x"), ("go", "y"), ("empty", "w"))
    }
    near = region_genes(regions, genes)
    for row in table.iter_rows(named=True):
        mine = regions.filter(label=row["label"])
        hit = set(near.filter(pl.col("region_id").is_in(mine["region_id"].implode()))["gene_id"])
        members = {"x": {f"g{i}" for i in range(12)}, "y": {"g20", "g21"}, "w": {"g1"}}[row["set_name"]]
        assert (row["universe"], row["hit_all"], row["hit"], row["set_size"]) == (
            60,
            len(hit),
            len(hit & members),
            len(members),
        )
        cells = [
            [row["hit"], len(members) - row["hit"]],
            [len(hit) - row["hit"], 60 - len(hit) - len(members) + row["hit"]],
        ]
        assert row["p_value"] == pytest.approx(stats.fisher_exact(cells, "greater").pvalue, rel=1e-12)
        assert row["expected"] == pytest.approx(len(hit) * len(members) / 60, rel=1e-12)
        assert (row["genes"] or "").split(", ") == (sorted(g.upper() for g in hit & members) or [""])
    for part in table.partition_by("label", "collection"):
        assert part["q_value"].to_numpy() == pytest.approx(stats.false_discovery_control(part["p_value"].to_numpy()))
        assert part["control_q_value"].to_numpy() == pytest.approx(
            stats.false_discovery_control(part["control_p_value"].to_numpy())
        )


def test_control_p_values_are_uniform_where_long_genes_make_the_hypergeometric_ones_small(
    sequences_of, genes_at, regions_of, random_places
):
    """Two genes of 15 and of 240 bases in every sequence; regions at random hit the set of long genes more often, which is no biology."""
    rows = [
        {"sequence_id": f"s{i}", "sequence": "A" * 500, "chrom": "chr1", "start": 2000 * i, "strand": "+"}
        for i in range(300)
    ]
    sequences, generator = sequences_of(rows), np.random.default_rng(11)
    genes = [("chr1", 2000 * i + 20, 2000 * i + 260, f"long{i}") for i in range(300)]
    genes += [("chr1", 2000 * i + 470, 2000 * i + 485, f"short{i}") for i in range(300)]
    labels = [f"class {i}" for i in range(200)]
    regions = regions_of(sequences, random_places(generator, sequences, 200 * 300, labels=labels))
    sets = {"go": sets_of(long=[f"long{i}" for i in range(300)])}
    table = gene_set_enrichment(regions, sequences, genes_at(genes), sets, Sizes(reach=1), controls=99, seed=3)
    assert table["label"].n_unique() == 200
    assert stats.kstest(table["control_p_value"].to_numpy(), "uniform").pvalue > 0.01
    assert (table["p_value"] < 0.01).mean() > 0.5


def test_a_planted_set_comes_first(town, regions_of):
    sequences, genes = town
    places = [(f"s{i}", 480, 490) for i in range(20, 60)]  # far from genes, nearest is their own
    on = [(f"s{i}", 30, 40) if i % 2 == 0 else (f"s{i}", 460, 470) for i in range(8)]
    sets = {"go": sets_of(planted=[f"g{i}" for i in range(8)], other=[f"g{i}" for i in range(10, 18)])}
    table = gene_set_enrichment(
        regions_of(sequences, on + places[:4]), sequences, genes, sets, Sizes(reach=1), controls=999, seed=1
    )
    first = table.row(0, named=True)
    assert (first["set_name"], first["hit"], first["set_size"]) == ("planted", 8, 8)
    assert first["control_p_value"] < 0.05
    assert first["control_ratio"] == pytest.approx(first["hit"] / first["control_expected"])


def test_regions_that_have_nowhere_else_to_go_are_no_finding(town, regions_of):
    sequences, genes = town
    regions = regions_of(sequences, [(f"s{i}", 0, 500) for i in range(8)])
    sets = {"go": sets_of(all_hit=[f"g{i}" for i in range(8)])}
    row = gene_set_enrichment(regions, sequences, genes, sets, SMALL, controls=49, seed=1).row(0, named=True)
    assert (row["hit"], row["control_expected"], row["control_p_value"]) == (8, 8.0, 1.0)
    assert row["p_value"] == pytest.approx(stats.hypergeom.sf(7, 60, 8, 8), rel=1e-12)


def test_sets_of_strange_names_are_refused_and_absent_things_give_an_empty_table(town, regions_of):
    sequences, genes = town
    regions = regions_of(sequences, [("s1", 0, 10)])
    with pytest.raises(
        DataError, match=r"gene sets mouse: have no gene in common with the 61 genes of the study, the first: Abc1"
    ):
        gene_set_enrichment(regions, sequences, genes, {"mouse": sets_of(x=["Abc1"])}, SMALL, controls=5, seed=1)
    sets = {"go": sets_of(x=["g1"])}
    for table in (
        gene_set_enrichment(regions.clear(), sequences, genes, sets, SMALL, controls=5, seed=1),
        gene_set_enrichment(regions, sequences, genes.clear(), sets, SMALL, controls=5, seed=1),
        gene_set_enrichment(regions, sequences, genes, {}, SMALL, controls=5, seed=1),
        gene_set_enrichment(regions, sequences, genes, sets, Sizes(smallest=2), controls=5, seed=1),
    ):
        assert check(table, GENE_SET_ENRICHMENT).is_empty()
