"""Random genomic background that resembles a class in all but what it is: same lengths, same place, same composition.

Each target interval gets partners of exactly its length whose GC content, and what else is asked for (covariates.py), is jointly
nearest to its own among random places of its chromosome, or of the genome (placement.py). Partners overlap neither
each other nor a target nor an N. Chromosomes are read one after another, or as many at a time as there are threads; memory is that of
those: a byte a base while one is read, then 3/16 byte a base and covariate.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core import ranges
from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import empty
from phenolens.core.types import Genome
from phenolens.dataset.covariates import Landscape, Pieces, landscape, values
from phenolens.dataset.placement import minus, placed, space_of

SMALL_SHORTFALL = 0.05  # share of the wanted background that may be missing before it is an error
CHROMOSOMES_AT_ONCE = 2  # unless more threads are given: each holds a chromosome in memory
ORDER = ("chrom", "start", "end", "strand", "length", "gc", "masked", "cpg", "target")


class Matching(NamedTuple):
    """How background is matched.

    match : what is matched besides length, of gc, masked, cpg, gene_distance, covered.
    ratio : partners per target; a fraction is dealt to targets at random.
    place : "chromosome": partners lie on their target's; "genome": anywhere, in proportion to free places.
    genes : INTERVALS of genes, for gene_distance.
    covered : INTERVALS whose share of an interval's bases is matched, for covered.
    """

    match: tuple[str, ...] = ("gc",)
    ratio: float = 1.0
    place: str = "chromosome"
    genes: pl.DataFrame | None = None
    covered: pl.DataFrame | None = None


class Matched(NamedTuple):
    """Background matched to targets, and what could not be found.

    intervals : INTERVALS, sorted, with one more column, `target` (Int64): the row of the targets each was matched to.
    account : chrom (where partners were sought), wanted, found (Int64), one row a chromosome.
    """

    intervals: pl.DataFrame
    account: pl.DataFrame


class _World(NamedTuple):
    """All that is the same for every chromosome; tables are split by chromosome.

    numbers : chromosome -> its rank by name, part of its generators' seeds.
    nothing : a table of targets without rows.
    """

    genome: Genome
    matching: Matching
    seed: int
    numbers: dict[str, int]
    nothing: pl.DataFrame
    wanted: dict[str, pl.DataFrame]
    taken: dict[str, pl.DataFrame]
    allowed: dict[str, pl.DataFrame]
    genes: dict[str, pl.DataFrame]
    covered: dict[str, pl.DataFrame]


class _Wish(NamedTuple):
    """Targets, and what their partners should be like: length int64 (n,), goal float (n, covariates), NaN where it does not matter."""

    targets: pl.DataFrame
    length: np.ndarray
    goal: np.ndarray


def matched_negatives(
    targets: pl.DataFrame,
    genome: Genome,
    allowed: pl.DataFrame,
    matching: Matching,
    *,
    seed: int,
    threads: int | None = None,
) -> Matched:
    """Return random background of the targets' lengths, matched one by one and jointly in what `matching` names.

    Distance is Euclidean over the covariates, each in standard deviations of random background of that length. A partner
    takes its target's strand; its name and score are null. The result depends neither on the order of rows nor on threads.

    Parameters
    ----------
    targets : INTERVALS; where a target has no place on the genome, start and end are null and the columns length (bases),
        gc, masked and cpg (per base) say what its partner should be like; it is matched to the mean of the background in
        gene_distance, covered, and any of those columns that is absent or null.
    genome : the genome; lower case is soft-masked.
    allowed : INTERVALS; a partner lies inside one of its merged intervals.
    matching : what is matched, where, and how many.
    seed : of the generators, one a chromosome.
    threads : chromosomes worked on at a time; None takes two where there are two cores.

    Raises
    ------
    DataError : more than 5 % of the wanted background cannot be placed, or a target lies beyond the genome.
    """
    world = _world(targets, genome, allowed, matching, seed)
    threads = threads or min(CHROMOSOMES_AT_ONCE, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(max_workers=threads) as pool:
        if matching.place == "chromosome":
            found = pool.map(partial(_beside, world), _longest_first(world.wanted, genome))
        else:
            names = _longest_first({**world.wanted, **world.allowed}, genome)
            surveys = dict(zip(names, pool.map(partial(_survey, world), names), strict=True))
            wishes = _dealt(surveys, seed)
            found = pool.map(
                lambda chrom: _partners(world, chrom, wishes[chrom], _landscape(world, chrom)),
                _longest_first(wishes, genome),
            )
        results = sorted(found, key=lambda result: result[0])
    account = pl.DataFrame(
        [(chrom, wanted, table.height) for chrom, wanted, table in results],
        schema={"chrom": pl.String, "wanted": pl.Int64, "found": pl.Int64},
        orient="row",
    )
    _check_shortfall(account)
    nothing = empty(INTERVALS).with_columns(target=pl.lit(0, dtype=pl.Int64))
    return Matched(pl.concat([nothing, *(table for _, _, table in results)]).sort("chrom", "start"), account)


def _world(targets: pl.DataFrame, genome: Genome, allowed: pl.DataFrame, matching: Matching, seed: int) -> _World:
    targets = targets.with_row_index("target").with_columns(pl.col("target").cast(pl.Int64))
    targets = targets.sort([name for name in ORDER if name in targets.columns], nulls_last=True)
    _refuse_off_genome(targets, genome)
    numbers = {chrom: number for number, chrom in enumerate(sorted(genome.lengths))}
    wanted = {}
    for chrom, rows in _by_chromosome(targets).items():
        generator = np.random.default_rng([seed, numbers[chrom], 0])
        wanted[chrom] = rows[_repeats(rows.height, matching.ratio, generator)]
    return _World(
        genome,
        matching,
        seed,
        numbers,
        targets.clear(),
        wanted,
        _by_chromosome(targets.drop_nulls("start")),
        _by_chromosome(allowed.filter(pl.col("chrom").is_in(list(genome.lengths)))),
        _by_chromosome(matching.genes),
        _by_chromosome(matching.covered),
    )


def _by_chromosome(table: pl.DataFrame | None) -> dict[str, pl.DataFrame]:
    if table is None:
        return {}
    return {str(chrom): part for (chrom,), part in table.group_by("chrom", maintain_order=True)}


def _longest_first(chromosomes: Iterable[str], genome: Genome) -> list[str]:
    return sorted(chromosomes, key=lambda chrom: (-genome.lengths[chrom], chrom))


def _refuse_off_genome(targets: pl.DataFrame, genome: Genome) -> None:
    for chrom, end in targets.group_by("chrom").agg(pl.col("end").max()).sort("chrom").iter_rows():
        if chrom not in genome.lengths:
            raise DataError(
                "matched background",
                f"chromosome {chrom} is not in the genome",
                remedy="use the same names in both files",
            )
        if end is not None and end > genome.lengths[chrom]:
            raise DataError(
                "matched background",
                f"a target ends at {chrom}:{end}",
                expected=f"at most {genome.lengths[chrom]}",
                remedy="the intervals are of another genome build: use theirs, or lift them over",
            )


def _repeats(n: int, ratio: float, generator: np.random.Generator) -> np.ndarray:
    """Return row indices of n targets, each floor(ratio) times and a random part of them once more."""
    whole = int(ratio)
    more = generator.permutation(n)[: round(n * (ratio - whole))]
    return np.sort(np.concatenate([np.repeat(np.arange(n), whole), more]))


def _check_shortfall(account: pl.DataFrame) -> None:
    wanted, found = int(account["wanted"].sum()), int(account["found"].sum())
    if wanted - found > SMALL_SHORTFALL * wanted:
        row = account.sort(pl.col("wanted") - pl.col("found"), descending=True).row(0, named=True)
        raise DataError(
            "matched background",
            f"{wanted} intervals are wanted and only {found} fit into the allowed space (worst on {row['chrom']}: {row['found']} of {row['wanted']})",
            expected=f"at least {1 - SMALL_SHORTFALL:.0%} of them",
            remedy="loosen within, exclude or margin, lower ratio, or cut the targets into shorter windows",
        )


def _landscape(world: _World, chrom: str) -> Landscape:
    letters = world.genome.letters(chrom)
    return landscape(letters, world.matching.match, world.covered.get(chrom), world.genes.get(chrom))


def _beside(world: _World, chrom: str) -> tuple[str, int, pl.DataFrame]:
    """Return (chrom, wanted, partners of the targets of this chromosome on it)."""
    place = _landscape(world, chrom)
    return _partners(world, chrom, _wish(world, chrom, place), place)


def _survey(world: _World, chrom: str) -> tuple[_Wish, Pieces]:
    """Return what the chromosome's targets wish for and its free pieces, without keeping anything of its size."""
    place = _landscape(world, chrom)
    return _wish(world, chrom, place), _free(world, chrom, place)


def _wish(world: _World, chrom: str, place: Landscape) -> _Wish:
    match, wanted = world.matching.match, world.wanted.get(chrom, world.nothing)
    n, here = wanted.height, wanted["start"].is_not_null().to_numpy()
    goal = np.full((n, len(match)), np.nan)
    for column, name in enumerate(match):
        if name in wanted.columns and name in ("gc", "masked", "cpg"):
            goal[:, column] = wanted[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    length = wanted["length"].fill_null(0).to_numpy().copy() if "length" in wanted.columns else np.zeros(n, np.int64)
    if here.any():
        start = wanted["start"].drop_nulls().to_numpy()
        length[here] = wanted["end"].drop_nulls().to_numpy() - start
        goal[here] = values(place, match, start, length[here])
    return _Wish(wanted, length, goal)


def _free(world: _World, chrom: str, place: Landscape) -> Pieces:
    """Return the allowed pieces without N and without targets."""
    none = np.zeros(0, dtype=np.int64)
    if chrom not in world.allowed:
        return none, none
    allowed, (n_start, n_end) = world.allowed[chrom], place.unknown
    start, end, _ = ranges.union(allowed["start"].to_numpy(), np.minimum(allowed["end"].to_numpy(), place.length))
    taken = world.taken.get(chrom, empty(INTERVALS))
    return minus(
        (start, end),
        (np.concatenate([taken["start"].to_numpy(), n_start]), np.concatenate([taken["end"].to_numpy(), n_end])),
    )


def _dealt(surveys: dict[str, tuple[_Wish, Pieces]], seed: int) -> dict[str, _Wish]:
    """Return chrom -> the targets whose partners are sought there: dealt at random in proportion to places of their length."""
    names = sorted(surveys)
    wishes = [surveys[chrom][0] for chrom in names]
    targets = pl.concat([wish.targets for wish in wishes])
    length, goal = np.concatenate([wish.length for wish in wishes]), np.concatenate([wish.goal for wish in wishes])
    spaces = [space_of(surveys[chrom][1]) for chrom in names]
    drawn = np.random.default_rng([seed, 0, 1]).random(len(length)) * sum(space.places(length) for space in spaces)
    dealt = {}
    for chrom, space in zip(names, spaces, strict=True):
        here = drawn >= 0
        drawn = drawn - space.places(length)
        # the u-th place of all lies on the chromosome that takes u below zero; what has no place anywhere stays for the last
        rows = np.flatnonzero(here & (drawn < 0)) if chrom != names[-1] else np.flatnonzero(here)
        dealt[chrom] = _Wish(targets[rows], length[rows], goal[rows])
    return {chrom: wish for chrom, wish in dealt.items() if wish.targets.height}


def _partners(world: _World, chrom: str, wish: _Wish, place: Landscape) -> tuple[str, int, pl.DataFrame]:
    """Return (chrom, wanted, the partners found on this chromosome)."""
    generator = np.random.default_rng([world.seed, world.numbers[chrom], 2])
    free = _free(world, chrom, place)
    start = placed(wish.length, wish.goal, free, partial(values, place, world.matching.match), generator)
    found = start >= 0
    table = wish.targets.filter(pl.Series(found, dtype=pl.Boolean)).select(*INTERVALS.columns, "target")
    table = table.with_columns(
        chrom=pl.lit(chrom),
        start=pl.Series(start[found], dtype=pl.Int64),
        end=pl.Series((start + wish.length)[found], dtype=pl.Int64),
        name=pl.lit(None, dtype=pl.String),
        score=pl.lit(None, dtype=pl.Float64),
    )
    return chrom, wish.targets.height, table
