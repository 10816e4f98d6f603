"""Sections: overlap of the regions with genes and features, and their conservation, beside controls."""

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
    if not table.height:
        reason = "No overlap was computed, so nothing is shown: no gene or feature file was given, or no region has genome coordinates."
        return Section("overlap", title, reason, [])
    matched = table.filter(null="matched")
    q_values = [
        table.filter(null=null).select("label", "feature", pl.col("q_value").alias(f"q_{null}"))
        for null in ("circular", "shuffled")
    ]
    wide = matched
    for other in q_values:
        wide = wide.join(other, on=["label", "feature"], how="left", maintain_order="left")
    percent = Column(
        "Expected, % (95 % of controls)",
        lambda row: text.interval(
            *(None if row[name] is None else 100 * row[name] for name in ("expected", "low", "high"))
        ),
        "number",
    )
    blocks: list[Block] = [
        Paragraph(f"{CONTROLS} {_universe(matched)}"),
        Figure(
            "overlap-plot",
            "Share of regions that overlap each feature, beside matched controls",
            "Dot: share of the regions that overlap the feature; grey bar: 95 % of the matched controls, with their mean. A dot inside the bar is what chance gives.",
            partial(expected_figure, matched.head(30), name="feature", percent=True, labels=facts.labels),
            "No share is defined, so none is drawn.",
            data=matched,
            classes=facts.labels,
        ),
        Table(
            "overlap",
            "Share of the regions that overlap each feature by at least one base, and how it differs from three kinds of chance: matched controls, all regions moved on together "
            "(circular), each region anywhere in the searched sequences (shuffled). Ratio: observed over expected of the matched controls. Where only the matched q-value is large, "
            "whole sequences carry the feature, not the regions in them.",
            wide,
            (
                words("Class", "label"), words("Feature", "feature"), counts("Regions", "regions"), percents("Observed", "observed"),
                percent, numbers("Ratio", "ratio"), numbers("log2 ratio", "log2_ratio"), p_values("p", "p_value"), p_values("q", "q_value"),
                p_values("q circular", "q_circular"), p_values("q shuffled", "q_shuffled"),
            ),
            shown=max(facts.top, 12),
        ),
    ]  # fmt: skip
    return Section("overlap", title, _lead(matched, "feature", percent=True), blocks)


def _universe(table: pl.DataFrame) -> str:
    """Return the sentence on where regions could lie."""
    rows = table.unique("label", maintain_order=True).filter(pl.col("universe_sequences") > 0)
    parts = [
        f"{label} {text.plural(n, 'sequence')} ({text.count(bases)} bases of the genome)"
        for label, n, bases in rows.select("label", "universe_sequences", "universe_bases").iter_rows()
    ]
    return (
        f"Regions were looked for in, and controls are drawn from, the explained sequences only: {text.listing(parts)}."
    )


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
            data=table,
            classes=facts.labels,
        ),
        Table(
            "conservation",
            "Mean signal over the regions beside matched controls, in the unit of the signal's file, and the share of their bases that have a value.",
            table,
            (
                words("Class", "label"), words("Signal", "signal"), counts("Regions", "regions"), percents("Bases covered", "covered"),
                numbers("Observed", "observed"), intervals("Expected (95 % of controls)", "expected", "low", "high"),
                p_values("p", "p_value"), p_values("q", "q_value"), percents("Covered in controls", "covered_expected"), p_values("p of covered", "covered_p_value"),
            ),
            shown=max(facts.top, 12),
        ),
        *_ends(facts),
    ]  # fmt: skip
    return Section("conservation", title, _lead(table, "signal", percent=False), blocks)


def _ends(facts: Facts) -> list[Block]:
    """Return the tables of highly and of hardly conserved regions, or why one is not there."""
    limits, blocks = facts.settings.annotate, list[Block]()
    words_of = {"highly": f"of at least {limits.highly_conserved:g}", "hardly": f"of at most {limits.conserved:g}"}
    for name, limit in words_of.items():
        table = facts.conserved.filter(list=name)
        covered = f"at least {text.percent(limits.conserved_covered)} of their bases covered"
        if not table.height:
            blocks.append(
                Paragraph(
                    f"No region has a mean signal {limit} with {covered}, so none is listed as {name} conserved.",
                    "none",
                )
            )
            continue
        columns = (
            words("Signal", "signal"), words("Region", "region_id"), words("Class", "label"), words("Chromosome", "chrom"), counts("Start", "start"), counts("End", "end"),
            numbers("Mean", "mean"), percents("Covered", "covered"), words("Genes", "genes"), counts("Distance", "distance"),
        )  # fmt: skip
        share = f"{table['region_id'].n_unique()} of {facts.regions.height}"
        caption = f"{name.capitalize()} conserved regions ({share}): a mean signal {limit}, {covered}. Genes: those that the region overlaps (distance 0), else the nearest one."
        blocks.append(Table(f"conserved-{name}", caption, table, columns, shown=facts.top))
    return blocks
