"""Sections: overlap of the regions with genes and features, and their conservation, both beside matched controls."""

from functools import partial

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import (
    Block,
    Column,
    Figure,
    Paragraph,
    Section,
    Table,
    counts,
    intervals,
    numbers,
    p_values,
    percents,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_reading import SIGNIFICANT, expected_figure

CONTROLS = "Matched controls are regions of the same number and lengths placed at random in the same sequences: what one would see if the model looked anywhere."


def overlap(facts: Facts) -> Section:
    """Return the section on overlap with genes and features."""
    title, table = "Overlap with genes and features", facts.overlap
    genes = _genes(facts)
    if not table.height:
        reason = "No overlap was computed, so nothing is shown: no gene or feature file was given, or no region has genome coordinates."
        return Section("overlap", title, reason, genes)
    percent = Column(
        "Expected (95 % of controls)",
        lambda row: text.interval(
            *(None if row[name] is None else 100 * row[name] for name in ("expected", "low", "high"))
        ),
        "number",
    )
    blocks: list[Block] = [
        Paragraph(CONTROLS),
        Figure(
            "overlap-plot",
            "Share of regions that overlap each feature, beside matched controls",
            "Dot: share of the regions that overlap the feature; grey bar: 95 % of the matched controls, with their mean. A dot inside the bar is what chance gives.",
            partial(expected_figure, table.head(30), name="feature", percent=True, labels=facts.labels),
            "No share is defined, so none is drawn.",
        ),
        Table(
            "overlap",
            "Share of the regions that overlap each feature by at least one base.",
            table,
            (
                words("Class", "label"), words("Feature", "feature"), counts("Regions", "regions"), percents("Observed", "observed"),
                percent._replace(title="Expected, % (95 % of controls)"), p_values("p", "p_value"), p_values("q", "q_value"),
            ),
            shown=max(facts.top, 12),
        ),
        *genes,
    ]  # fmt: skip
    return Section("overlap", title, _lead(table, "feature", percent=True), blocks)


def _lead(table: pl.DataFrame, name: str, *, percent: bool) -> str:
    tested = table.drop_nulls("q_value")
    found = tested.filter(pl.col("q_value") <= SIGNIFICANT).sort("q_value", "label", name)
    what = "overlap" if percent else "conservation"
    if not found.height:
        return f"In none of {text.plural(tested.height, 'comparison')} does the {what} differ from matched controls (q ≤ 0.05)."
    best, write = found.row(0, named=True), text.percent if percent else text.number
    return (
        f"In {found.height} of {text.plural(tested.height, 'comparison')} the {what} differs from matched controls (q ≤ 0.05); the clearest: regions of "
        f"{best['label']} and {best[name]}, {write(best['observed'])} against {write(best['expected'])} expected (q = {text.p_value(best['q_value'])})."
    )


def _genes(facts: Facts) -> list[Block]:
    if not facts.region_genes.height:
        return []
    classes = facts.regions.select("region_id", "label")
    table = (
        facts.region_genes.filter(pl.col("distance") == 0)
        .join(classes, on="region_id", how="left")
        .group_by("gene_id")
        .agg(
            gene=pl.coalesce("gene_name", "gene_id").first(),
            type=pl.col("gene_type").first(),
            regions=pl.col("region_id").n_unique(),
            classes=pl.col("label").drop_nulls().unique().sort().str.join(", "),
        )
        .sort(["regions", "gene_id"], descending=[True, False])
    )
    if not table.height:
        return [Paragraph("No region overlaps a gene.", "none")]
    columns = (
        words("Gene", "gene"),
        words("Identifier", "gene_id"),
        words("Type", "type"),
        counts("Regions inside", "regions"),
        words("Classes", "classes"),
    )
    return [Table("genes", "Genes that most regions overlap.", table, columns, shown=facts.top)]


def conservation(facts: Facts) -> Section:
    """Return the section on conservation and other signals."""
    title, table = "Conservation", facts.conservation
    if not table.height:
        reason = "No conservation was computed, so nothing is shown: no bigWig was given (annotate.signals), or no region has genome coordinates."
        return Section("conservation", title, reason, [])
    blocks: list[Block] = [
        Paragraph(CONTROLS),
        Figure(
            "conservation-plot",
            "Mean signal of the regions beside matched controls",
            "Dot: mean signal over the regions; grey bar: 95 % of the matched controls, with their mean. A dot right of the bar is higher than chance gives.",
            partial(expected_figure, table.head(30), name="signal", percent=False, labels=facts.labels),
            "No mean is defined, so none is drawn.",
        ),
        Table(
            "conservation",
            "Mean signal over the regions beside matched controls, in the unit of the signal's file.",
            table,
            (
                words("Class", "label"), words("Signal", "signal"), counts("Regions", "regions"), percents("Bases covered", "covered"),
                numbers("Observed", "observed"), intervals("Expected (95 % of controls)", "expected", "low", "high"),
                p_values("p", "p_value"), p_values("q", "q_value"),
            ),
            shown=max(facts.top, 12),
        ),
    ]  # fmt: skip
    return Section("conservation", title, _lead(table, "signal", percent=False), blocks)
