"""Figures of which enriched motifs sets share: an UpSet plot of any number of sets, circles for two or three."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from phenolens.report import text
from phenolens.report.figures import GRID, INK, blank, colour, lines_behind, row_labels, styled

MOST = 12  # combinations drawn, those with most motifs first
JOINED = " & "  # as in MOTIF_SETS


@styled
def upset_figure(sets: pl.DataFrame, names: Sequence[str]) -> Figure | None:
    """Return an UpSet plot: bars of clusters of motifs in each combination of sets, and dots for the sets of the combination; None when empty.

    Parameters
    ----------
    sets : MOTIF_SETS of one comparison.
    names : the sets, in order.
    """
    table = sets.sort(["clusters", "motifs", "sets"], descending=[True, True, False]).head(MOST)
    if not table.height:
        return None
    figure = blank(height=2.2 + 0.3 * len(names))
    bars, dots = figure.subplots(2, 1, sharex=True, height_ratios=[1.7, 0.3 * len(names)])
    places = np.arange(table.height)
    bars.bar(places, table["clusters"], color=colour(0), width=0.6)
    for place, (clusters, motifs) in enumerate(table.select("clusters", "motifs").iter_rows()):
        more = "" if motifs == clusters else f" ({motifs})"
        bars.annotate(
            f"{clusters}{more}", (place, clusters), (0, 3), textcoords="offset points", ha="center", fontsize=10
        )
    lines_behind(bars, "y")
    bars.margins(y=0.18)
    bars.yaxis.get_major_locator().set_params(integer=True)
    bars.set_ylabel("Motifs")
    bars.tick_params(axis="x", length=0, labelbottom=False)
    for place, combination in enumerate(table["sets"]):
        members = [row for row, name in enumerate(names) if name in combination.split(JOINED)]
        dots.scatter([place] * len(names), range(len(names)), s=46, color=GRID, zorder=2)
        dots.scatter([place] * len(members), members, s=46, color=INK, zorder=3)
        dots.plot([place, place], [members[0], members[-1]], color=INK, linewidth=1.6, zorder=3)
    row_labels(dots, list(names))
    dots.set_xlim(-0.7, max(table.height, 4) - 0.3)
    dots.set_xticks([])
    dots.spines["bottom"].set_visible(False)
    return figure


@styled
def venn_figure(sets: pl.DataFrame, names: Sequence[str]) -> Figure | None:
    """Return two or three circles with the numbers of clusters of motifs in each part; not to scale. None when empty, or for other numbers of sets.

    Parameters
    ----------
    sets : MOTIF_SETS of one comparison.
    names : the sets, in order.
    """
    if not sets.height or len(names) not in (2, 3):
        return None
    angles = np.pi * (np.array([1.0, 0.0]) if len(names) == 2 else np.array([5 / 6, 1 / 6, -1 / 2]))
    centres = 0.62 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    figure = blank(width=4.6, height=3.4)
    axes = figure.subplots()
    for number, (centre, name) in enumerate(zip(centres, names, strict=True)):
        axes.add_patch(Circle(tuple(centre), 1.0, facecolor=colour(number), alpha=0.25, edgecolor="none"))
        axes.add_patch(Circle(tuple(centre), 1.0, fill=False, edgecolor=colour(number), linewidth=1.4))
        outside = centre * 1.75 / 0.62 if len(names) == 3 else np.array([centre[0], 1.2])
        axes.text(float(outside[0]), float(outside[1]), text.short(name, 18), ha="center", va="center", fontsize=10)
    clusters = dict(sets.select("sets", "clusters").iter_rows())
    for members in range(1, 2 ** len(names)):
        inside = [row for row in range(len(names)) if members >> row & 1]
        middle = centres[inside].mean(axis=0) * (1.45 if len(inside) == 1 else 1.9 if len(inside) == 2 else 1.0)
        count = clusters.get(JOINED.join(names[row] for row in inside), 0)
        axes.text(float(middle[0]), float(middle[1]), str(count), ha="center", va="center", fontsize=11, color=INK)
    axes.set_xlim(-2.3, 2.3)
    axes.set_ylim(-2.0, 1.7 if len(names) == 3 else 1.5)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure
