"""One class of the study file -> its sequences: the source's steps, its limits, or background drawn for another class."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.settings import ClassSettings, DatasetSettings
from phenolens.core.table import check, empty
from phenolens.core.types import Genome
from phenolens.dataset import intervals as sets
from phenolens.dataset.negatives import matched_negatives
from phenolens.dataset.sequences import PIECES, Extracted, bases, left_out_row, on_genome

ReadIntervals = Callable[[str, str | None], pl.DataFrame]
PLACE = ("chrom", "start", "end")


class Inputs(NamedTuple):
    """What every class is made from."""

    settings: DatasetSettings
    genome: Genome | None
    read_intervals: ReadIntervals
    seed: int


class Regions(NamedTuple):
    """One interval class: its intervals with locus, and what background must keep away from (short ones too)."""

    table: pl.DataFrame
    occupied: pl.DataFrame


def rows_of(label: str, kind: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows (reason, n, bases) as rows of the account."""
    return rows.select(label=pl.lit(label), kind=pl.lit(kind), reason="reason", n="n", bases="bases")


def genome_of(inputs: Inputs, source: ClassSettings) -> Genome:
    """Return the genome; an error that names the class where none is given."""
    if inputs.genome is None:
        raise DataError(
            f"class {source.label}",
            "needs a genome and none is given",
            remedy="set dataset.genome to the FASTA of the genome",
        )
    return inputs.genome


def regions_of(source: ClassSettings, inputs: Inputs, account: list[pl.DataFrame]) -> Regions:
    """Return an interval class's intervals after its steps, each once, and the same without its minimum lengths and windows."""
    genome = genome_of(inputs, source)
    table = check(inputs.read_intervals(source.intervals or "", source.feature), INTERVALS)
    table, absent = on_genome(table, genome, source.label)
    applied = sets.apply_steps(table, source.steps, inputs.read_intervals, genome.lengths)
    unsized = [step for step in source.steps if step.min_length is None and step.windows is None]
    occupied = sets.apply_steps(table, unsized, inputs.read_intervals, genome.lengths).intervals
    once = applied.intervals.unique(PLACE, keep="first", maintain_order=True)
    again = applied.intervals.height - once.height
    again_bases = sets.total(applied.intervals) - sets.total(once)
    account.append(rows_of(source.label, "left out", absent))
    account.append(rows_of(source.label, "step", applied.account.rename({"step": "reason"})))
    account.append(rows_of(source.label, "left out", left_out_row("the same interval again", again, again_bases)))
    return Regions(once, occupied.select(*INTERVALS.columns))


def refuse_shared(labelled: list[tuple[str, pl.DataFrame]]) -> None:
    """Refuse an interval that two classes claim."""
    if not labelled:
        return
    rows = pl.concat([table.select(*PLACE, label=pl.lit(label)) for label, table in labelled])
    shared = (
        rows.group_by(PLACE).agg(pl.col("label").unique().sort()).filter(pl.col("label").list.len() > 1).sort(PLACE)
    )
    if shared.height:
        chrom, start, end, labels = shared.row(0)
        raise DataError(
            f"classes {' and '.join(labels)}",
            f"{shared.height} intervals are in both, the first {chrom}:{start}-{end}",
            expected="every interval in one class",
            remedy="give one of the classes a step that excludes the other's file",
        )


def limited(got: Extracted, origin: str, number: int, inputs: Inputs, account: list[pl.DataFrame]) -> pl.DataFrame:
    """Return a class's pieces with their origin, without the too long ones, at most `limit` of them drawn at random."""
    source, longest = inputs.settings.classes[number], inputs.settings.max_length
    pieces = got.pieces.with_columns(origin=pl.lit(origin))
    too_long = pieces.clear() if longest is None else pieces.filter(pl.col("sequence").str.len_bytes() > longest)
    kept = pieces if longest is None else pieces.filter(pl.col("sequence").str.len_bytes() <= longest)
    drawn = kept
    if source.limit is not None and kept.height > source.limit:
        rows = np.random.default_rng([inputs.seed, number]).choice(kept.height, source.limit, replace=False)
        drawn = kept[np.sort(rows)]
    account.append(rows_of(source.label, "left out", got.left_out))
    account.append(
        rows_of(source.label, "left out", left_out_row(f"longer than {longest}", too_long.height, bases(too_long)))
    )
    account.append(
        rows_of(
            source.label,
            "left out",
            left_out_row(f"over the limit of {source.limit}", kept.height - drawn.height, bases(kept) - bases(drawn)),
        )
    )
    return drawn


def placed(pieces: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces with coordinates as INTERVALS."""
    return pieces.drop_nulls("chrom").with_columns(score=pl.lit(None, dtype=pl.Float64)).select(*INTERVALS.columns)


def targets_of(source: ClassSettings, settings: DatasetSettings, parts: dict[int, pl.DataFrame]) -> pl.DataFrame:
    """Return the pieces of the class that background is matched to."""
    matched = {c.label for c in settings.classes if c.matched_to is not None}
    pieces = pl.concat([pl.DataFrame(schema=PIECES), *(part.select(*PIECES) for part in parts.values())])
    pieces = pieces.filter(pl.col("label") == source.matched_to)
    if source.matched_to in matched or not pieces.height:
        raise DataError(
            f"class {source.label}",
            f"matched_to = {source.matched_to!r} is {'itself background' if source.matched_to in matched else 'no class with sequences'}",
            expected="the label of a class of intervals or sequences",
        )
    return pieces


def _without_place(pieces: pl.DataFrame, allowed: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return targets that lie nowhere on this genome: length, gc and masked of their letters, a chromosome dealt in proportion to allowed bases."""
    room = allowed.group_by("chrom").agg((pl.col("end") - pl.col("start")).sum().alias("bases")).sort("chrom")
    weight = room["bases"].to_numpy() / max(1, room["bases"].sum())
    length = pl.col("sequence").str.len_bytes().cast(pl.Int64)
    rows = pieces.with_columns(
        length=length,
        gc=pl.col("sequence").str.count_matches("[GCgc]") / length,
        masked=pl.col("sequence").str.count_matches("[a-z]") / length,
        chrom=pl.Series(
            np.random.default_rng(seed).choice(room["chrom"].to_numpy(), size=pieces.height, p=weight), dtype=pl.String
        ),
    )
    nowhere = rows.with_columns(
        start=pl.lit(None, pl.Int64), end=pl.lit(None, pl.Int64), score=pl.lit(None, pl.Float64)
    )
    return nowhere.select(*INTERVALS.columns, "length", "gc", "masked").with_columns(pl.col("strand").fill_null("."))


def background_for(
    pieces: pl.DataFrame,
    number: int,
    inputs: Inputs,
    given: pl.DataFrame,
    drawn: pl.DataFrame,
    account: list[pl.DataFrame],
) -> pl.DataFrame:
    """Return background matched to these pieces, away from everything given (by the margin) and drawn before.

    Pieces without coordinates, or on a chromosome that this genome does not have, get background from anywhere.
    """
    source = inputs.settings.classes[number]
    genome = genome_of(inputs, source)
    known = pl.col("chrom").is_in(list(genome.lengths))
    excluded = [inputs.read_intervals(path, None).filter(known).select(*INTERVALS.columns) for path in source.exclude]
    forbidden = sets.slop(pl.concat([given.filter(known), *excluded]), source.margin, genome.lengths)
    allowed = pl.DataFrame([_whole(chrom, genome) for chrom in sorted(genome.lengths)], schema=empty(INTERVALS).schema)
    for path in source.within:
        allowed = sets.within(allowed, inputs.read_intervals(path, None))
    allowed = sets.subtract(sets.subtract(allowed, forbidden), drawn)
    here = pl.col("chrom").is_in(list(genome.lengths)).fill_null(False)
    elsewhere = pieces.filter(~here)
    targets = placed(pieces.filter(here))
    if elsewhere.height:
        lost = _without_place(elsewhere, allowed, inputs.seed + number)
        targets = pl.concat([targets, lost], how="diagonal")
    try:
        matched = matched_negatives(
            targets, genome, allowed, match=source.match, ratio=source.ratio, seed=inputs.seed + number
        )
    except DataError as error:
        error.add_note(f"while drawing class {source.label}")
        raise
    missing = matched.account.select(pl.col("wanted").sum() - pl.col("found").sum()).item()
    account.append(rows_of(source.label, "left out", left_out_row("wanted, but no place found", missing, 0)))
    return matched.intervals


def _whole(chrom: str, genome: Genome) -> dict[str, Any]:
    return {"chrom": chrom, "start": 0, "end": genome.lengths[chrom], "name": None, "score": None, "strand": "."}
