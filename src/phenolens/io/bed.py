"""BED files (https://samtools.github.io/hts-specs/BEDv1.pdf): BED3 to BED12, with further columns, narrowPeak and broadPeak.

Columns are separated by tabs: chrom, start (0-based), end (exclusive), name, score, strand; further columns are not read, and a BED12 row is its
whole span. Lines that begin with #, track or browser are skipped. `.` or an empty cell is absent. Where the fifth column of the first row is
text, the columns from there on are somebody's own (BED4+), and score and strand are absent.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import DataError, InputError
from phenolens.core.schemas import INTERVALS
from phenolens.io.choice import refuse_absent
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches

HEADER = r"^(#|(track|browser)(\s|$)|\s*$)"
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|\.|")
# Okabe & Ito 2008: told apart by colour-blind readers too
COLOURS = ("0,114,178", "213,94,0", "0,158,115", "204,121,167", "230,159,0", "86,180,233", "128,128,0", "0,0,0")


def read_bed(path: str | Path, features: tuple[str, ...] = (), *, keep_duplicates: bool = False) -> pl.DataFrame:
    """Return INTERVALS (chrom, start, end, name, score, strand), rows in file order, start 0-based, end exclusive.

    Parameters
    ----------
    path : BED file, plain or gzip.
    features : take the rows whose name, or whose text in place of a score (column 5 of a BED4+), is one of these; all where there is none.
    keep_duplicates : peak files list one interval once for each of its summits; keep the first instead of refusing the others.

    Raises
    ------
    InputError : as `bed_batches`; two lines hold the same interval under the same name; there is none of a feature that is asked for.
    """
    table = pl.concat(bed_batches(path))
    columns = list(INTERVALS.columns)
    if not keep_duplicates:
        _refuse_duplicates(path, table)
    if features:
        have = [kind for column in ("kind", "name") for kind in table[column].drop_nulls().unique().sort()]
        refuse_absent(path, features, have)
        table = table.filter(pl.any_horizontal(pl.col("kind", "name").is_in(features)))
    return table.select(columns).unique(maintain_order=True) if keep_duplicates else table.select(columns)


def bed_batches(path: str | Path, *, size: int | None = None) -> Iterator[pl.DataFrame]:
    """Yield INTERVALS with line, and kind (text in place of a score), some lines at a time, rows in file order, duplicates included.

    Parameters
    ----------
    path : BED file, plain or gzip; `-` is standard input.
    size : bytes of text read at a time; None for a few million lines.

    Raises
    ------
    InputError : the file cannot be read as text; a line has too few columns, another number of columns than the first, spaces for tabs,
        a start or end that is no whole number, start < 0, end <= start, a score that is no number, a strand other than + - .; there
        is no interval.
    """
    layout: _Layout | None = None
    for batch in line_batches(path) if size is None else line_batches(path, size=size):
        rows = batch.filter(~pl.col("text").str.contains(HEADER))
        if rows.is_empty():
            continue
        layout = layout or _layout(path, *rows.row(0))
        yield _parse(path, rows, layout)
    if layout is None:
        raise InputError(path, "has no interval", expected="lines of chrom, start, end separated by tabs")


class _Layout(NamedTuple):
    """Number of columns of a file, and whether columns 5 and 6 are score and strand, as its first row has them."""

    width: int
    scored: bool


def _layout(path: str | Path, line: int, text: str) -> _Layout:
    cells = text.split("\t")
    if len(cells) < 3:
        spaced = len(text.split()) >= 3
        found = "has spaces between its columns" if spaced else f"has {len(cells)} column{'s' * (len(cells) != 1)}"
        expected = "at least 3 columns (chrom, start, end) separated by tabs"
        remedy = "put tabs in place of the spaces: sed -E 's/ +/\\t/g'" if spaced else None
        raise InputError(path, found, expected=expected, remedy=remedy, line=line)
    if not cells[1].strip().lstrip("+-").isdigit() and cells[1].strip().lower() in (
        "start",
        "chromstart",
        "begin",
        "txstart",
    ):
        raise InputError(
            path,
            f"is a line of column names ({', '.join(cells[:3])})",
            expected="an interval",
            remedy="put # before it",
            line=line,
        )
    if len(cells) >= 5 and cells[4] in ("+", "-"):
        raise InputError(
            path, f"score is '{cells[4]}', a strand", expected="score in column 5 and strand in column 6", line=line
        )
    return _Layout(len(cells), len(cells) >= 5 and NUMBER.fullmatch(cells[4].strip()) is not None)


def _parse(path: str | Path, rows: pl.DataFrame, layout: _Layout) -> pl.DataFrame:
    """Return INTERVALS, `line`, and `kind` (text in place of a score) of these lines, or raise for the first wrong one."""
    width, scored = layout
    cells = pl.col("text").str.splitn("\t", 7).struct
    present = {
        n: cells.field(f"field_{i}").str.strip_chars() for i, n in enumerate(INTERVALS.columns) if i < min(width, 6)
    }
    absent = {
        n: pl.lit(None, pl.String)
        for n in INTERVALS.columns
        if n not in present or (n in ("score", "strand") and not scored)
    }
    own_text = width >= 5 and not scored
    kind = cells.field("field_4").str.strip_chars() if own_text else pl.lit(None, pl.String)
    text = rows.select(
        "line",
        kind.alias("kind"),
        (pl.col("text").str.count_matches("\t", literal=True) + 1).alias("width"),
        *(value.replace(["", "."], None).alias(name) for name, value in (present | absent).items()),
    )
    table = text.with_columns(
        pl.col("start").cast(pl.Int64, strict=False).alias("first"),
        pl.col("end").cast(pl.Int64, strict=False).alias("last"),
        pl.col("score").cast(pl.Float64, strict=False).alias("points"),
        pl.col("strand").fill_null("."),
    )
    refuse_first(path, table, _rules(width))
    return table.select(
        "line", "kind", "chrom", start="first", end="last", name="name", score="points", strand="strand"
    )


def _rules(width: int) -> list[Rule]:
    first, last = pl.col("first"), pl.col("last")
    whole = "a whole number, 0-based"
    return [
        Rule(
            pl.col("width") != width,
            pl.format("has {} columns", "width"),
            f"{width}, as the first interval has",
            "give every line the same columns, separated by tabs",
        ),
        Rule(pl.col("chrom").is_null(), pl.lit("has no chromosome name"), "chrom, start, end separated by tabs"),
        Rule(first.is_null(), pl.format("start is '{}'", pl.col("start").fill_null("")), whole),
        Rule(last.is_null(), pl.format("end is '{}'", pl.col("end").fill_null("")), whole),
        Rule(first < 0, pl.format("start {} is negative", first), "start >= 0"),
        Rule(
            last == first,
            pl.format("end {} is not after start {}", last, first),
            "0-based start, exclusive end",
            "a single base at position p (1-based) is p-1, p",
        ),
        Rule(
            last < first,
            pl.format("end {} is not after start {}", last, first),
            "start < end, also on the minus strand",
        ),
        Rule(
            pl.col("score").is_not_null() & pl.col("points").is_null(),
            pl.format("score is '{}'", pl.col("score").fill_null("")),
            "a number or '.', as the first interval has",
        ),
        Rule(
            ~pl.col("strand").is_in(["+", "-", "."]),
            pl.format("strand is '{}'", "strand"),
            "'+', '-' or '.' in column 6",
        ),
    ]


def _refuse_duplicates(path: str | Path, table: pl.DataFrame) -> None:
    key = ["chrom", "start", "end", "name", "strand"]
    again = table.select(key).is_duplicated()
    if not again.any():
        return
    row = table.filter(again).select(key).row(0)
    same = [pl.col(k).eq_missing(pl.lit(v, table.schema[k])) for k, v in zip(key, row, strict=True)]
    copies = table.filter(pl.all_horizontal(same))
    first, second = copies["line"].head(2)
    chrom, start, end, name, strand = row
    named = "without a name" if name is None else f"named {name}"
    raise InputError(
        path,
        f"holds the interval {chrom}:{start}-{end} ({strand}) {named} again, after line {first}",
        expected="every interval once under one name",
        remedy="remove one of the two lines, or give them different names",
        line=second,
    )


def write_bed(
    path: str | Path,
    table: pl.DataFrame,
    *,
    name: str = "region_id",
    score: str = "mean_score",
    track: str | None = None,
    labels: Sequence[str] = (),
) -> None:
    """Write BED9 sorted by chromosome and start, as `bed9` has it. Rows without genome coordinates are left out.

    Parameters
    ----------
    path : where to write.
    table, name, score, labels : as in `bed9`.
    track : text of the track line, which UCSC needs to show the colours; no track line where None.

    Raises
    ------
    DataError : as `bed9`.
    """
    lines = bed9(table, f"table for {path}", name=name, score=score, labels=labels)
    header = "" if track is None else f'track name="{_quoted(track)}" itemRgb="On" useScore="0"\n'
    with Path(path).open("w", encoding="utf-8", newline="") as handle:
        handle.write(header)
        lines.write_csv(handle, separator="\t", include_header=False, quote_style="never")


def bed9(
    table: pl.DataFrame,
    subject: str,
    *,
    name: str = "region_id",
    score: str = "mean_score",
    labels: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the nine columns of a BED9 file, sorted by chromosome and start: score scaled to 0-1000 over the table, one colour a label in itemRgb.

    Score is round(1000 (x - min) / (max - min)), 1000 where all are equal. Rows without genome coordinates are left out.

    Parameters
    ----------
    table : chrom, start, end, strand (null = .), label, and the columns named next.
    subject : what an error names.
    name, score : columns that become name and score.
    labels : classes in order of colour; others follow by name.

    Raises
    ------
    DataError : a name holds a tab or line end, or a score is absent.
    """
    rows = table.filter(pl.col("chrom").is_not_null())
    if (bad := rows.filter(pl.col(name).str.contains(r"[\t\r\n]"))).height:
        raise DataError(subject, f"{name} {bad[name][0]!r} holds a tab or line end", expected="none in a BED name")
    if (bad := rows.filter(~pl.col(score).is_finite().fill_null(False))).height:
        raise DataError(subject, f"{score} of {bad[name][0]} is absent", expected="a number in every row")
    order = dict.fromkeys([*labels, *table["label"].unique().sort()])
    colour = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(order)}
    value, spread = pl.col(score), pl.col(score).max() - pl.col(score).min()
    scaled = pl.when(spread > 0).then(1000 * (value - value.min()) / spread).otherwise(1000.0)
    return rows.select(
        "chrom",
        "start",
        "end",
        pl.col(name).alias("name"),
        scaled.round().cast(pl.Int64).alias("score"),
        pl.col("strand").fill_null("."),
        pl.col("start").alias("thick_start"),
        pl.col("end").alias("thick_end"),
        pl.col("label").replace_strict(colour, return_dtype=pl.String).alias("rgb"),
    ).sort("chrom", "start", "end", "name")


def _quoted(text: str) -> str:
    return " ".join(text.replace('"', "'").split())
