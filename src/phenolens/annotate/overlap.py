"""Regions on genes, exons, regulatory elements: the share that overlaps a feature against matched controls.

The universe is the explained sequences (see `controls`): the test asks whether, within these sequences, the regions
prefer the feature. A class whose every sequence lies inside genes is neither enriched nor depleted in genes here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.controls import Classes, adjust, by_class, compare, control_blocks, genome_starts, place
from phenolens.core.ranges import axis, union
from phenolens.core.schemas import OVERLAP
from phenolens.core.table import check, empty


def overlap(
    regions: pl.DataFrame, sequences: pl.DataFrame, features: Mapping[str, pl.DataFrame], *, controls: int, seed: int
) -> pl.DataFrame:
    """Return OVERLAP: per class and feature the share of regions that share at least one base with it, and its null.

    Regions without genome coordinates are left out; the column `regions` counts the others. A class without any has one
    row per feature with 0 regions and nulls.

    Parameters
    ----------
    regions : REGIONS.
    sequences : SEQUENCES, those of the regions among them.
    features : name -> table with chrom, start, end (INTERVALS, or rows of GENES); strand does not matter.
    controls : sets of matched control regions.
    seed : of the controls; all features see the same ones.

    Raises
    ------
    DataError : a region's sequence is missing, or the region does not lie inside it.
    """
    if regions.is_empty() or not features:
        return empty(OVERLAP)
    classes = by_class(place(regions, sequences))
    table = classes.table
    targets = [_target(table, feature) for feature in features.values()]
    observed = _shares(table["sequence_start"].to_numpy()[None], classes, targets)[:, 0]
    drawn = control_blocks(table, controls=controls, seed=seed)
    null = np.concatenate(
        [_shares(starts, classes, targets) for starts in drawn], axis=1
    )  # (features, controls, labels)
    rows = [
        compare(classes.labels, observed[i], null[i]).with_columns(
            pl.lit(name).alias("feature"), pl.Series("regions", classes.sizes)
        )
        for i, name in enumerate(features)
    ]
    return check(adjust(pl.concat(rows)), OVERLAP)


class _Target(NamedTuple):
    """A feature and the regions' sequences on one axis, chromosomes end to end.

    start, end : int64 (m,), merged intervals of the feature that meet any of the sequences.
    offset : int64 (n,), from a region's genome coordinate to the axis.
    possible : int64 (k,), regions whose sequence meets the feature; the others need no look-up.
    """

    start: np.ndarray
    end: np.ndarray
    offset: np.ndarray
    possible: np.ndarray


def _target(placed: pl.DataFrame, feature: pl.DataFrame) -> _Target:
    """Return the feature as a target of the placed regions."""
    whole = placed.select("chrom", start="genome_start", end="genome_end")
    line = axis(whole, feature)
    start, end, _ = union(*line.place(feature))
    low, high = line.place(whole)
    # A search among the few intervals inside the sequences is faster than one among all of the genome's.
    inside = _meets(*union(low, high)[:2], start, end)
    start, end = start[inside], end[inside]
    offset = low - placed["genome_start"].to_numpy()
    return _Target(start, end, offset, np.flatnonzero(_meets(start, end, low, high)))


def _meets(start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return bool, shape of `low`: [low, high) shares a base with one of the disjoint, sorted intervals start, end."""
    following = np.searchsorted(end, low, side="right")  # the first interval that ends beyond low
    meets: np.ndarray = np.append(start, np.iinfo(np.int64).max)[following] < high
    return meets


def _shares(starts: np.ndarray, classes: Classes, targets: list[_Target]) -> np.ndarray:
    """Return float64 (features, b, labels): share of overlapping regions; NaN for a class without regions.

    starts : int64 (b, n), within the sequences.
    """
    genome = genome_starts(classes.table, starts)
    length = (classes.table["sequence_end"] - classes.table["sequence_start"]).to_numpy()
    shares = np.full((len(targets), len(starts), len(classes.labels)), np.nan)
    for i, target in enumerate(targets):
        low = (genome + target.offset)[:, target.possible]
        hits = np.zeros(starts.shape, dtype=bool)
        hits[:, target.possible] = _meets(target.start, target.end, low, low + length[target.possible])
        for label in np.flatnonzero(classes.sizes):
            shares[i, :, label] = hits[:, classes.edges[label] : classes.edges[label + 1]].mean(axis=1)
    return shares
