"""Genes of the regions: each gene that a region overlaps, otherwise the nearest one; and the genes with most regions."""

import numpy as np
import polars as pl

from phenolens.core.ranges import axis, distance_to_nearest, overlap_pairs
from phenolens.core.schemas import GENE_COUNTS, GENES, REGION_GENES, REGIONS
from phenolens.core.table import check, empty


def region_genes(regions: pl.DataFrame, genes: pl.DataFrame) -> pl.DataFrame:
    """Return REGION_GENES: every gene that a region overlaps (distance 0), else the nearest gene of its chromosome.

    distance = bases from the region to the gene, 1 = touching; strand does not matter; ties go to the lower start.
    Regions without genome coordinates, and those on a chromosome without genes, are left out. Rows are in the order of
    the regions.

    Parameters
    ----------
    regions : REGIONS.
    genes : GENES; rows with feature = gene, and for a gene without such a row the span of its other rows.
    """
    regions = check(regions, REGIONS).filter(pl.all_horizontal(pl.col("chrom", "start", "end").is_not_null()))
    spans = spans_of(check(genes, GENES))
    regions = regions.join(spans.select("chrom").unique(), on="chrom", how="semi", maintain_order="left")
    if regions.is_empty():
        return empty(REGION_GENES)
    line = axis(regions, spans)
    (start, end), (gene_start, gene_end) = line.place(regions), line.place(spans)
    inside_row, inside_gene = overlap_pairs(start, end, gene_start, gene_end)
    far_row = np.setdiff1d(np.arange(len(start)), inside_row)
    far_gene, far_distance = _nearest(regions, spans, far_row)
    row, gene = np.concatenate([inside_row, far_row]), np.concatenate([inside_gene, far_gene])
    distance = np.concatenate([np.zeros(len(inside_row), dtype=np.int64), far_distance])
    order = np.lexsort((gene, row))
    shared = np.maximum(np.minimum(end[row], gene_end[gene]) - np.maximum(start[row], gene_start[gene]), 0)
    table = pl.concat(
        [regions[row[order]].select("region_id"), spans[gene[order]].select("gene_id", "gene_name", "gene_type")],
        how="horizontal",
    ).with_columns(pl.Series("distance", distance[order]), pl.Series("shared", shared[order]))
    return check(table.unique(["region_id", "gene_id"], keep="first", maintain_order=True), REGION_GENES)


def genes_with_regions(table: pl.DataFrame, regions: pl.DataFrame, *, fewest: int = 1, least: int = 1) -> pl.DataFrame:
    """Return GENE_COUNTS: the genes that at least `fewest` regions of a class overlap, each by at least `least` bases.

    Most regions first within a class, then by gene_id.

    Parameters
    ----------
    table : REGION_GENES; only overlaps count, not nearest genes.
    regions : REGIONS, for the class of each region.
    fewest : smallest number of distinct regions.
    least : smallest number of bases that a region shares with a gene.
    """
    counts = (
        check(table, REGION_GENES)
        .filter((pl.col("distance") == 0) & (pl.col("shared") >= least))
        .join(check(regions, REGIONS).select("region_id", "label"), on="region_id", how="inner")
        .group_by("label", "gene_id")
        .agg(pl.col("gene_name", "gene_type").first(), pl.len().cast(pl.Int64).alias("regions"))
        .filter(pl.col("regions") >= fewest)
        .sort(["label", "regions", "gene_id"], descending=[False, True, False])
    )
    return check(counts, GENE_COUNTS)


def spans_of(genes: pl.DataFrame) -> pl.DataFrame:
    """Return one row (chrom, start, end, gene_id, gene_name, gene_type) per gene row, or per gene and chromosome without one."""
    columns = ["chrom", "start", "end", "gene_id", "gene_name", "gene_type"]
    whole = genes.filter(pl.col("feature") == "gene").select(columns)
    pieces = genes.join(whole.select("gene_id").unique(), on="gene_id", how="anti")
    rest = pieces.group_by("chrom", "gene_id", maintain_order=True).agg(
        pl.col("start").min(), pl.col("end").max(), pl.col("gene_name", "gene_type").first()
    )
    return pl.concat([whole, rest.select(columns)]).sort("chrom", "start", "end", "gene_id")


def _nearest(regions: pl.DataFrame, spans: pl.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (gene, distance) int64 of the gene nearest to each of these rows of regions, within its chromosome."""
    gene, distance = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    chroms, gene_chroms = regions["chrom"].to_numpy()[rows], spans["chrom"].to_numpy()
    start, end = (regions[name].to_numpy()[rows] for name in ("start", "end"))
    gene_start, gene_end = (spans[name].to_numpy() for name in ("start", "end"))
    for chrom in np.unique(chroms):
        here, there = chroms == chrom, np.flatnonzero(gene_chroms == chrom)
        index, distance[here] = distance_to_nearest(start[here], end[here], gene_start[there], gene_end[there])
        gene[here] = there[index]
    return gene, distance
