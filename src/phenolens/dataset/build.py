"""The dataset: every class's sequences, matched background, duplicates removed, groups and splits assigned."""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from phenolens.core import ranges
from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS, SEQUENCES
from phenolens.core.settings import DatasetSettings
from phenolens.core.table import check, empty
from phenolens.core.types import Genome
from phenolens.dataset.intervals import with_locus
from phenolens.dataset.sequences import bases, from_intervals, from_records, left_out_row
from phenolens.dataset.similarity import similar
from phenolens.dataset.sources import (
    PLACE,
    Inputs,
    ReadIntervals,
    background_for,
    genome_of,
    limited,
    placed,
    refuse_shared,
    regions_of,
    rows_of,
    targets_of,
)
from phenolens.dataset.split import SPLITS, groups, split_chromosomes, split_groups, split_random

ReadSequences = Callable[[str], pl.DataFrame]
ACCOUNT = {"label": pl.String, "kind": pl.String, "reason": pl.String, "n": pl.Int64, "bases": pl.Int64}


class Dataset(NamedTuple):
    """The sequences of a study and where they came from.

    sequences : SEQUENCES, in the order of the classes, then of the genome.
    account : label, kind (`step`: intervals after a set operation; `left out`; `taken`), reason, n, bases.
    """

    sequences: pl.DataFrame
    account: pl.DataFrame


def build(
    settings: DatasetSettings,
    genome: Genome | None,
    read_intervals: ReadIntervals,
    read_sequences: ReadSequences,
    seed: int,
    *,
    threads: int | None = None,
) -> Dataset:
    """Return the labelled, grouped and split sequences of a study, and an account of what was taken and left out.

    Interval classes and FASTA classes come first, then matched background, which overlaps none of them. Of sequences
    that are letter for letter equal one is kept; when they carry different labels none is.

    Parameters
    ----------
    settings : the study file's section dataset.
    genome : the genome; None where every class is a FASTA.
    read_intervals : (file, feature) -> INTERVALS.
    read_sequences : file -> table with columns name, sequence.
    seed : of everything drawn.
    threads : of the similarity search; None takes every core.

    Raises
    ------
    DataError : an interval in two classes, a class without sequences or with a single group, too little background, ...
    """
    inputs = Inputs(settings, genome, read_intervals, seed)
    account: list[pl.DataFrame] = []
    regions = {
        number: regions_of(source, inputs, account)
        for number, source in enumerate(settings.classes)
        if source.intervals is not None
    }
    refuse_shared([(settings.classes[number].label, region.table) for number, region in regions.items()])
    parts: dict[int, pl.DataFrame] = {}
    for number, source in enumerate(settings.classes):
        if source.sequences is not None:
            records = read_sequences(source.sequences)
            got = from_records(
                records,
                label=source.label,
                label_separator=source.label_separator,
                family_separator=source.family_separator,
                min_length=settings.min_length,
            )
            parts[number] = limited(got, "sequences", number, inputs, account)
        elif number in regions:
            got = from_intervals(
                regions[number].table, genome_of(inputs, source), label=source.label, min_length=settings.min_length
            )
            parts[number] = limited(got, "intervals", number, inputs, account)
    given = pl.concat([empty(INTERVALS), *(r.occupied for r in regions.values()), *(placed(p) for p in parts.values())])
    drawn = empty(INTERVALS)
    for number, source in enumerate(settings.classes):
        if source.matched_to is not None:
            targets = targets_of(source, settings, parts)
            background = background_for(targets, number, inputs, given, drawn, account)
            drawn = pl.concat([drawn, background.select(*INTERVALS.columns)])
            got = from_intervals(
                with_locus(background), genome_of(inputs, source), label=source.label, min_length=settings.min_length
            )
            parts[number] = limited(got, "matched", number, inputs, account)
    in_order = [parts[number].sort(PLACE, nulls_last=True, maintain_order=True) for number in sorted(parts)]
    table = _with_ids(_without_duplicates(pl.concat(in_order), account))
    _refuse_empty(
        table,
        [
            *(c.label for c in settings.classes if c.label_separator is None),
            *(label for part in in_order for label in part["label"]),
        ],
    )
    for (label,), part in table.group_by("label", maintain_order=True):
        account.append(rows_of(str(label), "taken", left_out_row("sequences", part.height, bases(part))))
    return Dataset(_dealt(table, settings, seed, threads), pl.concat(account))


def _without_duplicates(table: pl.DataFrame, account: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the first of every set of equal sequences, none of those that carry different labels; upper and lower case are equal."""
    letters = pl.col("sequence").str.to_uppercase()
    table = table.with_columns(
        labels=pl.col("label").n_unique().over(letters), first=pl.int_range(pl.len()).over(letters) == 0
    )
    contradictory, single = pl.col("labels") > 1, pl.col("first")
    for reason, lost in (
        ("the same sequence again", ~contradictory & ~single),
        ("the same sequence in another class", contradictory),
    ):
        for (label,), part in table.filter(lost).group_by("label", maintain_order=True):
            account.append(rows_of(str(label), "left out", left_out_row(reason, part.height, bases(part))))
    return table.filter(~contradictory & single).drop("labels", "first")


def _with_ids(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with a unique sequence_id: label:chrom:start-end(strand), or label:name; repeats get /2, /3, ..."""
    at = pl.format("{}:{}:{}-{}({})", "label", "chrom", "start", "end", "strand")
    table = table.with_columns(
        sequence_id=pl.when(pl.col("chrom").is_null()).then(pl.format("{}:{}", "label", "name")).otherwise(at)
    )
    number = pl.int_range(1, pl.len() + 1).over("sequence_id")
    return table.with_columns(
        sequence_id=pl.when(number == 1)
        .then(pl.col("sequence_id"))
        .otherwise(pl.format("{}/{}", "sequence_id", number))
    )


def _refuse_empty(table: pl.DataFrame, labels: list[str]) -> None:
    """Refuse a class without sequences, and a dataset of fewer than two classes."""
    lost = [label for label in labels if label not in set(table["label"])]
    if lost:
        raise DataError(
            f"class {lost[0]}",
            "no sequence is left",
            expected="at least 2 from different loci",
            remedy="look at its steps, min_length, max_length, and whether its sequences are those of another class",
        )
    if table["label"].n_unique() < 2:
        raise DataError(
            "dataset.classes", f"{table['label'].n_unique()} class has sequences", expected="at least 2 classes"
        )


def _dealt(table: pl.DataFrame, settings: DatasetSettings, seed: int, threads: int | None) -> pl.DataFrame:
    """Return SEQUENCES: the table with its groups, its split and a random split of the same shares."""
    keys = [table["locus"], _overlapping(table)]
    if "name" in settings.group_by:
        keys.append(table["name"])
    if "chrom" in settings.group_by:
        keys.append(table["chrom"])
    if "similarity" in settings.group_by:
        component = similar(
            table["sequence"],
            identity=settings.similarity_identity,
            coverage=settings.similarity_coverage,
            threads=threads,
        )
        keys.append(pl.Series(component))
    table = table.with_columns(groups(table["sequence_id"], keys), allele=pl.lit(None, dtype=pl.String))
    shares = {
        "train": 1 - settings.validation - settings.test,
        "validation": settings.validation,
        "test": settings.test,
    }
    if shares["train"] <= 0 or settings.test <= 0:
        raise DataError(
            "dataset.validation and dataset.test",
            f"{settings.validation} and {settings.test} leave {shares['train']:.2f} for train",
            expected="test above 0 and the sum below 1",
        )
    if settings.split == "chromosome":
        split = split_chromosomes(table["chrom"], settings.validation_chromosomes, settings.test_chromosomes)
        shares = {name: int((split == name).sum()) / table.height for name in SPLITS}
    elif settings.split == "group":
        split = split_groups(table["label"], table["group"], shares, seed)
    at_random = split_random(table["label"], shares, seed)
    table = table.with_columns(at_random, split=at_random if settings.split == "random" else split)
    return check(table, SEQUENCES).select(*SEQUENCES.columns)


def _overlapping(table: pl.DataFrame) -> pl.Series:
    """Return the number of the stretch of genome that each row lies on, shared by rows that overlap or touch; null without coordinates."""
    row = table.with_row_index("row").drop_nulls("chrom")
    if not row.height:
        return pl.Series("stretch", [None] * table.height, dtype=pl.Int64)
    _, _, member = ranges.union(*ranges.axis(row).place(row))
    return table.with_row_index("row").join(
        row.select("row", stretch=pl.Series(member)), on="row", how="left", maintain_order="left"
    )["stretch"]
