"""Array kernels of interval algebra on one axis: overlap pairs, union, complement, nearest.

Intervals are int64 arrays start, end: 0-based, half-open, end > start. Nothing here knows chromosomes: `by_chromosome`
lays all chromosomes on one axis so that a single sort and search serves the whole genome.
"""

from typing import NamedTuple

import numpy as np
import polars as pl


class Axis(NamedTuple):
    """Chromosomes laid end to end, with a gap of one base so that neighbours never touch.

    offsets : chromosome -> where its base 0 lies on the axis.
    span : length of the axis.
    """

    offsets: dict[str, int]
    span: int

    def place(self, table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return (start, end) int64 (n,) of a table's rows on the axis."""
        offset = table["chrom"].replace_strict(self.offsets, return_dtype=pl.Int64).to_numpy()
        return table["start"].to_numpy() + offset, table["end"].to_numpy() + offset


def axis(*tables: pl.DataFrame, gap: int = 0) -> Axis:
    """Return an axis on which every row of these tables (columns chrom, start, end) has a place.

    Parameters
    ----------
    tables : tables with columns chrom and end.
    gap : chromosomes lie more than this many bases apart, so that `union` with this gap never joins two of them.
    """
    spans = (
        pl.concat([t.select("chrom", "end") for t in tables]).group_by("chrom").agg(pl.col("end").max()).sort("chrom")
    )
    offsets, span = {}, 0
    for chrom, end in spans.iter_rows():
        offsets[chrom] = span
        span += end + 2 + gap
    return Axis(offsets, span)


def overlap_pairs(
    a_start: np.ndarray, a_end: np.ndarray, b_start: np.ndarray, b_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (a_index, b_index) of every pair that shares at least one base, sorted by a then b.

    A pair overlaps when b starts inside a, or a starts strictly inside b; the two cases are disjoint,
    so two sorted searches find each pair once. Cost O((n + m) log(n + m) + pairs), memory O(n + m + pairs).
    """
    a_first, b_in_a = _starts_within(a_start, a_end, b_start, "left")
    b_first, a_in_b = _starts_within(b_start, b_end, a_start, "right")
    a_index = np.concatenate([a_first, a_in_b])
    b_index = np.concatenate([b_in_a, b_first])
    order = np.lexsort((b_index, a_index))
    return a_index[order], b_index[order]


def _starts_within(start: np.ndarray, end: np.ndarray, points: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (interval, point) indices of points in [start, end), or in (start, end) for side = right."""
    order = np.argsort(points, kind="stable")
    ranked = points[order]
    low = np.searchsorted(ranked, start, side=side)  # type: ignore[call-overload]
    high = np.maximum(np.searchsorted(ranked, end, side="left"), low)
    counts = high - low
    interval = np.repeat(np.arange(len(start)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return interval, order[np.repeat(low, counts) + within]


def union(start: np.ndarray, end: np.ndarray, gap: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (start, end, member) of merged runs: intervals that overlap, touch, or lie at most `gap` bases apart.

    member : int64 (n,), run of each input interval.
    """
    if not len(start):
        return start, end, np.zeros(0, dtype=np.int64)
    order = np.lexsort((end, start))
    reach = np.maximum.accumulate(end[order])
    first = np.concatenate([[True], start[order][1:] > reach[:-1] + gap])
    run = np.cumsum(first) - 1
    member = np.empty(len(start), dtype=np.int64)
    member[order] = run
    last = np.concatenate([np.flatnonzero(first)[1:] - 1, [len(start) - 1]])
    return start[order][first], reach[last], member


def complement(start: np.ndarray, end: np.ndarray, span: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (start, end) of what [0, span) leaves uncovered."""
    start, end, _ = union(start, end)
    edges_start, edges_end = np.concatenate([[0], end]), np.concatenate([start, [span]])
    keep = edges_end > edges_start
    return edges_start[keep], edges_end[keep]


def distance_to_nearest(
    a_start: np.ndarray, a_end: np.ndarray, b_start: np.ndarray, b_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (index, distance) of the b nearest to each a: 0 = overlap, 1 = touching; ties go to the lower start.

    The left neighbour is the b with the largest end among those that start before a's end (a running maximum), so
    nested intervals are right too. index is -1 and distance the largest int64 when b is empty.
    """
    far = np.iinfo(np.int64).max
    if not len(b_start):
        return np.full(len(a_start), -1), np.full(len(a_start), far)
    order = np.lexsort((b_end, b_start))
    starts, ends = b_start[order], b_end[order]
    best_end = np.maximum.accumulate(ends)
    holder = np.maximum.accumulate(np.where(ends == best_end, np.arange(len(ends)), 0))
    before = np.searchsorted(starts, a_end, side="left")
    has_left, has_right = before > 0, before < len(starts)
    left = np.where(has_left, before - 1, 0)
    left_gap = np.where(has_left, np.maximum(a_start - best_end[left] + 1, 0), far)
    right = np.where(has_right, before, 0)
    right_gap = np.where(has_right, starts[right] - a_end + 1, far)
    use_left = left_gap <= right_gap
    return np.where(use_left, order[holder[left]], order[right]), np.minimum(left_gap, right_gap)
