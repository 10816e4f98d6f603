"""Tables as files that a reader opens in a spreadsheet: nothing in them runs, and small ones travel inside the page.

A spreadsheet takes a cell that begins with = + - @ for a formula, also one that came from the name of an interval. Such text gets an
apostrophe in front (OWASP, CSV injection); numbers and the strands + and - stay as they are.
"""

import base64
import re
from collections.abc import Mapping

import polars as pl

RUNS = r"^[=+\-@＝＋－＠\t\r\n]"  # how text begins that a spreadsheet may run
PLAIN = r"^[+\-]?(\d+\.?\d*|\.\d+)?([eE][+\-]?\d+)?$"  # a number or a strand
DIGITS = 10
EACH, ALL = 400_000, 4_000_000  # bytes of one file, and of all files, that the page itself holds


def guarded(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with an apostrophe before text, also of headings, that a spreadsheet would run.

    >>> guarded(pl.DataFrame({"name": ["=1+1", "-", "-0.5", "LTR7", "-0.5+x()"]}))["name"].to_list()
    ["'=1+1", '-', '-0.5', 'LTR7', "'-0.5+x()"]
    """
    words = [name for name, dtype in table.schema.items() if dtype == pl.String]
    runs = {name: pl.col(name).str.contains(RUNS) & ~pl.col(name).str.contains(PLAIN) for name in words}
    marked = [pl.when(runs[name]).then(pl.lit("'") + pl.col(name)).otherwise(name).alias(name) for name in words]
    cells = table.with_columns(marked)
    return cells.rename({name: f"'{name}" for name in cells.columns if re.match(RUNS, name)})


def tsv(table: pl.DataFrame) -> str:
    """Return the guarded table as tab-separated text, numbers with ten digits (later ones depend on who added up first); absent is empty."""
    rounded = table.with_columns(pl.selectors.float().round_sig_figs(DIGITS))
    return guarded(rounded).write_csv(separator="\t")


def address(text: str, kind: str) -> str:
    """Return the data: address of a text.

    >>> address("AC", "plain")
    'data:text/plain;charset=utf-8;base64,QUM='
    """
    return f"data:text/{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def embedded(files: Mapping[str, str]) -> dict[str, str]:
    """Return name -> data: address of the files that the page can hold: each below 400 kB, all together below 4 MB, first come first served.

    Parameters
    ----------
    files : name -> text.
    """
    held, room = {}, ALL
    for name, text in files.items():
        content = text.encode()
        if len(content) <= min(EACH, room):
            held[name] = address(text, "tab-separated-values")
            room -= len(content)
    return held
