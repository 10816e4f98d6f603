"""Figures of what the model reads and what that is: ALRW profile, motif enrichment, observed against expected."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenolens.report import text
from phenolens.report.figures import (
    GRID,
    PAPER,
    SOFT,
    WIDTH,
    blank,
    colour,
    dash,
    lines_behind,
    log_ticks,
    row_labels,
    rows_height,
    styled,
)

FEWEST = 10  # sequences at a position; below, the mean is noise
POINTS = 500  # points of a drawn curve
SIGNIFICANT = 0.05


@styled
def profile_figure(profile: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return the mean score by position with its band, and below it the number of sequences that reach the position.

    Up to four classes share one panel, more have one each. Longer profiles than 500 positions are averaged in equal steps.
    Positions that fewer than 10 sequences of the class reach are not drawn, unless none has 10. None when empty.

    Parameters
    ----------
    profile : PROFILE of one method.
    labels : classes in order.
    """
    curves = {label: _curve(profile.filter(pl.col("label") == label)) for label in labels}
    curves = {label: curve for label, curve in curves.items() if curve.height}
    if not curves:
        return None
    index = {label: labels.index(label) for label in curves}
    together = len(curves) <= 4
    columns = 1 if together else 3
    panels = 1 if together else -(-len(curves) // columns)
    figure = blank(height=4.3 if together else 1.0 + 1.7 * panels + 1.3)
    grid = figure.add_gridspec(panels + 1, columns, height_ratios=[*([3.0 if together else 1.6] * panels), 1.1])
    first: Axes | None = None
    for place, (label, curve) in enumerate(curves.items()):
        if first is None or not together:
            axes = figure.add_subplot(
                grid[0 if together else place // columns, place % columns if not together else 0],
                sharex=first,
                sharey=first,
            )
            lines_behind(axes, "y")
            axes.set_title("" if together else text.short(label, 22))
            first = first or axes
        shade(axes, curve, index[label], text.short(label))
    assert first is not None
    if together:
        first.tick_params(labelbottom=False)
    method = profile["method"][0]
    first.set_ylabel("Mean ALRW" if method in ("alrw", "alrw-paper") else f"Mean {text.short(method)}")
    reach = figure.add_subplot(grid[panels, :], sharex=first)
    for label, curve in curves.items():
        reach.plot(
            curve["position"],
            curve["n"],
            color=colour(index[label]),
            linestyle=dash(index[label]),
            linewidth=1.6,
            drawstyle="steps-mid",
        )
    reach.set_ylim(0)
    reach.set_ylabel("Sequences")
    reach.set_xlabel("Position in the sequence (bases from its start)")
    lines_behind(reach, "y")
    if together:
        figure.legend(*first.get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return figure


def shade(axes: Axes, curve: pl.DataFrame, index: int, label: str) -> None:
    """Draw a curve (columns position, mean, low, high) with its band."""
    axes.plot(curve["position"], curve["mean"], color=colour(index), linestyle=dash(index), linewidth=1.5, label=label)
    band = curve.drop_nulls(["low", "high"])
    axes.fill_between(band["position"], band["low"], band["high"], color=colour(index), alpha=0.22, linewidth=0)


def _curve(table: pl.DataFrame) -> pl.DataFrame:
    """Return positions with enough sequences, averaged in steps so that at most POINTS remain."""
    table = table.drop_nulls("mean").sort("position")
    if table.height and table["n"].max() >= FEWEST:  # type: ignore[operator]
        table = table.filter(pl.col("n") >= FEWEST)
    if table.height <= POINTS:
        return table
    step = -(-table.height // POINTS)
    return table.group_by(pl.col("position") // step * step, maintain_order=True).agg(
        *(pl.col(name).mean() for name in ("mean", "low", "high", "n"))
    )


@styled
def enrichment_figure(enrichment: pl.DataFrame) -> Figure | None:
    """Return a forest plot of odds ratios with 95 % intervals on a logarithmic axis, filled where q <= 0.05, q at the right.

    Parameters
    ----------
    enrichment : ENRICHMENT, the rows to show in their order; rows without an odds ratio are left out. None when no row is left.
    """
    table = enrichment.filter((pl.col("odds_ratio") > 0) & (pl.col("low") > 0) & pl.col("high").is_finite())
    if not table.height:
        return None
    figure = blank(height=rows_height(table.height, 0.29))
    axes = figure.subplots()
    axes.axvline(1, color=SOFT, linewidth=0.9)
    for row, (ratio, low, high, q) in enumerate(table.select("odds_ratio", "low", "high", "q_value").iter_rows()):
        tint = colour(0) if q <= SIGNIFICANT else SOFT
        axes.plot([low, high], [row, row], color=tint, linewidth=1.8)
        axes.plot([ratio], [row], "o", color=tint, markerfacecolor=tint if q <= SIGNIFICANT else PAPER, markersize=7)
        axes.text(
            1.01,
            row,
            f"{text.number(ratio)} (q = {text.p_value(q)})",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=10,
        )
    several = table["case"].n_unique() > 1
    names = [
        f"{name or motif}{f' · {case}' if several else ''}"
        for motif, name, case in table.select("motif_id", "motif_name", "case").iter_rows()
    ]
    row_labels(axes, names)
    lines_behind(axes)
    low, high = float(table["low"].min()), float(table["high"].max())  # type: ignore[arg-type]
    log_ticks(axes, min(low, 0.5) / 1.1, max(high, 2.0) * 1.1)
    axes.set_xlabel("Odds ratio: how much more often the motif occurs than in the control (1 = equally often)")
    return figure


@styled
def expected_figure(table: pl.DataFrame, *, name: str, percent: bool, labels: Sequence[str]) -> Figure | None:
    """Return observed values as dots beside the range of the matched controls as bars; None when nothing was observed.

    One panel for all rows when they share a unit (percent), else one panel per signal with an axis of its own.

    Parameters
    ----------
    table : OVERLAP or CONSERVATION.
    name : column that names what was compared: feature or signal.
    percent : the values are shares.
    labels : classes in order.
    """
    table = table.drop_nulls("observed").with_columns(
        pl.col("observed", "expected", "low", "high") * (100 if percent else 1)
    )
    if not table.height:
        return None
    parts = [table] if percent else table.partition_by(name, maintain_order=True)
    figure = blank(WIDTH, sum(rows_height(part.height, 0.3, 0.55) for part in parts) + 0.5)
    panels = figure.subplots(len(parts), squeeze=False, height_ratios=[part.height + 1 for part in parts])[:, 0]
    for axes, part in zip(panels, parts, strict=True):
        _observed_rows(axes, part, labels)
        several = part["label"].n_unique() > 1
        both = [f"{what} · {label}" if several else str(what) for what, label in part.select(name, "label").iter_rows()]
        row_labels(axes, both if percent else part["label"].to_list())
        axes.set_xlabel(
            "Regions that overlap the feature (%)"
            if percent
            else f"Mean {text.short(part[name][0], 40)} over the regions"
        )
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _observed_rows(axes: Axes, part: pl.DataFrame, labels: Sequence[str]) -> None:
    lines_behind(axes)
    for row, (label, observed, expected, low, high) in enumerate(
        part.select("label", "observed", "expected", "low", "high").iter_rows()
    ):
        if low is not None and high is not None:
            axes.plot(
                [low, high],
                [row, row],
                color=GRID,
                linewidth=9,
                solid_capstyle="butt",
                label=None if row else "matched controls: 95 % range, mean",
            )
        if expected is not None:
            axes.plot([expected] * 2, [row - 0.22, row + 0.22], color=SOFT, linewidth=1.8)
        tint = colour(labels.index(label) if label in labels else 0)
        axes.plot(
            [observed],
            [row],
            "o",
            color=tint,
            markersize=8,
            markeredgecolor=PAPER,
            label=None if row else "observed in high-ALRW regions",
        )
    spread = np.array(
        [v for v in part.select("observed", "low", "high").to_numpy().ravel() if np.isfinite(v)], dtype=float
    )
    margin = 0.08 * (float(np.ptp(spread)) or 1.0)
    axes.set_xlim(float(spread.min()) - margin, float(spread.max()) + margin)
