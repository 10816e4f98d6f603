"""A per-base signal (conservation) inside the regions against matched controls in the same sequences.

A region's value is the mean over its bases that carry a signal, from running sums, so that a million controls cost no
more than two look-ups each. A base without a signal is absent (NaN), never 0.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.controls import adjust, by_class, compare, control_blocks, genome_starts, place
from phenolens.core.errors import DataError
from phenolens.core.schemas import CONSERVATION, REGION_SCORES
from phenolens.core.table import check, empty


def conservation(
    regions: pl.DataFrame,
    sequences: pl.DataFrame,
    values: Mapping[str, np.ndarray],
    *,
    signal: str,
    controls: int,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (CONSERVATION per class, REGION_SCORES per region) of one signal.

    Regions without genome coordinates are left out of both tables; `regions` of CONSERVATION counts those with at least
    one covered base. A control without any covered base is left out of its set's mean, as an uncovered region is of the
    observed one. q-values run over the classes of this signal.

    Parameters
    ----------
    regions : REGIONS.
    sequences : SEQUENCES, those of the regions among them.
    values : sequence_id -> float (L,), the signal at the sequence's genome interval in **genome direction** (as a bigWig
        gives it: element i is base start + i), whatever the sequence's strand; NaN where absent. A sequence that is not
        there has no signal.
    signal : name of the signal.
    controls, seed : sets of matched control regions, and the generator's seed.

    Raises
    ------
    DataError : a region does not lie in a known sequence, or an array is not as long as its sequence.
    """
    if regions.is_empty():
        return empty(CONSERVATION), empty(REGION_SCORES)
    classes = by_class(place(regions, sequences))
    table = classes.table
    sums = _running_sums(table, values)
    mean, covered = _means(sums, genome_starts(table, table["sequence_start"].to_numpy()[None]))
    observed, counts = _class_means(mean, classes.edges)
    drawn = control_blocks(table, controls=controls, seed=seed)
    null = [_class_means(_means(sums, genome_starts(table, starts))[0], classes.edges)[0] for starts in drawn]
    bases = _class_sums(sums.length[None], classes.edges)[0]
    share = np.where(bases > 0, _class_sums(covered, classes.edges)[0] / np.maximum(bases, 1), np.nan)
    summary = compare(classes.labels, observed[0], np.concatenate(null)).with_columns(
        pl.lit(signal).alias("signal"),
        pl.Series("regions", counts[0]),
        pl.Series("covered", share).fill_nan(None),
    )
    scores = table.select(
        "region_id",
        pl.lit(signal).alias("signal"),
        pl.Series("mean", mean[0]).fill_nan(None),
        pl.Series("covered", covered[0] / sums.length),
    )
    return check(adjust(summary), CONSERVATION), check(scores, REGION_SCORES)


class _RunningSums(NamedTuple):
    """The signal of every sequence that holds a region, sequences end to end, N bases in all.

    total : float64 (N + 1,), sum of the signal before each base. present : int64 (N + 1,), covered bases before it.
    shift : int64 (n,), from a region's genome coordinate to its place in the sums.
    length : int64 (n,), bases of each region.
    """

    total: np.ndarray
    present: np.ndarray
    shift: np.ndarray
    length: np.ndarray


def _running_sums(placed: pl.DataFrame, values: Mapping[str, np.ndarray]) -> _RunningSums:
    """Return the running sums; DataError where an array is not as long as its sequence."""
    holders = placed.select("sequence_id", "sequence_length").unique("sequence_id", maintain_order=True)
    signal = [np.zeros(0)]
    for name, length in holders.iter_rows():
        track = np.asarray(values[name], dtype=float) if name in values else np.full(length, np.nan)
        if track.shape != (length,):
            raise DataError(f"signal of sequence {name}", f"has shape {track.shape}", expected=f"({length},)")
        signal.append(track)
    track = np.concatenate(signal)
    present = ~np.isnan(track)
    firsts = holders.with_columns((pl.col("sequence_length").cum_sum() - pl.col("sequence_length")).alias("first"))
    first = placed.select("sequence_id").join(firsts, on="sequence_id", how="left", maintain_order="left")["first"]
    return _RunningSums(
        total=np.concatenate([[0.0], np.cumsum(np.where(present, track, 0.0))]),
        present=np.concatenate([[0], np.cumsum(present)]),
        shift=(first - placed["genome_start"]).to_numpy(),
        length=(placed["sequence_end"] - placed["sequence_start"]).to_numpy(),
    )


def _means(sums: _RunningSums, genome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean float64 (b, n), NaN where uncovered; covered bases int64 (b, n)) of regions at genome starts (b, n)."""
    low = genome + sums.shift
    covered = sums.present[low + sums.length] - sums.present[low]
    total = sums.total[low + sums.length] - sums.total[low]
    return np.where(covered > 0, total / np.maximum(covered, 1), np.nan), covered


def _class_means(means: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean float64 (b, g) over each class's regions that have a value, NaN where none has; their number int64 (b, g))."""
    present = ~np.isnan(means)
    sums, counts = _class_sums(np.where(present, means, 0.0), edges), _class_sums(present.astype(np.int64), edges)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), counts


def _class_sums(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return (b, g), the sums of (b, n) over the columns edges[i] to edges[i + 1] of each class."""
    return np.stack([values[:, low:high].sum(axis=1) for low, high in pairwise(edges)], axis=1)
