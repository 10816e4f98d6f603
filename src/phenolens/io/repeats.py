"""Repeats: UCSC's rmsk table and RepeatMasker's .out files.

UCSC (https://genome.ucsc.edu/cgi-bin/hgTables, table rmsk): 17 tab-separated columns, 0-based, repClass and repFamily apart. RepeatMasker
(https://www.repeatmasker.org/webrepeatmaskerhelp.html): columns of spaces below three header lines, 1-based, `LTR/ERV1` in one column, C for
the minus strand; a class without a family is its own family, as UCSC has it. RepeatMasker's doubt, a trailing `?`, is part of the name:
`LTR` does not take `LTR?`, `LTR,LTR?` takes both.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.schemas import INTERVALS
from phenolens.io.choice import refuse_absent
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches

# a batch lives several times over while its cells are cut out: small ones keep 5.6 million rows of human repeats below 600 MB
BATCH_BYTES = 1 << 21
# RepeatMasker marks a row with a 16th column, *, where a better match overlaps it
UCSC_COLUMNS, OUT_COLUMNS = (
    {17: "UCSC rmsk files have"},
    {15: "RepeatMasker .out files have", 16: "rows with a final * have"},
)
UCSC = {"score": 1, "chrom": 5, "start": 6, "end": 7, "strand": 9, "name": 10, "class": 11, "family": 12}
OUT = {"score": 0, "chrom": 4, "start": 5, "end": 6, "strand": 8, "name": 9, "kind": 10}
OUT_HEADER = r"^\s*(SW|bit|score|There were no repetitive sequences)\b"
SKIPPED_LINES = rf"(^#|^\s*$|{OUT_HEADER})"


def is_rmsk(line: str) -> bool:
    """Return whether a file that begins with this line is UCSC's rmsk table, with or without its line of column names."""
    cells = line.rstrip("\r\n").split("\t")
    return len(cells) in UCSC_COLUMNS and (cells[0] == "#bin" or (cells[6].isdigit() and cells[9] in ("+", "-")))


def is_out(line: str) -> bool:
    """Return whether a file that begins with this line is one of RepeatMasker: the first of its header lines."""
    return re.match(r"\s*(SW|bit)\s+perc\s+perc", line) is not None


def read_repeats(path: str | Path, features: tuple[str, ...] = ()) -> pl.DataFrame:
    """Return INTERVALS of a repeat annotation, rows in file order; name is the repeat's (repName), which groups its copies; score is Smith-Waterman's.

    The file is read in pieces, and memory grows with the rows taken, not with the file.

    Parameters
    ----------
    path : rmsk table or RepeatMasker .out file (told by the content), plain or gzip.
    features : classes, classes with family, or names that are taken: LTR, LTR/ERV1, LTR7; all where there is none.

    Raises
    ------
    InputError : the file cannot be read as text; a line with another number of columns, coordinates that are no numbers or in the wrong
        order, another strand; no repeat, or none of a feature that is asked for.
    """
    tables, kinds, found = [], set[str](), set[str]()
    for rows in _rows(path):
        kind = {n: rows[n].unique().to_list() for n in ("class", "kind")}
        kinds.update(*kind.values())
        if features:
            named = rows.filter(pl.any_horizontal(pl.col("class", "kind", "name").is_in(features)))
            found |= {f for f in features if any((named[n] == f).any() for n in ("class", "kind", "name"))}
        tables.append((named if features else rows).select(*INTERVALS.columns))
    if not tables:
        raise InputError(path, "has no repeat", expected="rows of a UCSC rmsk table or a RepeatMasker .out file")
    refuse_absent(path, [f for f in features if f not in found], sorted(kinds, key=lambda kind: ("/" in kind, kind)))
    return pl.concat(tables)


def _rows(path: str | Path) -> Iterator[pl.DataFrame]:
    """Yield the checked rows: INTERVALS, class, and kind (class/family)."""
    ucsc: bool | None = None
    for batch in line_batches(path, size=BATCH_BYTES):
        rows = batch.filter(~pl.col("text").str.contains(SKIPPED_LINES))
        if rows.is_empty():
            continue
        if ucsc is None:
            ucsc = is_rmsk(rows["text"][0])
        yield _ucsc(path, rows) if ucsc else _out(path, rows)


def _ucsc(path: str | Path, rows: pl.DataFrame) -> pl.DataFrame:
    table = _cells(rows.with_columns(cells=pl.col("text").str.split("\t")), UCSC)
    kind = pl.format("{}/{}", "class", "family")
    return _checked(path, table.with_columns(kind=kind), UCSC_COLUMNS, first_base=0)


def _out(path: str | Path, rows: pl.DataFrame) -> pl.DataFrame:
    spaced = pl.col("text").str.strip_chars().str.replace_all(r"\s+", " ")
    table = _cells(rows.with_columns(cells=spaced.str.split(" ")), OUT)
    pair = pl.col("kind").str.splitn("/", 2).struct
    table = table.with_columns(pair.field("field_0").alias("class"), family=pair.field("field_1"))
    kind = pl.format("{}/{}", "class", pl.coalesce("family", "class"))
    return _checked(path, table.with_columns(kind=kind), OUT_COLUMNS, first_base=1)


def _cells(rows: pl.DataFrame, columns: dict[str, int]) -> pl.DataFrame:
    cell = {name: pl.col("cells").list.get(at, null_on_oob=True) for name, at in columns.items()}
    return rows.select("line", width=pl.col("cells").list.len(), **cell)


def _checked(path: str | Path, table: pl.DataFrame, widths: Mapping[int, str], *, first_base: int) -> pl.DataFrame:
    """Return INTERVALS, class and kind of the cells, or raise for the first wrong line."""
    numbers = [pl.col(name).cast(pl.Int64, strict=False).alias(new) for name, new in (("start", "from"), ("end", "to"))]
    table = table.with_columns(*numbers, points=pl.col("score").cast(pl.Float64, strict=False))
    first, last = pl.col("from"), pl.col("to")
    whole = f"a whole number, {first_base} or more"
    order = "start < end" if first_base == 0 else "begin <= end"
    expected = "; or ".join(f"{width}, as {who}" for width, who in widths.items())
    shifted = pl.col("class").str.contains(r"^\(?-?\d+\)?$")
    rules = [
        Rule(
            ~pl.col("width").is_in(list(widths)),
            pl.format("has {} columns", "width"),
            expected,
            "download the file again",
        ),
        Rule(first.is_null() | (first < first_base), pl.format("start is '{}'", "start"), whole),
        Rule(last.is_null(), pl.format("end is '{}'", "end"), whole),
        Rule(last < first + 1 - first_base, pl.format("end {} is not after start {}", last, first), order),
        Rule(pl.col("points").is_null(), pl.format("score is '{}'", "score"), "a number"),
        Rule(shifted, pl.format("class of the repeat is '{}'", "class"), "a name, such as LTR"),
        Rule(~pl.col("strand").is_in(["+", "-", "C"]), pl.format("strand is '{}'", "strand"), "+, - or C"),
    ]
    refuse_first(path, table, rules)
    strand = pl.col("strand").replace("C", "-")
    return table.select(
        "chrom", "name", "class", "kind", start=first - first_base, end="to", score="points", strand=strand
    )
