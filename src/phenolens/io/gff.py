"""Lines of GFF3 and GTF files, and GFF3 files of features that belong to no gene, such as Ensembl's Regulatory Build.

Nine tab-separated columns with 1-based, closed coordinates (converted here); the ninth holds tag=value pairs (GFF3,
https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md) or tag "value" pairs (GTF); which, it tells itself, not the file's name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.schemas import INTERVALS
from phenolens.io.choice import refuse_absent
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches

NAMES = ["chrom", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]
GENE = r"(^|_)(pseudo)?gene$"


def feature_rows(path: str | Path) -> Iterator[pl.DataFrame]:
    """Yield the checked lines in batches: line, chrom, type, attributes, start, end (0-based half-open), strand.

    Comments, directives, and what follows ##FASTA are left out.

    Parameters
    ----------
    path : GFF3 or GTF file, plain or gzip.

    Raises
    ------
    InputError : the file cannot be read as text; a line has not nine columns, or wrong coordinates or strand.
    """
    for batch in line_batches(path):
        fasta = batch.filter(pl.col("text").str.contains(r"^(##FASTA|>)"))["line"]
        limit = fasta[0] if len(fasta) else batch["line"][-1] + 1
        rows = batch.filter((pl.col("line") < limit) & ~pl.col("text").str.contains(r"^(#|\s*$)"))
        if rows.height:
            yield _checked(path, rows)
        if len(fasta):
            return


def _checked(path: str | Path, rows: pl.DataFrame) -> pl.DataFrame:
    cells = pl.col("text").str.splitn("\t", 9).struct.rename_fields(NAMES)
    table = rows.select(
        "line", pl.col("text").str.count_matches("\t", literal=True).alias("tabs") + 1, cells.alias("c")
    ).unnest("c")
    table = table.with_columns(
        pl.col("start").cast(pl.Int64, strict=False).alias("first"),
        pl.col("end").cast(pl.Int64, strict=False).alias("last"),
    )
    first, last = pl.col("first"), pl.col("last")
    refuse_first(
        path,
        table,
        [
            Rule(
                pl.col("tabs") != 9, pl.format("has {} columns", "tabs"), "9, separated by tabs, as GFF3 and GTF have"
            ),
            Rule(first.is_null(), pl.format("start is '{}'", "start"), "a whole number, 1-based"),
            Rule(last.is_null(), pl.format("end is '{}'", "end"), "a whole number, 1-based"),
            Rule(first < 1, pl.format("start {} is less than 1", first), "1-based coordinates"),
            Rule(
                last < first,
                pl.format("end {} is before start {}", last, first),
                "start <= end, also on the minus strand",
            ),
            Rule(
                ~pl.col("strand").is_in(["+", "-", ".", "?"]),
                pl.format("strand is '{}'", "strand"),
                "'+', '-', '.' or '?'",
            ),
        ],
    )
    return table.select(
        "line", "chrom", "type", "attributes", start=first - 1, end=last, strand=pl.col("strand").replace("?", ".")
    )


def is_gtf(path: str | Path, rows: pl.DataFrame) -> bool:
    """Return whether the first of these lines has a GTF's ninth column.

    Parameters
    ----------
    path : the file, for the error.
    rows : a batch of feature_rows.

    Raises
    ------
    InputError : it is neither a GTF's nor a GFF3's.
    """
    line, text = rows.select("line", "attributes").row(0)
    if re.match(r'\s*\w+ +("|\S+;)', text):
        return True
    if "=" not in text and text.strip() not in (".", ""):
        expected = 'tag=value (GFF3) or tag "value" (GTF)'
        raise InputError(path, f"column 9 is '{text.strip()[:40]}'", expected=expected, line=line)
    return False


def tag(name: str) -> pl.Expr:
    """Return a GFF3 attribute, tag=value; of column attributes; null where it is absent or empty."""
    return pl.col("attributes").str.extract(rf"(?:^|;)\s*{name}=([^;]*)").str.strip_chars().replace("", None)


def decoded(values: pl.Series) -> pl.Series:
    """Return the texts with %3B and the like decoded."""
    encoded = values.filter(values.str.contains("%", literal=True).fill_null(False)).unique()
    return values.replace({v: unquote(v) for v in encoded}) if len(encoded) else values


def read_features(path: str | Path, features: tuple[str, ...] = ()) -> pl.DataFrame | None:
    """Return INTERVALS of a GFF3 file in which nothing belongs to a gene, rows in file order; None of a file of genes (read_genes has it).

    A file is one of genes when it is a GTF, a row is called a gene, or a row has a Parent. name is the row's ID: names group
    sequences, and the kind, which column 3 gives, would put all enhancers into one group.

    Parameters
    ----------
    path : the file, plain or gzip.
    features : kinds (column 3) that are taken, e.g. promoter, enhancer; all where there is none.

    Raises
    ------
    InputError : as feature_rows; no feature in the file, or none of a kind that is asked for.
    """
    tables: list[pl.DataFrame] = []
    for rows in feature_rows(path):
        gene = pl.col("type").str.contains(GENE) | pl.col("attributes").str.contains(r"(^|;)\s*Parent=")
        if (not tables and is_gtf(path, rows)) or rows.select(gene.any()).item():
            return None
        tables.append(rows.select("type", "chrom", "start", "end", "strand", name=tag("ID")))
    if not tables:
        raise InputError(path, "has no feature", expected="lines of nine columns, as GFF3 and GTF have")
    table = pl.concat(tables)
    refuse_absent(path, features, table["type"].unique().sort().to_list())
    chosen = table.filter(pl.col("type").is_in(features)) if features else table
    chosen = chosen.with_columns(decoded(chosen["name"]), score=pl.lit(None, pl.Float64))
    return chosen.select(*INTERVALS.columns).unique(maintain_order=True)
