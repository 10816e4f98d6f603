"""Figure of the paper's ALRW beside the default, near both ends of the sequences."""

import polars as pl
from matplotlib.figure import Figure

from phenolens.report.figures import SOFT, blank, colour, dash, lines_behind, styled

_NAMES = {
    "default": "default: divided by the tokens that cover the base",
    "paper": "paper: divided by k at the end, too",
}


@styled
def edges_figure(edges: pl.DataFrame) -> Figure | None:
    """Return both modes by distance from the start and from the end, all classes together; None when empty.

    Parameters
    ----------
    edges : EDGES.
    """
    weighted = (pl.col("default", "paper") * pl.col("n")).sum() / pl.col("n").sum()
    pooled = edges.drop_nulls(["default", "paper"]).group_by("edge", "distance").agg(weighted).sort("distance")
    if not pooled.height:
        return None
    figure = blank(height=3.0)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, edge in zip(panels, ("start", "end"), strict=True):
        lines_behind(axes, "y")
        axes.axhline(1, color=SOFT, linewidth=0.9)
        some = pooled.filter(pl.col("edge") == edge)
        for number, (name, words) in enumerate(_NAMES.items()):
            axes.plot(some["distance"] + 1, some[name], color=colour(number), linestyle=dash(number), label=words)
        axes.set_xlabel(f"Base from the {edge} (1 = {'first' if edge == 'start' else 'last'})")
    panels[1].invert_xaxis()
    panels[0].set_ylim(0)
    panels[0].set_ylabel("Mean score (1 = evenly spread)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure
