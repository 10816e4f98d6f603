"""Section: known motifs that are enriched in the regions and in the whole sequences, cross-fitted, and which classes share them."""

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
from phenolens.report.figures_motifs import upset_figure, venn_figure
from phenolens.report.figures_reading import SIGNIFICANT, enrichment_figure

CROSSFIT = (
    "Cross-fitted: the explained sequences are dealt into two halves, whole groups of related ones together; a motif that the regions of one half "
    "choose (q ≤ 0.05) is tested in the other half, so that nothing is tested in the sequences that chose it."
)


def crossed(facts: Facts) -> bool:
    """Return True when motifs were tested in the half of the data that did not choose them."""
    return facts.enrichment["chosen"].null_count() < facts.enrichment.height


def significant(facts: Facts) -> pl.DataFrame:
    """Return the rows of ENRICHMENT that are enriched in the regions, the clearest first.

    Where nothing could be cross-fitted and the paper's test was not asked for, these are the rows with q <= 0.05.
    """
    kept = pl.col("enriched")
    if not crossed(facts) and facts.settings.annotate.motif_test != "paper":
        kept = pl.col("q_value") <= SIGNIFICANT
    order = ("crossfit_q", "q_value", "p_value", "case", "motif_id")
    return facts.enrichment.filter((pl.col("scope") == "regions") & kept).sort(order, nulls_last=True)


def motifs(facts: Facts) -> Section:
    """Return the section on known motifs that are enriched in the regions."""
    title, table = "Motifs in the regions", facts.enrichment
    if not table.height:
        reason = "No motif was tested, so nothing is shown: no motif file was given, or no class can be compared with another."
        return Section("motifs", title, reason, [])
    found = significant(facts)
    first = pl.int_range(pl.len()).over("case", "scope", "control", "cluster") > 0
    shown = (
        table.sort(["p_value", "case", "control", "motif_id"], nulls_last=True)
        .with_columns(further=first)
        .sort("further", "scope", maintain_order=True)
        .drop("further")
    )
    note = "" if found.height else " None is significant; the rows with the lowest p-values are shown all the same."
    blocks: list[Block] = [
        *_scanned(facts),
        Figure(
            "enrichment-plot",
            "Odds ratios of motifs with 95 % intervals",
            "How much more often a motif occurs in the regions than in the control; right of 1 = more often. Lines: 95 % intervals; "
            f"filled blue: q ≤ 0.05 after correction for the number of motifs; hollow: not significant. Of motifs that are nearly the same the clearest one is drawn.{note}",
            partial(enrichment_figure, shown.filter(pl.col("scope") == "regions").head(max(facts.top, 12))),
            "No odds ratio is defined, so none is drawn.",
            data=shown.filter(pl.col("scope") == "regions").head(max(facts.top, 12)),
        ),
        Table(
            "enrichment",
            f"Motifs with the lowest p-values, of nearly identical ones the clearest first.{note} {_counted(facts)} In: regions, or whole sequences.",
            shown,
            _columns(facts),
            shown=facts.top,
        ),
        *_sets(facts),
    ]
    return Section("motifs", title, _lead(facts, found), blocks)


def _lead(facts: Facts, found: pl.DataFrame) -> str:
    tested = text.plural(facts.enrichment["motif_id"].n_unique(), "motif")
    where = "in the half of the data that did not choose them, " if crossed(facts) else ""
    if not found.height:
        return f"Of {tested} tested, none occurs significantly more often than in the control ({where}q ≤ 0.05): no motif explains what the model reads."
    best, several = found.row(0, named=True), found["motif_id"].n_unique()
    value = "crossfit_q" if crossed(facts) else "q_value"
    estimate = (
        ("crossfit_odds_ratio", "crossfit_low", "crossfit_high") if crossed(facts) else ("odds_ratio", "low", "high")
    )
    return (
        f"Of {tested} tested, {several} ({text.plural(found['cluster'].n_unique(), 'distinct one')}, nearly identical ones counted once) occur significantly more often than in the control "
        f"({where}q ≤ 0.05); the clearest is {best['motif_name'] or best['motif_id']}{_family(best)} in {best['case']} (odds ratio {text.interval(*(best[n] for n in estimate))}, "
        f"q = {text.p_value(best[value])})."
    )


def _family(row: dict[str, object]) -> str:
    return f", {row['tf_family']}," if row["tf_family"] else ""


def _counted(facts: Facts) -> str:
    if facts.settings.annotate.motif_test == "paper":
        return "The paper's test: hits with q ≤ 0.05 of all hits are counted, so that one sequence with many hits counts many times; enriched: q ≤ 0.05, case rate ≥ 0.5, more than 10 hits."
    return "A sequence counts once, however many hits it has."


def _columns(facts: Facts) -> tuple[Column, ...]:
    def of(hits: str, total: str) -> Column:
        title = "With a hit" if hits == "case_hits" else "Control with a hit"
        return Column(title, lambda row: f"{text.count(row[hits])} of {text.count(row[total])}", "number")

    fitted = (
        (
            intervals("Odds ratio, cross-fitted", "crossfit_odds_ratio", "crossfit_low", "crossfit_high"),
            p_values("q, cross-fitted", "crossfit_q"),
        )
        if crossed(facts)
        else (numbers("Case rate", "case_rate"),)
    )
    return (
        Column("Motif", lambda row: row["motif_name"] or row["motif_id"]), words("Identifier", "motif_id"), words("Class", "case"), words("In", "scope"), words("Against", "control"),
        of("case_hits", "case_total"), of("control_hits", "control_total"), intervals("Odds ratio (95 % interval)", "odds_ratio", "low", "high"), p_values("p", "p_value"),
        p_values("q", "q_value"), *fitted, numbers("Hits per kb", "case_per_kb"), numbers("Control hits per kb", "control_per_kb"), words("Family", "tf_family"),
    )  # fmt: skip


def _scanned(facts: Facts) -> list[Block]:
    table = facts.enrichment
    pairs = table.select("case", "scope", "control", "case_total", "control_total").unique(maintain_order=True)
    what = "hit" if facts.settings.annotate.motif_test == "paper" else "sequence"
    scanned = text.listing(
        f"{text.plural(a, what)} of {case} ({scope}) against {text.plural(b, what)} of {control}"
        for case, scope, control, a, b in pairs.head(6).iter_rows()
    )
    blocks: list[Block] = [Paragraph(f"Scanned: {scanned}{'; and further pairs' if pairs.height > 6 else ''}.")]
    if crossed(facts):
        blocks.append(Paragraph(CROSSFIT))
    elif facts.settings.annotate.motif_test != "paper":
        blocks.append(
            Paragraph(
                "Nothing could be cross-fitted, because a half of the data has no region of the class or none of its control: the motifs are tested in the very sequences whose regions "
                "were picked, and their numbers are too good.",
                "warn",
            )
        )
    return blocks


def _sets(facts: Facts) -> list[Block]:
    """Return the figures and the table of shared motifs; a sentence where no motif is enriched."""
    table = facts.motif_sets
    if not table.height:
        return [Paragraph("No motif is enriched, so there are no sets of motifs to compare.", "none")]
    cases = facts.enrichment["case"].unique(maintain_order=True).to_list()
    classes = f"classes, {'regions' if (table['comparison'] == 'classes, regions').any() else 'whole sequences'}"
    if len(cases) > 1:
        comparison, names = classes, cases
    else:
        comparison, names = f"{cases[0]}: regions and whole sequences", ["regions", "whole sequences"]
    drawn = table.filter(pl.col("comparison") == comparison)
    caption = (
        f"Enriched motifs, nearly identical ones counted once (in brackets: all of them) – {comparison}. Each motif is counted in exactly one column or part: that of the sets which have it, "
        "marked by dots."
    )
    blocks: list[Block] = [
        Figure(
            "motif-sets-plot",
            "Number of enriched motifs in each combination of sets",
            caption,
            partial(upset_figure, drawn, names),
            "No set has a motif, so none is drawn.",
            data=drawn,
        )
    ]
    if len(names) <= 3 and drawn.height:
        blocks.append(
            Figure(
                "motif-venn-plot",
                "The same numbers in overlapping circles",
                "The same numbers as circles, which are not to scale.",
                partial(venn_figure, drawn, names),
                "No set has a motif, so none is drawn.",
                half=True,
                data=drawn,
            )
        )
    columns = (words("Compared", "comparison"), words("In these and no other", "sets"), counts("Motifs", "motifs"), counts("Distinct", "clusters"), words("Names", "names"))  # fmt: skip
    blocks.append(
        Table(
            "motif-sets",
            "Enriched motifs that classes share, and that regions and whole sequences share.",
            table,
            columns,
            shown=facts.top,
        )
    )
    return blocks
