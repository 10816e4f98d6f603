"""The dataset: every class's sequences, alleles and background, duplicates removed, groups and splits assigned."""

from typing import NamedTuple

import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.settings import DatasetSettings
from phenolens.core.table import empty
from phenolens.core.types import Genome, Readers
from phenolens.dataset.alleles import from_variants
from phenolens.dataset.assign import assigned
from phenolens.dataset.background import matched_intervals, partners_of, shuffled_pieces
from phenolens.dataset.intervals import with_locus
from phenolens.dataset.labelled import from_labelled
from phenolens.dataset.redundancy import linclust_representatives
from phenolens.dataset.sequences import Extracted, bases, from_intervals, from_records, left_out_row
from phenolens.dataset.sources import (
    PLACE,
    Inputs,
    dealt_labels,
    genome_of,
    limited,
    origin_of,
    placed,
    refuse_shared,
    regions_of,
    rows_of,
    with_origin,
)

ACCOUNT = {"label": pl.String, "kind": pl.String, "reason": pl.String, "n": pl.Int64, "bases": pl.Int64}


class Dataset(NamedTuple):
    """The sequences of a study and where they came from.

    sequences : SEQUENCES, in the order of the classes, then of the genome.
    account : label, kind (`step`: intervals after a set operation; `background`: wanted and found; `left out`; `taken`),
        reason, n, bases.
    """

    sequences: pl.DataFrame
    account: pl.DataFrame


def build(
    settings: DatasetSettings, genome: Genome | None, read: Readers, seed: int, *, threads: int | None = None
) -> Dataset:
    """Return the labelled, grouped and split sequences of a study, and an account of what was taken and left out.

    Classes of intervals and FASTA classes come first, then background, which overlaps none of them. Of sequences that
    are letter for letter equal one is kept; when they carry different labels none is. A labelled set with its own split
    keeps them, so that its certificate can count them.

    Parameters
    ----------
    settings : the study file's section dataset.
    genome : the genome; None where every class is a FASTA.
    read : readers of the study's files.
    seed : of everything drawn.
    threads : of the similarity search; None takes every core.

    Raises
    ------
    DataError : an interval in two classes, a class without sequences or with a single group, too little background, ...
    """
    inputs, account = Inputs(settings, genome, read, seed), [pl.DataFrame(schema=ACCOUNT)]
    if settings.labelled is not None:
        got = from_labelled(read.labelled(), genome, label_names=settings.label_names, min_length=settings.min_length)
        account.append(rows_of("all classes", "left out", got.left_out))
        table, wanted = with_origin(got, "labelled").pieces, got.pieces["label"].unique().sort().to_list()
    else:
        parts = _given(inputs, account)
        table = pl.concat(
            [parts[number].sort(PLACE, nulls_last=True, maintain_order=True) for number in sorted(parts)],
            how="diagonal",
        )
        wanted = _labels(settings, table)
    table = _with_ids(table if settings.split == "given" else _without_duplicates(table, account))
    _refuse_empty(table, wanted)
    for (label,), part in table.group_by("label", maintain_order=True):
        account.append(rows_of(str(label), "taken", left_out_row("sequences", part.height, bases(part))))
    return Dataset(assigned(table, settings, seed, threads), pl.concat(account))


def _labels(settings: DatasetSettings, table: pl.DataFrame) -> list[str]:
    """Return the labels that must have sequences: those declared and those found in names."""
    declared = [label for c in settings.classes if c.label_separator is None for label in c.deal_into or (c.label,)]
    return [*declared, *table["label"].unique(maintain_order=True)]


def _given(inputs: Inputs, account: list[pl.DataFrame]) -> dict[int, pl.DataFrame]:
    """Return class number -> its pieces: of intervals and records, then of the background made for them."""
    settings = inputs.settings
    regions = {
        number: regions_of(number, inputs, account)
        for number, source in enumerate(settings.classes)
        if origin_of(source) in ("intervals", "regions", "random")
    }
    refuse_shared([(settings.classes[number].label, region.table) for number, region in regions.items()])
    parts: dict[int, pl.DataFrame] = {}
    for number, source in enumerate(settings.classes):
        if source.sequences is not None:
            got = from_records(
                inputs.read.sequences(source.sequences),
                label=source.label,
                label_separator=source.label_separator,
                family_separator=source.family_separator,
                min_length=settings.min_length,
            )
            parts[number] = _taken(got, number, inputs, account)
        elif number in regions:
            parts[number] = _cut_out(regions[number].table, number, inputs, account)
    given = pl.concat([empty(INTERVALS), *(r.occupied for r in regions.values()), *(placed(p) for p in parts.values())])
    drawn = empty(INTERVALS)
    for number, source in enumerate(settings.classes):
        if not source.is_background:
            continue
        partners = partners_of(source, settings, parts)
        if source.shuffled_from is not None:
            parts[number] = _taken(shuffled_pieces(partners, source, inputs.seed + number), number, inputs, account)
            continue
        background = matched_intervals(partners, number, inputs, given, drawn, account)
        drawn = pl.concat([drawn, background.select(*INTERVALS.columns)])
        parts[number] = _cut_out(with_locus(background), number, inputs, account)
    return parts


def _cut_out(table: pl.DataFrame, number: int, inputs: Inputs, account: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the pieces of intervals with locus: their bases on the genome, and alternative alleles that overlap them."""
    source, settings = inputs.settings.classes[number], inputs.settings
    genome = genome_of(inputs, source)
    own = from_intervals(table, genome, label=source.label, min_length=settings.min_length)
    found = [with_origin(own, origin_of(source))]
    if settings.variants:
        tables, reasons = [], []
        for path in settings.variants:
            variants, skipped = inputs.read.variants(path, table, settings.variant_min_length)
            tables.append(variants)
            reason = pl.format("{}: {}", pl.lit(path), "reason").alias("reason")
            reasons.append(skipped.select(reason, "n", bases=pl.lit(0, pl.Int64)))
        alleles = from_variants(pl.concat(tables), table, genome, label=source.label, min_length=settings.min_length)
        found.append(with_origin(alleles._replace(left_out=pl.concat([*reasons, alleles.left_out])), "alleles"))
    pieces = pl.concat([got.pieces for got in found], how="diagonal")
    return _taken(Extracted(pieces, pl.concat([got.left_out for got in found])), number, inputs, account)


def _taken(got: Extracted, number: int, inputs: Inputs, account: list[pl.DataFrame]) -> pl.DataFrame:
    """Return a class's pieces: without redundant ones where asked, within its limits, with dealt labels where asked."""
    settings, source = inputs.settings, inputs.settings.classes[number]
    if "origin" not in got.pieces.columns:
        got = with_origin(got, origin_of(source))
    if settings.redundancy == "linclust":
        kept = got.pieces.filter(
            linclust_representatives(got.pieces["sequence"], identity=settings.redundancy_identity)
        )
        reason = f"not a representative at {settings.redundancy_identity:.0%} identity"
        lost = left_out_row(reason, got.pieces.height - kept.height, bases(got.pieces) - bases(kept))
        got = Extracted(kept, pl.concat([got.left_out, lost]))
    return dealt_labels(limited(got, number, inputs, account), source, inputs.seed + number)


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
    """Return the table with a unique sequence_id: label:chrom:start-end(strand), of an allele with its id, or label:name; repeats get /2, /3, ..."""
    at = pl.format("{}:{}:{}-{}({})", "label", "chrom", "start", "end", "strand")
    named = pl.format("{}:{}", "label", pl.coalesce("name", "locus"))
    allele = pl.when(pl.col("allele").is_null()).then(pl.lit("")).otherwise(pl.format(":{}", "allele"))
    table = table.with_columns(
        sequence_id=pl.when(pl.col("chrom").is_null()).then(named).otherwise(pl.concat_str(at, allele))
    )
    number = pl.int_range(1, pl.len() + 1).over("sequence_id")
    return table.with_columns(
        sequence_id=pl.when(number == 1)
        .then(pl.col("sequence_id"))
        .otherwise(pl.format("{}/{}", "sequence_id", number))
    )


def _refuse_empty(table: pl.DataFrame, labels: list[str]) -> None:
    """Refuse a class without sequences, and a dataset of fewer than two classes."""
    have = set(table["label"].unique())
    lost = [label for label in labels if label not in have]
    if lost:
        raise DataError(
            f"class {lost[0]}",
            "no sequence is left",
            expected="at least 2 from different loci",
            remedy="look at its steps, min_length, max_length, limit, and whether its sequences are those of another class",
        )
    if table["label"].n_unique() < 2:
        raise DataError(
            "dataset.classes", f"{table['label'].n_unique()} class has sequences", expected="at least 2 classes"
        )
