"""Matched control regions: the same regions dropped at random places of the same sequences, the null of every overlay.

A control has its region's length and lies in its region's sequence, so class, chromosome, neighbourhood and sequence
length are matched exactly. What this null can answer is "within these sequences, do the regions prefer the feature?",
never "do these sequences prefer it?". A region as long as its sequence has nowhere else to go and stays where it is: it
counts the same on both sides and only makes the test more careful.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import REGIONS, SEQUENCES
from phenolens.core.stats import benjamini_hochberg, interval, permutation_p
from phenolens.core.table import check

BLOCK = 2**20  # control regions in memory at once


def matched_controls(regions: pl.DataFrame, sequences: pl.DataFrame, *, controls: int, seed: int) -> np.ndarray:
    """Return int64 (controls, n_regions): starts within the sequence, uniform over every place where the region fits.

    Parameters
    ----------
    regions : REGIONS, n rows.
    sequences : SEQUENCES, those of the regions among them.
    controls : sets of control regions, one control of every region each.
    seed : of the generator; the same seed gives the same starts.

    Raises
    ------
    DataError : a region's sequence is missing, or the region does not lie inside it.
    """
    blocks = list(control_blocks(place(regions, sequences), controls=controls, seed=seed))
    return np.concatenate([np.zeros((0, regions.height), dtype=np.int64), *blocks])


def place(regions: pl.DataFrame, sequences: pl.DataFrame) -> pl.DataFrame:
    """Return REGIONS with columns of their sequence: sequence_length, genome_start, genome_end, reverse.

    genome_start, genome_end : the sequence's interval of the genome; null where it has none or is an alternative allele (its
    controls would fall on inserted bases, which are on no genome, though the region itself may not), and where the region has none.
    reverse : the sequence is read from the - strand.

    Raises
    ------
    DataError : a region's sequence is missing, or the region does not lie inside it.
    """
    check(regions, REGIONS)
    known = pl.all_horizontal(pl.col("chrom", "start", "end").is_not_null())
    places = check(sequences, SEQUENCES).select(
        "sequence_id",
        pl.col("sequence").str.len_bytes().cast(pl.Int64).alias("sequence_length"),
        pl.when(known & pl.col("allele").is_null()).then("start").alias("genome_start"),
        pl.when(known & pl.col("allele").is_null()).then("end").alias("genome_end"),
        (pl.col("strand") == "-").fill_null(False).alias("reverse"),
    )
    placed = regions.join(places, on="sequence_id", how="left", maintain_order="left").with_columns(
        pl.when(known).then("genome_start").alias("genome_start"), pl.when(known).then("genome_end").alias("genome_end")
    )
    lost = placed.filter(pl.col("sequence_length").is_null())
    if lost.height:
        raise DataError("regions", f"{lost.height} lie in unknown sequences, the first in {lost['sequence_id'][0]}")
    inside = (pl.col("sequence_start") >= 0) & (pl.col("sequence_start") < pl.col("sequence_end"))
    wrong = placed.filter(~inside | (pl.col("sequence_end") > pl.col("sequence_length")))
    if wrong.height:
        where = "{} {}-{}".format(*wrong.select("region_id", "sequence_start", "sequence_end").row(0))
        raise DataError("regions", f"{wrong.height} do not lie inside their sequence, the first: {where}")
    return placed


class Classes(NamedTuple):
    """Regions with genome coordinates, those of one class beside each other.

    table : rows of `place`, sorted by class, place and id: results do not depend on the order of the rows, and look-ups of
        neighbouring regions touch neighbouring memory.
    labels : every class of the regions, also one whose regions all lack coordinates.
    edges : int64 (g + 1,), class i holds rows edges[i] to edges[i + 1].
    """

    table: pl.DataFrame
    labels: list[str]
    edges: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Regions of each class, int64 (g,)."""
        return np.diff(self.edges)


def by_class(placed: pl.DataFrame) -> Classes:
    """Return the located regions of `place`, class by class.

    Raises
    ------
    DataError : a sequence with genome coordinates is longer or shorter than its interval.
    """
    table = placed.filter(pl.col("genome_start").is_not_null()).sort("label", "chrom", "start", "region_id")
    wrong = table.filter(pl.col("genome_end") - pl.col("genome_start") != pl.col("sequence_length"))
    if wrong.height:
        name = wrong["sequence_id"][0]
        raise DataError(f"sequence {name}", "is not as long as its genome interval", expected="one letter a base")
    labels = placed["label"].unique().sort().to_list()
    sizes = [table.filter(pl.col("label") == label).height for label in labels]
    return Classes(table, labels, np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]))


def control_blocks(
    placed: pl.DataFrame, *, controls: int, seed: int | tuple[int, ...], block: int = BLOCK
) -> Iterator[np.ndarray]:
    """Yield int64 (b, n) starts within the sequence, `controls` rows in all; the block size changes memory, never the starts.

    Parameters
    ----------
    placed : regions with their sequences, from `place`.
    controls : as in `matched_controls`.
    seed : as there; classes that are drawn one by one need seeds of their own, or their controls move alike.
    block : control regions in one array, at most (one row at least).
    """
    length = (placed["sequence_end"] - placed["sequence_start"]).to_numpy()
    places = placed["sequence_length"].to_numpy() - length + 1
    generator = np.random.default_rng(seed)
    rows = max(1, block // max(1, placed.height))
    for first in range(0, controls, rows):
        # random() is below 1, but its product with a large count may round up to the count
        draws = generator.random((min(rows, controls - first), placed.height)) * places
        yield np.minimum(draws.astype(np.int64), places - 1)


def genome_starts(placed: pl.DataFrame, starts: np.ndarray) -> np.ndarray:
    """Return int64, shape of `starts`: genome coordinate of the lowest base of regions that start there in their sequence.

    Parameters
    ----------
    placed : regions with genome coordinates, from `by_class`, n rows.
    starts : int64 (..., n), starts within the sequences, in reading direction.
    """
    length = (placed["sequence_end"] - placed["sequence_start"]).to_numpy()
    forward = placed["genome_start"].to_numpy() + starts
    backward = placed["genome_end"].to_numpy() - starts - length
    genome: np.ndarray = np.where(placed["reverse"].to_numpy(), backward, forward)
    return genome


def compare(labels: list[str], observed: np.ndarray, null: np.ndarray) -> pl.DataFrame:
    """Return label, observed, expected, low, high, p_value of g classes against their controls; null where undefined.

    expected, low, high : mean, 2.5 % and 97.5 % quantile of the controls. p_value : `core.stats.permutation_p`.

    Parameters
    ----------
    labels : the g classes.
    observed : float64 (g,), NaN where undefined.
    null : float64 (controls, g), the same statistic on every set of controls.
    """
    # Sums rounded in another order differ in their last digits; a tie must stay a tie, or a constant signal would be "significant".
    null = np.where(np.isclose(null, observed, rtol=1e-9, atol=1e-12), observed, null)
    defined = (~np.isnan(null)).sum(axis=0)
    bands = np.array([interval(sample) for sample in null.T]).reshape(-1, 2)
    columns = {
        "observed": observed,
        "expected": np.where(defined > 0, np.nansum(null, axis=0) / np.maximum(defined, 1), np.nan),
        "low": bands[:, 0],
        "high": bands[:, 1],
        "p_value": np.array([permutation_p(float(x), sample) for x, sample in zip(observed, null.T, strict=True)]),
    }
    numbers = [pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items()]
    return pl.DataFrame([pl.Series("label", labels, dtype=pl.String), *(number.fill_nan(None) for number in numbers)])


def adjust(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with q_value: Benjamini-Hochberg over its rows; null where p_value is."""
    adjusted = benjamini_hochberg(table["p_value"].to_numpy())
    return table.with_columns(pl.Series("q_value", adjusted, dtype=pl.Float64).fill_nan(None))
