"""Heat map of how far methods agree, two by two."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from phenolens.report.figures import COLOURS, blank, styled


@styled
def agreement_figure(table: pl.DataFrame, names: Mapping[str, str]) -> Figure | None:
    """Return a square of methods: rank correlation below the diagonal, shared highest tenth above it; None when nothing can be compared.

    Parameters
    ----------
    table : AGREEMENT, rows of all classes together.
    names : method -> its name on the page.
    """
    known = table.drop_nulls(["correlation", "overlap"])
    methods = list(dict.fromkeys([*known["first"], *known["second"]]))
    if not methods:
        return None
    side = 1.5 + 0.85 * len(methods)
    figure = blank(side + 1.4, side * 0.85)
    axes = figure.subplots()
    for first, second, correlation, overlap in known.select("first", "second", "correlation", "overlap").iter_rows():
        low, high = sorted((methods.index(first), methods.index(second)))
        _cell(axes, low, high, COLOURS[0] if correlation >= 0 else COLOURS[1], abs(correlation), f"{correlation:.2f}")
        _cell(axes, high, low, COLOURS[2], overlap, f"{100 * overlap:.0f} %")
    ticks = range(len(methods))
    shown = [names.get(method, method) for method in methods]
    axes.set_xticks(ticks, shown, rotation=30, ha="right")
    axes.set_yticks(ticks, shown)
    axes.set(xlim=(-0.5, len(methods) - 0.5), ylim=(len(methods) - 0.5, -0.5), aspect="equal")
    axes.tick_params(length=0)
    return figure


def _cell(axes: Axes, column: int, row: int, tint: str, depth: float, written: str) -> None:
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=tint, alpha=0.62 * min(depth, 1), linewidth=0))
    axes.text(column, row, written, ha="center", va="center", fontsize=10)
