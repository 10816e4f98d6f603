"""Section: how the quality of the model depends on the length of the sequence, and on how much of it the model sees."""

from functools import partial

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import Block, Column, Figure, Section, Table, counts, intervals, percents
from phenolens.report.content import Facts
from phenolens.report.figures_performance import by_length_figure


def length(facts: Facts) -> Section:
    """Return the section on metrics by length of the sequence."""
    title, run = "Length of the sequences", estimates.headline_run(facts.metrics)
    metric = _metric(facts, run)
    if metric is None:
        return Section("length", title, "The run holds no metrics by length, so nothing is shown.", [])
    rows, name = length_table(facts, run, metric), estimates.metric_name(metric)
    test = facts.sequences.filter(pl.col("split") == "test")["sequence"].str.len_bytes().to_numpy()
    longest = facts.model.get("longest")
    limit = longest if isinstance(longest, int) else None
    line = f" Dashed line: {text.count(limit)} bases, the longest sequence the model reads whole." if limit else ""
    alone = rows.select("bin", value="alone", low="alone_low", high="alone_high").drop_nulls("value")
    beside = " Grey: what the length of the sequence alone gives." if alone.height else ""
    blocks: list[Block] = [
        Figure(
            "by-length",
            f"{name} by length of the sequence",
            f"Above: how long the test sequences are. Below: {name} of the model in each length bin with its 95 % interval.{beside}{line}",
            partial(by_length_figure, rows, test, metric=metric, longest=limit, alone=alone),
            "The length bins cannot be placed on an axis.",
            data=rows,
        ),
        Table(
            "metrics-by-length",
            f"{name} of the model per length bin; bins with few sequences are merged. Cut off: share of the bin's bases beyond the model's input. "
            "Length only: a baseline that sees nothing but the length.",
            rows,
            (
                Column("Length (bases)", lambda row: text.span(row["bin"])),
                counts("Test sequences", "n"),
                percents("Share", "share"),
                percents("Cut off", "cut_off"),
                intervals(name, "value", "low", "high"),
                intervals(f"{name}, length only", "alone", "alone_low", "alone_high"),
            ),
            shown=max(facts.top, 20),
        ),
    ]
    return Section("length", title, _lead(rows, name), blocks)


def _bins(facts: Facts, run: str | None) -> pl.DataFrame:
    own = (pl.col("run") == (run or "")) & (pl.col("split") == "test")
    return facts.metrics.filter(own & pl.col("class").is_null() & pl.col("bin").is_not_null())


def _metric(facts: Facts, run: str | None) -> str | None:
    """Return the first headline metric that has a value in some bin."""
    defined = set(_bins(facts, run).drop_nulls("value")["metric"])
    return next((metric for metric in estimates.HEADLINES if metric in defined), None)


def length_table(facts: Facts, run: str | None, metric: str) -> pl.DataFrame:
    """Return bin, n, share, cut_off, value, low, high, and alone, alone_low, alone_high of the length-only baseline, short bins first."""
    table, only = _bins(facts, run), _bins(facts, "length").filter(metric=metric)
    rows = table.filter(metric=metric).select("bin", "n", "value", "low", "high")
    for name in ("share", "cut_off"):
        rows = rows.join(table.filter(metric=name).select("bin", pl.col("value").alias(name)), on="bin", how="left")
    rows = rows.join(only.select("bin", alone="value", alone_low="low", alone_high="high"), on="bin", how="left")
    edge = pl.col("bin").str.extract(r"^([\d.]+)").cast(pl.Float64)
    return rows.sort(edge).select(
        "bin", "n", "share", "cut_off", "value", "low", "high", "alone", "alone_low", "alone_high"
    )


def _lead(rows: pl.DataFrame, name: str) -> str:
    """Return one sentence: where the model is worst and best, and how much of the sequences it never sees."""
    values = rows.drop_nulls("value").sort("value")
    worst, best = values.row(0, named=True), values.row(-1, named=True)
    if rows.height == 1:
        return f"All test sequences are in one length bin, {text.span(worst['bin'])} bases, so the influence of length is not shown."
    lead = (
        f"Over {text.plural(rows.height, 'length bin')}, {name} is lowest at {text.span(worst['bin'])} bases, "
        f"{text.interval(worst['value'], worst['low'], worst['high'])}, and highest at {text.span(best['bin'])} bases, "
        f"{text.interval(best['value'], best['low'], best['high'])}"
    )
    cut = rows.drop_nulls("cut_off").filter(pl.col("cut_off") > 0)
    if not cut.height:
        return lead + "."
    most = cut.sort("cut_off").row(-1, named=True)
    return f"{lead}; of the sequences of {text.span(most['bin'])} bases it never sees {text.percent(most['cut_off'])}."
