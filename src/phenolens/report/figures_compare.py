"""Figures of several runs side by side: metrics, paired differences, metrics by length, calibration, agreement of scores and regions."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from phenolens.report import estimates, text
from phenolens.report.figures import (
    COLOURS,
    GRID,
    PAPER,
    SOFT,
    WIDTH,
    blank,
    colour,
    dash,
    dot,
    lines_behind,
    log_ticks,
    row_labels,
    rows_height,
    styled,
)

NAME = 30  # letters of a run's name in a figure


@styled
def runs_figure(metrics: pl.DataFrame, runs: Sequence[tuple[str, str, str]], shown: Sequence[str]) -> Figure | None:
    """Return a dot with its 95 % interval per row and metric, one panel a metric; None without values.

    Parameters
    ----------
    metrics : FOLDER_METRICS over all classes and lengths.
    runs : (folder, run, what the row is called) of each row; a row of a baseline is grey.
    shown : the metrics.
    """
    rows = metrics.filter(pl.col("metric").is_in(shown)).drop_nulls("value")
    panels_of = [metric for metric in shown if metric in rows["metric"]]
    if not panels_of:
        return None
    figure = blank(height=rows_height(len(runs), 0.32, 1.0))
    panels = figure.subplots(1, len(panels_of), squeeze=False, sharey=True)[0]
    for axes, metric in zip(panels, panels_of, strict=True):
        for place, (folder, run, _) in enumerate(runs):
            found = rows.filter(folder=folder, run=run, metric=metric).select("value", "low", "high").rows()
            model = run == "vote" or run.startswith("run-")
            for value, low, high in found:
                dot(axes, place, value, low, high, tint=COLOURS[0] if model else SOFT)
        axes.set_title(estimates.metric_name(metric))
        lines_behind(axes)
        axes.set_xmargin(0.12)
        axes.locator_params(axis="x", nbins=4)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    row_labels(panels[0], [name for _, _, name in runs], NAME)
    return figure


@styled
def differences_figure(differences: pl.DataFrame, shown: Sequence[str]) -> Figure | None:
    """Return paired differences with 95 % intervals, one row a pair and one panel a metric, filled where the interval leaves 0 out; None when empty.

    Parameters
    ----------
    differences : FOLDER_DIFFERENCES.
    shown : the metrics.
    """
    rows = differences.filter(pl.col("metric").is_in(shown)).drop_nulls(["difference", "low", "high"])
    panels_of = [metric for metric in shown if metric in rows["metric"]]
    if not panels_of:
        return None
    pairs = differences.select("folder_a", "folder_b").unique(maintain_order=True).rows()
    figure = blank(height=rows_height(len(pairs), 0.34, 1.0))
    panels = figure.subplots(1, len(panels_of), squeeze=False, sharey=True)[0]
    for axes, metric in zip(panels, panels_of, strict=True):
        axes.axvline(0, color=SOFT, linewidth=0.9)
        for place, (first, second) in enumerate(pairs):
            for value, low, high in (
                rows.filter(folder_a=first, folder_b=second, metric=metric).select("difference", "low", "high").rows()
            ):
                clear = low > 0 or high < 0
                tint = COLOURS[0] if clear else SOFT
                axes.plot([low, high], [place, place], color=tint, linewidth=2)
                face = tint if clear else PAPER
                axes.plot([value], [place], "o", color=tint, markerfacecolor=face, markersize=7)
        axes.set_title(estimates.metric_name(metric))
        lines_behind(axes)
        axes.set_xmargin(0.12)
        axes.locator_params(axis="x", nbins=4)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    half = NAME // 2
    row_labels(panels[0], [f"{text.short(a, half)} − {text.short(b, half)}" for a, b in pairs], 2 * half + 3)
    return figure


@styled
def lengths_figure(bins: pl.DataFrame, names: Sequence[str], metric: str) -> Figure | None:
    """Return a metric per length bin, one step line with intervals a run; None without a bin that can be placed.

    Parameters
    ----------
    bins : FOLDER_METRICS by length, over all classes.
    names : the runs in order.
    metric : which one.
    """
    drawn = []
    for index, name in enumerate(names):
        rows = bins.filter((pl.col("folder") == name) & (pl.col("metric") == metric)).drop_nulls("value")
        placed = [(estimates.bin_edges(row["bin"]), row) for row in rows.iter_rows(named=True)]
        drawn += [(index, edges, row) for edges, row in placed if edges]
    if not drawn:
        return None
    figure = blank(height=3.3)
    axes = figure.subplots()
    for index, (low, high), row in sorted(drawn, key=lambda item: (item[0], item[1])):
        shift = (index + 1) / (len(names) + 1)
        middle = low ** (1 - shift) * high**shift
        if row["low"] is not None and row["high"] is not None:
            axes.plot([middle] * 2, [row["low"], row["high"]], color=colour(index), linewidth=1.6)
        axes.plot([low, high], [row["value"]] * 2, color=colour(index), linestyle=dash(index), linewidth=2.4)
        axes.plot([middle], [row["value"]], "o", color=colour(index), markersize=6, markeredgecolor=PAPER)
    for index in sorted({index for index, _, _ in drawn}):
        named = text.short(names[index], NAME)
        axes.plot([], [], color=colour(index), linestyle=dash(index), linewidth=2.4, label=named)
    log_ticks(axes, min(edges[0] for _, edges, _ in drawn), max(edges[1] for _, edges, _ in drawn))
    axes.set(xlabel="Length of the sequence (bases, logarithmic)", ylabel=estimates.metric_name(metric))
    lines_behind(axes, "y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def calibrations_figure(curves: Mapping[str, pl.DataFrame]) -> Figure | None:
    """Return the calibration curve of each run, as predicted, without intervals; None without a row.

    Parameters
    ----------
    curves : short name of the run -> CALIBRATION of its model on one split, before any temperature.
    """
    if not any(curve.height for curve in curves.values()):
        return None
    figure = blank(5.0, 5.0)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle=(0, (3, 3)), linewidth=1)
    for index, (name, curve) in enumerate(curves.items()):
        rows = curve.sort("bin_low")
        axes.plot(
            rows["confidence"],
            rows["accuracy"],
            marker="o",
            color=colour(index),
            linestyle=dash(index),
            linewidth=1.6,
            markersize=5.5,
            markeredgecolor=PAPER,
            label=text.short(name, NAME),
        )
    lowest = min(float(curve["bin_low"].to_numpy().min()) for curve in curves.values() if curve.height)
    axes.set(
        xlim=(float(np.floor(10 * min(lowest, 0.5)) / 10), 1.01),
        ylim=(-0.01, 1.01),
        xlabel="How sure: probability of the predicted class",
        ylabel="Share that is right",
    )
    lines_behind(axes, "both")
    axes.legend(loc="lower right", handlelength=1.6)
    return figure


@styled
def alike_figure(scores: pl.DataFrame, regions: pl.DataFrame) -> Figure | None:
    """Return agreement of each two runs beside what chance gives: rank correlation of scores, shared highest tenth, Jaccard index of regions; None when empty.

    Parameters
    ----------
    scores, regions : SCORES_COMPARED and REGIONS_COMPARED, rows over all classes.
    """
    kinds = (
        (
            "Rank correlation of ALRW",
            scores,
            "correlation",
            "correlation_low",
            "correlation_high",
            "correlation_chance",
        ),
        ("Highest tenth shared", scores, "overlap", "overlap_low", "overlap_high", "overlap_chance"),
        ("Bases of regions shared", regions, "jaccard", "low", "high", "expected"),
    )
    drawn = [kind for kind in kinds if kind[1].drop_nulls(kind[2]).height]
    if not drawn:
        return None
    pairs = list(dict.fromkeys(row for kind in drawn for row in kind[1].select("folder_a", "folder_b").rows()))
    figure = blank(WIDTH, rows_height(len(pairs), 0.34, 1.2))
    panels = figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    for axes, (title, table, value, low, high, chance) in zip(panels, drawn, strict=True):
        for first, second, *numbers in table.select("folder_a", "folder_b", value, low, high, chance).iter_rows():
            place = pairs.index((first, second))
            if numbers[3] is not None:
                axes.plot([numbers[3]] * 2, [place - 0.3, place + 0.3], color=GRID, linewidth=5, solid_capstyle="butt")
            if numbers[0] is not None:
                dot(axes, place, *numbers[:3], tint=COLOURS[0])
        axes.set_title(title)
        axes.set_xlim(min(0.0, axes.get_xlim()[0]) - 0.02, max(1.0, axes.get_xlim()[1]) + 0.02)
        lines_behind(axes)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    half = NAME // 2
    row_labels(panels[0], [f"{text.short(a, half)}, {text.short(b, half)}" for a, b in pairs], 2 * half + 2)
    return figure
