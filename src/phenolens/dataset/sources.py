"""One class of the study file -> its intervals: its source, its steps, its limits."""

from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.settings import ClassSettings, DatasetSettings
from phenolens.core.table import check
from phenolens.core.types import Genome, Readers
from phenolens.dataset import intervals as sets
from phenolens.dataset.random_regions import random_regions, written_regions
from phenolens.dataset.sequences import Extracted, bases, left_out_row, on_genome

PLACE = ("chrom", "start", "end")
NOT_ALLELES = {"allele": pl.String, "cigar": pl.String}


class Inputs(NamedTuple):
    """What every class is made from."""

    settings: DatasetSettings
    genome: Genome | None
    read: Readers
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


def origin_of(source: ClassSettings) -> str:
    """Return the word of the column origin."""
    if source.matched_to is not None:
        return "matched"
    if source.shuffled_from is not None:
        return "shuffled"
    if source.sequences is not None:
        return "sequences"
    return "intervals" if source.intervals is not None else "regions" if source.regions else "random"


def regions_of(number: int, inputs: Inputs, account: list[pl.DataFrame]) -> Regions:
    """Return an interval class's intervals after its steps, each once, and the same without its minimum lengths and windows."""
    source = inputs.settings.classes[number]
    genome = genome_of(inputs, source)
    table, absent = on_genome(check(_start(number, inputs, genome), INTERVALS), genome, source.label)
    applied = sets.apply_steps(table, source.steps, inputs.read.intervals, genome.lengths)
    unsized = [step for step in source.steps if step.min_length is None and step.windows is None]
    occupied = sets.apply_steps(table, unsized, inputs.read.intervals, genome.lengths).intervals
    once = applied.intervals.unique(PLACE, keep="first", maintain_order=True)
    again = applied.intervals.height - once.height
    again_bases = sets.total(applied.intervals) - sets.total(once)
    account.append(rows_of(source.label, "left out", absent))
    account.append(rows_of(source.label, "step", applied.account.rename({"step": "reason"})))
    account.append(rows_of(source.label, "left out", left_out_row("the same interval again", again, again_bases)))
    return Regions(once, occupied.select(*INTERVALS.columns))


def _start(number: int, inputs: Inputs, genome: Genome) -> pl.DataFrame:
    """Return the intervals that a class begins with: of its file, written in the study file, or random."""
    source = inputs.settings.classes[number]
    if source.intervals is not None:
        return inputs.read.intervals(source.intervals)
    if source.regions:
        return written_regions(source.regions)
    return random_regions(
        genome.lengths, length=source.random_length or 0, bases=source.random_bases or 0, seed=inputs.seed + number
    )


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


def with_origin(got: Extracted, origin: str) -> Extracted:
    """Return the pieces with a column origin, and with allele and cigar (null) where they have none."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in NOT_ALLELES.items() if name not in got.pieces.columns]
    return got._replace(pieces=got.pieces.with_columns(*absent, origin=pl.lit(origin)))


def limited(got: Extracted, number: int, inputs: Inputs, account: list[pl.DataFrame]) -> pl.DataFrame:
    """Return a class's pieces without the too long ones, at most `limit` of them drawn at random."""
    source, longest, pieces = inputs.settings.classes[number], inputs.settings.max_length, got.pieces
    kept = pieces if longest is None else pieces.filter(pl.col("sequence").str.len_bytes() <= longest)
    drawn = kept
    if source.limit is not None and kept.height > source.limit:
        rows = np.random.default_rng([inputs.seed, number]).choice(kept.height, source.limit, replace=False)
        drawn = kept[np.sort(rows)]
    account.append(rows_of(source.label, "left out", got.left_out))
    for reason, before, after in (
        (f"longer than {longest}", pieces, kept),
        (f"over the limit of {source.limit}", kept, drawn),
    ):
        lost = left_out_row(reason, before.height - after.height, bases(before) - bases(after))
        account.append(rows_of(source.label, "left out", lost))
    return drawn


def placed(pieces: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces with coordinates as INTERVALS."""
    return pieces.drop_nulls("chrom").with_columns(score=pl.lit(None, dtype=pl.Float64)).select(*INTERVALS.columns)


def dealt_labels(pieces: pl.DataFrame, source: ClassSettings, seed: int) -> pl.DataFrame:
    """Return the pieces with the labels of `deal_into`, dealt at random over their loci in equal numbers; unchanged where there are none."""
    if not source.deal_into:
        return pieces
    loci = pieces["locus"].unique().sort()
    order = np.random.default_rng(seed).permutation(len(loci))
    labels = pl.Series(np.array(source.deal_into)[order % len(source.deal_into)], dtype=pl.String)
    return pieces.with_columns(label=pl.col("locus").replace_strict(loci, labels, return_dtype=pl.String))
