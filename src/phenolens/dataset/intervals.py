"""Set operations on genomic intervals: merge, subtract, within, exclude, slop, windows, names; and a class's list of them.

Each takes and returns INTERVALS, sorted by chrom, start, end; further columns travel with their rows. Results equal
those of bedtools (merge -d, subtract, intersect, intersect -v, slop, makewindows). Strand plays no part in overlap.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.core import ranges
from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.settings import Step
from phenolens.core.table import check
from phenolens.dataset.split import components

ORDER = ("chrom", "start", "end", "strand", "name", "score")


class Applied(NamedTuple):
    """Intervals after a list of steps, and what each step left.

    intervals : INTERVALS with one more column, `locus` (String): the interval a window was cut from, else the interval itself.
    account : step (String), n (Int64, intervals after it), bases (Int64, sum of their lengths); the first row is the input.
    """

    intervals: pl.DataFrame
    account: pl.DataFrame


def ordered(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table sorted by chrom, start, end; ties by strand, name, score, so that the order of input rows never matters."""
    return table.sort(ORDER, nulls_last=True)


def merge(table: pl.DataFrame, gap: int = 0) -> pl.DataFrame:
    """Return runs of intervals that overlap, touch, or lie at most `gap` bases apart, as one interval each.

    A run keeps the strand and the score that all its members share (else `.` and null), and the name of its longest
    named member. Where the table has a `locus`, loci that share a run become one, named by the smallest.

    Parameters
    ----------
    table : INTERVALS.
    gap : bases; 0 joins intervals that touch.
    """
    if not table.height:
        return table
    table = ordered(table)
    _, _, run = ranges.union(*ranges.axis(table, gap=gap).place(table), gap)
    if "locus" in table.columns:
        joined = components([pl.Series(run), table["locus"]])
        table = table.with_columns(locus=pl.col("locus").min().over(pl.Series(joined)))
    by_length = [pl.col("name").is_null(), pl.col("start") - pl.col("end")]
    runs = table.group_by(pl.Series("run", run), maintain_order=True).agg(
        pl.col("chrom").first(),
        pl.col("start").min(),
        pl.col("end").max(),
        pl.col("name").sort_by(by_length, maintain_order=True).first(),
        pl.when(pl.col("score").n_unique() == 1).then(pl.col("score").first()).alias("score"),
        pl.when(pl.col("strand").n_unique() == 1).then(pl.col("strand").first()).otherwise(pl.lit(".")).alias("strand"),
        *(pl.col(name).first() for name in table.columns if name not in INTERVALS.columns),
    )
    return ordered(runs.drop("run"))


def within(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Return the bases of `table` that lie inside any interval of `other`: each row cut to the pieces that do.

    Parameters
    ----------
    table, other : INTERVALS.
    """
    if not table.height or not other.height:
        return table.clear()
    axis = ranges.axis(table, other)
    other_start, other_end, _ = ranges.union(*axis.place(other))
    return _cut(table, axis, other_start, other_end)


def subtract(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Return the bases of `table` that lie outside every interval of `other`: each row cut to the pieces that do.

    Parameters
    ----------
    table, other : INTERVALS.
    """
    if not table.height or not other.height:
        return ordered(table)
    axis = ranges.axis(table, other)
    return _cut(table, axis, *ranges.complement(*axis.place(other), axis.span))


def _cut(table: pl.DataFrame, axis: ranges.Axis, piece_start: np.ndarray, piece_end: np.ndarray) -> pl.DataFrame:
    """Return the table's rows cut to disjoint pieces (int64, on the axis), each row once per piece it overlaps."""
    start, end = axis.place(table)
    row, piece = ranges.overlap_pairs(start, end, piece_start, piece_end)
    offset = table["start"].to_numpy()[row] - start[row]
    cut = table[row].with_columns(
        start=pl.Series(np.maximum(start[row], piece_start[piece]) + offset),
        end=pl.Series(np.minimum(end[row], piece_end[piece]) + offset),
    )
    return ordered(cut)


def overlaps(table: pl.DataFrame, other: pl.DataFrame) -> np.ndarray:
    """Return bool (n,): which rows of `table` share at least one base with any interval of `other`."""
    if not table.height or not other.height:
        return np.zeros(table.height, dtype=bool)
    axis = ranges.axis(table, other)
    start, end = axis.place(table)
    other_start, other_end, _ = ranges.union(*axis.place(other))
    return np.searchsorted(other_start, end, side="left") > np.searchsorted(other_end, start, side="right")


def exclude(table: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `table` that share no base with any interval of `other`, whole."""
    return ordered(table.filter(~overlaps(table, other)))


def slop(table: pl.DataFrame, bases: int, lengths: Mapping[str, int]) -> pl.DataFrame:
    """Return the intervals widened by `bases` on both sides, kept within their chromosomes.

    Parameters
    ----------
    table : INTERVALS.
    bases : bases added on each side.
    lengths : chromosome -> length in bases.

    Raises
    ------
    DataError : an interval lies on a chromosome without a length.
    """
    unknown = sorted(set(table["chrom"].unique()) - set(lengths))
    if unknown:
        raise DataError(
            "intervals",
            f"chromosome {unknown[0]} is not in the genome",
            expected=f"one of {', '.join(list(lengths)[:5])} ...",
        )
    length = pl.col("chrom").replace_strict(dict(lengths), return_dtype=pl.Int64)
    widened = table.with_columns(
        start=(pl.col("start") - bases).clip(lower_bound=0), end=pl.min_horizontal(pl.col("end") + bases, length)
    )
    return ordered(widened)


def windows(table: pl.DataFrame, size: int) -> pl.DataFrame:
    """Return the intervals cut into windows of `size` bases from their start; the last one of each may be shorter.

    Parameters
    ----------
    table : INTERVALS.
    size : bases.
    """
    start, end = table["start"].to_numpy(), table["end"].to_numpy()
    count = -(-(end - start) // size)
    row = np.repeat(np.arange(table.height), count)
    within_row = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    first = start[row] + within_row * size
    return ordered(table[row].with_columns(start=pl.Series(first), end=pl.Series(np.minimum(first + size, end[row]))))


def minimum_length(table: pl.DataFrame, length: int) -> pl.DataFrame:
    """Return the intervals of at least `length` bases."""
    return ordered(table.filter(pl.col("end") - pl.col("start") >= length))


def with_names(table: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Return the intervals whose whole name matches a regular expression; those without a name do not.

    Raises
    ------
    DataError : the pattern is no regular expression.
    """
    try:
        return ordered(table.filter(pl.col("name").str.contains(f"^(?:{pattern})$").fill_null(False)))
    except pl.exceptions.ComputeError:
        raise DataError(
            f"step names = {pattern!r}",
            "is no regular expression",
            expected="a pattern such as OR.* or DEF[AB].*",
        ) from None


def with_locus(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a column `locus`, chrom:start-end(strand) of each row; unchanged where it has one."""
    if "locus" in table.columns:
        return table
    return table.with_columns(locus=pl.format("{}:{}-{}({})", "chrom", "start", "end", "strand"))


def apply_steps(
    table: pl.DataFrame,
    steps: Sequence[Step],
    read: Callable[[str], pl.DataFrame],
    lengths: Mapping[str, int],
) -> Applied:
    """Return the intervals after these steps, in the order given, and how many intervals and bases each step left.

    An interval as it stands before the first `windows` step is a locus; its windows carry its name in `locus`.

    Parameters
    ----------
    table : INTERVALS.
    steps : set operations of the study file.
    read : file -> INTERVALS, for subtract, within and exclude.
    lengths : chromosome -> length in bases, for slop.
    """
    table = ordered(check(table, INTERVALS))
    account = [_row("input", table)]
    for step in steps:
        ((operation, value),) = step.operation.items()
        table = _apply(table, operation, value, read, lengths)
        account.append(_row(f"{operation} {value}", table))
    return Applied(
        with_locus(table), pl.DataFrame(account, schema={"step": pl.String, "n": pl.Int64, "bases": pl.Int64})
    )


def _apply(
    table: pl.DataFrame,
    operation: str,
    value: Any,
    read: Callable[[str], pl.DataFrame],
    lengths: Mapping[str, int],
) -> pl.DataFrame:
    if operation in _WITH_FILE:
        return _WITH_FILE[operation](table, read(value))
    if operation == "slop":
        return slop(table, value, lengths)
    if operation == "loci":
        return windows(table, value)
    if operation == "windows":
        return windows(with_locus(table), value)
    if operation == "names":
        return with_names(table, value)
    return merge(table, value) if operation == "merge" else minimum_length(table, value)


_WITH_FILE = {"subtract": subtract, "within": within, "exclude": exclude}


def _row(step: str, table: pl.DataFrame) -> dict[str, Any]:
    return {"step": step, "n": table.height, "bases": total(table)}


def total(table: pl.DataFrame) -> int:
    """Return the summed length of the intervals; bases covered twice count twice."""
    return int((table["end"] - table["start"]).sum())
