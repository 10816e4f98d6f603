"""Figures of the dataset: lengths, GC content, balance between classes, where the sequences lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from phenolens.report import text
from phenolens.report.figures import (
    GRID,
    INK,
    PAPER,
    SOFT,
    blank,
    colour,
    distributions,
    row_labels,
    rows_height,
    styled,
)

CHROMOSOMES = 32  # drawn at most
LANES = 6  # of a chromosome, one a class; more classes share one
SEXES = ("X", "Y", "M", "MT")  # after the numbers
STEPS = 600  # places along the longest chromosome that can be told apart


def gc_content() -> pl.Expr:
    """Return the share of G and C among A, C, G, T of column sequence; null where there is none."""
    gc, at = (pl.col("sequence").str.count_matches(letters) for letters in ("[GCgc]", "[ATat]"))
    return pl.when(gc + at > 0).then(gc / (gc + at))


def by_class(table: pl.DataFrame, column: str, labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Return class -> float (n,) of a column, NaN where null; classes without rows have an empty array."""
    return {label: table.filter(pl.col("label") == label)[column].cast(pl.Float64).to_numpy() for label in labels}


def length_figure(sequences: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return the distribution of sequence lengths by class; None without sequences.

    Parameters
    ----------
    sequences : SEQUENCES.
    labels : classes in order.
    """
    table = sequences.with_columns(length=pl.col("sequence").str.len_bytes()).filter(pl.col("length") > 0)
    return distributions(
        by_class(table, "length", labels), xlabel="Length of the sequence (bases, logarithmic)", unit=" bases", log=True
    )


def gc_figure(sequences: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return the distribution of GC content by class; None where no sequence has a base. Parameters as in `length_figure`."""
    table = sequences.with_columns(gc=100 * gc_content())
    return distributions(by_class(table, "gc", labels), xlabel="GC content (% of the bases)", unit=" %")


@styled
def balance_figure(balance: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Return a dot per class pair and property at its standardised mean difference, with the band |SMD| <= 0.1; None when empty.

    Parameters
    ----------
    balance : dicts with class, compared_to, covariate, smd; rows without a finite smd are left out.
    """
    rows = [r for r in balance if isinstance(r.get("smd"), int | float) and np.isfinite(r["smd"])]
    if not rows:
        return None
    figure = blank(height=rows_height(len(rows), 0.28))
    axes = figure.subplots()
    axes.axvspan(-0.1, 0.1, color=GRID, alpha=0.55, linewidth=0)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    for place, row in enumerate(rows):
        large = abs(row["smd"]) > 0.1
        axes.plot([0, row["smd"]], [place, place], color=colour(1 if large else 0), linewidth=1.4)
        axes.plot([row["smd"]], [place], "o", color=colour(1 if large else 0), markersize=7, markeredgecolor=PAPER)
    row_labels(axes, [pair_name(row) for row in rows], 44)
    reach = max(0.3, 1.15 * max(abs(row["smd"]) for row in rows))
    axes.set_xlim(-reach, reach)
    axes.set_xlabel("Standardised mean difference (0 = the classes are alike)")
    return figure


def pair_name(row: Mapping[str, Any]) -> str:
    """Return `property: class / other class` of a row of the balance table."""
    pair = " / ".join(text.short(str(row[key]), 13) for key in ("class", "compared_to") if row.get(key))
    return f"{text.short(str(row.get('covariate', '')), 22)}: {pair}"


@styled
def chromosome_figure(sequences: pl.DataFrame, labels: Sequence[str]) -> Figure | None:
    """Return a strip per chromosome with a mark where sequences lie, one lane per class; None without coordinates.

    Chromosomes are drawn to the last base of any sequence, as their true length is not in the table; only those of `drawn_chromosomes`.
    With more than six classes all share one lane.

    Parameters
    ----------
    sequences : SEQUENCES.
    labels : classes in order.
    """
    placed = sequences.drop_nulls(["chrom", "start", "end"])
    if not placed.height:
        return None
    lanes = list(labels) if len(labels) <= LANES else [""]
    chosen = natural_order(drawn_chromosomes(placed))
    longest = max(end for _, end in chosen)
    figure = blank(height=rows_height(len(chosen), 0.16 + 0.1 * len(lanes), 0.9))
    axes = figure.subplots()
    for row, (chrom, end) in enumerate(chosen):
        here = placed.filter(pl.col("chrom") == chrom)
        axes.plot([0, end / 1e6], [row, row], color=GRID, linewidth=1)
        for lane, label in enumerate(lanes):
            part = here.filter(pl.col("label") == label) if label else here
            places = (
                np.unique(((part["start"] + part["end"]) / 2 / longest * STEPS).cast(pl.Int64).to_numpy())
                * longest
                / STEPS
                / 1e6
            )
            top = row - 0.4 + 0.8 * lane / len(lanes)
            marks = np.column_stack([np.repeat(places, 2), np.tile([top, top + 0.72 / len(lanes)], len(places))])
            strokes = Path(marks, np.tile([Path.MOVETO, Path.LINETO], len(places)))
            axes.add_patch(PathPatch(strokes, fill=False, edgecolor=colour(lane) if label else INK, linewidth=0.9))
    row_labels(axes, [chrom for chrom, _ in chosen])
    axes.set_xlim(0, longest / 1e6 * 1.01)
    axes.set_xlabel("Position on the chromosome (million bases)")
    if lanes != [""]:
        handles = [
            axes.plot([], [], color=colour(i), linewidth=3, label=text.short(label))[0] for i, label in enumerate(lanes)
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=min(3, len(lanes)))
    return figure


def drawn_chromosomes(placed: pl.DataFrame) -> pl.DataFrame:
    """Return chrom, n, end (of the last sequence) of the chromosomes that are drawn: those with most sequences.

    Parameters
    ----------
    placed : sequences with coordinates.
    """
    ends = placed.group_by("chrom").agg(n=pl.len(), end=pl.col("end").max())
    return ends.sort(["n", "chrom"], descending=[True, False]).head(CHROMOSOMES)


def natural_order(table: pl.DataFrame) -> list[tuple[str, int]]:
    """Return (chromosome, end) of a table in the order chr1, chr2 ... chr10, chrX, chrY, chrM, then the others by name.

    Parameters
    ----------
    table : chrom, end.
    """
    rows = [(str(chrom), int(end)) for chrom, end in table.select("chrom", "end").iter_rows()]

    def order(row: tuple[str, int]) -> tuple[int, str]:
        name = row[0].removeprefix("chr")
        if name.isdecimal():
            return int(name), ""
        return (10**6 + SEXES.index(name), "") if name in SEXES else (10**7, name)

    return sorted(rows, key=order)
