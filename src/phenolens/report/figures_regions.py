"""Figures of what lies under each stretch of tokens: four measures as small multiples."""

from collections.abc import Sequence

import polars as pl
from matplotlib.figure import Figure

from phenolens.report import text
from phenolens.report.figures import blank, colour, dash, lines_behind, styled

MEASURES = {
    "gc": "GC content",
    "distinct_6mers": "Distinct 6-mers / 6-mers",
    "entropy": "Entropy of the letters (bits)",
    "cpg": "CpG observed / expected",
}


@styled
def token_regions_figure(table: pl.DataFrame, coordinates: str, labels: Sequence[str]) -> Figure | None:
    """Return four panels, one a measure: the mean of each class in every stretch, with its 95 % interval; None when empty.

    Parameters
    ----------
    table : TOKEN_REGIONS.
    coordinates : tokens or sequence.
    labels : classes in order of colour.
    """
    table = table.filter((pl.col("coordinates") == coordinates) & pl.col("mean").is_not_null())
    if not table.height:
        return None
    begin = pl.col("stretch").str.extract(r"^(\d+)").cast(pl.Int64)
    stretches = table.select("stretch", begin.alias("begin")).unique().sort("begin", "stretch")["stretch"].to_list()
    present = [label for label in labels if label in set(table["label"])]
    figure = blank(height=5.4)
    panels = figure.subplots(2, 2, sharex=True)
    for axes, (measure, title) in zip(panels.flat, MEASURES.items(), strict=True):
        for place, label in enumerate(present):
            rows = table.filter((pl.col("label") == label) & (pl.col("measure") == measure))
            shift = 0.5 * ((place + 1) / (len(present) + 1) - 0.5)  # side by side, so that intervals can be told apart
            x = [stretches.index(name) + shift for name in rows["stretch"]]
            tint = colour(labels.index(label))
            axes.plot(
                x,
                rows["mean"],
                "o",
                linestyle=dash(labels.index(label)),
                color=tint,
                markersize=4,
                linewidth=1.2,
                label=text.short(label),
            )
            spans = [
                (at, low, high)
                for at, low, high in zip(x, rows["low"], rows["high"], strict=True)
                if low is not None and high is not None
            ]
            axes.vlines([s[0] for s in spans], [s[1] for s in spans], [s[2] for s in spans], color=tint, linewidth=1.4)
        axes.set_title(title)
        axes.set_xticks(range(len(stretches)), [name.removesuffix(" %").replace("-", "–") for name in stretches])
        lines_behind(axes, "y")
    unit = "Tokens of the model's input" if coordinates == "tokens" else "Part of the sequence (%)"
    for axes in panels[1]:
        axes.set_xlabel(unit)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return figure
