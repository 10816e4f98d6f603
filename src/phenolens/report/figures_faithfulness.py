"""Figure of how the answer falls when high-scoring bases are replaced, and rises when they are put back."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenolens.report import text
from phenolens.report.figures import SOFT, WIDTH, blank, colour, dash, lines_behind, styled

TITLES = {"deletion": "Bases replaced", "insertion": "Bases put back"}


@styled
def faithfulness_figure(curves: pl.DataFrame, names: Mapping[str, str], *, first: str) -> Figure | None:
    """Return mean deletion and insertion curves of every method on the trained model beside two controls of the first; None without a row.

    Parameters
    ----------
    curves : FAITHFULNESS_CURVES.
    names : method -> name to show, in order of colour.
    first : method whose band and controls are drawn.
    """
    curves = curves.filter(pl.col("model") == "trained").drop_nulls(["share", "mean"])
    if not curves.height:
        return None
    figure = blank(WIDTH, 3.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (curve, title) in zip(panels, TITLES.items(), strict=True):
        part = curves.filter(pl.col("curve") == curve)
        controls = part.filter(pl.col("method") == first)
        _line(axes, controls.filter(control="random"), "random bases", color=SOFT, linestyle=(0, (1, 1.5)))
        _line(axes, controls.filter(control="shift"), "runs elsewhere", color=SOFT, linestyle=(0, (5, 2)), band=True)
        for index, (method, name) in enumerate(names.items()):
            own = part.filter(pl.col("control").is_null() & (pl.col("method") == method))
            _line(axes, own, text.short(name), color=colour(index), linestyle=dash(index), band=method == first)
        axes.set_title(title)
        axes.set_xlabel("Share of the bases, highest score first (%)")
        lines_behind(axes, "y")
    panels[0].set_ylabel("Probability of the predicted class")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return figure


def _line(axes: Axes, curve: pl.DataFrame, label: str, *, band: bool = False, **style: Any) -> None:
    """Draw one curve, with its interval as a band where asked."""
    if not curve.height:
        return
    curve = curve.sort("share")
    axes.plot(100 * curve["share"].to_numpy(), curve["mean"].to_numpy(), label=label, linewidth=1.6, **style)
    inside = curve.drop_nulls(["low", "high"])
    if band and inside.height:
        x, low, high = 100 * inside["share"].to_numpy(), inside["low"].to_numpy(), inside["high"].to_numpy()
        axes.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
