"""What the columns of a labelled table mean: which hold the DNA, the class, the place and the split, and whether their cells do.

Columns are found by name, whatever their case: the first of the names below that the table has. Coordinates are 0-based and
half-open as those of genomic-benchmarks are ("0-based, i.e. same as in Python", its datasets/README.md; loc2seq takes
`fasta[region][start:end]`). Beside sequences that are all one base longer than end - start they are 1-based and inclusive, and are
converted.
"""

from typing import NamedTuple

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import listed
from phenolens.io.fasta import IUPAC
from phenolens.io.rules import Rule
from phenolens.io.tabular import Tabular

LABELLED = {
    "name": pl.String,
    "label": pl.String,
    "sequence": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "strand": pl.String,
    "split": pl.String,
}
SEQUENCE = ("sequence", "seq", "dna", "dna_sequence", "sequences", "text", "x", "input")
LABEL = ("label", "labels", "class", "target", "y", "category")
NAME = ("name", "id", "sequence_id", "seq_id")
CHROM = ("chrom", "chr", "chromosome", "region", "seqnames", "seqname")
START = ("start", "chromstart", "chrom_start")
END = ("end", "stop", "chromend", "chrom_end")
SPLIT = ("split", "set", "subset", "partition", "fold")
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
PLACE = ("chrom", "start", "end")
STRANDS = {"1": "+", "-1": "-"}
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
DNA = f"DNA letters ({IUPAC[:15]}, either case)"
NO_DNA = (
    ("[EFILPQJOXZefilpqjoxz*]", "a protein cannot be used"),
    ("[Uu]", "RNA: write T for U"),
    (" ", "k-mers or words: give the plain DNA"),
    (r"[.\-]", "an alignment: remove the gaps"),
    (f"[^{IUPAC}]", "replace it by N"),
)


class Wanted(NamedTuple):
    """The columns that the user named; None: found by name."""

    sequence: str | None = None
    label: str | None = None


def standard(read: Tabular, wanted: Wanted, *, label: str | None = None, split: str | None = None) -> pl.DataFrame:
    """Return a file's rows as LABELLED, in its order; name is null where the file gives none, sequence where it gives a place instead.

    Parameters
    ----------
    read : the file.
    wanted : columns of the DNA and the class.
    label, split : of every row, where the file's or folder's name tells them; a column `split` must agree.

    Raises
    ------
    InputError : no column of DNA and no coordinates; no column of labels; a row without label, without bases, with letters that are
        no DNA, with coordinates that are none; labels that are measured values or lists; a split that is none.
    """
    table = read.table
    dna = _column(read, wanted.sequence, SEQUENCE, "sequence_column")
    place = [column_called(table, names) for names in (CHROM, START, END)]
    placed = None not in place
    if dna is None and not placed:
        raise _no_column(read, "DNA", "sequence_column", SEQUENCE)
    told = label is not None and wanted.label is None
    classes = None if told else _column(read, wanted.label, LABEL, "label_column")
    if classes is None and not told:
        raise _no_column(read, "labels", "label_column", LABEL)
    made = pl.DataFrame({
        "name": _text(read, column_called(table, NAME)),
        "label": _text(read, None).fill_null(label) if classes is None else _labels(read, classes),
        "sequence": _text(read, dna),
        **{name: _text(read, column if placed else None) for name, column in zip(PLACE, place, strict=True)},
        "strand": _text(read, column_called(table, ("strand",)) if placed else None),
        "split": _splits(read, split),
    })  # fmt: skip
    return _checked(read, _placed(read, made))


def column_called(table: pl.DataFrame, names: tuple[str, ...]) -> str | None:
    """Return the table's column with the first of these names, whatever its case."""
    by_name = {column.strip().lower(): column for column in reversed(table.columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def _column(read: Tabular, given: str | None, names: tuple[str, ...], setting: str) -> str | None:
    """Return the column that the user named, else the one found by name."""
    if given is None:
        return column_called(read.table, names)
    if given not in read.table.columns:
        raise InputError(
            read.path,
            f"has no column {given}",
            expected=f"one of: {listed(read.table.columns)}",
            remedy=f"change dataset.{setting}",
        )
    return given


def _no_column(read: Tabular, what: str, setting: str, names: tuple[str, ...]) -> InputError:
    return InputError(
        read.path,
        f"has no column of {what} among {listed(read.table.columns)}",
        expected=f"one of {', '.join(names)}",
        remedy=f"name it in dataset.{setting}",
    )


def _text(read: Tabular, column: str | None) -> pl.Series:
    """Return a column's cells as text, null where empty, whole numbers without a point; null everywhere without a column."""
    if column is None:
        return pl.Series([None] * read.table.height, dtype=pl.String)
    cells = read.table[column]
    if cells.dtype.is_nested() or cells.dtype in (pl.Binary, pl.Object):
        raise InputError(
            read.path, f"has in its column {column} cells of type {cells.dtype}", expected="one text or number a cell"
        )
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
        if _whole(cells).all():
            cells = cells.cast(pl.Int64)
    text = cells.cast(pl.String).str.strip_chars()
    return text.set(text == "", None)


def _whole(values: pl.Series) -> pl.Series:
    """Return which values are whole numbers that a float64 holds exactly."""
    return (values == values.floor()) & (values.abs() < 2**53)


def _labels(read: Tabular, column: str) -> pl.Series:
    """Return the labels as text: 0 stays 0, 0.0 is 0, a number of a Hugging Face class is its name; null where a row has none."""
    text = _text(read, column)
    if column in read.class_names:
        names = dict(enumerate(read.class_names[column]))
        numbers = text.cast(pl.Int64, strict=False)
        if (beyond := numbers.filter(~numbers.is_in([-1, *names]))).len():
            raise InputError(
                read.path,
                f"has the class {beyond[0]} in its column {column}",
                expected=f"0 to {len(names) - 1}, as its names are",
            )
        return numbers.replace_strict(names, default=None, return_dtype=pl.String)
    kinds = text.unique().drop_nulls()
    numbers = kinds.filter(kinds.str.to_lowercase() != "nan")
    if not (numbers.str.contains(NUMBER).all() and numbers.str.contains("[.eE]").any()):
        return text
    values = numbers.cast(pl.Float64)
    if (parts := numbers.filter(~_whole(values)).sort()).len():
        raise InputError(
            read.path,
            f"has in its column {column} measured values such as {parts[0]}: it is a regression target",
            expected="one class a row",
            remedy="name another column in dataset.label_column, or turn the values into classes",
        )
    return text.replace_strict(numbers, values.cast(pl.Int64).cast(pl.String), default=None, return_dtype=pl.String)


def named(table: pl.DataFrame, *words: str) -> pl.DataFrame:
    """Return LABELLED with a name in every row: of its file, else its split (or `row`) and number (1-based): train-17.

    Parameters
    ----------
    table : LABELLED, the rows of one file or of all files of one split.
    words : written before every name (train-positive-33), where names start over in every class.
    """
    number = pl.int_range(1, pl.len() + 1).cast(pl.String)
    unnamed = pl.when(pl.col("name").is_null()).then(pl.col("split").fill_null("row"))
    lead = [pl.lit(word) for word in words] or [unnamed]
    whole = pl.concat_str([*lead, pl.col("name").fill_null(number)], separator="-", ignore_nulls=True)
    return table.with_columns(name=whole)


def split_word(text: str) -> str | None:
    """Return train, validation or test for any of the words that name it, in either case; None for another word."""
    return SPLIT_WORDS.get(text.strip().lower())


def _splits(read: Tabular, known: str | None) -> pl.Series:
    """Return the split of every row: of the column `split`, else of another column that holds nothing but such words, else `known`."""
    none = _text(read, None)
    found = {
        c: _text(read, c)
        for c in read.table.columns
        if c.strip().lower() in SPLIT and not read.table[c].dtype.is_nested()
    }
    made: dict[str, pl.Series] = {}
    for column, text in found.items():
        words = {word: split_word(word) for word in text.unique().drop_nulls()}
        other = next((word for word, split in words.items() if split is None), None)
        if other is not None and column.strip().lower() == "split":
            raise InputError(
                read.path,
                f"has the split {other} in its column {column}",
                expected=", ".join(SPLIT_WORDS),
                remedy="rename the split or the column",
            )
        if words and other is None:
            made[column] = text.replace_strict(words, default=None, return_dtype=pl.String)
    (first, splits), *others = made.items() or [("", none.fill_null(known) if known else none)]
    for second, again in others:
        if not splits.equals(again, null_equal=True):
            raise InputError(
                read.path, f"has two splits that differ: columns {first} and {second}", remedy="remove one of the two"
            )
    if known is not None and (splits != known).any():
        other = splits.filter(splits != known)[0]
        raise InputError(
            read.path,
            f"is the {known} file and has rows of {other} in its column {first}",
            remedy="remove the column or move the rows",
        )
    return splits if known is None else splits.fill_null(known)


def _placed(read: Tabular, made: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with whole, 0-based, half-open coordinates, none where chrom is empty, after refusing those that are none."""
    raw = {name: pl.col(name).str.replace(r"\.0*$", "") for name in ("start", "end")}
    table = made.with_columns(
        *(raw[name].cast(pl.Int64, strict=False).alias(name) for name in raw),
        *(pl.col(name).fill_null("").alias(f"given_{name}") for name in raw),
        strand=pl.col("strand").replace(STRANDS),
    )
    here = pl.col("chrom").is_not_null()
    whole = "a whole number"
    _refuse(read, table, [
        Rule(here & pl.col(name).is_null(), pl.format("{} is '{}'", pl.lit(name), f"given_{name}"), whole) for name in raw
    ])  # fmt: skip
    table = table.drop("given_start", "given_end").with_columns(
        pl.when(here).then(pl.col(name)).alias(name) for name in (*raw, "strand")
    )
    spans = table.filter(here & pl.col("sequence").is_not_null())
    beyond = spans["sequence"].str.len_chars().cast(pl.Int64) - (spans["end"] - spans["start"])
    if spans.height and (beyond == 1).all():
        table = table.with_columns(start=pl.col("start") - 1)
    _refuse(read, table, [
        Rule(pl.col("start") < 0, pl.format("start {} is negative", "start"), "start >= 0"),
        Rule(pl.col("end") <= pl.col("start"), pl.format("end {} is not after start {}", "end", "start"), "0-based start, exclusive end"),
        Rule(~pl.col("strand").is_in(["+", "-", "."]), pl.format("strand is '{}'", "strand"), "+, - or ."),
    ])  # fmt: skip
    return table


def _checked(read: Tabular, table: pl.DataFrame) -> pl.DataFrame:
    """Return LABELLED after refusing rows without label or bases, and letters that are no DNA."""
    rules = [
        Rule(pl.col("label").is_null(), pl.lit("has no label"), "a class in every row", "remove the row"),
        Rule(
            pl.col("sequence").is_null() & pl.col("chrom").is_null(),
            pl.lit("has no sequence"),
            "at least one base",
            "remove the row",
        ),
    ]
    wrong = table["sequence"].str.contains(f"[^{IUPAC}]").fill_null(False)
    # one pass over all bases; what the letters are is asked only where there are any
    for letters, remedy in NO_DNA if wrong.any() else ():
        found = pl.format("its sequence holds '{}'", pl.col("sequence").str.extract(f"({letters})"))
        rules.append(Rule(pl.col("sequence").str.contains(letters), found, DNA, remedy))
    _refuse(read, table, rules)
    return table.select(pl.col(name).cast(kind) for name, kind in LABELLED.items())


def _refuse(read: Tabular, table: pl.DataFrame, rules: list[Rule]) -> None:
    """Refuse the first row that breaks a rule: by its line, its file, or its number (1-based)."""
    broken = pl.coalesce([pl.when(rule.wrong).then(pl.lit(i, pl.Int32)) for i, rule in enumerate(rules)])
    at = table.select(broken.alias("rule")).with_row_index("row").drop_nulls().head(1)
    if at.is_empty():
        return
    row, index = at.row(0)
    rule, found = rules[index], table[row].select(rules[index].found.alias("found"))["found"][0]
    if read.files is not None:
        raise InputError(read.path / read.files[row], found, expected=rule.expected, remedy=rule.remedy)
    if read.lines is not None:
        raise InputError(read.path, found, expected=rule.expected, remedy=rule.remedy, line=int(read.lines[row]))
    raise InputError(read.path, f"row {row + 1}: {found}", expected=rule.expected, remedy=rule.remedy)
