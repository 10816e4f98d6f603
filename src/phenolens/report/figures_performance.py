"""Figures of how good the model is: metrics with intervals, ROC curves, confusion matrix, loss, metrics by length."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phenolens.report import estimates, text
from phenolens.report.figures import (
    COLOURS,
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

SQUARE = 4.5  # inches
FEW = 6  # classes of a confusion matrix that fits half the page


@styled
def metrics_figure(metrics: pl.DataFrame, *, classes: int, kmer: int) -> Figure | None:
    """Return a dot with its 95 % interval per run and metric on the test split, chance as a dashed line; None without values.

    Parameters
    ----------
    metrics : METRICS.
    classes : number of classes, for the chance level.
    kmer : k of the k-mer baselines, for their name.
    """
    table = estimates.overall(metrics, "test")
    shown = [metric for metric in ("auroc_macro", "balanced_accuracy", "mcc") if metric in table["metric"]]
    if not shown:
        return None
    runs = estimates.runs(metrics, "test")
    figure = blank(height=rows_height(len(runs), 0.32, 1.0))
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, metric in zip(panels, shown, strict=True):
        for row, run in enumerate(runs):
            estimate = estimates.find(metrics, run, "test", metric)
            tint = COLOURS[0] if run == "vote" or run.startswith("run-") else SOFT
            if estimate:
                dot(axes, row, estimate.value, estimate.low, estimate.high, tint=tint)
        guess = estimates.chance(metric, classes)
        if guess is not None:
            axes.axvline(guess, color=SOFT, linestyle=(0, (3, 3)), linewidth=1)
        axes.set_title(estimates.metric_name(metric))
        lines_behind(axes)
        axes.set_xmargin(0.12)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4)
    row_labels(panels[0], [estimates.run_name(run, kmer) for run in runs])
    return figure


@styled
def roc_figure(
    predictions: pl.DataFrame, labels: Sequence[str], *, run: str, background: Sequence[str]
) -> Figure | None:
    """Return ROC curves on the test split, each class against the rest, of two classes one; None where no class can be drawn.

    Parameters
    ----------
    predictions : PREDICTIONS.
    labels : classes in order.
    run : the run that stands for the model.
    background : classes that are background; of two classes the other one is drawn.
    """
    table = predictions.filter((pl.col("run") == run) & (pl.col("split") == "test"))
    drawn = [label for label in labels if f"p_{label}" in table.columns]
    if len(drawn) == 2:
        drawn = [label for label in drawn if label not in background][:1] or drawn[:1]
    figure = blank(SQUARE, SQUARE)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle=(0, (3, 3)), linewidth=1)
    curves = 0
    for label in drawn:
        rows = table.drop_nulls(f"p_{label}")
        positive, score = (rows["label"] == label).to_numpy(), rows[f"p_{label}"].to_numpy()
        if not 0 < positive.sum() < len(positive):
            continue
        false, true = thin(*estimates.roc_curve(positive, score))
        area = float(np.trapezoid(true, false))
        index = labels.index(label)
        name = f"{text.short(label, 20)} ({text.number(area)})"
        axes.plot(false, true, color=colour(index), linestyle=dash(index), linewidth=2, label=name)
        curves += 1
    if not curves:
        return None
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect="equal",
        xlabel="False positive rate",
        ylabel="True positive rate",
    )
    lines_behind(axes, "both")
    axes.legend(
        loc="lower right", title="AUROC", alignment="left", fontsize=10 if curves < 7 else 9.5, handlelength=1.6
    )
    return figure


def thin(x: np.ndarray, y: np.ndarray, points: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve with at most about `points` points, its ends kept, so that the page stays small."""
    if len(x) <= points:
        return x, y
    keep = np.unique(np.linspace(0, len(x) - 1, points).astype(int))
    return x[keep], y[keep]


@styled
def confusion_figure(confusion: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return the confusion matrix of one run and split: counts, and the share of each true class as depth of colour.

    Parameters
    ----------
    confusion : CONFUSION, rows of one run and split. None when it has no sequence.
    labels : classes in order; of these, those that occur are drawn.
    """
    named = set(confusion["label"].to_list()) | set(confusion["predicted"].to_list())
    shown = [label for label in labels if label in named]
    if not shown or not confusion["n"].sum():
        return None
    counts = np.zeros((len(shown), len(shown)), dtype=int)
    for label, predicted, n in confusion.select("label", "predicted", "n").iter_rows():
        counts[shown.index(label), shown.index(predicted)] += n
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(shown) <= FEW
    side = SQUARE if few else min(WIDTH, 1.8 + 0.6 * len(shown))
    figure = blank(side, side * 0.94)
    axes = figure.subplots()
    for row in range(len(shown)):
        for column in range(len(shown)):
            share = shares[row, column]
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, color=COLOURS[0], alpha=0.62 * share, linewidth=0)
            )
            written = (
                f"{text.count(counts[row, column])}\n{100 * share:.0f} %" if few else text.count(counts[row, column])
            )
            axes.text(column, row, written, ha="center", va="center", fontsize=11 if few else 9.5)
    ticks = range(len(shown))
    names = [text.short(label, 16) for label in shown]
    axes.set_xticks(
        ticks,
        names,
        rotation=0 if few and max(map(len, names)) < 12 else 40,
        ha="center" if few and max(map(len, names)) < 12 else "right",
    )
    axes.set_yticks(ticks, names)
    axes.set(
        xlim=(-0.5, len(shown) - 0.5),
        ylim=(len(shown) - 0.5, -0.5),
        aspect="equal",
        xlabel="Predicted class",
        ylabel="True class",
    )
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set(visible=True, color=SOFT)
    return figure


@styled
def loss_figure(history: pl.DataFrame) -> Figure | None:
    """Return training and validation loss by epoch, one line per run; None without a value.

    Parameters
    ----------
    history : columns run, epoch, train_loss, validation_loss.
    """
    if (
        not history.select("train_loss", "validation_loss").drop_nulls().height
        and not history["train_loss"].drop_nulls().len()
    ):
        return None
    figure = blank(height=2.9)
    axes = figure.subplots()
    for place, (_, part) in enumerate(history.sort("run", "epoch").group_by("run", maintain_order=True)):
        for column, index, name in (("train_loss", 5, "training"), ("validation_loss", 1, "validation")):
            line = part.drop_nulls(column)
            axes.plot(
                line["epoch"],
                line[column],
                marker="o",
                color=COLOURS[index],
                linestyle=dash(8 * place),
                markersize=4,
                linewidth=1.7,
                label=None if place else name,
            )
    axes.set(xlabel="Epoch (passes over the training sequences)", ylabel="Loss (nats)")
    axes.locator_params(axis="x", integer=True)
    lines_behind(axes, "y")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def by_length_figure(
    bins: pl.DataFrame, lengths: np.ndarray, *, metric: str, longest: int | None, alone: pl.DataFrame | None = None
) -> Figure | None:
    """Return a metric per length bin with its interval, above it the histogram of test lengths; None without a bin that has a value.

    Parameters
    ----------
    bins : columns bin, value, low, high of one run, split and metric, as in METRICS, bin not null.
    lengths : int (n,), lengths of the test sequences in bases; may be empty.
    metric : its name in METRICS.
    longest : bases of the longest sequence that the model reads whole, drawn as a line; None where unknown.
    alone : the same columns of the length-only baseline, drawn in grey beside; None where there is none.
    """
    placed = _placed(bins)
    if not placed:
        return None
    figure = blank(height=4.0)
    above, axes = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2.2])
    low, high = placed[0][0][0], placed[-1][0][1]
    inside = lengths[(lengths >= low) & (lengths <= high)]
    if len(inside):
        above.hist(inside, np.geomspace(low, high, 49), color=COLOURS[7], alpha=0.5)
    above.set_ylabel("Sequences")
    for drawn, tint, shift in ((_placed(alone), SOFT, 0.42), (placed, COLOURS[0], 0.5)):
        for edges, row in drawn:
            middle = float(edges[0] ** (1 - shift) * edges[1] ** shift)  # on the logarithmic axis
            if row["low"] is not None and row["high"] is not None:
                axes.plot([middle] * 2, [row["low"], row["high"]], color=tint, linewidth=1.6)
            axes.plot(
                edges, [row["value"]] * 2, color=tint, linewidth=3 if tint != SOFT else 1.5, solid_capstyle="butt"
            )
            axes.plot([middle], [row["value"]], "o", color=tint, markersize=6, markeredgecolor=PAPER)
    for panel in (above, axes):
        if longest is not None and low < longest < high:
            panel.axvline(longest, color=COLOURS[1], linestyle=(0, (3, 3)), linewidth=1.2)
    log_ticks(axes, low, high)
    axes.set(xlabel="Length of the sequence (bases, logarithmic)", ylabel=estimates.metric_name(metric))
    lines_behind(axes, "y")
    return figure


def _placed(bins: pl.DataFrame | None) -> list[tuple[tuple[float, float], dict[str, Any]]]:
    """Return ((shortest, longest), row) of every bin that has a value and edges, short ones first."""
    if bins is None:
        return []
    rows = [(estimates.bin_edges(r["bin"]), r) for r in bins.drop_nulls("value").iter_rows(named=True)]
    return sorted(((edges, r) for edges, r in rows if edges), key=lambda pair: pair[0])
