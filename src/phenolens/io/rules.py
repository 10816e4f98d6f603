"""Row rules of line-based formats: the first line that breaks one becomes an error with its number."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import InputError


class Rule(NamedTuple):
    """What makes a row wrong.

    wrong : expression, true for a row that breaks the rule (null counts as not broken).
    found : expression that gives the text of what was found.
    expected, remedy : as in InputError.
    """

    wrong: pl.Expr
    found: pl.Expr
    expected: str | None = None
    remedy: str | None = None


def refuse_first(path: str | Path, table: pl.DataFrame, rules: Sequence[Rule]) -> None:
    """Return nothing when every row keeps every rule; rules are tried in order, so a later one may rely on an earlier one.

    Parameters
    ----------
    path : the file, for the error.
    table : rows with a column `line`, ascending.
    rules : what to look for.

    Raises
    ------
    InputError : for the first line that breaks a rule.
    """
    broken = pl.coalesce([pl.when(rule.wrong).then(pl.lit(i, pl.Int32)) for i, rule in enumerate(rules)])
    at = table.select(broken.alias("rule"), "line").filter(pl.col("rule").is_not_null()).head(1)
    if at.is_empty():
        return
    index, line = at.row(0)
    rule = rules[index]
    found = table.filter(pl.col("line") == line).select(rule.found.alias("found"))["found"][0]
    raise InputError(path, found, expected=rule.expected, remedy=rule.remedy, line=line)
