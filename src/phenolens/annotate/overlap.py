"""Regions on genes, exons, regulatory elements: the share that overlaps a feature, against three nulls within the searched sequences.

matched: the same regions at random places of the same sequences (see `controls`); circular and shuffled: moved about in all explained
sequences of their class (see `universe`). A class whose every sequence lies inside genes is neither enriched nor depleted in genes here.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import polars as pl

from phenolens.annotate.controls import Classes, adjust, by_class, compare, control_blocks, genome_starts, place
from phenolens.annotate.universe import Universe, along, rotated, searched, shuffled
from phenolens.core.schemas_biology import OVERLAP
from phenolens.core.table import check, empty

NULLS = ("matched", "circular", "shuffled")


def overlap(
    regions: pl.DataFrame, sequences: pl.DataFrame, features: Mapping[str, pl.DataFrame], *, controls: int, seed: int
) -> pl.DataFrame:
    """Return OVERLAP: per class, feature and null the share of regions that share at least one base with the feature, and what is expected.

    Regions without genome coordinates are left out; the column `regions` counts the others. A class without any has 0
    regions and nulls.

    Parameters
    ----------
    regions : REGIONS.
    sequences : SEQUENCES that were searched for regions, those of the regions among them: the universe of the circular and shuffled null.
    features : name -> table with chrom, start, end (INTERVALS, or rows of GENES); strand does not matter.
    controls : arrangements drawn for each null.
    seed : of the controls; all features see the same ones.

    Raises
    ------
    DataError : a region's sequence is missing, or the region does not lie inside it.
    """
    if regions.is_empty() or not features:
        return empty(OVERLAP)
    classes = by_class(place(regions, sequences))
    shape = (len(features), len(classes.labels))
    observed, null = np.full(shape, np.nan), np.full((len(NULLS), len(features), controls, shape[1]), np.nan)
    about = pl.DataFrame(
        {
            "regions": classes.sizes,
            **{n: np.zeros(shape[1], dtype=np.int64) for n in ("universe_sequences", "universe_bases")},
        }
    )
    share = np.full(shape, np.nan)
    for g, here in _parts(classes):
        world = searched(sequences, here)
        about[g, "universe_sequences"], about[g, "universe_bases"] = world.sequences, world.ground.bases
        targets = [along(world.ground, feature) for feature in features.values()]
        share[:, g] = [(end - start).sum() / world.ground.bases for start, end in targets]
        observed[:, g] = _shares(world.low[None], world, targets)[:, 0]
        for kind, blocks in enumerate(_arrangements(here, world, controls, (seed, g))):
            done = [_shares(starts, world, targets, kept_in_place=kind == 0) for starts in blocks]
            null[kind, :, :, g] = np.concatenate([np.zeros((shape[0], 0)), *done], axis=1)
    rows = [
        compare(classes.labels, observed[i], null[kind, i]).with_columns(
            *about, pl.lit(name).alias("feature"), pl.lit(drawn).alias("null"), pl.Series("universe_share", share[i]).fill_nan(None)
        )
        for i, name in enumerate(features)
        for kind, drawn in enumerate(NULLS)
    ]  # fmt: skip
    table = pl.concat(rows).with_columns(
        ratio=pl.when(pl.col("expected") > 0).then((pl.col("observed") / pl.col("expected")).round(12))
    )
    table = table.with_columns(log2_ratio=pl.when(pl.col("ratio") > 0).then(pl.col("ratio").log(2)))
    adjusted = pl.concat([adjust(table.filter(null=drawn)) for drawn in NULLS])
    order = table.select("label", "feature", "null")
    return check(order.join(adjusted, on=["label", "feature", "null"], how="left", maintain_order="left"), OVERLAP)


def _parts(classes: Classes) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield (number of the class, its regions) of the classes that have regions."""
    for g in np.flatnonzero(classes.sizes).tolist():
        yield g, classes.table[int(classes.edges[g]) : int(classes.edges[g + 1])]


def _arrangements(
    here: pl.DataFrame, world: Universe, controls: int, seed: tuple[int, ...]
) -> list[Iterator[np.ndarray]]:
    """Return the blocks of places along the ground of each null, in the order of NULLS."""
    shift = world.low - here["start"].to_numpy()
    matched = (genome_starts(here, starts) + shift for starts in control_blocks(here, controls=controls, seed=seed))
    moved = partial(rotated, world, controls=controls, seed=seed)
    return [matched, moved(), shuffled(world, controls=controls, seed=seed)]


def _shares(
    starts: np.ndarray, world: Universe, targets: list[tuple[np.ndarray, np.ndarray]], *, kept_in_place: bool = False
) -> np.ndarray:
    """Return float64 (features, b): share of the regions that overlap each feature, with lowest bases at `starts` (b, n).

    A region that a rotation has put across two stretches does not count in that arrangement: it would have two chances to overlap. All others
    lie at any place where they fit equally often.

    kept_in_place : every region is still in its own stretch, so that regions of stretches without the feature need no look-up.
    """
    first, shares = world.ground.first, np.zeros((len(targets), len(starts)))
    stretch = np.searchsorted(first, world.low, side="right")
    whole = None if kept_in_place else first[np.searchsorted(first, starts, side="right")] >= starts + world.length
    counted = len(world.low) if whole is None else whole.sum(axis=1)
    for i, (start, end) in enumerate(targets):
        here: slice | np.ndarray = slice(None)
        if kept_in_place:
            here = np.flatnonzero(_meets(start, end, first[stretch - 1], first[stretch]))
        low = starts[:, here]
        hits = _meets(start, end, low, low + world.length[here])
        touched = (hits if whole is None else hits & whole).sum(axis=1)
        shares[i] = np.where(counted > 0, touched / np.maximum(counted, 1), np.nan)
    return shares


def _meets(start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return bool, shape of `low`: [low, high) shares a base with one of the disjoint, sorted intervals start, end."""
    following = np.searchsorted(end, low, side="right")  # the first interval that ends beyond low
    meets: np.ndarray = np.append(start, np.iinfo(np.int64).max)[following] < high
    return meets
