"""A per-base signal (conservation) inside the regions against matched controls in the same sequences.

A region's value is the mean over its bases that carry a signal, from running sums. A base without a signal is absent
(NaN), never 0.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from phenolens.annotate.controls import adjust, by_class, compare, control_blocks, genome_starts, place
from phenolens.annotate.running import Sums, class_means, class_sums, ratios, running
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
    Where a signal is absent may itself differ between regions and controls: the covered share stands beside its expectation.

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
    sums, shift = _running_sums(table, values)
    length = (table["sequence_end"] - table["sequence_start"]).to_numpy()

    def means(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ratios(sums, genome_starts(table, starts) + shift, length)

    mean, covered = means(table["sequence_start"].to_numpy()[None])
    observed, counts = class_means(mean, classes.edges)
    drawn = control_blocks(table, controls=controls, seed=seed)
    null, null_covered = [], []
    for starts in drawn:
        values_there, covered_there = means(starts)
        null.append(class_means(values_there, classes.edges)[0])
        null_covered.append(_shares(covered_there, length, classes.edges))
    share = compare(classes.labels, _shares(covered, length, classes.edges)[0], np.concatenate(null_covered))
    summary = compare(classes.labels, observed[0], np.concatenate(null)).with_columns(
        pl.lit(signal).alias("signal"),
        pl.Series("regions", counts[0]),
        covered=share["observed"],
        covered_expected=share["expected"],
        covered_p_value=share["p_value"],
    )
    scores = table.select(
        "region_id",
        pl.lit(signal).alias("signal"),
        pl.Series("mean", mean[0]).fill_nan(None),
        pl.Series("covered", covered[0] / length),
    )
    return check(adjust(summary), CONSERVATION), check(scores, REGION_SCORES)


def _shares(covered: np.ndarray, length: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return float64 (b, g): share of each class's region bases that carry a value, from covered bases (b, n); NaN without regions."""
    bases = class_sums(length[None], edges)
    return np.where(bases > 0, class_sums(covered, edges) / np.maximum(bases, 1), np.nan)


def _running_sums(placed: pl.DataFrame, values: Mapping[str, np.ndarray]) -> tuple[Sums, np.ndarray]:
    """Return (running sums along the sequences that hold a region; int64 (n,), from a region's genome coordinate to its place in them).

    Raises
    ------
    DataError : an array is not as long as its sequence.
    """
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
    return running(np.where(present, track, 0.0), present), (first - placed["genome_start"]).to_numpy()
