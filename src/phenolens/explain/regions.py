"""Regions of high score: runs of neighbouring bases above the sequence's mean and a multiple of its minimum (METHOD 6).

How far above the mean is a threshold: 0 in the paper's rule, found on shuffled sequences (`region_threshold`) in the calibrated one.
"""

import numpy as np
import polars as pl

from phenolens.core.cigar import genome_spans
from phenolens.core.errors import DataError
from phenolens.core.ranges import union
from phenolens.core.schemas import REGIONS
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.table import check
from phenolens.core.types import BaseScores

BLOCK = 8192  # sequences worked on at once


def find_regions(
    scores: BaseScores, sequences: pl.DataFrame, settings: ExplainSettings, *, threshold: float = 0.0
) -> pl.DataFrame:
    """Return REGIONS: runs of >= min_run bases with score > mean + threshold x mean absolute score and > times_min x minimum.

    Runs are widened, and merged where they then overlap. Mean and minimum are of the covered bases of the same sequence; a base without a score ends a run. A region of a minus-strand
    sequence lies at [end - sequence_end, end - sequence_start) of the genome. A region of an alternative allele lies there when all its
    bases have consecutive coordinates; one with inserted bases, or over a deletion, is on no genome. A sequence without coordinates, or
    whose length is not end - start, gives regions without genome coordinates.

    Parameters
    ----------
    scores : of n sequences.
    sequences : SEQUENCES rows with these ids, in any order.
    settings : min_run, times_min, widen.
    threshold : 0 for the paper's rule; `region_threshold.threshold_of` for the calibrated one; inf finds nothing.

    Raises
    ------
    DataError : a sequence of the scores is not in the table.
    """
    rows = pl.DataFrame({"sequence_id": scores.sequence_ids}, schema={"sequence_id": pl.String}).join(
        sequences, on="sequence_id", how="left", maintain_order="left"
    )
    if rows.height != len(scores.sequence_ids) or rows["sequence"].null_count():
        raise DataError(
            "explain", "scores and sequences do not have the same sequence_id values", remedy="run explain again"
        )
    lengths = rows["sequence"].str.len_bytes().to_numpy().astype(np.int64)
    blocks = [
        _block(scores.values[at : at + BLOCK], lengths[at : at + BLOCK], settings, threshold)
        for at in range(0, max(rows.height, 1), BLOCK)
    ]
    row, start, end, mean = (np.concatenate(part) for part in zip(*blocks, strict=True))
    row += np.repeat(np.arange(len(blocks)) * BLOCK, [len(block[0]) for block in blocks])
    return _table(rows[row], start, end, mean)


def _block(
    values: np.ndarray, lengths: np.ndarray, settings: ExplainSettings, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, start, end, mean score) of the regions of some sequences."""
    row, start, end = runs(relative(values, settings.times_min) > threshold, settings.min_run)
    start, end = np.maximum(start - settings.widen, 0), np.minimum(end + settings.widen, lengths[row])
    stride = values.shape[1] + 1  # rows laid on one axis, a gap between them
    start, end, _ = union(row * stride + start, row * stride + end, gap=-1)
    row = start // stride
    start, end = start - row * stride, end - row * stride
    edge = np.zeros((len(values), 1))
    total = np.hstack([edge, np.nancumsum(values, axis=1, dtype=np.float64)])
    count = np.hstack([edge, np.cumsum(~np.isnan(values), axis=1)])
    return row, start, end, (total[row, end] - total[row, start]) / (count[row, end] - count[row, start])


def relative(values: np.ndarray, times_min: float = 0.0) -> np.ndarray:
    """Return float64 (n, L): (score - mean) / mean absolute score of the row, over defined bases.

    -inf where a score is undefined or not above times_min x the row's minimum. For scores that are never negative this is score / mean - 1;
    it does not change when a row's scores are multiplied.
    """
    defined = ~np.isnan(values)
    count = np.maximum(defined.sum(axis=1), 1)
    known = np.where(defined, values, 0)
    mean = known.sum(axis=1, dtype=np.float64) / count
    size = np.abs(known).sum(axis=1, dtype=np.float64) / count
    least = np.where(defined, values, 1e30).min(axis=1, initial=1e30)
    scaled = (known - mean[:, None]) / np.where(size > 0, size, 1)[:, None]
    return np.where(defined & (values > times_min * least[:, None]), scaled, -np.inf)


def runs(mask: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, start, end) int64 of runs of at least `least` True values in the rows of a bool (n, L) array, sorted."""
    edged = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    edged[:, 1:-1] = mask
    change = np.diff(edged, axis=1)  # (n, L + 1): 1 where a run starts, -1 one past its end
    row, start = np.nonzero(change == 1)
    end = np.nonzero(change == -1)[1]
    keep = end - start >= least
    return row[keep], start[keep], end[keep]


def _table(source: pl.DataFrame, start: np.ndarray, end: np.ndarray, mean: np.ndarray) -> pl.DataFrame:
    """Return REGIONS; `source` has the sequence's row for each region."""
    spans = source.with_columns(
        sequence_start=pl.Series(start, dtype=pl.Int64),
        sequence_end=pl.Series(end, dtype=pl.Int64),
        mean_score=pl.Series(mean, dtype=pl.Float64),
    )
    placed = spans.with_columns(genome_spans(spans))
    on_genome = pl.col("start").is_not_null()
    table = placed.with_columns(
        region_id=pl.format("{}/{}-{}", "sequence_id", "sequence_start", "sequence_end"),
        chrom=pl.when(on_genome).then("chrom"),
        strand=pl.when(on_genome).then("strand"),
        sequence=pl.col("sequence")
        .str.slice(pl.col("sequence_start"), pl.col("sequence_end") - pl.col("sequence_start"))
        .str.to_uppercase(),
    )
    return check(table.select(list(REGIONS.columns)), REGIONS)
