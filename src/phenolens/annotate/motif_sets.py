"""Which enriched motifs classes share, and the places of their hits on the genome.

Sets are compared as an UpSet plot shows them: each motif belongs to exactly one combination of the sets that have it.
"""

from collections.abc import Mapping

import polars as pl

from phenolens.core.schemas_motifs import ENRICHMENT, MOTIF_REGIONS, MOTIF_SETS
from phenolens.core.table import check, empty

WITHIN = 10  # bases between hits that become one region, as in the paper
JOINED = " & "
SCOPES = {"regions": "regions", "whole": "whole sequences"}


def motif_sets(enrichment: pl.DataFrame) -> pl.DataFrame:
    """Return MOTIF_SETS: enriched motifs of the classes in their regions, of the classes in their whole sequences, and of each class in both.

    A motif is in a class's set when it is enriched against any control. Combinations without a motif have no row.

    Parameters
    ----------
    enrichment : ENRICHMENT.
    """
    found = check(enrichment, ENRICHMENT).filter("enriched")
    cases = enrichment["case"].unique(maintain_order=True).to_list()
    tables = [empty(MOTIF_SETS)]
    for scope, name in SCOPES.items():
        inside = found.filter(pl.col("scope") == scope)
        sets = {case: inside.filter(pl.col("case") == case) for case in cases}
        tables.append(exclusive_sets(f"classes, {name}", sets))
    for case in cases:
        own = found.filter(pl.col("case") == case)
        sets = {name: own.filter(pl.col("scope") == scope) for scope, name in SCOPES.items()}
        tables.append(exclusive_sets(f"{case}: regions and whole sequences", sets))
    return check(pl.concat(tables), MOTIF_SETS)


def exclusive_sets(comparison: str, sets: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of MOTIF_SETS of one comparison, the combination with most clusters first.

    Parameters
    ----------
    comparison : its name.
    sets : name of a set -> columns motif_id, motif_name, cluster of its motifs.
    """
    members: dict[str, list[str]] = {}
    about: dict[str, tuple[str, str]] = {}
    for name, table in sets.items():
        for motif, shown, cluster in (
            table.select("motif_id", "motif_name", "cluster").unique(maintain_order=True).rows()
        ):
            members.setdefault(motif, []).append(name)
            about[motif] = (shown or motif, cluster)
    together: dict[str, list[str]] = {}
    for motif, names in members.items():
        together.setdefault(JOINED.join(names), []).append(motif)
    rows = []
    for combination, motifs in together.items():
        first = {about[motif][1]: about[motif][0] for motif in reversed(motifs)}
        rows.append(
            (comparison, combination, len(motifs), len(first), ", ".join(dict.fromkeys(reversed(first.values()))))
        )
    schema = {name: column.dtype for name, column in MOTIF_SETS.columns.items()}
    return pl.DataFrame(rows, schema=schema, orient="row").sort(
        ["clusters", "motifs", "sets"], descending=[True, True, False]
    )


def motif_regions(hits: pl.DataFrame, regions: pl.DataFrame, enrichment: pl.DataFrame) -> pl.DataFrame:
    """Return MOTIF_REGIONS: hits of motifs that are enriched in a class's regions, on the genome, merged within 10 bases (METHOD 7).

    Regions without a place on the genome, or with letters that are not those of the place, give none.

    Parameters
    ----------
    hits : HITS in the regions (sequence_id is the region's).
    regions : REGIONS.
    enrichment : ENRICHMENT.
    """
    wanted = enrichment.filter(pl.col("enriched") & (pl.col("scope") == "regions"))
    length = pl.col("sequence").str.len_bytes().cast(pl.Int64)
    placed = regions.filter(pl.col("chrom").is_not_null() & (pl.col("end") - pl.col("start") == length))
    found = (
        hits.select("motif_id", "motif_name", "sequence_id", first="start", last="end")
        .join(placed, left_on="sequence_id", right_on="region_id", how="inner")
        .join(wanted.select("motif_id", label="case").unique(), on=["motif_id", "label"], how="semi")
    )
    if found.is_empty():
        return empty(MOTIF_REGIONS)
    reverse = pl.col("strand") == "-"
    start = pl.when(reverse).then(pl.col("end") - pl.col("last")).otherwise(pl.col("start") + pl.col("first"))
    lain = found.select(
        "chrom",
        "label",
        start=start,
        end=start + pl.col("last") - pl.col("first"),
        name=pl.coalesce("motif_name", "motif_id"),
    ).sort("label", "chrom", "start", "end", "name")
    before = pl.col("end").cum_max().shift(1).over("label", "chrom")
    runs = lain.with_columns((pl.col("start") > before + WITHIN).fill_null(True).cum_sum().alias("run"))
    merged = runs.group_by("run", maintain_order=True).agg(
        pl.col("chrom", "label").first(),
        pl.col("start").min(),
        pl.col("end").max(),
        pl.len().cast(pl.Int64).alias("hits"),
        pl.col("name").unique().sort().str.join(", ").alias("motifs"),
    )
    return check(merged.select(list(MOTIF_REGIONS.columns)).sort("chrom", "start", "end", "label"), MOTIF_REGIONS)
