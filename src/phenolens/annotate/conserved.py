"""Regions at the two ends of a conservation signal, with their genes: candidates for function, and for what changed lately."""

import polars as pl

from phenolens.core.schemas import REGION_GENES, REGION_SCORES, REGIONS
from phenolens.core.schemas_biology import CONSERVED
from phenolens.core.table import check


def conserved(
    scores: pl.DataFrame, regions: pl.DataFrame, near: pl.DataFrame, *, highly: float, hardly: float, covered: float
) -> pl.DataFrame:
    """Return CONSERVED: regions with a mean signal of at least `highly`, highest first, then those of at most `hardly`, lowest first.

    Parameters
    ----------
    scores : REGION_SCORES of any number of signals.
    regions : REGIONS.
    near : REGION_GENES of the regions.
    highly, hardly : limits, in the unit of the signals.
    covered : smallest share of a region's bases that carry a value.
    """
    genes = (
        check(near, REGION_GENES)
        .group_by("region_id", maintain_order=True)
        .agg(
            genes=pl.coalesce("gene_name", "gene_id").unique(maintain_order=True).str.join(", "),
            distance=pl.col("distance").min(),
        )
    )
    places = check(regions, REGIONS).select("region_id", "label", "chrom", "start", "end")
    table = (
        check(scores, REGION_SCORES)
        .filter((pl.col("covered") >= covered) & pl.col("mean").is_not_null())
        .join(places, on="region_id", how="inner")
        .join(genes, on="region_id", how="left")
    )
    order = ["signal", "mean", "region_id"]
    high = table.filter(pl.col("mean") >= highly).sort(order, descending=[False, True, False])
    low = table.filter(pl.col("mean") <= hardly).sort(order)
    lists = [part.with_columns(pl.lit(name).alias("list")) for name, part in (("highly", high), ("hardly", low))]
    return check(pl.concat(lists).select(list(CONSERVED.columns)), CONSERVED)
