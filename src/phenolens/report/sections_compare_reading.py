"""Sections of the page of several runs: what the models look at, the motifs there, whether it matters to them, and how all of it was computed."""

from functools import partial
from typing import Any

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import (
    Block,
    Bullets,
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
from phenolens.report.content_compare import CompareContent
from phenolens.report.figures_compare import alike_figure
from phenolens.report.figures_motifs import upset_figure

MOST_CLASSES = 6  # UpSet plots, one a class


def reading(content: CompareContent) -> Section:
    """Return the section on whether the models look at the same bases."""
    title, absent = "Do they look at the same bases?", [run.name for run in content.runs if not run.explained]
    if not content.scores.height and not content.regions.height:
        why = (
            f"explain is not finished in {text.listing(absent)}"
            if absent
            else "no two runs explained the same sequences"
        )
        return Section("reading", title, f"Nothing is compared: {why}.", [])
    scores, regions = (table.filter(pl.col("label").is_null()) for table in (content.scores, content.regions))
    pair = (
        words("First", "folder_a"),
        words("Second", "folder_b"),
        Column("Class", lambda row: row["label"] or "all"),
        counts("Sequences", "n"),
    )
    blocks: list[Block] = [
        Paragraph(f"Explain is not finished in {text.listing(absent)}, which are left out here.", "none")
        for _ in absent[:1]
    ]
    blocks += [
        Figure(
            "alike-plot",
            "Agreement of each two runs on what they look at",
            "Dot: agreement with its 95 % interval; grey bar: what chance gives, one side's scores or regions turned around along each sequence. 1 = the same.",
            partial(alike_figure, scores, regions),
            "No agreement is defined, so none is drawn.",
            data=scores.join(regions.drop("label", "n"), on=["folder_a", "folder_b"], how="full", coalesce=True),
        ),
        Table(
            "scores",
            "Base scores (ALRW) of each two runs on the sequences that both explained (at most 2,000, drawn at random): mean rank correlation over sequences, and the mean share of the highest "
            "tenth of bases that both have; by chance: one side turned around.",
            content.scores,
            (
                *pair, intervals("Rank correlation", "correlation", "correlation_low", "correlation_high"), numbers("By chance", "correlation_chance"),
                intervals("Highest tenth shared", "overlap", "overlap_low", "overlap_high"), numbers("By chance", "overlap_chance"),
            ),
        ),
        Table(
            "regions",
            "High-score regions of each two runs on the sequences that both explained: bases in regions of both over bases in regions of either (Jaccard index), and what it would be if the regions of each "
            "sequence lay anywhere in it.",
            content.regions,
            (
                *pair, counts("Bases, first", "bases_a"), counts("Bases, second", "bases_b"), counts("In both", "bases_both"), intervals("Jaccard index", "jaccard", "low", "high"),
                numbers("By chance", "expected"),
            ),
        ),
    ]  # fmt: skip
    return Section("reading", title, _alike(scores, regions), blocks)


def _alike(scores: pl.DataFrame, regions: pl.DataFrame) -> str:
    """Return the agreement of the two runs, or of those that agree least and most, each beside what chance gives."""
    parts = []
    for table, value, chance, what in (
        (scores, "correlation", "correlation_chance", "rank correlation of base scores"),
        (regions, "jaccard", "expected", "Jaccard index of regions"),
    ):
        rows = table.drop_nulls(value).sort(value).select("folder_a", "folder_b", value, chance).rows()
        found = [
            f"{text.number(number)} ({f'{a} and {b}, ' if len(rows) > 1 else ''}by chance {text.number(expected)})"
            for a, b, number, expected in (rows if len(rows) < 2 else (rows[0], rows[-1]))
        ]
        parts += [f"{what} {' to '.join(found)}"] if found else []
    joined = "; ".join(parts) or "no agreement is defined"
    return f"{joined[0].upper()}{joined[1:]}. Models that are equally good may look at different bases."


def motifs(content: CompareContent) -> Section:
    """Return the section on motifs that are enriched in the regions of each run."""
    title, table = "Motifs in their regions", content.motifs
    if not table.height:
        reason = (
            "No motif is enriched in the regions of any run, or none was tested, so no sets of motifs are compared."
        )
        return Section("motifs", title, reason, [])
    blocks: list[Block] = []
    for place, case in enumerate(content.motif_sets["comparison"].unique(maintain_order=True).head(MOST_CLASSES)):
        sets = content.motif_sets.filter(comparison=case)
        blocks.append(
            Figure(
                f"motif-sets-{place}",
                f"Enriched motifs that runs share, regions of {text.short(case)}",
                f"Motifs that are enriched in the regions of {case}, nearly identical ones counted once (in brackets: all of them). Each is counted in one column only: that of the runs which have it, marked by dots.",
                partial(upset_figure, sets, content.names),
                "No motif is enriched, so none is drawn.",
                data=sets,
            )
        )
    wide = table.with_columns(
        cell=pl.struct("enriched", "odds_ratio", "q_value").map_elements(_cell, return_dtype=pl.String)
    )
    wide = wide.pivot("folder", index=["case", "motif_id", "motif_name"], values="cell", maintain_order=True)
    names = [name for name in content.names if name in wide.columns]
    columns = (
        Column("Motif", lambda row: row["motif_name"] or row["motif_id"]), words("Identifier", "motif_id"), words("Class", "case"), *(words(text.short(name), name) for name in names),
    )  # fmt: skip
    long = (
        words("Class", "case"), words("Motif", "motif_name"), words("Identifier", "motif_id"), words("Run", "folder"), words("Against", "control"),
        Column("Enriched", lambda row: "yes" if row["enriched"] else "no"), numbers("Odds ratio", "odds_ratio"), p_values("q", "q_value"),
    )  # fmt: skip
    blocks += [
        Table(
            "motifs",
            "Motifs that are enriched in one run at least: odds ratio (q) in each run, in capitals where it is enriched there; a dash: not tested.",
            wide,
            columns,
            shown=30,
        ),
        Table("motifs-long", "The same, one row a motif and run.", table, long, shown=30, folded=True),
    ]
    shared = (
        table.filter("enriched").group_by("case", "motif_id").len().filter(pl.col("len") == len(content.runs)).height
    )
    one = table.select("case", "motif_id").n_unique()
    lead = f"{text.plural(one, 'motif is', 'motifs are')} enriched in one run at least (a motif in two classes counts twice), {shared} of them in all {len(content.runs)}."
    return Section("motifs", title, lead, blocks)


def _cell(row: dict[str, Any]) -> str:
    written = f"{text.number(row['odds_ratio'])} ({text.p_value(row['q_value'])})"
    return f"ENRICHED {written}" if row["enriched"] else written


def faithfulness(content: CompareContent) -> Section:
    """Return the section on whether the bases with high scores matter to each model."""
    title, rows = "Do the scores matter to the models?", []
    for run in content.runs:
        if run.faithfulness is not None:
            rows.append(
                run.faithfulness.filter(pl.col("label").is_null() & (pl.col("model") == "trained")).select(
                    pl.lit(run.name).alias("folder"), pl.all()
                )
            )
    table = pl.concat(rows).filter(pl.col("control") == "shift") if rows else None
    if table is None or not table.height:
        return Section(
            "faithfulness", title, "No run has tested its base scores (explain.methods), so nothing is shown.", []
        )
    columns = (
        words("Run", "folder"), words("Method", "method"), words("Curve", "curve"), intervals("Area (95 % interval)", "area", "low", "high"), p_values("p", "p_value"), p_values("q", "q_value"), counts("Sequences", "n"),
    )  # fmt: skip
    caption = (
        "How much more the model's answer changes when the bases with high scores are replaced (deletion) or kept (insertion) than with the same scores laid elsewhere in the sequence. Above 0: the scores "
        "point at bases that matter; an interval that holds 0 is no evidence."
    )
    clear = table.filter((pl.col("method").str.starts_with("alrw")) & (pl.col("low") > 0))["folder"].n_unique()
    lead = f"In {clear} of {text.plural(len(rows), 'run')} ALRW is clearly better than the same scores elsewhere, in deletion or insertion."
    return Section("faithfulness", title, lead, [Table("faithfulness", caption, table, columns)])


def methods(content: CompareContent) -> Section:
    """Return how everything on the page was computed, and with what."""
    items = [
        ("Which sequences", "Two runs share a sequence when its letters (either case) and its class are the same in both; copies of one sequence have one partner each."),
        ("Paired differences", "Whole groups of related sequences are drawn with replacement, the same draws for both runs; 95 % percentile interval of the difference. Groups, number of draws and seed are those of the first run of a pair."),
        ("McNemar", "Exact two-sided binomial test on the sequences that exactly one of the two gets right (McNemar 1947); corrected over pairs of runs by Holm's method (1979). It takes sequences as independent; where groups hold near-copies trust the interval."),
        ("Base scores", "Spearman's rank correlation of the ALRW of the bases of each shared sequence, averaged over sequences; interval over groups. By chance: the second run's scores turned around along each sequence by a random distance."),
        ("Regions", "Jaccard index: bases in regions of both runs over bases in regions of either, summed over shared sequences; interval over groups. By chance: a·b / L bases of a sequence with L bases would be in both, were a and b bases laid anywhere."),
        ("Motifs", "As each run's own report says; a motif is in a run's set when it is enriched in its regions against any control."),
    ]  # fmt: skip
    table = pl.DataFrame(
        [
            {
                "name": run.name,
                "folder": run.folder,
                "model": str(run.model.get("name", "")),
                "run": run.run,
                "version": run.versions.get("phenolens"),
            }
            for run in content.runs
        ]
    )
    columns = (
        words("Run", "name"), words("Folder", "folder"), words("Model", "model"), Column("Stands for it", lambda row: estimates.run_name(row["run"])), words("phenolens", "version"),
    )  # fmt: skip
    caption = "The runs: folder, pre-trained model, which of its models stands for it, and the version that made it."
    return Section(
        "methods",
        "How this was computed",
        f"Compared with phenolens {content.version}.",
        [Bullets(items), Table("runs", caption, table, columns)],
    )
