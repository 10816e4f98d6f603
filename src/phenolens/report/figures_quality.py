"""Figures of the dataset's certificate and statistics: lengths per split, gene types, what a memoriser gets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from phenolens.report import text
from phenolens.report.figures import (
    GRID,
    PAPER,
    SOFT,
    blank,
    colour,
    lines_behind,
    log_ticks,
    row_labels,
    rows_height,
    styled,
)

SPLITS = ("train", "validation", "test")
MANY = 5  # classes, above which a row of gene types has dots in place of bars


@styled
def split_length_figure(sequences: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return per class one line for each split: median, middle half and middle nine tenths of the lengths; None without a base.

    Parameters
    ----------
    sequences : SEQUENCES.
    labels : classes in order.
    """
    table = sequences.select("label", "split", length=pl.col("sequence").str.len_bytes().cast(pl.Float64)).filter(
        pl.col("length") > 0
    )
    if not table.height:
        return None
    quantiles = table.group_by("label", "split").agg(
        pl.col("length").quantile(q, "linear").alias(f"q{q}") for q in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    quantiles = quantiles.sort("label", "split")
    figure = blank(height=rows_height(len(labels), 0.5, 1.1))
    axes = figure.subplots()
    for label, split, low, first, middle, third, high in quantiles.iter_rows():
        if split not in SPLITS or label not in labels:
            continue
        number = SPLITS.index(split)
        row, shade = labels.index(label) + 0.24 * (number - 1), colour(number)
        axes.plot([low, high], [row, row], color=shade, linewidth=1)
        axes.plot([first, third], [row, row], color=shade, linewidth=4, solid_capstyle="butt", alpha=0.6)
        axes.plot([middle], [row], "o", color=shade, markersize=5.5, markeredgecolor=PAPER)
    row_labels(axes, list(labels))
    lines_behind(axes)
    low, high = (float(value) for value in quantiles.select(pl.min("q0.05"), pl.max("q0.95")).row(0))
    log_ticks(axes, low / 1.15, high * 1.15)
    axes.set_xlabel("Length of the sequence (bases, logarithmic)")
    handles = [axes.plot([], [], color=colour(i), linewidth=3, label=split)[0] for i, split in enumerate(SPLITS)]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
    return figure


@styled
def gene_type_figure(gene_types: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return per gene type the share of each class's sequences that overlap it, as bars (as dots of more than five classes); None when empty.

    Parameters
    ----------
    gene_types : GENE_TYPES.
    labels : classes in order.
    """
    table = gene_types.filter(pl.col("label").is_in(list(labels)))
    if not table.height:
        return None
    types = table["gene_type"].unique(maintain_order=True).to_list()
    named = [label for label in labels if label in set(table["label"])]
    bars = len(named) <= MANY
    figure = blank(height=rows_height(len(types), 0.16 + 0.15 * len(named) if bars else 0.34, 1.1))
    axes = figure.subplots()
    for label, kind, share in table.select("label", "gene_type", "share").iter_rows():
        lane, row, shade = named.index(label), types.index(kind), colour(labels.index(label))
        if bars:
            axes.barh(row - 0.4 + 0.8 * (lane + 0.5) / len(named), share, height=0.72 / len(named), color=shade)
        else:
            axes.plot([share], [row], "o", color=shade, markersize=6, markeredgecolor=PAPER, alpha=0.85)
    row_labels(axes, types)
    lines_behind(axes)
    axes.set_xlim(0, max(0.05, min(1.02, 1.08 * float(table["share"].max() or 0))))  # type: ignore[arg-type]
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("Share of the sequences with coordinates")
    handles = [
        axes.plot([], [], color=colour(labels.index(label)), linewidth=4, label=text.short(label))[0] for label in named
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(3, len(named)))
    return figure


@styled
def nearest_figure(nearest: Mapping[str, Sequence[Mapping[str, Any]]], chance: float | None) -> Figure | None:
    """Return how similar test sequences are to training, and how often copying the nearest one's class is right; None when empty.

    Parameters
    ----------
    nearest : name of the split -> bins with low, high, n, accuracy.
    chance : accuracy of guessing; None where it is not known.
    """
    given = {name: bins for name, bins in nearest.items() if sum(row["n"] for row in bins)}
    if not given:
        return None
    figure = blank(height=3.2)
    left, right = figure.subplots(1, 2)
    width = 0.8 / len(given)
    names: list[str] = []
    for number, (name, bins) in enumerate(given.items()):
        total = sum(row["n"] for row in bins)
        places = np.arange(len(bins)) - 0.4 + width * (number + 0.5)
        names = [f"{row['low']:g}–{row['high']:g}" for row in bins]
        left.bar(places, [row["n"] / total for row in bins], width=0.9 * width, color=colour(number), label=name)
        seen = [(place, row) for place, row in zip(places, bins, strict=True) if row["accuracy"] is not None]
        right.bar(
            [place for place, _ in seen], [row["accuracy"] for _, row in seen], width=0.9 * width, color=colour(number)
        )
        for place, row in seen:
            right.text(
                place, row["accuracy"] + 0.02, text.count(row["n"]), ha="center", va="bottom", color=SOFT, fontsize=10
            )
    if chance is not None:
        right.axhline(chance, color=SOFT, linewidth=1, linestyle=(0, (4, 2)))
    _shares(left, names, "Share of the test sequences")
    _shares(right, names, "Right when the class is copied")
    right.set_ylim(0, 1.12)
    figure.supxlabel("Similarity of the nearest training sequence", fontsize=10.5)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _shares(axes: Axes, names: Sequence[str], title: str) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_title(title)
