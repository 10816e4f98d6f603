"""FASTA files of sequences: `>name description`, then the sequence on one line or many.

Letters are the IUPAC codes of DNA, in either case (lower case = soft-masked) and kept as they are. The genome, which is read by
position, has its own module (genome.py).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches, line_table

IUPAC = "ACGTNRYSWKMBDHVacgtnryswkmbdhv"


def read_fasta(path: str | Path) -> pl.DataFrame:
    """Return a table (name, description, sequence), all String, one row a record in file order; description null where there is none.

    Parameters
    ----------
    path : FASTA file, plain or gzip.

    Raises
    ------
    InputError : as `fasta_chunks`, or two records have one name.
    """
    table = pl.concat(fasta_chunks(path))
    earlier = pl.col("line").first().over("name")
    again = Rule(
        pl.col("line") != pl.col("earlier"),
        pl.format("names a record {} again, after line {}", "name", "earlier"),
        "every name once",
        "rename or remove one of the two records",
    )
    refuse_first(path, table.with_columns(earlier.alias("earlier")), [again])
    return table.select("name", "description", "sequence")


def fasta_chunks(path: str | Path, *, size: int | None = None) -> Iterator[pl.DataFrame]:
    """Yield the records of a file some at a time: line (Int64, of the header), name, description, sequence (String).

    Memory is that of `size` bytes of text and of the longest record.

    Parameters
    ----------
    path : FASTA file, plain or gzip; `-` is standard input.
    size : bytes of text read at a time; None for a few million lines.

    Raises
    ------
    InputError : the file cannot be read as text, does not begin with `>`, has no record, or has one without name, without bases, or
        with letters that are no DNA.
    """
    yield from _records(path, line_batches(path) if size is None else line_batches(path, size=size))


def fasta_records(text: str, name: str) -> pl.DataFrame:
    """Return the records of FASTA that is held in memory, as `fasta_chunks` yields them.

    Parameters
    ----------
    text : the whole file.
    name : what errors call it.

    Raises
    ------
    InputError : as `fasta_chunks`.
    """
    if not text.strip():
        raise InputError(name, "is empty", expected="'>name' and its sequence")
    return pl.concat(_records(name, [line_table(text.encode(), name, 1)]))


def _records(path: str | Path, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the records in batches of lines, see `fasta_chunks`."""
    last: _Open | None = None  # the record whose end was not seen yet
    for batch in batches:
        rows = batch.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text") != "")
        rows = rows.with_columns(pl.col("text").str.starts_with(">").alias("header"))
        rows = rows.with_columns(pl.col("header").cum_sum().cast(pl.Int64).alias("record"))
        heads, body = rows.filter("header"), rows.filter(~pl.col("header"))
        _refuse_letters(path, body, heads, last)
        joined = body.group_by("record", maintain_order=True).agg(pl.col("text").str.join("").alias("sequence"))
        if last is not None:
            last.parts.extend(joined.filter(pl.col("record") == 0)["sequence"])
        if heads.is_empty():
            continue
        records = heads.join(joined, on="record", how="left", maintain_order="left").select("line", "text", "sequence")
        whole = [records[:-1]] if last is None else [last.table(), records[:-1]]
        line, text, begun = records.row(-1)
        last = _Open(line, text, [] if begun is None else [begun])
        if (table := pl.concat(whole)).height:
            yield _checked(path, table)
    if last is None:
        raise InputError(path, "has no record", expected="'>name' and its sequence")
    yield _checked(path, last.table())


class _Open(NamedTuple):
    """A record that may go on: its header's line and text, and the pieces of its sequence."""

    line: int
    text: str
    parts: list[str]

    def table(self) -> pl.DataFrame:
        """Return the record as one row: line, text, sequence (null where there is none)."""
        row = (self.line, self.text, "".join(self.parts) or None)
        return pl.DataFrame([row], {"line": pl.Int64, "text": pl.String, "sequence": pl.String}, orient="row")


def _name() -> pl.Expr:
    return pl.col("text").str.extract(r"^>\s*(\S+)").alias("name")


def _refuse_letters(path: str | Path, body: pl.DataFrame, heads: pl.DataFrame, last: _Open | None) -> None:
    bad = pl.col("text").str.contains(f"[^{IUPAC}]")
    headless = (pl.col("record") == 0) & (last is None)
    wrong = body.filter(headless | bad).head(1)
    if wrong.is_empty():
        return
    record, line, text = wrong.select("record", "line", "text").row(0)
    header = heads["text"][record - 1] if record else last and last.text
    if header is None:
        raise InputError(
            path, f"begins with '{text[:20]}'", expected="a FASTA file, whose first line begins with '>'", line=line
        )
    name = "".join(header[1:].split()[:1])
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


def _checked(path: str | Path, table: pl.DataFrame) -> pl.DataFrame:
    """Return line, name, description, sequence of records (line, text, sequence), after refusing those without name or bases."""
    named = table.select(
        "line", _name(), pl.col("text").str.extract(r"^>\s*\S+\s+(.*)$").alias("description"), "sequence"
    )
    rules = [
        Rule(pl.col("name").is_null(), pl.lit("has a record without a name"), "'>name'"),
        Rule(
            pl.col("sequence").is_null(),
            pl.format("record {} has no sequence", "name"),
            "at least one base",
            "remove the record",
        ),
    ]
    refuse_first(path, named, rules)
    return named
