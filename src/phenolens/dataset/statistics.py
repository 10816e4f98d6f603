"""How many sequences there are and how long, per class and split, and which types of gene they overlap."""

import numpy as np
import polars as pl

from phenolens.core import ranges
from phenolens.core.schemas import GENE_TYPES, GENES, SEQUENCES, STATISTICS
from phenolens.core.table import check, empty
from phenolens.dataset.split import SPLITS

MOST_TYPES = 8  # gene types named, the others are `other`
OTHER, NONE, UNKNOWN = "other", "no gene", "type not given"


def statistics(sequences: pl.DataFrame) -> pl.DataFrame:
    """Return STATISTICS: for every class and split, every class, every split, and over all, in this order.

    Combinations without sequences have 0 and null lengths.

    Parameters
    ----------
    sequences : SEQUENCES.

    Raises
    ------
    DataError : the table breaks its schema.
    """
    table = check(sequences, SEQUENCES).select(
        "label", "split", "group", length=pl.col("sequence").str.len_bytes().cast(pl.Int64)
    )
    facts = [
        pl.len().cast(pl.Int64).alias("sequences"),
        pl.col("length").sum().alias("bases"),
        pl.col("group").n_unique().cast(pl.Int64).alias("groups"),
        pl.col("length").min().cast(pl.Float64).alias("length_min"),
        pl.col("length").median().alias("length_median"),
        pl.col("length").mean().alias("length_mean"),
        pl.col("length").max().cast(pl.Float64).alias("length_max"),
    ]
    labels = table.select(pl.col("label").unique().sort())
    every = labels.join(pl.DataFrame({"split": SPLITS}), how="cross", maintain_order="left_right")
    counted = every.join(
        table.group_by("label", "split").agg(facts), on=["label", "split"], how="left", maintain_order="left"
    )
    parts = [
        counted.with_columns(pl.col("sequences", "bases", "groups").fill_null(0)),
        table.group_by("label").agg(facts).sort("label"),
        *(
            part.select(facts).with_columns(split=pl.lit(split))
            for split in SPLITS
            for part in [table.filter(split=split)]
        ),
        table.select(facts),
    ]
    return check(pl.concat([empty(STATISTICS), *parts], how="diagonal"), STATISTICS)


def overlap_with_types(sequences: pl.DataFrame, genes: pl.DataFrame | None) -> pl.DataFrame:
    """Return GENE_TYPES: per class the sequences that overlap genes of each of the most frequent types, other types, and no gene.

    Types are ordered by the sequences of all classes that overlap them; strands do not matter. No row where there are no genes or
    no sequence has coordinates.

    Parameters
    ----------
    sequences : SEQUENCES; those without coordinates are left out.
    genes : GENES; of them those with feature `gene`, or all where there is none. None: no annotation.

    Raises
    ------
    DataError : a table breaks its schema.
    """
    placed = check(sequences, SEQUENCES).drop_nulls(["chrom", "start", "end"]).select("label", "chrom", "start", "end")
    if genes is None or not genes.height or not placed.height:
        return empty(GENE_TYPES)
    genes = check(genes, GENES)
    whole = genes.filter(pl.col("feature") == "gene")
    genes = (whole if whole.height else genes).select("chrom", "start", "end", pl.col("gene_type").fill_null(UNKNOWN))
    axis = ranges.axis(placed, genes)
    row, gene = ranges.overlap_pairs(*axis.place(placed), *axis.place(genes))
    hits = pl.DataFrame({"row": row, "gene_type": genes["gene_type"][gene]}).unique()
    frequent = hits.group_by("gene_type").len().sort(["len", "gene_type"], descending=[True, False])
    named = frequent["gene_type"].head(MOST_TYPES).to_list()
    hits = hits.with_columns(
        pl.when(pl.col("gene_type").is_in(named)).then("gene_type").otherwise(pl.lit(OTHER))
    ).unique()
    free = np.setdiff1d(np.arange(placed.height), row)
    hits = pl.concat([hits, pl.DataFrame({"row": free, "gene_type": [NONE] * len(free)}, schema=hits.schema)])
    counts = hits.with_columns(label=placed["label"][hits["row"]]).group_by("label", "gene_type").len("sequences")
    totals = placed.group_by("label").len("total")
    order = [*named, *([OTHER] if frequent.height > MOST_TYPES else []), NONE]
    every = totals.sort("label").join(
        pl.DataFrame({"gene_type": list(dict.fromkeys(order))}, schema={"gene_type": pl.String}),
        how="cross",
        maintain_order="left_right",
    )
    table = every.join(counts, on=["label", "gene_type"], how="left", maintain_order="left").with_columns(
        pl.col("sequences").fill_null(0).cast(pl.Int64)
    )
    return check(table.with_columns(share=pl.col("sequences") / pl.col("total")).drop("total"), GENE_TYPES)
