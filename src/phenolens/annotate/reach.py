"""Which genes a region hits, for millions of places at once: the genome cut into pieces whose genes are known beforehand.

A region hits every gene that it overlaps; one that overlaps none hits the nearest, if that is no farther than `reach`. Between two
borders of genes the answer does not change: such a piece is looked up by a sorted search, its genes are a row of a sparse matrix, and of a gap
the genes on both sides are known. All equals `genes.region_genes`, which does one set of regions.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import sparse

from phenolens.annotate.genes import spans_of
from phenolens.core.ranges import Axis, axis
from phenolens.core.schemas import GENES
from phenolens.core.table import check

FAR = np.int64(2**60)


class Reach(NamedTuple):
    """The genes of every piece of the genome; s pieces, g genes.

    genes : gene_id, gene_name, one row a gene.
    line : where the chromosomes lie.
    border : int64 (s - 1,), first base of every piece but the first.
    inside : sparse bool (s, g), genes that cover the whole piece.
    is_gap : bool (s,), no gene covers it.
    left, right : int64 (s,), of a gap the number of the nearest gene before and behind it, g where the chromosome has none.
    left_end, right_start : int64 (s,), where that gene ends and starts on the axis.
    reach : farthest nearest gene.
    """

    genes: pl.DataFrame
    line: Axis
    border: np.ndarray
    inside: sparse.csr_array
    is_gap: np.ndarray
    left: np.ndarray
    right: np.ndarray
    left_end: np.ndarray
    right_start: np.ndarray
    reach: int


def reach_of(genes: pl.DataFrame, places: pl.DataFrame, *, reach: int) -> Reach:
    """Return the pieces of the genome.

    Parameters
    ----------
    genes : GENES.
    places : table with chrom, start, end, on whose chromosomes regions will lie.
    reach : largest distance of a nearest gene that counts, in bases; 1 = touching.
    """
    spans = spans_of(check(genes, GENES))
    spans = spans.join(places.select("chrom").unique(), on="chrom", how="semi", maintain_order="left")
    line = axis(spans, places)
    start, end = line.place(spans)
    named = spans.select("gene_id", "gene_name").unique("gene_id", keep="first", maintain_order=True)
    code = spans["gene_id"].replace_strict(named["gene_id"], np.arange(named.height), return_dtype=pl.Int64).to_numpy()
    chrom_start = np.array([*line.offsets.values()], dtype=np.int64)
    border = np.unique(np.concatenate([start, end, chrom_start]))
    # pieces 1 ... s - 1 begin at a border; piece 0 lies before the axis
    low, high = np.searchsorted(border, start, side="right"), np.searchsorted(border, end, side="right")
    piece = np.concatenate([np.arange(a, b) for a, b in zip(low, high, strict=True)] or [np.zeros(0, dtype=np.int64)])
    shape = (len(border) + 1, named.height)
    pairs = (np.ones(len(piece), dtype=np.float32), (piece, np.repeat(code, high - low)))
    inside = sparse.csr_array(pairs, shape=shape)
    inside.data[:] = 1
    is_gap = np.diff(inside.indptr) == 0
    first = np.concatenate([[-1], border])  # first base of each piece
    chrom = np.searchsorted(chrom_start, first, side="right")
    return Reach(
        named, line, border, inside, is_gap, *_flanks(start, end, code, first, chrom, named.height, chrom_start), reach
    )


def _flanks(
    start: np.ndarray,
    end: np.ndarray,
    code: np.ndarray,
    first: np.ndarray,
    chrom: np.ndarray,
    none: int,
    chrom_start: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (left, right, left_end, right_start) of every piece; right only for gaps, `none` beyond a chromosome's last gene."""
    if not len(start):
        absent = np.full(len(first), none)
        return absent, absent, np.full(len(first), -FAR), np.full(len(first), FAR)
    # spans are sorted by start and end: as in ranges.distance_to_nearest the last of those with the largest end, the first with the lowest start
    best = np.maximum.accumulate(end)
    holder = np.maximum.accumulate(np.where(end == best, np.arange(len(end)), 0))
    home = np.searchsorted(chrom_start, start, side="right")
    before = np.searchsorted(start, first, side="right")
    left_at, right_at = holder[np.maximum(before - 1, 0)], np.minimum(before, len(start) - 1)
    has_left = (before > 0) & (home[left_at] == chrom)
    has_right = (before < len(start)) & (home[right_at] == chrom)
    return (
        np.where(has_left, code[left_at], none),
        np.where(has_right, code[right_at], none),
        np.where(has_left, end[left_at], -FAR),
        np.where(has_right, start[right_at], FAR),
    )


def hits(world: Reach, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return bool (b, g): which genes the regions of each row hit.

    Parameters
    ----------
    world : from `reach_of`.
    low, high : int64 (b, n), first base and end of the regions on the axis; none crosses a chromosome's end.
    """
    rows, genes = len(low), world.genes.height
    first = np.searchsorted(world.border, low, side="right")
    last = np.searchsorted(world.border, high - 1, side="right")
    touched = np.zeros((rows, len(world.border) + 1), dtype=np.float32)
    row = np.broadcast_to(np.arange(rows)[:, None], low.shape)
    touched[row, first] = 1
    several = np.nonzero(last > first)
    counts = last[several] - first[several]
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    touched[np.repeat(row[several], counts), np.repeat(first[several], counts) + steps] = 1
    found = np.zeros((rows, genes + 1), dtype=bool)
    found[:, :genes] = (world.inside.T @ touched.T).T > 0
    alone = np.nonzero((first == last) & world.is_gap[first])
    piece = first[alone]
    before = low[alone] - world.left_end[piece] + 1
    behind = world.right_start[piece] - high[alone] + 1
    nearest = np.where(before <= behind, world.left[piece], world.right[piece])
    found[row[alone], np.where(np.minimum(before, behind) <= world.reach, nearest, genes)] = True
    return found[:, :genes]


def universe(world: Reach, places: pl.DataFrame) -> np.ndarray:
    """Return bool (g,): genes that a region of one base anywhere in these places would hit.

    Between two genes that a place overlaps lies no other gene, and where it overlaps none its two ends reach the nearest of each side.

    Parameters
    ----------
    world : from `reach_of`, with these places among its own.
    places : table with chrom, start, end.
    """
    low, high = world.line.place(places)
    reached: np.ndarray = hits(world, low[None], high[None])[0]
    for end in (low, high - 1):
        reached |= hits(world, end[None], end[None] + 1)[0]
    return reached
