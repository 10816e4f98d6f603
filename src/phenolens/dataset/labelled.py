"""A labelled set that exists as pieces of a dataset: its classes renamed, its bases as given or from the genome.

Given sequences stay whole and as they are written; runs of N are cut out only of bases that come from the genome. Equal sequences
all stay.
"""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.strands import reverse_complement
from phenolens.core.types import Genome
from phenolens.dataset.sequences import (
    PIECES,
    Extracted,
    bases,
    from_intervals,
    left_out_row,
    on_genome,
)

PLACE = ("chrom", "start", "end", "strand")


def from_labelled(
    table: pl.DataFrame, genome: Genome | None, *, label_names: Mapping[str, str], min_length: int
) -> Extracted:
    """Return a labelled set as PIECES with `given_split` (train, validation, test; null where the set has none).

    The locus is chrom:start-end where a row has coordinates, else its name. Beside a genome a given sequence keeps its
    coordinates only where the genome has its bases, and the strand is the one on which it has them.

    Parameters
    ----------
    table : name, label, sequence, chrom, start, end, strand, split: a row has a sequence, or coordinates (0-based, half-open).
    genome : the genome; None where every row has a sequence.
    label_names : label of the set -> name of the class; several may get one name.
    min_length : pieces shorter than this are left out.

    Raises
    ------
    DataError : a name for a label that the set does not have; rows without a sequence and no genome; as `from_intervals`.
    """
    unknown = [label for label in label_names if label not in table["label"]]
    if unknown:
        raise DataError(
            "dataset.label_names",
            f"names the label {unknown[0]}, which the labelled set does not have",
            expected=f"among {', '.join(table['label'].unique().sort().head(10))}",
        )
    rows = table.with_columns(
        label=pl.col("label").replace(dict(label_names)),
        given_split=pl.col("split"),
        strand=pl.when(pl.col("chrom").is_not_null()).then(pl.col("strand").fill_null(".")),
    )
    given, drawn = rows.filter(pl.col("sequence").is_not_null()), rows.filter(pl.col("sequence").is_null())
    if drawn.height and genome is None:
        raise DataError(
            "dataset.labelled",
            f"{drawn.height} of its {rows.height} rows are intervals without a sequence",
            remedy="set dataset.genome to the FASTA of their genome",
        )
    parts = [_whole(given, genome, min_length)]
    if genome is not None and drawn.height:
        parts += _from_genome(drawn, genome, min_length)
    account = pl.concat([part.left_out for part in parts]).group_by("reason", maintain_order=True).sum()
    return Extracted(pl.concat([part.pieces for part in parts]), account)


def _locus() -> pl.Expr:
    return pl.coalesce(pl.format("{}:{}-{}", "chrom", "start", "end"), "name").alias("locus")


def _from_genome(drawn: pl.DataFrame, genome: Genome, min_length: int) -> list[Extracted]:
    """Return the pieces of intervals, one table a label and split."""
    known, absent = on_genome(drawn, genome, ", ".join(drawn["label"].unique().sort().head(5)))
    parts = [Extracted(pl.DataFrame(schema=PIECES | {"given_split": pl.String}), absent)]
    for part in known.with_columns(_locus()).partition_by("label", "given_split", maintain_order=True):
        got = from_intervals(part, genome, label=part["label"][0], min_length=min_length)
        given_split = pl.lit(part["given_split"][0], pl.String).alias("given_split")
        parts.append(got._replace(pieces=got.pieces.with_columns(given_split)))
    return parts


def _whole(given: pl.DataFrame, genome: Genome | None, min_length: int) -> Extracted:
    """Return given sequences, with the coordinates that can be theirs."""
    length = pl.col("sequence").str.len_bytes().cast(pl.Int64)
    spans = (pl.col("end") - pl.col("start") == length).fill_null(True)
    table, account = _without_place(
        given, ~given.select(spans).to_series(), "coordinates dropped: they span another length than the sequence"
    )
    if genome is not None:
        found = _strands(table, genome)
        table = table.with_columns(strand=found.strand)
        table, other = _without_place(table, found.elsewhere, "coordinates dropped: the genome has other bases there")
        account = pl.concat([account, other])
    only_n = table["sequence"].str.strip_chars("Nn") == ""
    short = table.filter(~only_n & (table.select(length).to_series() < min_length))
    kept = table.filter(~only_n & (table.select(length).to_series() >= min_length))
    account = pl.concat([
        account,
        left_out_row("only N", int(only_n.sum()), bases(table.filter(only_n))),
        left_out_row(f"shorter than {min_length}", short.height, bases(short)),
    ])  # fmt: skip
    return Extracted(kept.with_columns(_locus()).select(*PIECES, "given_split"), account)


def _without_place(table: pl.DataFrame, wrong: pl.Series, reason: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the table without the coordinates of these rows, and their row of the account."""
    kept = table.with_columns(pl.when(~wrong).then(pl.col(name)).alias(name) for name in PLACE)
    return kept, left_out_row(reason, int(wrong.sum()), bases(table.filter(wrong)))


class _Strands(NamedTuple):
    """Strand (String, n) on which the genome has each sequence, and where it has not (Boolean, n)."""

    strand: pl.Series
    elsewhere: pl.Series


def _strands(table: pl.DataFrame, genome: Genome) -> _Strands:
    """Return how sequences lie on the genome; those without coordinates, or on chromosomes it does not have, stay as they are."""
    strands, elsewhere = [], []
    for text, chrom, start, end, strand in table.select("sequence", *PLACE).iter_rows():
        found = strand
        if chrom is not None and chrom in genome.lengths:
            found = _strand_of(text.upper(), genome, chrom, start, end) if end <= genome.lengths[chrom] else []
            found = strand if strand in found else next(iter(found), None)
        strands.append(found)
        elsewhere.append(chrom is not None and found is None)
    return _Strands(pl.Series(strands, dtype=pl.String), pl.Series(elsewhere, dtype=pl.Boolean))


def _strand_of(text: str, genome: Genome, chrom: str, start: int, end: int) -> list[str]:
    """Return the strands on which the genome reads these upper-case bases: + and . for the one, - for the other."""
    plus = genome.fetch(chrom, start, end).upper()
    return (["+", "."] if plus == text else []) + (["-"] if reverse_complement(plus) == text else [])
