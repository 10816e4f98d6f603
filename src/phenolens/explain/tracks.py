"""Per-base scores on the genome, one track a class."""

import numpy as np
import polars as pl

from phenolens.core.ranges import axis, union
from phenolens.core.types import BaseScores

BLOCK = 4096  # sequences worked on at once


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
    schema = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "value": pl.Float64}
    if not rows.height:
        return pl.DataFrame(schema=schema)
    places = axis(rows)
    start, end = places.place(rows)
    run_start, run_end, member = union(start, end)
    run_offset = np.cumsum(run_end - run_start) - (run_end - run_start)  # covered bases before each run
    mean = _mean(scores.values, rows, run_offset[member] + start - run_start[member], int((run_end - run_start).sum()))
    where = np.repeat(run_start - run_offset, run_end - run_start) + np.arange(
        len(mean)
    )  # place on the axis of every covered base
    return _joined(where, mean, places.offsets).cast(schema)  # type: ignore[arg-type]  # polars' stub wants a narrower mapping


def _mean(values: np.ndarray, rows: pl.DataFrame, begin: np.ndarray, size: int) -> np.ndarray:
    """Return float64 (size,), mean score of every covered genome base, NaN where no score; `begin` is where each row starts."""
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
    mean: np.ndarray = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return mean


def _joined(where: np.ndarray, mean: np.ndarray, offsets: dict[str, int]) -> pl.DataFrame:
    defined = ~np.isnan(mean)
    where, mean = where[defined], mean[defined].astype(np.float32)  # bigWig keeps 32 bits
    new = np.ones(len(where), dtype=bool)
    new[1:] = (np.diff(where) > 1) | (np.diff(mean) != 0)
    first = np.flatnonzero(new)
    past = np.append(first[1:], len(where))[: len(first)]  # first run of no bases at all has no end
    names, begins = list(offsets), np.array(list(offsets.values()))
    chrom = np.searchsorted(begins, where[first], side="right") - 1
    return pl.DataFrame(
        {
            "chrom": np.array(names, dtype=object)[chrom].astype(str),
            "start": where[first] - begins[chrom],
            "end": where[past - 1] + 1 - begins[chrom],
            "value": mean[first],
        }
    )
