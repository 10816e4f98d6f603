"""Sections: what lies under each stretch of tokens, what a region rule finds by chance, and the tracks for genome browsers."""

from functools import partial

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import (
    Block,
    Column,
    Figure,
    Paragraph,
    Row,
    Section,
    Table,
    counts,
    intervals,
    percents,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_regions import MEASURES, token_regions_figure

RULES = {"paper": "above the sequence's mean", "calibrated": "above the calibrated threshold"}


def token_regions(facts: Facts) -> Section:
    """Return the section on the bases under each stretch of tokens and each fifth of the sequence."""
    title, table = "Composition along the input", facts.token_regions
    if not table.height:
        return Section("token-regions", title, "The run holds no table of token regions, so nothing is shown.", [])
    n = int(table.group_by("label").agg(pl.col("n").max())["n"].sum())
    gc = table.filter((pl.col("coordinates") == "sequence") & (pl.col("measure") == "gc")).sort("mean", nulls_last=True)
    spread = (
        f" GC content lies between {text.percent(gc['mean'][0])} ({gc['label'][0]}, {gc['stretch'][0]}) and "
        f"{text.percent(gc['mean'][-1])} ({gc['label'][-1]}, {gc['stretch'][-1]})."
        if gc.height
        else ""
    )
    lead = f"What the bases of {text.plural(n, 'explained sequence')} are like, stretch by stretch, so that a place the model looks at can be told from a place that is merely different.{spread}"
    caption = "Mean over the sequences of the class, with 95 % intervals (whole groups drawn again). "
    figures = {
        "tokens": "Stretches of the model's input, counted in tokens from its beginning; where a long sequence was cut, the stretches after the cut lie near its end. Few sequences reach the last stretches.",
        "sequence": "Fifths of the sequence's own length, from its first to its last base, whatever was cut.",
    }
    blocks: list[Block] = [
        Figure(
            f"composition-{coordinates}",
            f"Composition of the sequences by {'stretch of tokens' if coordinates == 'tokens' else 'fifth of their length'}",
            caption + meaning,
            partial(token_regions_figure, table, coordinates, facts.labels),
            "No stretch has a measure.",
            data=table.filter(pl.col("coordinates") == coordinates),
            classes=facts.labels,
        )
        for coordinates, meaning in figures.items()
    ]
    columns: tuple[Column, ...] = (
        words("Class", "label"), words("Counted in", "coordinates"), words("Stretch", "stretch"),
        Column("Measure", lambda row: MEASURES.get(row["measure"], str(row["measure"]))),
        intervals("Mean (95 % interval)", "mean", "low", "high"), counts("Sequences", "n"),
    )  # fmt: skip
    blocks.append(Table("composition", "The same numbers.", table, columns, shown=facts.top, folded=True))
    return Section("token-regions", title, lead, blocks)


def chance(facts: Facts) -> list[Block]:
    """Return what the region rules find in shuffled sequences: a sentence and a table; nothing when none were scored."""
    table = facts.region_chance
    rule = facts.settings.explain.region_rule
    overall = table.filter(pl.col("label").is_null() & (pl.col("rule") == rule) & pl.col("by_chance").is_not_null())
    if not overall.height:
        return []
    row = overall.row(0, named=True)
    seen = text.interval(100 * row["by_chance"], 100 * row["low"], 100 * row["high"])
    sentence = (
        f"By this rule {text.percent(row['found'])} of the explained sequences have a region, and so do {seen} % of {text.plural(row['shuffled'], 'copy', 'copies')} of them with the same "
        "dinucleotides in random order. "
    )
    if row["low"] > 0.2:
        sentence += (
            "A single region is therefore no evidence that the model reads something there; what many regions share (motifs, features, conservation) is compared with controls below. "
            f'explain.region_rule = "calibrated" keeps only regions that at most {text.percent(facts.settings.explain.false_positive_rate)} of shuffled sequences have.'
        )
    columns: tuple[Column, ...] = (
        Column("Rule", lambda row: RULES.get(row["rule"], str(row["rule"]))),
        Column("Class", lambda row: str(row["label"] or "all")),
        Column("Threshold", lambda row: "none is high enough" if row["threshold"] is None else text.number(row["threshold"]), "number"),
        counts("Sequences", "sequences"), percents("With a region", "found"), counts("Shuffled copies", "shuffled"),
        Column("With a region by chance (95 % interval)", _by_chance, "number"),
    )  # fmt: skip
    caption = (
        "How often either rule finds a region, in the sequences and in shuffled copies of them. Threshold: how far above its mean a sequence must score, as a multiple of its mean absolute "
        "score; the calibrated one was set on these copies."
    )
    return [
        Paragraph(sentence, "warn" if row["low"] > 0.2 else "plain"),
        Table("region-chance", caption, table, columns),
    ]


def _by_chance(row: Row) -> str:
    if row["by_chance"] is None:
        return text.NONE
    return f"{text.interval(100 * row['by_chance'], 100 * row['low'], 100 * row['high'])} %"


def tracks(facts: Facts) -> Section:
    """Return the section on the files for genome browsers, and how to open them."""
    title, table = "Tracks for genome browsers", facts.tracks
    placed = int(facts.regions["start"].is_not_null().sum())
    if not table.height and not placed:
        lead = "No explained sequence has coordinates on the genome, so there is nothing to show in a browser."
        return Section("tracks", title, lead, [])
    several = int(table["several"].sum()) if table.height else 0
    lead = f"{text.plural(table.height, 'track')} of mean scores and {text.plural(placed, 'region')} lie on the genome, ready for IGV and the UCSC browser."
    hub = any(name.endswith("hub/hub.txt") for name, _, _ in facts.files)
    how = "IGV: File, Open Session, explain/igv_session.xml. UCSC: upload explain/regions.bed as a custom track" + (
        ", or put the folder explain/hub on a web server and give the address of its hub.txt under My Data, Track Hubs (write your own e-mail address into it before you publish it)."
        if hub
        else ". No track hub was written, because the genome's name at UCSC is not known: set explain.assembly."
    )
    overlap = (
        f"Where explained sequences overlap, a base lies in several of them; it has the mean of their scores ({text.plural(several, 'such base')})."
        if several
        else "No base lies in more than one explained sequence of a class, so every value is one sequence's score."
    )
    columns: tuple[Column, ...] = (
        words("File in explain/", "file"), words("Class", "label"), words("Score", "method"), counts("Bases with a value", "bases"),
        counts("In several sequences (mean)", "several"),
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(how),
        Paragraph(f"{overlap} Alternative alleles are in no track.{_sampled(table)}"),
    ]
    if table.height:
        blocks.append(Table("tracks", "Mean score per base of the genome, one bigWig file a class.", table, columns))
    return Section("tracks", title, lead, blocks)


def _sampled(table: pl.DataFrame) -> str:
    several = table["method"].n_unique() > 1
    return (
        " Methods besides ALRW were computed on a sample of the sequences, so their tracks are shorter."
        if several
        else ""
    )
