import polars as pl

from phenolens.annotate.conserved import conserved
from phenolens.core.schemas import REGION_GENES, REGION_SCORES
from phenolens.core.schemas_biology import CONSERVED
from phenolens.core.table import check


def test_both_ends_are_listed_with_their_genes(genome, regions_of):
    sequences, _ = genome
    regions = regions_of(sequences, [("s1", 10 * i, 10 * i + 9) for i in range(6)])
    rows = [(0.95, 1.0), (0.9, 0.5), (0.3, 1.0), (0.5, 1.0), (0.1, 0.49), (None, 0.0)]
    scores = pl.DataFrame(
        [(f"r{i:05d}", "phastCons", mean, covered) for i, (mean, covered) in enumerate(rows)],
        schema={name: column.dtype for name, column in REGION_SCORES.columns.items()},
        orient="row",
    )
    near = [("r00000", "g1", "A", 0), ("r00000", "g2", None, 0), ("r00001", "g3", "C", 700)]
    near = pl.DataFrame(
        [(r, g, n, "protein_coding", d, 0) for r, g, n, d in near],
        schema={name: column.dtype for name, column in REGION_GENES.columns.items()},
        orient="row",
    )
    table = check(conserved(scores, regions, near, highly=0.9, hardly=0.3, covered=0.5), CONSERVED)
    assert table.select("list", "region_id", "mean", "genes", "distance").rows() == [
        ("highly", "r00000", 0.95, "A, g2", 0),
        ("highly", "r00001", 0.9, "C", 700),
        ("hardly", "r00002", 0.3, None, None),
    ]
    assert table["start"].to_list() == regions["start"][:3].to_list()
