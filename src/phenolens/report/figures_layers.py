"""Figures of the hidden layers: what a probe reads from each, before and after fine-tuning, and pictures of sequences in two dimensions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from phenolens.report import text
from phenolens.report.estimates import metric_name
from phenolens.report.figures import COLOURS, PAPER, SOFT, WIDTH, blank, colour, lines_behind, styled

STATES = {"before": ("before fine-tuning", COLOURS[5], "s"), "after": ("after fine-tuning", COLOURS[1], "o")}
POOLINGS = {"mean": "Mean over tokens", "reading": "Reading token"}
COUNTS = "6-mers"
DOTS = 250  # sequences drawn in a panel
DOT = 4.6  # points
SHADES = (0.15, 0.4, 0.7, 1.0)  # opacity of the quarters of a number
MOST = 6  # families with a colour of their own
FEWEST = 5  # sequences of a family that is shown


class Tint(NamedTuple):
    """One colour of a picture.

    name : in the legend.
    members : bool (n,), the sequences that have it.
    """

    name: str
    colour: str
    opacity: float
    members: np.ndarray


@styled
def layers_figure(layers: pl.DataFrame, *, metric: str = "balanced_accuracy") -> Figure | None:
    """Return the probe's metric by layer before and after fine-tuning, with bands, one panel a pooling, beside 6-mer counts and chance.

    Parameters
    ----------
    layers : LAYERS.
    metric : which of its metrics. None where no layer has a value.
    """
    table = layers.filter(pl.col("metric") == metric).drop_nulls("value")
    curves = table.filter(pl.col("state").is_in(list(STATES)) & pl.col("layer").is_not_null())
    if not curves.height:
        return None
    figure = blank(height=3.6)
    panels = figure.subplots(1, len(POOLINGS), sharey=True)
    for axes, (pooling, title) in zip(panels, POOLINGS.items(), strict=True):
        axes.set_title(title)
        lines_behind(axes, "y")
        for state, (name, tint, marker) in STATES.items():
            part = curves.filter((pl.col("state") == state) & (pl.col("pooling") == pooling)).sort("layer")
            axes.plot(
                part["layer"], part["value"], marker=marker, color=tint, markeredgecolor=PAPER, markersize=7, label=name
            )
            band = part.drop_nulls(["low", "high"])
            axes.fill_between(band["layer"], band["low"], band["high"], color=tint, alpha=0.2, linewidth=0)
        for state, name, style in ((COUNTS, "6-mer counts", (0, (5, 2))), ("chance", "guessing", (0, (1, 1.5)))):
            for value, low, high in table.filter(state=state).select("value", "low", "high").iter_rows():
                axes.axhline(value, color=SOFT, linestyle=style, linewidth=1.3, label=name)
                if low is not None and high is not None:
                    axes.axhspan(low, high, color=SOFT, alpha=0.12, linewidth=0)
        axes.set_xlabel("Layer (0 = embeddings)")
        axes.locator_params(axis="x", integer=True)
    panels[0].set_ylabel(metric_name(metric))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return figure


@styled
def projection_figure(spaces: Mapping[str, pl.DataFrame], tints: Mapping[str, Sequence[Tint]]) -> Figure | None:
    """Return a grid of pictures: a row for each space, a column for each thing that colours them, legends below; None without a space.

    Parameters
    ----------
    spaces : title of the row -> columns x, y and at, the place of the sequence in the tints' members; the first 250 rows are drawn.
    tints : title of the column -> its colours.
    """
    spaces = {name: table.head(DOTS) for name, table in spaces.items() if table.height}
    if not spaces or not tints:
        return None
    entries = max(len(colours) for colours in tints.values())
    below = 0.2 + 0.19 * entries
    figure = blank(WIDTH, 1.85 * len(spaces) + below)
    grid = figure.subplots(
        len(spaces) + 1, len(tints), squeeze=False, height_ratios=[*([1.85] * len(spaces)), below]
    )  # fmt: skip
    for column, (title, colours) in enumerate(tints.items()):
        for row, (name, table) in enumerate(spaces.items()):
            axes = grid[row, column]
            axes.set(xticks=[], yticks=[])
            for tint in colours:
                _dots(axes, table.filter(pl.Series(tint.members[table["at"].to_numpy()])), tint)
            axes.autoscale_view()
            if not row:
                axes.set_title(title)
            if not column:
                axes.set_ylabel(name)
        legend = grid[-1, column]
        legend.set_axis_off()
        marks = [
            Line2D(
                [], [], marker="o", linestyle="", color=tint.colour, alpha=tint.opacity, label=text.short(tint.name, 19)
            )
            for tint in colours
        ]
        legend.legend(handles=marks, loc="upper left", borderaxespad=0, handletextpad=0.1, labelspacing=0.25)
    return figure


def _dots(axes: Axes, table: pl.DataFrame, tint: Tint) -> None:
    """Draw points as one path of strokes without length and round ends: a tenth of the bytes of as many markers.

    Not clipped: the axes hold all points, and a clip path would be named by its place in memory.
    """
    if not table.height:
        return
    points = np.repeat(table.select("x", "y").to_numpy(), 2, axis=0)
    path = Path(points, np.tile([Path.MOVETO, Path.LINETO], table.height))
    path.should_simplify = False
    axes.add_patch(
        PathPatch(
            path,
            fill=False,
            edgecolor=tint.colour,
            alpha=tint.opacity,
            linewidth=DOT,
            capstyle="round",
            snap=False,
            clip_on=False,
        )
    )


def class_tints(labels: Sequence[str], found: pl.Series) -> list[Tint]:
    """Return a colour for each class; of more than eight classes the later ones are paler.

    Parameters
    ----------
    labels : classes in order.
    found : class of each sequence.
    """
    opacity = (0.9, 0.4, 0.2)
    return [
        Tint(label, colour(i), opacity[i // len(COLOURS) % len(opacity)], (found == label).to_numpy())
        for i, label in enumerate(labels)
        if (found == label).any()
    ]


def family_tints(families: pl.Series) -> list[Tint]:
    """Return a colour for each of the six largest families, and a pale one for all others; none where there are not two families of five.

    Parameters
    ----------
    families : name of each sequence's family, null where it has none.
    """
    large = families.drop_nulls().value_counts().filter(pl.col("count") >= FEWEST)
    names = large.sort(["count", families.name], descending=[True, False])[families.name].head(MOST).to_list()
    if len(names) < 2:
        return []
    tints = [Tint(name, colour(i), 0.9, (families == name).fill_null(False).to_numpy()) for i, name in enumerate(names)]
    rest = ~families.is_in(names).fill_null(False).to_numpy()
    return [Tint("others", SOFT, 0.2, rest), *tints] if rest.any() else tints


def number_tints(values: np.ndarray, *, percent: bool = False) -> list[Tint]:
    """Return four shades of one colour for the quarters of a number, lowest palest; fewer where quarters share their limits.

    Parameters
    ----------
    values : float (n,), NaN where absent.
    percent : write the limits as percentages.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    limits = np.unique(np.quantile(known, [0.25, 0.5, 0.75, 1]))
    written = [text.percent(limit) if percent else text.count(limit) for limit in limits]
    quarter = np.searchsorted(limits, values)
    names = [f"up to {end}" for end in written]
    shades = SHADES[-len(limits) :]
    return [Tint(name, COLOURS[0], shades[i], quarter == i) for i, name in enumerate(names)]
