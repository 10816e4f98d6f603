"""Sections of the page of several runs: the answer, and how good the models are."""

from functools import partial
from typing import Any

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import (
    Block,
    Cards,
    Column,
    Figure,
    Paragraph,
    Section,
    Table,
    counts,
    intervals,
    p_values,
    words,
)
from phenolens.report.content_compare import CompareContent
from phenolens.report.figures_compare import differences_figure, runs_figure

MOST_CARDS = 6


def summary(content: CompareContent) -> Section:
    """Return the section with the answer: which run is best, by how much, and whether that can be said."""
    metric = headline(content)
    own = content.overall.filter(metric=metric)
    cards = [
        (f"{estimates.metric_name(metric)}, {row['folder']}", text.number(row["value"]), _between(row))
        for row in own.head(MOST_CARDS).iter_rows(named=True)
    ]
    blocks: list[Block] = [Cards(cards)] if cards else []
    blocks += [Paragraph(sentence, "warn") for sentence in (*_apart(content), *_learned(content))]
    lead = f"{text.plural(len(content.runs), 'run')} on their {content.split} sequences. {_answer(content, metric)}"
    return Section("summary", "Summary", lead, blocks)


def headline(content: CompareContent) -> str:
    """Return the metric that the page speaks of: the first headline metric that has a value in every run, else in any."""
    have = content.overall.group_by("metric").agg(pl.len())
    everywhere = set(have.filter(pl.col("len") == len(content.runs))["metric"])
    return next(
        (m for group in (everywhere, set(have["metric"])) for m in estimates.HEADLINES if m in group), "accuracy"
    )


def _between(row: dict[str, Any]) -> str:
    if row["low"] is None or row["high"] is None:
        return f"n = {text.count(row['n'])}"
    return f"95 % interval {text.number(row['low'])}–{text.number(row['high'])}"


def _apart(content: CompareContent) -> list[str]:
    """Return the sentence on pairs that were not tested on the same sequences; none where all were."""
    apart = content.pairs.filter(~pl.col("paired"))
    if not apart.height:
        return []
    labels = {run.name: set(run.labels) for run in content.runs}
    named = text.listing(
        f"{row['folder_a']} and {row['folder_b']} ({'other classes' if labels[row['folder_a']] != labels[row['folder_b']] else _common(row)})"
        for row in apart.iter_rows(named=True)
    )
    return [
        f"Not tested on the same sequences: {named}. Of these, intervals stand side by side only, and a difference may be that between the sequences, not between the models."
    ]


def _common(row: dict[str, Any]) -> str:
    return f"{text.count(row['shared'])} in common, of {text.count(row['of_a'])} and {text.count(row['of_b'])}"


def _learned(content: CompareContent) -> list[str]:
    """Return the sentence on sequences of one run's test that are in another's training; none where there are none."""
    found = content.pairs.filter((pl.col("a_in_training_of_b") > 0) | (pl.col("b_in_training_of_a") > 0))
    if not found.height:
        return []
    named = text.listing(f"{a} and {b}" for a, b in found.select("folder_a", "folder_b").iter_rows())
    return [
        f"What one run was tested on, another one was trained on, in {named}: a test on one run's sequences would favour the other. Numbers: table of shared sequences."
    ]


def _answer(content: CompareContent, metric: str) -> str:
    name, own = estimates.metric_name(metric), content.overall.filter(metric=metric).sort("value", descending=True)
    if own.height < 2:
        return "Fewer than two of them have a metric, so none is better."
    best, second = own.row(0, named=True), own.row(1, named=True)
    if best["value"] == second["value"]:
        tied = own.filter(pl.col("value") == best["value"])["folder"].to_list()
        return f"Highest {name}: {text.number(best['value'])}, in {text.listing(tied)} alike."
    sentence = f"Highest {name}: {best['folder']}, {text.interval(best['value'], best['low'], best['high'])}"
    pair = content.differences.filter(
        (pl.col("metric") == metric)
        & pl.concat_list("folder_a", "folder_b")
        .list.set_symmetric_difference([best["folder"], second["folder"]])
        .list.len()
        .eq(0)
    )
    if not pair.height or pair["low"][0] is None:
        return f"{sentence}, before {second['folder']}, {text.interval(second['value'], second['low'], second['high'])}; the two were not tested on the same sequences."
    difference, low, high = pair.select("difference", "low", "high").row(0)
    if pair["folder_a"][0] != best["folder"]:
        difference, low, high = -difference, -high, -low
    verdict = "a clear difference" if low > 0 else "no clear difference"
    several = " (the best of several looks better than it is)" if len(content.runs) > 2 else ""
    return f"{sentence}; {text.interval(difference, low, high)} above the next, {second['folder']}, on the same sequences: {verdict}{several}."


def performance(content: CompareContent) -> Section:
    """Return the section on metrics of all runs and their paired differences."""
    metric = headline(content)
    present = [name for name in (*estimates.MAIN, "accuracy", "f1_weighted") if name in set(content.overall["metric"])]
    runs = [(run.name, run.run, run.name) for run in content.runs]
    table, columns = wide_table(content.overall, "folder", content.names, present, "Run")
    blocks: list[Block] = [
        Figure(
            "metrics-plot",
            f"Metrics of the runs on the {content.split} sequences with 95 % intervals",
            "Dot: the model of each run; line: 95 % interval (whole groups of related sequences resampled). Intervals of runs on the same sequences may overlap although the "
            "difference is clear: the paired differences below decide.",
            partial(runs_figure, content.overall, runs, ("auroc_macro", "balanced_accuracy", "mcc")),
            "No metric has a value, so none is drawn.",
            data=content.overall,
        ),
        Table("metrics", f"Metrics of the runs on the {content.split} sequences, with 95 % intervals.", table, columns),
        *_differences(content),
        *_by_class(content),
    ]
    lead = f"{estimates.metric_name(metric)} and the other metrics of {text.plural(len(content.runs), 'run')}. {_answer(content, metric)}"
    return Section("performance", "How good the models are", lead, blocks)


def wide_table(
    rows: pl.DataFrame, key: str, keys: list[str], metrics: list[str], title: str
) -> tuple[pl.DataFrame, tuple[Column, ...]]:
    """Return (a row per key with value, low and high of each metric, its shown columns).

    Parameters
    ----------
    rows : columns key, metric, value, low, high; at most one row of each key and metric.
    key, keys : name of the column and its values in order.
    metrics : in order.
    title : heading of the first column.
    """
    wide = pl.DataFrame({key: keys}, schema={key: pl.String})
    for metric in metrics:
        part = rows.filter(metric=metric).select(
            key,
            pl.col("value").alias(metric),
            pl.col("low").alias(f"{metric}_low"),
            pl.col("high").alias(f"{metric}_high"),
        )
        wide = wide.join(part, on=key, how="left", maintain_order="left")
    shown = (intervals(estimates.metric_name(m), m, f"{m}_low", f"{m}_high") for m in metrics)
    return wide, (words(title, key), *shown)


def _differences(content: CompareContent) -> list[Block]:
    table = content.differences
    if not table.height:
        reason = "No two runs were tested on the same sequences and classes, so no paired difference can be given; only the intervals above can be compared."
        return [Paragraph(reason, "none")]
    pairs = table.select("folder_a", "folder_b").n_unique()
    columns = (
        words("Run", "folder_a"), words("Minus", "folder_b"), Column("Metric", lambda row: estimates.metric_name(row["metric"])),
        intervals("Difference (95 % interval)", "difference", "low", "high"), p_values("p (McNemar)", "p_value"), p_values("p (Holm)", "p_holm"), counts("Sequences", "n"),
    )  # fmt: skip
    main = table.filter(pl.col("metric").is_in((*estimates.MAIN, "accuracy")))
    return [
        Figure(
            "differences-plot",
            "Paired differences between each two runs with 95 % intervals",
            "First run minus second on the sequences that both predicted. Filled blue: the 95 % interval does not hold 0, a clear difference for that pair alone.",
            partial(differences_figure, table, ("auroc_macro", "balanced_accuracy", "mcc")),
            "No difference has an interval, so none is drawn.",
            data=table,
        ),
        Table(
            "differences",
            "Paired differences: metric of the first run minus that of the second, on the sequences that both predicted. Intervals: whole groups resampled, the same for both. "
            f"p: McNemar's exact test, for accuracy only; Holm: corrected over {text.plural(pairs, 'pair')}. The intervals are of each pair alone, not corrected.",
            main if main.height else table,
            columns,
        ),
    ]


def _by_class(content: CompareContent) -> list[Block]:
    rows = content.own.filter(pl.col("class").is_not_null() & pl.col("bin").is_null())
    labels = list(dict.fromkeys(label for run in content.runs for label in run.labels))
    present = [metric for metric in ("auroc", "f1", "precision", "recall") if metric in set(rows["metric"])]
    if not present:
        return [Paragraph("No run has metrics of single classes.", "none")]
    tables = []
    for label in labels:
        part = rows.filter(pl.col("class") == label)
        names = [name for name in content.names if name in set(part["folder"])]
        wide, _ = wide_table(part, "folder", names, present, "Run")
        tables.append(wide.select(pl.lit(label).alias("class"), pl.all()))
    columns = wide_table(rows.clear(), "folder", [], present, "Run")[1]
    caption = "Each class against all others, in every run that has it, with 95 % intervals."
    return [Table("metrics-by-class", caption, pl.concat(tables), (words("Class", "class"), *columns))]
