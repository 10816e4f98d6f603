"""Sections: how harmful single substitutions in the regions are said to be, and how the regions vary in people, beside matched controls."""

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
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_reading import SIGNIFICANT, expected_figure
from phenolens.report.sections_meaning import CONTROLS

FEW = 0.1  # share of bases below which a mean rests on few of them
COVERED = "covered bases"
DRAWN = ("mean score", "diversity", "depth")  # one panel each; the table has every measure


def pathogenicity(facts: Facts) -> Section:
    """Return the section on scores of substitutions."""
    title, table = "Harmful substitutions", facts.pathogenicity
    files = _files(facts, "scores")
    if not table.height:
        reason = "No scores of substitutions were used, so nothing is shown: no file was given (annotate.scores), or no region has genome coordinates."
        return Section("pathogenicity", title, reason, files)
    read = facts.overlays.filter(kind="scores")
    if read.height and not read["rows"].sum():
        reason = f"No base of the regions' sequences has a score in {text.listing(read['file'])}, so nothing is shown; the note below says why."
        return Section("pathogenicity", title, reason, files)
    named = table.with_columns(what=pl.format("{}: {}", "scores", "measure"))
    blocks: list[Block] = [
        Paragraph(CONTROLS),
        *_coverage(table),
        *_against(named, "pathogenicity", "score", facts),
        *_variants(facts),
        *files,
    ]
    return Section("pathogenicity", title, _lead(named, "scores of the regions"), blocks)


def population(facts: Facts) -> Section:
    """Return the section on variability in people."""
    title, table = "Variation in people", facts.population
    files = [*_files(facts, "variants"), *_files(facts, "depth")]
    if not table.height:
        reason = "Variation in people was not looked at, so nothing is shown: no file was given (annotate.variants, annotate.depth), or no region has genome coordinates."
        return Section("population", title, reason, files)
    named = table.with_columns(what="measure")
    blocks: list[Block] = [
        Paragraph(CONTROLS),
        *_against(named, "population", "variation", facts),
        *_cross(facts),
        *files,
    ]
    return Section("population", title, _lead(named, "variation of the regions"), blocks)


def _lead(table: pl.DataFrame, subject: str) -> str:
    tested = table.drop_nulls("q_value")
    if not tested.height:
        return f"The {subject} could not be compared with matched controls: no value is known."
    found = tested.filter(pl.col("q_value") <= SIGNIFICANT).sort("q_value", "label", "what")
    differ = "differ" if subject.startswith("scores") else "differs"
    if not found.height:
        return f"In none of {text.plural(tested.height, 'comparison')} the {subject} {differ} from matched controls (q ≤ 0.05)."
    best = found.row(0, named=True)
    return (
        f"In {found.height} of {text.plural(tested.height, 'comparison')} the {subject} {differ} from matched controls (q ≤ 0.05); the clearest: regions of "
        f"{best['label']}, {best['what']}, {text.number(best['observed'])} against {text.number(best['expected'])} expected (q = {text.p_value(best['q_value'])})."
    )


def _coverage(table: pl.DataFrame) -> list[Block]:
    """Say of how many bases a score exists, as a warning where they are few."""
    covered = table.filter(measure=COVERED).drop_nulls("observed")
    if not covered.height:
        return []
    share = covered.group_by("scores", maintain_order=True).agg(pl.col("observed").max())
    parts = [f"{name}: at most {text.percent(value)}" for name, value in share.iter_rows()]
    few = bool((share["observed"] < FEW).any())
    sentence = f"Share of a class's region bases of which any substitution has a score: {text.listing(parts)}."
    if few:
        sentence += " Scores of amino-acid changes exist in coding bases only; a mean over few bases says nothing of the others."
    return [Paragraph(sentence, "warn" if few else "plain")]


def _against(table: pl.DataFrame, name: str, subject: str, facts: Facts) -> list[Block]:
    columns = (
        words("Class", "label"), words("Measure", "what"), counts("Regions", "regions"), numbers("Observed", "observed"),
        intervals("Expected (95 % of controls)", "expected", "low", "high"), p_values("p", "p_value"), p_values("q", "q_value"),
    )  # fmt: skip
    caption = (
        f"Mean {subject} over the regions of each class beside matched controls; regions: those that have a value."
    )
    return [
        Figure(
            f"{name}-plot",
            f"{subject.capitalize()} of the regions beside matched controls",
            "Dot: mean over the regions; grey bar: 95 % of the matched controls, with their mean. A dot inside the bar is what chance gives.",
            partial(
                expected_figure,
                table.filter(pl.col("measure").is_in(DRAWN)).head(30),
                name="what",
                percent=False,
                labels=facts.labels,
            ),
            "No mean is defined, so none is drawn.",
            data=table,
            classes=facts.labels,
        ),
        Table(name, caption, table, columns, shown=max(facts.top, 12)),
    ]


def _variants(facts: Facts) -> list[Block]:
    table = facts.pathogenic_variants
    if not table.height:
        return [Paragraph("No substitution in the regions reaches the threshold of its scores.", "none")]
    columns = (
        words("Class", "label"),
        Column("Place", lambda row: f"{row['chrom']}:{row['start'] + 1:,}"),
        Column("Change", lambda row: f"{row['ref']} > {row['alt']}", "letters"),
        words("Scores", "scores"),
        numbers("Score", "score"),
        words("Kind", "kind"),
        words("Gene", "gene"),
        words("Protein change", "change"),
        numbers("Model", "model_change"),
    )
    caption = (
        "Substitutions in the regions that their scores call harmful, highest first (position 1-based). Model: the change of the model's score of the sequence's class when the base is "
        "put in (with two classes, of its log-odds); below 0 the sequence looks less like its class."
    )
    return [Table("harmful", caption, table, columns, shown=facts.top)]


def _cross(facts: Facts) -> list[Block]:
    table = facts.population_cross
    rule = facts.settings.annotate
    if not table.height:
        if not rule.signals:
            return [
                Paragraph(
                    "Without a conservation signal (annotate.signals) variable and hardly conserved regions cannot be told.",
                    "none",
                )
            ]
        return [
            Paragraph("No region is variable in people and hardly conserved by the thresholds of the study.", "none")
        ]
    columns = (
        words("Class", "label"),
        Column("Place", lambda row: f"{row['chrom']}:{row['start'] + 1:,}-{row['end']:,}"),
        words("Measure", "measure"),
        numbers("Value", "value"),
        words("Signal", "signal"),
        numbers("Conservation", "conservation"),
        words("Genes", "genes"),
    )
    caption = f"Regions that are variable in people and hardly conserved (signal at most {rule.conserved:g}), most variable first."
    return [Table("variable", caption, table, columns, shown=facts.top)]


def _files(facts: Facts, kind: str) -> list[Block]:
    table = facts.overlays.filter(kind=kind)
    if not table.height:
        return []
    columns = (
        words("Name", "name"), words("File", "file"), words("Read as", "format"), numbers("Harmful from", "threshold"),
        counts("Rows used", "rows"), counts("Bases asked", "bases"), words("Note", "note"),
    )  # fmt: skip
    return [Table(f"files-{kind}", "The files that were read, and what was left out of them.", table, columns)]
