"""Bases of intervals and of FASTA records, in reading direction, cut at runs of N.

Both sources give one table, PIECES: name, locus, chrom, start, end, strand, sequence. The piece of AACCNNGGTT is AACC and
GGTT (a single N stays); a piece on strand - is the reverse complement; lower case (soft mask) is kept.
"""

import re
from itertools import islice
from typing import Any, NamedTuple

import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.strands import reverse_complement
from phenolens.core.types import Genome

PIECES = {
    "label": pl.String,
    "name": pl.String,
    "locus": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "strand": pl.String,
    "sequence": pl.String,
}
GAP = 1 << 12  # bases between two intervals that are read rather than skipped
STRETCH = 1 << 20  # bases: intervals that start in one such part of a chromosome may be read together
N_RUN = re.compile("[Nn]{2,}")
# names as bedtools getfasta writes them: [name::]chrom:start-end[(strand)], 0-based and half-open
GETFASTA = r"^(?:.*::)?(?<chrom>[^:]+):(?<start>\d+)-(?<end>\d+)(?:\((?<strand>[+\-.])\))?$"


class Extracted(NamedTuple):
    """Sequences and what was left out on the way.

    pieces : PIECES.
    left_out : reason (String), n (Int64), bases (Int64).
    """

    pieces: pl.DataFrame
    left_out: pl.DataFrame


def from_intervals(table: pl.DataFrame, genome: Genome, *, label: str, min_length: int) -> Extracted:
    """Return the bases of intervals, cut at runs of two or more N; pieces keep their own coordinates.

    Parameters
    ----------
    table : INTERVALS with `locus`.
    genome : the genome.
    label : class.
    min_length : pieces shorter than this are left out.

    Raises
    ------
    DataError : no interval lies on a chromosome of the genome, or one ends beyond its chromosome.
    """
    table, absent = on_genome(table, genome, label)
    whole = table.select("name", "locus", "chrom", "start", "end", "strand").with_columns(
        label=pl.lit(label), sequence=_texts(table, genome)
    )
    pieces, left_out = _cut_at_n(whole.select(*PIECES), min_length)
    return Extracted(pieces, pl.concat([absent, left_out]))


def _texts(table: pl.DataFrame, genome: Genome) -> pl.Series:
    """Return the bases of each interval in reading direction; neighbours are read together, in the order of the genome."""
    rows = table.select("chrom", "start", "end", "strand").with_row_index("row").sort("chrom", "start", "end")
    reach = pl.col("end").cum_max().shift(1).over("chrom")
    begins = (
        reach.is_null()
        | (pl.col("start") > reach + GAP)
        | (pl.col("start") // STRETCH != (pl.col("start") // STRETCH).shift(1))
    )
    rows = rows.with_columns(stretch=begins.cum_sum())
    stretches = rows.group_by("stretch", maintain_order=True).agg(
        pl.col("chrom").first(), pl.col("start").first(), pl.col("end").max(), pl.len()
    )
    members = rows.select("start", "end", "strand").iter_rows()
    texts = []
    for _, chrom, first, last, n in stretches.iter_rows():
        plus = genome.fetch(chrom, first, last)
        for start, end, strand in islice(members, n):
            text = plus[start - first : end - first]
            texts.append(reverse_complement(text) if strand == "-" else text)
    return rows.select("row", sequence=pl.Series(texts, dtype=pl.String)).sort("row")["sequence"]


def on_genome(table: pl.DataFrame, genome: Genome, label: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows on chromosomes of the genome, and the account of the others."""
    known = table.filter(pl.col("chrom").is_in(list(genome.lengths)))
    if table.height and not known.height:
        raise DataError(
            f"class {label}",
            f"none of its {table.height} intervals lies on a chromosome of the genome (they are on {', '.join(sorted(table['chrom'].unique())[:3])} ...)",
            expected=f"names such as {', '.join(list(genome.lengths)[:3])}",
            remedy="use the genome that the intervals were made with, with the same chromosome names",
        )
    length = pl.col("chrom").replace_strict(dict(genome.lengths), return_dtype=pl.Int64)
    beyond = known.filter(pl.col("end") > length)
    if beyond.height:
        chrom, end = beyond.select("chrom", "end").row(0)
        raise DataError(
            f"class {label}",
            f"{beyond.height} intervals end beyond their chromosome, the first at {chrom}:{end}",
            expected=f"at most {genome.lengths[chrom]}",
            remedy="the intervals are of another genome build: use theirs, or lift them over",
        )
    absent = table.filter(~pl.col("chrom").is_in(list(genome.lengths)))
    return known, left_out_row(
        "chromosome is not in the genome", absent.height, int((absent["end"] - absent["start"]).sum())
    )


def left_out_row(reason: str, n: int, bases: int) -> pl.DataFrame:
    """Return one row of an account: reason, n, bases; no row when n is 0."""
    row = pl.DataFrame(
        {"reason": [reason], "n": [n], "bases": [bases]}, schema={"reason": pl.String, "n": pl.Int64, "bases": pl.Int64}
    )
    return row if n else row.clear()


def from_records(
    records: pl.DataFrame,
    *,
    label: str,
    label_separator: str | None = None,
    family_separator: str | None = None,
    min_length: int,
) -> Extracted:
    """Return FASTA records as sequences, cut at runs of two or more N.

    A name as bedtools getfasta writes it, chrom:start-end(strand), whose span is the sequence's length, gives coordinates;
    any other has none. With a separator the label is what follows its last occurrence: chr1.9.99|LTR7B -> LTR7B.

    Parameters
    ----------
    records : columns name, sequence (String).
    label : class, where there is no separator.
    label_separator : text between name and label.
    family_separator : text between name and family; the family then is the sequence's name, which groups it.
    min_length : pieces shorter than this are left out.

    Raises
    ------
    DataError : a name is without the separator or has nothing after it.
    """
    given = records.select("name", "sequence").with_columns(label=pl.lit(label), place=pl.col("name"))
    if label_separator is not None:
        given = _labels_from_names(given, label_separator)
    if family_separator is not None:
        families = _labels_from_names(given.drop("label"), family_separator)
        given = given.with_columns(place=families["place"], family=families["label"])
    place = pl.col("place").str.extract_groups(GETFASTA).struct
    given = given.with_columns(
        locus=pl.col("name"),
        name=pl.col("family" if family_separator is not None else "name"),
        chrom=place["chrom"],
        start=place["start"].cast(pl.Int64, strict=False),
        end=place["end"].cast(pl.Int64, strict=False),
        strand=place["strand"],
    )
    # samtools faidx names look alike but are 1-based: their span is one short of the length
    placed = (pl.col("end") - pl.col("start") == pl.col("sequence").str.len_bytes()).fill_null(False)
    given = given.with_columns(
        strand=pl.when(placed).then(pl.col("strand").fill_null(".")),
        **{name: pl.when(placed).then(pl.col(name)) for name in ("chrom", "start", "end")},
    )
    return Extracted(*_cut_at_n(given.select(*PIECES), min_length))


def _labels_from_names(given: pl.DataFrame, separator: str) -> pl.DataFrame:
    parts = given["name"].str.split(separator)
    wrong = given.filter((parts.list.len() < 2) | (parts.list.last().str.strip_chars() == ""))
    if wrong.height:
        raise DataError(
            f"record {wrong['name'][0]}",
            f"has nothing after {separator!r} ({wrong.height} of {given.height} records)",
            expected=f"names such as chr1.100.400{separator}LTR7B",
            remedy="correct the names, label_separator or family_separator",
        )
    # the last separator splits place and label, so that the place may contain it
    place = given["name"].str.head(given["name"].str.len_chars() - parts.list.last().str.len_chars() - len(separator))
    return given.with_columns(label=parts.list.last().str.strip_chars(), place=place)


def _cut_at_n(whole: pl.DataFrame, min_length: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (PIECES without runs of two or more N, at least min_length long; account of what was left out)."""
    text, length = pl.col("sequence"), pl.col("sequence").str.len_bytes()
    is_n = text.str.contains("^[Nn]*$")
    only_n, rest = whole.filter(is_n), whole.filter(~is_n)
    has_run = text.str.contains("[Nn][Nn]")
    broken = rest.filter(has_run)
    cut = pl.DataFrame(
        [piece for row in broken.iter_rows(named=True) for piece in _pieces_of(row)], schema=PIECES, orient="row"
    )
    pieces = pl.concat([rest.filter(~has_run), cut])
    short = pieces.filter(length < min_length)
    account = pl.concat([
        left_out_row("only N", only_n.height, bases(only_n)),
        left_out_row("runs of N cut out", broken.height, bases(broken) - bases(cut)),
        left_out_row(f"shorter than {min_length}", short.height, bases(short)),
    ])  # fmt: skip
    return pieces.filter(length >= min_length), account


def bases(table: pl.DataFrame) -> int:
    """Return the summed length of a table's sequences."""
    return int(table["sequence"].str.len_bytes().sum())


def _pieces_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row's pieces between runs of two or more N; on strand - the first piece has the highest coordinates."""
    edges = [0, *(edge for run in N_RUN.finditer(row["sequence"]) for edge in run.span()), len(row["sequence"])]
    spans = [(i, j) for i, j in zip(edges[::2], edges[1::2], strict=True) if row["sequence"][i:j].strip("Nn")]
    pieces = []
    for i, j in spans:
        piece = row | {"sequence": row["sequence"][i:j]}
        if row["start"] is not None:
            first = row["end"] - j if row["strand"] == "-" else row["start"] + i
            piece |= {"start": first, "end": first + j - i}
        pieces.append(piece)
    return pieces
