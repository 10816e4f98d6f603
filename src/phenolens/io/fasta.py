"""FASTA files of sequences: `>name description`, then the sequence on one line or many.

Letters are the IUPAC codes of DNA, in either case (lower case = soft-masked) and kept as they are. The genome, which is read by
position, has its own module (genome.py).
"""

from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches

IUPAC = "ACGTNRYSWKMBDHVacgtnryswkmbdhv"


def read_fasta(path: str | Path) -> pl.DataFrame:
    """Return a table (name, description, sequence), all String, one row a record in file order; description null where there is none.

    Parameters
    ----------
    path : FASTA file, plain or gzip.

    Raises
    ------
    InputError : the file cannot be read as text, does not begin with `>`, or has a record without name, without bases, with letters
        that are no DNA, or with the name of another record.
    """
    parts, headers, seen = [], [], 0
    for batch in line_batches(path):
        rows = batch.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text") != "")
        rows = rows.with_columns(pl.col("text").str.starts_with(">").alias("header"))
        rows = rows.with_columns((pl.col("header").cum_sum() + seen).cast(pl.Int64).alias("record"))
        headers.append(rows.filter("header").select("record", "line", "text"))
        body = rows.filter(~pl.col("header"))
        _refuse_letters(path, body, headers)
        parts.append(body.group_by("record", maintain_order=True).agg(pl.col("text").str.join("")))
        seen += headers[-1].height
    table = pl.concat(headers).with_columns(
        _name(), pl.col("text").str.extract(r"^>\s*\S+\s+(.*)$").alias("description")
    )
    if table.is_empty():
        raise InputError(path, "has no record", expected="'>name' and its sequence")
    joined = pl.concat(parts).group_by("record", maintain_order=True).agg(pl.col("text").str.join("").alias("sequence"))
    table = table.join(joined, on="record", how="left", maintain_order="left")
    _refuse_records(path, table)
    return table.select("name", "description", "sequence")


def _name() -> pl.Expr:
    return pl.col("text").str.extract(r"^>\s*(\S+)").alias("name")


def _refuse_letters(path: str | Path, body: pl.DataFrame, headers: list[pl.DataFrame]) -> None:
    bad = pl.col("text").str.contains(f"[^{IUPAC}]")
    wrong = body.filter((pl.col("record") == 0) | bad).head(1)
    if wrong.is_empty():
        return
    record, line, text = wrong.select("record", "line", "text").row(0)
    if record == 0:
        raise InputError(
            path, f"begins with '{text[:20]}'", expected="a FASTA file, whose first line begins with '>'", line=line
        )
    name = pl.concat(headers).filter(pl.col("record") == record).select(_name())["name"][0] or ""
    letter = next(c for c in text if c not in IUPAC)
    remedy = {
        "U": "RNA: write T for U", "u": "RNA: write t for u", "-": "an alignment: remove the gaps", ".": "an alignment: remove the gaps",
        "*": "a protein cannot be used", " ": "remove the space",
    }.get(letter, "replace it by N")  # fmt: skip
    raise InputError(
        path,
        f"record {name} holds {letter!r}",
        expected=f"DNA letters ({IUPAC[:15]}, either case)",
        remedy=remedy,
        line=line,
    )


def _refuse_records(path: str | Path, table: pl.DataFrame) -> None:
    """Refuse records without name or bases, and names that come twice."""
    earlier = pl.col("line").first().over("name")
    refuse_first(
        path,
        table.with_columns(earlier.alias("earlier")),
        [
            Rule(pl.col("name").is_null(), pl.lit("has a record without a name"), "'>name'"),
            Rule(
                pl.col("sequence").is_null(),
                pl.format("record {} has no sequence", "name"),
                "at least one base",
                "remove the record",
            ),
            Rule(
                pl.col("line") != pl.col("earlier"),
                pl.format("names a record {} again, after line {}", "name", "earlier"),
                "every name once",
                "rename or remove one of the two records",
            ),
        ],
    )
