"""Per-base scores on the genome, one track a class, a chromosome at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.ranges import union
from phenolens.core.types import BaseScores

BLOCK = 4096  # sequences worked on at once


SCHEMA = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "value": pl.Float64}


class Track(NamedTuple):
    """A class's scores on one chromosome.

    table : chrom, start, end, value, sorted, without overlap.
    bases : bases with a score.
    several : those on which more than one sequence has a score, so that the value is a mean.
    """

    table: pl.DataFrame
    bases: int
    several: int


def class_tracks(scores: BaseScores, sequences: pl.DataFrame, label: str) -> Iterator[Track]:
    """Yield the class's mean score per genome base, one Track for each chromosome that has any, by name.

    As `class_track`, but only one chromosome is held at once.

    Parameters
    ----------
    scores, sequences, label : as in `class_track`.
    """
    rows = (
        pl.DataFrame({"sequence_id": pl.Series(scores.sequence_ids, dtype=pl.String)})
        .with_row_index("row")
        .join(sequences, on="sequence_id", how="inner", maintain_order="left")
        .filter(
            (pl.col("label") == label)
            & pl.col("chrom").is_not_null()
            & pl.col("allele").is_null()
            & (pl.col("end") - pl.col("start") == pl.col("sequence").str.len_bytes())
        )
    )
    for chrom in rows["chrom"].unique().sort():
        track = _track(scores.values, rows.filter(pl.col("chrom") == chrom))
        if track.bases:
            yield track


def class_track(scores: BaseScores, sequences: pl.DataFrame, label: str) -> pl.DataFrame:
    """Return chrom, start, end, value: the mean over the class's sequences that cover a genome base, neighbours of equal value joined.

    Sorted by chrom and start, without overlap; bases without a score are absent. Sequences without coordinates, or whose length is not
    end - start, are left out. So are alternative alleles: nearly all their bases are inserted and on no genome, and those that are not
    (an insertion's one anchor base) would count a place with many alleles many times, in a context that the genome does not have.
    Scores have L2 norm 1 per sequence, so a short sequence has higher ones.

    Parameters
    ----------
    scores : n sequences; values (n, L).
    sequences : SEQUENCES rows with these ids, in any order.
    label : class.
    """
    return pl.concat([pl.DataFrame(schema=SCHEMA), *(track.table for track in class_tracks(scores, sequences, label))])


def _track(values: np.ndarray, rows: pl.DataFrame) -> Track:
    """Return the track of rows on one chromosome; `row` is their place in values."""
    start, end = rows["start"].to_numpy(), rows["end"].to_numpy()
    run_start, run_end, member = union(start, end)
    run_offset = np.cumsum(run_end - run_start) - (run_end - run_start)  # covered bases before each run
    begin = run_offset[member] + start - run_start[member]
    mean, count = _mean(values, rows, begin, int((run_end - run_start).sum()))
    where = np.repeat(run_start - run_offset, run_end - run_start) + np.arange(len(mean))
    table = _joined(where, mean).select(pl.lit(rows["chrom"][0]).alias("chrom"), "start", "end", "value")
    return Track(table.cast(SCHEMA), int((count > 0).sum()), int((count > 1).sum()))  # type: ignore[arg-type]  # polars' stub wants a narrower mapping


def _mean(values: np.ndarray, rows: pl.DataFrame, begin: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean score, number of scores) of every covered base, float64 (size,) each, mean NaN where none; `begin` is where each row starts."""
    minus = (rows["strand"] == "-").fill_null(False).to_numpy()
    length = rows["sequence"].str.len_bytes().to_numpy().astype(np.int64)
    place = rows["row"].to_numpy()
    total, count = np.zeros(size), np.zeros(size)
    order = np.argsort(begin)  # so that a block of rows lies in a short piece of the genome
    for at in range(0, len(order), BLOCK):
        chosen = order[at : at + BLOCK]
        some = values[place[chosen]]
        row, position = np.nonzero(~np.isnan(some))
        if not len(row):
            continue
        base = begin[chosen][row] + np.where(minus[chosen][row], length[chosen][row] - 1 - position, position)
        low, high = base.min(), base.max() + 1
        total[low:high] += np.bincount(base - low, some[row, position])
        count[low:high] += np.bincount(base - low)
    return np.divide(total, count, out=np.full(size, np.nan), where=count > 0), count


def _joined(where: np.ndarray, mean: np.ndarray) -> pl.DataFrame:
    """Return start, end, value of runs of neighbouring bases with the same mean."""
    defined = ~np.isnan(mean)
    where, mean = where[defined], mean[defined].astype(np.float32)  # bigWig keeps 32 bits
    new = np.ones(len(where), dtype=bool)
    new[1:] = (np.diff(where) > 1) | (np.diff(mean) != 0)
    first = np.flatnonzero(new)
    past = np.append(first[1:], len(where))[: len(first)]  # first run of no bases at all has no end
    return pl.DataFrame({"start": where[first], "end": where[past - 1] + 1, "value": mean[first]})
