"""Figure of how sure the model is against how often it is right."""

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from phenolens.report import text
from phenolens.report.figures import COLOURS, PAPER, SOFT, blank, lines_behind, styled

SIDE = 5.0  # inches


def gap(curve: pl.DataFrame) -> float:
    """Return the expected calibration error of the rows: sum over bins of n / all * |accuracy - confidence|.

    Parameters
    ----------
    curve : CALIBRATION of one run, split and version, at least one row.
    """
    gaps = (curve["accuracy"] - curve["confidence"]).abs() * curve["n"]
    return float(gaps.sum()) / float(curve["n"].sum())


@styled
def calibration_figure(curve: pl.DataFrame, *, temperature: float | None = None) -> Figure | None:
    """Return the calibration curve with intervals, before and after the temperature, above the numbers of sequences; None without a row.

    Parameters
    ----------
    curve : CALIBRATION of one run and split.
    temperature : of the run, for the legend; None where unknown.
    """
    curve = curve.drop_nulls()
    if not curve.height:
        return None
    figure = blank(SIDE, SIDE * 1.12)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle=(0, (3, 3)), linewidth=1)
    after = "after temperature" if temperature is None else f"after temperature {text.number(temperature)}"
    versions = ((False, "as predicted", COLOURS[0], "o"), (True, after, COLOURS[1], "D"))
    for tempered, name, tint, marker in versions:
        part = curve.filter(pl.col("tempered") == tempered).sort("bin_low")
        if not part.height or (tempered and temperature == 1):
            continue
        x, y = part["confidence"].to_numpy(), part["accuracy"].to_numpy()
        axes.vlines(x, part["low"].to_numpy(), part["high"].to_numpy(), color=tint, linewidth=1.4, alpha=0.75)
        label = f"{name} (error {text.number(gap(part))})"
        axes.plot(x, y, marker=marker, color=tint, linewidth=1.5, markersize=6, markeredgecolor=PAPER, label=label)
        middles = (part["bin_low"] + part["bin_high"]).to_numpy() / 2
        width = float((part["bin_high"] - part["bin_low"])[0]) * 0.38
        place = middles + (0.5 if tempered else -0.5) * width
        below.bar(place, part["n"].to_numpy(), width, color=tint, alpha=0.6)
    left = float(np.floor(10 * min(curve["bin_low"].to_numpy().min(), 0.5)) / 10)
    axes.set(xlim=(left, 1.01), ylim=(-0.01, 1.01), ylabel="Share that is right")
    below.set(xlabel="How sure: probability of the predicted class", ylabel="Sequences")
    below.locator_params(axis="y", nbins=3, integer=True)
    lines_behind(axes, "both")
    lines_behind(below, "y")
    axes.legend(loc="lower right" if left > 0.3 else "upper left", handlelength=1.4)
    return figure
