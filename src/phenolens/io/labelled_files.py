"""One file of a labelled set: a table, or a FASTA file with a table of labels beside it."""

from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import listed
from phenolens.io.fasta import read_fasta
from phenolens.io.labelled_columns import NAME, column_called
from phenolens.io.tabular import Tabular, kind_of, read_tabular

COMPRESSED = (".gz", ".bgz")
BESIDE_FASTA = tuple(
    f"{middle}.{ending}{gz}" for middle in (".labels", "") for ending in ("tsv", "csv", "txt") for gz in ("", ".gz")
)


def bare(path: Path) -> str:
    """Return a file's name without its ending and that of its compression: promoter.csv.gz -> promoter."""
    name = path.name
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return Path(name).stem


def read_file(path: Path) -> Tabular:
    """Return a table; of a FASTA file the table of labels beside it, with the bases as column `sequence`.

    Parameters
    ----------
    path : CSV, TSV, JSON lines, Parquet, Arrow, or FASTA with NAME.labels.tsv, NAME.tsv or .csv beside it (columns name and label).

    Raises
    ------
    InputError : as `read_tabular` and `read_fasta`; no labels beside a FASTA file, or two; a record without a label, a label without
        a record, a name twice.
    """
    return _with_labels(path) if kind_of(path) == "fasta" else read_tabular(path)


def read_class_file(path: Path) -> Tabular:
    """Return a table, or the records of a FASTA file (name, description, sequence) that holds one class."""
    if kind_of(path) == "fasta" and not _beside(path):
        return Tabular(path, read_fasta(path))
    return read_file(path)


def _beside(path: Path) -> list[Path]:
    return [file for file in (path.with_name(bare(path) + ending) for ending in BESIDE_FASTA) if file.is_file()]


def _with_labels(path: Path) -> Tabular:
    found = _beside(path)
    if len(found) != 1:
        have = f"{found[0].name} and {found[1].name} beside it" if found else "no labels beside it"
        raise InputError(
            path,
            f"is a FASTA file with {have}",
            expected=f"one of {bare(path)}.labels.tsv, .tsv or .csv, with columns name and label",
            remedy="write it, or use classes: one FASTA a class, or label_separator for labels in the names",
        )
    labels, records = read_tabular(found[0]), read_fasta(path)
    key = column_called(labels.table, NAME)
    if key is None:
        raise InputError(
            found[0],
            f"has no column of names among {listed(labels.table.columns)}",
            expected=f"one of {', '.join(NAME)}",
        )
    names = labels.table[key].cast(pl.String).str.strip_chars()
    for one, wrong, what in (
        (found[0], names.filter(names.is_duplicated()), "has the name {} twice"),
        (
            found[0],
            names.filter(~names.is_in(records["name"].implode())),
            f"has the name {{}}, which is no record of {path.name}",
        ),
        (
            path,
            records["name"].filter(~records["name"].is_in(names.implode())),
            f"has the record {{}} without a label in {found[0].name}",
        ),
    ):
        if wrong.len():
            raise InputError(
                one, f"{what.format(wrong[0])} ({wrong.len()} in all)", expected="every record once in both files"
            )
    others = labels.table.drop(column for column in labels.table.columns if column.strip().lower() == "sequence")
    joined = others.with_columns(names.alias(key)).join(
        records.select("name", "sequence"), left_on=key, right_on="name", how="left", maintain_order="left"
    )
    return labels._replace(table=joined)
