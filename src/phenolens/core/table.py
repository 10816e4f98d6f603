"""What the schema of a table is, and checking a table against it."""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import DataError


class Column(NamedTuple):
    """One column: polars type, meaning, and whether null is allowed."""

    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    nullable: bool = False


class Schema(NamedTuple):
    """A table's name, its columns in order, its rules (name -> expression that is true for every valid row), and its key."""

    name: str
    columns: dict[str, Column]
    rules: dict[str, Callable[[], pl.Expr]] = {}
    key: tuple[str, ...] = ()


def empty(schema: Schema) -> pl.DataFrame:
    """Return a table with the schema's columns and no row."""
    return pl.DataFrame(schema={name: column.dtype for name, column in schema.columns.items()})


def check(table: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the table with the schema's columns first and in order, after checking every column and rule.

    Raises
    ------
    DataError : a column is missing, has another type, holds a null it may not, breaks a rule, or a key is not unique.
    """
    for name, column in schema.columns.items():
        if name not in table.columns:
            raise DataError(f"table {schema.name}", f"has no column {name}", expected=", ".join(schema.columns))
        if table.schema[name] != column.dtype:
            raise DataError(
                f"table {schema.name}, column {name}", f"is {table.schema[name]}", expected=str(column.dtype)
            )
        if not column.nullable and table[name].null_count():
            raise DataError(
                f"table {schema.name}, column {name}", f"has {table[name].null_count()} empty cells", expected="none"
            )
    for rule, expression in schema.rules.items():
        wrong = table.filter(~expression())
        if wrong.height:
            raise DataError(
                f"table {schema.name}", f"{wrong.height} rows break the rule {rule}, the first: {wrong.row(0)}"
            )
    if schema.key and table.select(schema.key).is_duplicated().any():
        first = table.filter(table.select(schema.key).is_duplicated()).select(schema.key).row(0)
        raise DataError(f"table {schema.name}", f"{', '.join(schema.key)} is not unique: {first}")
    return table.select([*schema.columns, *(name for name in table.columns if name not in schema.columns)])
