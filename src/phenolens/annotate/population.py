"""How the regions vary in people: variants and their frequencies, depth over a pangenome graph, and what is variable yet hardly conserved.

Diversity at a base is the chance that two chromosomes differ there, 1 - p_ref^2 - sum of p_alt^2, which is 2 p (1 - p) where there is one
alternative base; a region's is the mean over its bases (Nei & Li, PNAS 76:5269, 1979, without the factor n / (n - 1)). A base without a record counts as
invariant where the file has its chromosome, and as unknown where it has not.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.measures import Placed, against_controls, by_letter
from phenolens.annotate.running import Sums, ratios, running
from phenolens.core.schemas_variants import POPULATION, POPULATION_CROSS, REGION_POPULATION
from phenolens.core.table import check, empty

PER_KB, FREQUENCY, DIVERSITY, DEPTH = "variants per kb", "mean frequency", "diversity", "depth"
# names of the thresholds in the study file
KEYS = {"variants_per_kb": PER_KB, "mean_frequency": FREQUENCY, "diversity": DIVERSITY, "depth": DEPTH}
ROUNDING = 1e-9  # as in pathogenicity


class Tracks(NamedTuple):
    """What is known along the ground: measure -> (running sums, factor), conservation signal -> running sums."""

    measures: dict[str, tuple[Sums, float]]
    signals: dict[str, Sums]


class Cross(NamedTuple):
    """What is called variable in people and hardly conserved.

    variable : measure -> value from which a region is variable.
    conserved : signal up to which a region is hardly conserved.
    """

    variable: Mapping[str, float]
    conserved: float


class Population(NamedTuple):
    """What is known of the regions in people.

    classes : POPULATION. regions : REGION_POPULATION.
    cross : POPULATION_CROSS; genes null.
    """

    classes: pl.DataFrame
    regions: pl.DataFrame
    cross: pl.DataFrame


def frequency_tracks(
    here: Placed, rows: Iterable[pl.DataFrame], chroms: Iterable[str]
) -> dict[str, tuple[Sums, float]]:
    """Return the measures that a file of allele frequencies gives: variants per kb, mean frequency of the substitutions, diversity.

    A variant counts at the first base of its reference allele; frequency and diversity are of single-base substitutions.

    Parameters
    ----------
    here : the regions on their ground.
    rows : tables of FREQUENCIES.
    chroms : chromosomes that the file has, by the genome's names.
    """
    bases = here.ground.bases
    frequency, variants = np.full((bases, 4), np.nan), np.zeros(bases)
    for table in rows:
        at = here.ground.find(table["chrom"], table["start"].to_numpy())
        np.add.at(variants, at[at >= 0], 1)
        one = pl.col("ref").str.contains("^[ACGT]$") & pl.col("alt").str.contains("^[ACGT]$")
        by_letter(here.ground, table.filter(one), "frequency", frequency)
    has = here.ground.table["chrom"].is_in(list(chroms)).to_numpy()
    known = np.repeat(has, np.diff(here.ground.first)).astype(np.int64)
    number = (~np.isnan(frequency)).sum(axis=1)
    share = np.nan_to_num(frequency)
    rest = np.clip(1 - share.sum(axis=1), 0, None)
    differ = np.where(number > 0, 1 - rest**2 - (share**2).sum(axis=1), 0.0)
    return {
        PER_KB: (running(variants, known), 1000.0),
        FREQUENCY: (running(share.sum(axis=1), number), 1.0),
        DIVERSITY: (running(differ, known), 1.0),
    }


def depth_track(here: Placed, rows: Iterable[pl.DataFrame]) -> dict[str, tuple[Sums, float]]:
    """Return the measure that a table of depths gives: the mean over a region's bases that it covers.

    Parameters
    ----------
    here : the regions on their ground.
    rows : tables of DEPTHS; where rows overlap, their mean counts.
    """
    total, times = np.zeros(here.ground.bases), np.zeros(here.ground.bases, dtype=np.int64)
    for table in rows:
        row, low, high = here.ground.pieces(table)
        length = high - low
        at = np.repeat(low - np.cumsum(length) + length, length) + np.arange(length.sum())
        np.add.at(total, at, np.repeat(table["depth"].to_numpy()[row], length))
        np.add.at(times, at, 1)
    mean = np.where(times > 0, total / np.maximum(times, 1), 0.0)
    return {DEPTH: (running(mean, times > 0), 1.0)}


def signal_track(here: Placed, values: Mapping[str, np.ndarray]) -> Sums:
    """Return the running sums of a per-base signal along the ground.

    Parameters
    ----------
    here : the regions on their ground.
    values : sequence_id -> float (L,) in genome direction, NaN where absent; as in `conservation`.
    """
    track = np.full(here.ground.bases, np.nan)
    holders = here.classes.table.with_columns(pl.Series("first", here.shift) + pl.col("genome_start"))
    for name, first in holders.unique("sequence_id", maintain_order=True).select("sequence_id", "first").iter_rows():
        if name in values:
            track[first : first + len(values[name])] = values[name]
    known = ~np.isnan(track)
    return running(np.where(known, track, 0.0), known)


def population(here: Placed, tracks: Tracks, cross: Cross, *, controls: int, seed: int) -> Population:
    """Return what is known of the regions in people, of their classes against chance, and the regions that are variable yet hardly conserved.

    Parameters
    ----------
    here : the regions on their ground.
    tracks : from frequency_tracks, depth_track, signal_track.
    cross : the thresholds; measures that are not in the tracks do not count.
    controls, seed : sets of matched control regions, and the generator's seed.
    """
    if here.classes.table.is_empty() or not tracks.measures:
        return Population(empty(POPULATION), empty(REGION_POPULATION), empty(POPULATION_CROSS))
    pairs = [pair for pair in product(cross.variable, tracks.signals) if pair[0] in tracks.measures]

    def values(low: np.ndarray) -> dict[str, np.ndarray]:
        return {name: factor * ratios(sums, low, here.length)[0] for name, (sums, factor) in tracks.measures.items()}

    def both(low: np.ndarray, found: Mapping[str, np.ndarray], measure: str, signal: str) -> np.ndarray:
        conserved = ratios(tracks.signals[signal], low, here.length)[0]
        here_too = (found[measure] >= cross.variable[measure] - ROUNDING) & (conserved <= cross.conserved + ROUNDING)
        return np.where(np.isnan(found[measure]) | np.isnan(conserved), np.nan, here_too)

    def measures(low: np.ndarray) -> dict[str, np.ndarray]:
        found = values(low)
        return found | {_title(*pair, cross): both(low, found, *pair) for pair in pairs}

    classes = against_controls(here, measures, controls=controls, seed=seed)
    own = values(here.regions[None])
    ids = here.classes.table.select("region_id")
    regions = [
        ids.with_columns(pl.lit(name).alias("measure"), pl.Series("value", value[0]).fill_nan(None))
        for name, value in own.items()
    ]
    crossed = [empty(POPULATION_CROSS)]
    for measure, signal in pairs:
        chosen = both(here.regions[None], own, measure, signal)[0] == 1
        level = ratios(tracks.signals[signal], here.regions[None], here.length)[0][0]
        table = here.classes.table.select("region_id", "label", "chrom", "start", "end").with_columns(
            pl.lit(measure).alias("measure"),
            pl.Series("value", own[measure][0]),
            pl.lit(signal).alias("signal"),
            pl.Series("conservation", level),
            pl.lit(None, dtype=pl.String).alias("genes"),
        )
        crossed.append(
            table.filter(pl.Series(chosen, dtype=pl.Boolean)).sort("value", "region_id", descending=[True, False])
        )
    return Population(
        check(classes, POPULATION),
        check(pl.concat(regions), REGION_POPULATION),
        check(pl.concat(crossed), POPULATION_CROSS),
    )


def _title(measure: str, signal: str, cross: Cross) -> str:
    return f"{measure} ≥ {cross.variable[measure]:g} and {signal} ≤ {cross.conserved:g}"
