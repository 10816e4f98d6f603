"""The GWAS catalogue: EBI's download of associations, UCSC's gwasCatalog table, and tables of chrom, pos and trait made of them.

EBI's CHR_POS and a `pos` column are 1-based, UCSC's chromStart is 0-based. An association of several variants (6;6, a haplotype) or of an
interaction (1 x 6) is no place, nor is one without a mapped position: such rows are left out and counted.
"""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.schemas import INTERVALS
from phenolens.io.chromosomes import listed
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches

# (chromosome, position, trait, first base is) of each kind of header, upper case
HEADERS = (
    ("CHR_ID", "CHR_POS", "DISEASE/TRAIT", 1),
    ("CHROM", "CHROMSTART", "TRAIT", 0),
    ("CHROM", "POS", "DISEASE/TRAIT", 1),
)
UCSC_COLUMNS = 23
UNPLACED, SEVERAL, INTERACTION = "no mapped position", "several variants at once", "an interaction of variants"
ABSENT = ("", ".", "NR", "NA")


class Layout(NamedTuple):
    """Where a file has what: columns from 0, their number, the first base's number, and whether the first line names the columns."""

    chrom: int
    position: int
    trait: int
    width: int
    first_base: int
    header: bool


class Gwas(NamedTuple):
    """Places of associations.

    table : INTERVALS of one base each, each place once, in the order of the file; name null, so that no trait groups its loci.
    skipped : reason -> rows that were left out.
    """

    table: pl.DataFrame
    skipped: dict[str, int]


def gwas_layout(line: str) -> Layout | None:
    r"""Return how a file that begins with this line has its columns; None where it is no file of the GWAS catalogue.

    >>> gwas_layout("chrom\tpos\tDISEASE/TRAIT")
    Layout(chrom=0, position=1, trait=2, width=3, first_base=1, header=True)
    """
    cells = line.rstrip("\r\n").split("\t")
    names = [cell.strip().lstrip("#").upper() for cell in cells]
    for chrom, position, trait, first_base in HEADERS:
        if {chrom, position, trait} <= set(names):
            places = (names.index(chrom), names.index(position), names.index(trait))
            return Layout(*places, len(cells), first_base, header=True)
    if len(cells) == UCSC_COLUMNS and all(cells[i].isdigit() for i in (0, 2, 3)):
        return Layout(1, 2, 10, UCSC_COLUMNS, 0, header=False)
    return None


def read_gwas(path: str | Path, traits: tuple[str, ...] = ()) -> Gwas:
    """Return the places of the catalogue's associations, each once, and how many rows have none.

    Parameters
    ----------
    path : EBI's TSV, UCSC's gwasCatalog.txt, or a table with columns chrom, pos (1-based) and DISEASE/TRAIT; plain or gzip.
    traits : an association is taken when its trait contains one of these texts, in either case; all where there is none.

    Raises
    ------
    InputError : not such a file, a line with another number of columns, a position that is no number, a text that no trait contains,
        or no association with a place.
    """
    layout: Layout | None = None
    tables = []
    seen = dict.fromkeys(traits, False)
    known: dict[str, None] = {}
    for batch in line_batches(path):
        rows = batch.filter(~pl.col("text").str.contains(r"^\s*$"))
        if rows.is_empty():
            continue
        if layout is None:
            layout = _layout(path, rows["text"][0])
            rows = rows[int(layout.header) :]
        table = _parse(path, rows, layout)
        lower = table["trait"].str.to_lowercase()
        found = {text: lower.str.contains(text.lower(), literal=True) for text in traits}
        seen |= {text: seen[text] or bool(hits.any()) for text, hits in found.items()}
        known |= dict.fromkeys(table["trait"].unique(maintain_order=True))
        tables.append(table.filter(pl.any_horizontal(*found.values())) if traits else table)
    if not known:
        raise InputError(path, "has no association", expected="a row for each association")
    for text in traits:
        if not seen[text]:
            raise InputError(
                path,
                f"has no trait that contains '{text}'",
                expected=f"text of a trait, such as: {listed(known)}",
                remedy="change what follows # in the study file",
            )
    return _places(path, pl.concat(tables))


def _layout(path: str | Path, line: str) -> Layout:
    layout = gwas_layout(line)
    if layout is None:
        raise InputError(
            path,
            f"begins with '{line[:40]}'",
            expected="a line of column names with CHR_ID, CHR_POS and DISEASE/TRAIT, or the 23 columns of UCSC's gwasCatalog",
            line=1,
        )
    return layout


def _parse(path: str | Path, rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Return trait, chrom, start (0-based), and the reason why a row has no place, or null."""
    cells = pl.col("text").str.split("\t")
    cell = {
        name: pl.col("cells").list.get(getattr(layout, name), null_on_oob=True).str.strip_chars()
        for name in ("trait", "chrom", "position")
    }
    table = rows.select("line", cells.alias("cells")).select("line", width=pl.col("cells").list.len(), **cell)
    position, number = pl.col("position"), pl.col("position").cast(pl.Int64, strict=False)
    reason = (
        pl.when(pl.concat_str("chrom", "position").str.contains(";", literal=True)).then(pl.lit(SEVERAL))
        .when(position.str.contains(r"(?i)\d\s*x")).then(pl.lit(INTERACTION))
        .when(pl.any_horizontal(pl.col("chrom", "position").is_in(ABSENT))).then(pl.lit(UNPLACED))
    )  # fmt: skip
    table = table.with_columns(reason=reason, start=number - layout.first_base)
    columns = f"{layout.width}, as the first line has, separated by tabs"
    rules = [
        Rule(pl.col("width") != layout.width, pl.format("has {} columns", "width"), columns, "download the file again"),
        Rule(
            pl.col("reason").is_null() & (pl.col("start").is_null() | (pl.col("start") < 0)),
            pl.format("position is '{}'", "position"),
            f"a whole number, {layout.first_base} or more",
        ),
    ]
    refuse_first(path, table, rules)
    return table.select("trait", "chrom", "start", "reason")


def _places(path: str | Path, rows: pl.DataFrame) -> Gwas:
    skipped = dict(rows["reason"].drop_nulls().value_counts().sort("count", "reason", descending=True).iter_rows())
    placed = rows.filter(pl.col("reason").is_null()).unique(["chrom", "start"], keep="first", maintain_order=True)
    if placed.is_empty():
        reasons = ", ".join(f"{reason} in {n}" for reason, n in skipped.items())
        raise InputError(path, f"has no association with a place: {reasons}", expected="a chromosome and a position")
    absent = [pl.lit(None, pl.String).alias("name"), pl.lit(None, pl.Float64).alias("score")]
    table = placed.with_columns(*absent, end=pl.col("start") + 1, strand=pl.lit("."))
    return Gwas(table.select(*INTERVALS.columns), skipped)
