"""Scores of single-base substitutions inside the regions against matched controls in the same sequences.

A base has three possible substitutions; the scores that exist are of few of them (AlphaMissense and PrimateAI: those that change an amino
acid), so every mean stands beside the share it was made from. Where a substitution has several scores (overlapping genes, transcripts)
the highest counts.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.measures import Placed, against_controls, by_letter
from phenolens.annotate.running import Sums, ratios, running
from phenolens.core.schemas_variants import PATHOGENIC_VARIANTS, PATHOGENICITY, REGION_PATHOGENICITY, SCORED
from phenolens.core.table import check, empty

MEAN, HARMFUL, BASES, SUBSTITUTIONS = "mean score", "harmful regions", "covered bases", "covered substitutions"
POSSIBLE = 3  # substitutions a base
# means come from running sums: three scores of 0.7 may come out at 0.7 - 1e-12
ROUNDING = 1e-9


class Found(NamedTuple):
    """What one set of scores says.

    classes : PATHOGENICITY. regions : REGION_PATHOGENICITY.
    variants : PATHOGENIC_VARIANTS, highest score first, then by place; model_change null.
    """

    classes: pl.DataFrame
    regions: pl.DataFrame
    variants: pl.DataFrame


def pathogenicity(
    here: Placed,
    rows: Iterable[pl.DataFrame],
    *,
    scores: str,
    threshold: float | None,
    controls: int,
    seed: int,
) -> Found:
    """Return what scores of substitutions say of the regions, of their classes against chance, and of single harmful substitutions.

    Memory grows with the bases of the regions' sequences and the harmful substitutions in the regions, not with the rows.

    Parameters
    ----------
    here : the regions on their ground, n of them.
    rows : tables of SCORED, in any order and cut in any way; rows off the ground do not count.
    scores : their name.
    threshold : score from which a substitution, and the mean of a region, is called harmful; None calls none.
    controls, seed : sets of matched control regions, and the generator's seed.
    """
    track, listed = _collect(here, rows, threshold)
    bases = running(track.number > 0, np.ones(len(track.number), dtype=np.int64))

    def measures(low: np.ndarray) -> dict[str, np.ndarray]:
        mean, substitutions = ratios(track.sums, low, here.length)
        found = {MEAN: mean}
        if threshold is not None:
            found[HARMFUL] = np.where(np.isnan(mean), np.nan, mean >= threshold - ROUNDING)
        covered = ratios(bases, low, here.length)[0]
        return found | {BASES: covered, SUBSTITUTIONS: substitutions / (POSSIBLE * here.length)}

    name = pl.lit(scores).alias("scores")
    if here.classes.table.is_empty():
        return Found(empty(PATHOGENICITY), empty(REGION_PATHOGENICITY), empty(PATHOGENIC_VARIANTS))
    classes = against_controls(here, measures, controls=controls, seed=seed).with_columns(name)
    own = {measure: value[0] for measure, value in measures(here.regions[None]).items()}
    harmful = own.get(HARMFUL, np.full(len(here.length), np.nan))
    regions = here.classes.table.select(
        "region_id",
        name,
        pl.Series("mean", own[MEAN]).fill_nan(None),
        pl.Series("highest", track.highest).fill_nan(None),
        pl.Series("substitutions", ratios(track.sums, here.regions[None], here.length)[1][0]).cast(pl.Int64),
        pl.Series("covered", own[BASES]),
        pl.Series("harmful", harmful).fill_nan(None).cast(pl.Boolean),
    )
    variants = _in_regions(here, listed.unique()).with_columns(name, model_change=pl.lit(None, dtype=pl.Float64))
    return Found(
        check(classes, PATHOGENICITY), check(regions, REGION_PATHOGENICITY), check(variants, PATHOGENIC_VARIANTS)
    )


class _Track(NamedTuple):
    """Scores along the ground, N bases.

    sums : running sums of scores and their number. number : int8 (N,), scored substitutions of each base.
    highest : float64 (n,), highest score inside each region, NaN where there is none.
    """

    sums: Sums
    number: np.ndarray
    highest: np.ndarray


def _collect(here: Placed, rows: Iterable[pl.DataFrame], threshold: float | None) -> tuple[_Track, pl.DataFrame]:
    """Return (the scores along the ground; the SCORED rows in regions that reach the threshold)."""
    values = np.full((here.ground.bases, 4), np.nan)
    inside = np.zeros(here.ground.bases + 1, dtype=np.int64)
    np.add.at(inside, here.regions, 1)
    np.add.at(inside, here.regions + here.length, -1)
    in_region = np.cumsum(inside)[:-1] > 0
    listed = [empty(SCORED)]
    for table in rows:
        by_letter(here.ground, table, "score", values)
        if threshold is not None:
            high = table.filter(pl.col("score") >= threshold).select(*SCORED.columns)
            at = here.ground.find(high["chrom"], high["start"].to_numpy())
            own = high.filter(pl.Series((at >= 0) & np.append(in_region, False)[at], dtype=pl.Boolean))
            # a filtered text column keeps the text of every row alive, a made one its own
            listed.append(own.with_columns(pl.selectors.string() + ""))
    highest = _highest(values, here.regions, here.length)
    number = np.zeros(len(values), dtype=np.int8)
    for letter in values.T:
        number += ~np.isnan(letter)
    np.nan_to_num(values, copy=False)
    return _Track(running(values.sum(axis=1), number), number, highest), pl.concat(listed)


def _highest(values: np.ndarray, low: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return float64 (n,): the highest value inside each region, NaN where there is none."""
    if not len(low):
        return np.zeros(0)
    best = np.append(np.fmax.reduce(values, axis=1), np.nan)
    # reduceat takes what lies between two edges: those of the regions, every other one
    edges = np.stack([low, low + length], axis=1).reshape(-1)
    highest: np.ndarray = np.fmax.reduceat(best, edges)[::2]
    return highest


def _in_regions(here: Placed, variants: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each region that a variant lies in."""
    points = variants.select("chrom", "start", end=pl.col("start") + 1)
    variant, at, _ = here.ground.pieces(points)
    order = np.argsort(at, kind="stable")
    first, last = (np.searchsorted(at[order], edge) for edge in (here.regions, here.regions + here.length))
    region = np.repeat(np.arange(len(first)), last - first)
    within = np.arange(len(region)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    chosen = variant[order[np.repeat(first, last - first) + within]]
    homes = here.classes.table[region].select("region_id", "sequence_id", "label")
    table: pl.DataFrame = pl.concat([homes, variants[chosen]], how="horizontal")
    return table.sort(
        ["score", "chrom", "start", "alt", "region_id", "protein", "change"],
        descending=[True, *[False] * 6],
    )
