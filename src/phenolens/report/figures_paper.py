"""Figures of the paper that the page draws in another way: dataset sizes, performance as bars, relative enrichment of families with the paper's lines."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from phenolens.report import estimates, text
from phenolens.report.figures import (
    INK,
    PAPER,
    SOFT,
    blank,
    colour,
    dash,
    lines_behind,
    log_ticks,
    row_labels,
    rows_height,
    styled,
)

SPLITS = ("train", "validation", "test")
MOST = 30  # families drawn, those with most sequences first
LINES = (1 / 3, 3)  # the paper's guide lines of relative enrichment
METRICS = ("accuracy", "f1_weighted", "precision_weighted", "recall_weighted", "auroc_macro", "auprc_macro", "mcc")


@styled
def datasets_figure(sizes: pl.DataFrame) -> Figure | None:
    """Return the number of sequences of each class, split by split, as stacked bars, one panel a run; None without a sequence.

    Parameters
    ----------
    sizes : columns run, class, train, validation, test.
    """
    runs = sizes["run"].unique(maintain_order=True).to_list()
    if not sizes.select(SPLITS).fill_null(0).sum().sum_horizontal().sum():
        return None
    rows = [sizes.filter(run=run) for run in runs]
    figure = blank(height=sum(rows_height(part.height, 0.32, 0.75) for part in rows) + 0.4)
    panels = figure.subplots(len(runs), 1, squeeze=False, sharex=True, height_ratios=[part.height + 1 for part in rows])
    for axes, run, part in zip(panels[:, 0], runs, rows, strict=True):
        left = np.zeros(part.height)
        for index, split in enumerate(SPLITS):
            counts = part[split].fill_null(0).to_numpy()
            axes.barh(range(part.height), counts, left=left, color=colour(index), height=0.66, label=split)
            left = left + counts
        for place, total in enumerate(left):
            axes.annotate(text.count(total), (total, place), (4, 0), textcoords="offset points", va="center")
        axes.set_title(text.short(run, 60) if len(runs) > 1 else "")
        axes.margins(x=0.12)
        row_labels(axes, part["class"].to_list())
        lines_behind(axes)
    panels[-1, 0].set_xlabel("Sequences")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


@styled
def performance_figure(performance: pl.DataFrame) -> Figure | None:
    """Return metrics as groups of bars, one bar a run, with their error; None without a value.

    Parameters
    ----------
    performance : columns run, metric, value, low, high; low and high may be null.
    """
    table = performance.drop_nulls("value")
    metrics = [metric for metric in METRICS if metric in table["metric"]]
    runs = table["run"].unique(maintain_order=True).to_list()
    if not metrics:
        return None
    figure = blank(height=3.6)
    axes = figure.subplots()
    width = 0.8 / len(runs)
    for index, run in enumerate(runs):
        part = {row["metric"]: row for row in table.filter(run=run).iter_rows(named=True)}
        for place, metric in enumerate(metrics):
            if metric not in part:
                continue
            at, row = place - 0.4 + (index + 0.5) * width, part[metric]
            label = text.short(run, 40) if metric == next(m for m in metrics if m in part) else None
            axes.bar(at, row["value"], width * 0.92, color=colour(index), label=label)
            if row["low"] is not None and row["high"] is not None:
                axes.plot([at, at], [row["low"], row["high"]], color=INK, linewidth=1.4)
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.set_ylim(min(0.0, float(table["value"].min())), 1.05)  # type: ignore[arg-type]
    axes.set_xticks(range(len(metrics)), [estimates.metric_name(m).replace(" (", "\n(") for m in metrics])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("Value on the test sequences")
    lines_behind(axes, "y")
    if len(runs) > 1:
        figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def families_figure(families: pl.DataFrame) -> Figure | None:
    """Return relative enrichment of families with 95 % intervals on a logarithmic axis, filled where q <= 0.05, with lines at 3 and 1/3; None without one.

    Parameters
    ----------
    families : FAMILIES; several pairs of classes have another colour each.
    """
    table = families.filter((pl.col("ratio") > 0) & (pl.col("low") > 0) & pl.col("high").is_finite())
    table = table.with_columns(total=pl.col("sequences_a") + pl.col("sequences_b"))
    table = table.sort("total", "family", descending=[True, False]).head(MOST).sort("ratio", descending=True)
    if not table.height:
        return None
    pairs = table.select("class_a", "class_b").unique(maintain_order=True).rows()
    figure = blank(height=rows_height(table.height, 0.29, 1.2))
    axes = figure.subplots()
    axes.axvline(1, color=SOFT, linewidth=0.9)
    for line in LINES:
        axes.axvline(line, color=SOFT, linewidth=0.9, linestyle=(0, (3, 3)))
    for place, row in enumerate(table.iter_rows(named=True)):
        index = pairs.index((row["class_a"], row["class_b"]))
        tint, clear = colour(index), row["q_value"] <= 0.05
        axes.plot([row["low"], row["high"]], [place, place], color=tint, linestyle=dash(index), linewidth=1.8)
        axes.plot([row["ratio"]], [place], "o", color=tint, markerfacecolor=tint if clear else PAPER, markersize=7)
    low, high = float(table["low"].min()), float(table["high"].max())  # type: ignore[arg-type]
    log_ticks(axes, min(low, 0.25) / 1.1, max(high, 4.0) * 1.1)
    for index, pair in enumerate(pairs):
        axes.plot(
            [],
            [],
            marker="o",
            color=colour(index),
            linestyle=dash(index),
            label=f"{text.short(pair[0])} / {text.short(pair[1])}",
        )
    row_labels(axes, table["family"].to_list())
    lines_behind(axes)
    axes.set_xlabel("Relative enrichment: share in the first class / share in the second (logarithmic)")
    figure.legend(loc="outside upper left", ncols=2)
    return figure
