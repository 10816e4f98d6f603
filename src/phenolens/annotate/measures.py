"""Anything that is measured along the regions' sequences, on the regions and on their matched controls.

regions, sequences -> Placed (regions on their ground) -> measures at the regions, and at every set of controls -> classes against chance
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.controls import Classes, adjust, by_class, compare, control_blocks, genome_starts, place
from phenolens.annotate.running import class_means
from phenolens.core.ground import Ground, ground

# low (b, n), places along the ground -> measure -> float64 (b, n), NaN where absent
Measures = Callable[[np.ndarray], dict[str, np.ndarray]]


class Placed(NamedTuple):
    """n regions with genome coordinates, and the ground that their sequences make up: regions and controls lie on it.

    classes : the regions, class by class.
    ground : all bases of their sequences.
    shift : int64 (n,), from a genome coordinate to the place along the ground.
    length : int64 (n,), bases of each region.
    """

    classes: Classes
    ground: Ground
    shift: np.ndarray
    length: np.ndarray

    def low(self, starts: np.ndarray) -> np.ndarray:
        """Return int64, shape of `starts`: place along the ground of regions that start there within their sequences."""
        low: np.ndarray = genome_starts(self.classes.table, starts) + self.shift
        return low

    @property
    def regions(self) -> np.ndarray:
        """Place along the ground of each region's first base, int64 (n,)."""
        return self.low(self.classes.table["sequence_start"].to_numpy())


def placed(regions: pl.DataFrame, sequences: pl.DataFrame) -> Placed:
    """Return the regions on their ground; those without genome coordinates and those of alternative alleles are left out.

    Parameters
    ----------
    regions : REGIONS.
    sequences : SEQUENCES, those of the regions among them.

    Raises
    ------
    DataError : a region does not lie in a known sequence, or a sequence is not as long as its interval.
    """
    classes = by_class(place(regions, sequences))
    whole = classes.table.select("chrom", start="genome_start", end="genome_end")
    own = ground(whole)
    length = (classes.table["sequence_end"] - classes.table["sequence_start"]).to_numpy()
    return Placed(classes, own, own.shift(whole), length)


def against_controls(here: Placed, measures: Measures, *, controls: int, seed: int) -> pl.DataFrame:
    """Return label, measure, regions, observed, expected, low, high, p_value, q_value: the mean of each measure over a class's regions.

    A region without a value is left out of the mean, as a control without one is. q-values run over all rows.

    Parameters
    ----------
    here : the regions.
    measures : what is measured.
    controls, seed : sets of matched control regions, and the generator's seed.
    """
    table, edges = here.classes.table, here.classes.edges

    def means(starts: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {name: class_means(values, edges) for name, values in measures(here.low(starts)).items()}

    observed = means(table["sequence_start"].to_numpy()[None])
    null: dict[str, list[np.ndarray]] = {name: [] for name in observed}
    for starts in control_blocks(table, controls=controls, seed=seed):
        for name, (mean, _) in means(starts).items():
            null[name].append(mean)
    rows = [
        compare(here.classes.labels, mean[0], np.concatenate(null[name])).with_columns(
            pl.lit(name).alias("measure"), pl.Series("regions", counts[0])
        )
        for name, (mean, counts) in observed.items()
    ]
    return adjust(pl.concat(rows).sort("label", maintain_order=True))


def by_letter(here: Ground, table: pl.DataFrame, value: str, into: np.ndarray) -> None:
    """Put the values of substitutions into `into`, float64 (N, 4), by base and alternative letter (A, C, G, T); of several the highest stays.

    Parameters
    ----------
    here : the ground, N bases.
    table : chrom, start, alt (one letter of A, C, G, T), and the value; rows off the ground are left out.
    value : name of the value's column.
    into : NaN where nothing was put yet.
    """
    at = here.find(table["chrom"], table["start"].to_numpy())
    letter = table["alt"].replace_strict({"A": 0, "C": 1, "G": 2, "T": 3}, return_dtype=pl.Int64).to_numpy()
    on = at >= 0
    np.fmax.at(into.reshape(-1), at[on] * 4 + letter[on], table[value].to_numpy()[on])
