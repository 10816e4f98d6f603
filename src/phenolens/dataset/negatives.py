"""Random genomic background that resembles a class in all but what it is: same chromosome, same lengths, same GC content.

Each target interval gets partners of exactly its length, drawn uniformly from the allowed space; out of many drawn the
one nearest in GC (and soft-masked share) is taken. Partners overlap neither each other nor a target nor an N.
Memory: one chromosome's letters and one bit (plus 1/2 bit of running count) per base and covariate.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core import ranges
from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import empty
from phenolens.core.types import Genome

DRAWS = (64, 256, 1024, 1024, 1024, 1024, 1024, 1024)  # candidates per open target, round by round
PATIENT = 3  # rounds in which a target waits for a partner within TOLERANCE before it takes the best there is
TOLERANCE = 0.02  # distance in standard deviations of the background that counts as a match
BATCH = 1 << 21  # candidates held at a time
SMALL_SHORTFALL = 0.05  # share of the wanted background that may be missing before it is an error


class Matched(NamedTuple):
    """Background matched to targets, and what could not be found.

    intervals : INTERVALS, sorted, with one more column, `target` (Int64): the row of the targets each was matched to.
    account : chrom, wanted, found (Int64), one row a chromosome.
    """

    intervals: pl.DataFrame
    account: pl.DataFrame


class _Track(NamedTuple):
    """Where on a chromosome something holds, one bit a base, with a running count per 64 bases."""

    words: np.ndarray
    before: np.ndarray

    def up_to(self, position: np.ndarray) -> np.ndarray:
        """Return int64: bases before each position at which it holds."""
        word = position >> 6
        low_bits = (np.uint64(1) << (position & 63).astype(np.uint64)) - np.uint64(1)
        return np.asarray(self.before[word] + np.bitwise_count(self.words[word] & low_bits))


class _Space(NamedTuple):
    """Free pieces of one chromosome, longest first, with running sums of their lengths."""

    start: np.ndarray
    end: np.ndarray
    length: np.ndarray
    total: np.ndarray


def matched_negatives(
    targets: pl.DataFrame,
    genome: Genome,
    allowed: pl.DataFrame,
    *,
    match: Sequence[str] = ("gc",),
    ratio: float = 1.0,
    seed: int,
) -> Matched:
    """Return random background of the targets' chromosomes and lengths, matched one by one in GC (and soft-masked share).

    A partner takes its target's strand; its name and score are null. The result does not depend on the order of rows.

    Parameters
    ----------
    targets : INTERVALS; where a target has no place on the genome, start and end are null and the columns length (bases),
        gc and masked (shares) say what its partner should be like.
    genome : the genome; lower case is soft-masked.
    allowed : INTERVALS; a partner lies inside one of its merged intervals.
    match : "gc", or "gc" and "masked": what is matched besides chromosome and length.
    ratio : partners per target; a fraction is dealt to targets at random.
    seed : of the generator.

    Raises
    ------
    DataError : more than 5 % of the wanted background cannot be placed.
    """
    targets = targets.with_row_index("target").with_columns(pl.col("target").cast(pl.Int64))
    found, account = [empty(INTERVALS).with_columns(target=pl.lit(0, dtype=pl.Int64))], []
    for number, chrom in enumerate(sorted(targets["chrom"].unique())):
        generator = np.random.default_rng([seed, number])
        on_chrom = targets.filter(pl.col("chrom") == chrom).sort("start", "end", "strand", "target")
        wanted = on_chrom[_repeats(on_chrom.height, ratio, generator)]
        placed = _on_chromosome(wanted, genome, allowed.filter(pl.col("chrom") == chrom), match, generator)
        found.append(placed)
        account.append({"chrom": chrom, "wanted": wanted.height, "found": placed.height})
    table = pl.DataFrame(account, schema={"chrom": pl.String, "wanted": pl.Int64, "found": pl.Int64})
    _check_shortfall(table)
    return Matched(pl.concat(found).sort("chrom", "start"), table)


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


def _on_chromosome(
    wanted: pl.DataFrame, genome: Genome, allowed: pl.DataFrame, match: Sequence[str], generator: np.random.Generator
) -> pl.DataFrame:
    """Return the partners found for these targets of one chromosome."""
    chrom = wanted["chrom"][0]
    if chrom not in genome.lengths:
        raise DataError(
            "matched background", f"chromosome {chrom} is not in the genome", remedy="use the same names in both files"
        )
    letters = np.frombuffer(genome.fetch(chrom, 0, genome.lengths[chrom]).encode("ascii"), dtype=np.uint8)
    tracks = [_track(_holds(letters, what)) for what in match]
    n_start, n_end = _runs(_holds(letters, "n"))
    on_genome = wanted.filter(pl.col("start").is_not_null())
    taken_start = np.concatenate([on_genome["start"].to_numpy(), n_start])
    taken_end = np.concatenate([on_genome["end"].to_numpy(), n_end])
    free = _minus(*ranges.union(allowed["start"].to_numpy(), allowed["end"].to_numpy())[:2], taken_start, taken_end)
    length, goal = _wishes(wanted, tracks, match)
    partner = np.full(wanted.height, -1)
    # long partners first: short ones would break up the few places where they fit
    octave = np.log2(length).astype(np.int64)
    for size in np.unique(octave)[::-1]:
        rows = np.flatnonzero(octave == size)
        partner[rows] = _place(length[rows], goal[rows], free, tracks, generator)
        kept = rows[partner[rows] >= 0]
        free = _minus(*free, partner[kept], partner[kept] + length[kept])
    chosen = wanted.filter(pl.Series(partner >= 0)).select(*INTERVALS.columns, "target")
    start = partner[partner >= 0]
    return chosen.with_columns(
        start=pl.Series(start, dtype=pl.Int64),
        end=pl.Series(start + length[partner >= 0], dtype=pl.Int64),
        name=pl.lit(None, dtype=pl.String),
        score=pl.lit(None, dtype=pl.Float64),
    )


def _wishes(wanted: pl.DataFrame, tracks: Sequence[_Track], match: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return (length int64 (n,), covariates float (n, c)) that partners should have: read from the genome, or given where a target has no place."""
    placed = wanted["start"].is_not_null().to_numpy()
    length = (wanted["end"] - wanted["start"]).fill_null(0).to_numpy()
    if placed.all():
        return length, _covariates(tracks, wanted["start"].to_numpy(), length)
    length = np.where(placed, length, wanted["length"].fill_null(0).to_numpy())
    goal = _covariates(tracks, wanted["start"].fill_null(0).to_numpy(), length)
    given = wanted.select(match).to_numpy()
    return length, np.where(placed[:, None], goal, given)


def _holds(letters: np.ndarray, what: str) -> np.ndarray:
    """Return bool (L,): where the letters are G or C, lower case, or none of A, C, G, T."""
    table = np.zeros(256, dtype=bool)
    if what == "gc":
        table[list(b"GCgc")] = True
    elif what == "masked":
        table[ord("a") : ord("z") + 1] = True
    else:
        table[:] = True
        table[list(b"ACGTacgt")] = False
    return np.asarray(table[letters])


def _track(holds: np.ndarray) -> _Track:
    packed = np.packbits(holds, bitorder="little")
    words = np.zeros(len(holds) // 64 + 1, dtype="<u8")  # one word more than needed, so that position L has one
    words.view(np.uint8)[: len(packed)] = packed
    before = np.zeros(len(words), dtype=np.int64)
    np.cumsum(np.bitwise_count(words[:-1]), out=before[1:])
    return _Track(words, before)


def _runs(holds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (start, end) of the runs of true values."""
    edges = np.flatnonzero(np.diff(holds, prepend=False, append=False))
    return edges[::2], edges[1::2]


def _covariates(tracks: Sequence[_Track], start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return float (n, covariates): share of each interval's bases at which each track holds."""
    return np.stack([(track.up_to(start + length) - track.up_to(start)) / length for track in tracks], axis=-1)


def _minus(
    start: np.ndarray, end: np.ndarray, taken_start: np.ndarray, taken_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the disjoint pieces [start, end) without what is taken."""
    span = int(max(end.max(initial=0), taken_end.max(initial=0)))
    free_start, free_end = ranges.complement(taken_start, taken_end, span)
    a, b = ranges.overlap_pairs(start, end, free_start, free_end)
    return np.maximum(start[a], free_start[b]), np.minimum(end[a], free_end[b])


def _place(
    length: np.ndarray,
    goal: np.ndarray,
    free: tuple[np.ndarray, np.ndarray],
    tracks: Sequence[_Track],
    generator: np.random.Generator,
) -> np.ndarray:
    """Return int64 (n,): start of a partner for each target, none overlapping another; -1 where there is none."""
    partner = np.full(len(length), -1)
    scale = None
    for number, draws in enumerate(DRAWS):
        open_rows = np.flatnonzero(partner < 0)
        space = _space(*free)
        if not len(open_rows) or not len(space.length):
            break
        start, distance, spread = _best_of(length[open_rows], goal[open_rows], space, tracks, draws, scale, generator)
        scale = spread if scale is None else scale
        good = (start >= 0) & ((distance <= TOLERANCE) | (number >= PATIENT))
        rows, start = open_rows[good], start[good]
        won = _without_conflict(start, start + length[rows], generator.permutation(len(rows)))
        partner[rows[won]] = start[won]
        free = _minus(*free, start[won], start[won] + length[rows[won]])
    return partner


def _space(start: np.ndarray, end: np.ndarray) -> _Space:
    order = np.argsort(start - end, kind="stable")
    length = (end - start)[order]
    return _Space(start[order], end[order], length, np.concatenate([[0], np.cumsum(length)]))


def _best_of(
    length: np.ndarray,
    goal: np.ndarray,
    space: _Space,
    tracks: Sequence[_Track],
    draws: int,
    scale: np.ndarray | None,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (start, distance, scale): of `draws` random places for each target the one nearest to its goal; start -1 where none fits."""
    best = np.full(len(length), -1)
    distance = np.full(len(length), np.inf)
    step = max(1, BATCH // draws)
    for first in range(0, len(length), step):
        rows = np.arange(first, min(first + step, len(length)))
        size = np.broadcast_to(length[rows, None], (len(rows), draws))
        start = _draw(size, space, generator)  # (rows, draws)
        fits = start >= 0
        candidates = _covariates(tracks, np.maximum(start, 0), size)  # (rows, draws, covariates)
        if scale is None:
            scale = np.maximum(candidates[fits].std(axis=0), 0.01) if fits.any() else np.ones(len(tracks))
        apart = np.sqrt((((candidates - goal[rows, None]) / scale) ** 2).sum(-1))
        apart[~fits] = np.inf
        nearest = apart.argmin(axis=1)
        best[rows] = start[np.arange(len(rows)), nearest]
        distance[rows] = apart[np.arange(len(rows)), nearest]
    return best, distance, np.ones(len(tracks)) if scale is None else scale


def _draw(length: np.ndarray, space: _Space, generator: np.random.Generator) -> np.ndarray:
    """Return int64, shape of `length`: uniform random starts among all places where an interval of that length fits; -1 if none.

    The j longest pieces hold total[j] - j * (length - 1) places, a rising function of j as long as each piece is long
    enough; the piece of the u-th place is found by bisection.
    """
    pieces = np.searchsorted(-space.length, -length, side="right")
    places = space.total[pieces] - pieces * (length - 1)
    place = (generator.random(length.shape) * places).astype(np.int64)
    low, high = np.zeros_like(pieces), np.maximum(pieces - 1, 0)
    while np.any(low < high):
        middle = (low + high + 1) // 2
        before = space.total[middle] - middle * (length - 1)
        low, high = np.where(before <= place, middle, low), np.where(before <= place, high, middle - 1)
    offset = place - (space.total[low] - low * (length - 1))
    return np.where(places > 0, space.start[low] + offset, -1)


def _without_conflict(start: np.ndarray, end: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return bool (n,): intervals whose rank is lower than that of every interval they overlap."""
    a, b = ranges.overlap_pairs(start, end, start, end)
    beaten = np.zeros(len(start), dtype=bool)
    beaten[a[rank[a] > rank[b]]] = True
    return ~beaten
