"""Depth over a pangenome graph, from the table that `odgi depth` prints: #path, start, end, mean.depth (0-based, half-open).

Paths of a graph are haplotypes, named sample#haplotype#contig. Those of the reference lie on the genome's chromosomes; a graph with two
references (GRCh38 and CHM13) has every chromosome twice, so the study says which is meant.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.ground import Ground
from phenolens.core.schemas_variants import DEPTHS
from phenolens.io.chromosomes import key, listed, renaming
from phenolens.io.text import line_batches

HEADER = "#path\tstart\tend\tmean.depth"
MAKE = "odgi depth -i graph.og -b windows.bed"
COLUMNS = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "depth": pl.Float64}


class DepthRows(NamedTuple):
    """Some rows of a table.

    table : DEPTHS, those that share a base with the ground. chroms : the genome's names of the chromosomes among the rows.
    others : rows on paths that are no chromosome of the genome.
    """

    table: pl.DataFrame
    chroms: list[str]
    others: int


def depth_rows(
    path: Path, wanted: Ground | None, known: Collection[str], paths: str | None = None
) -> Iterator[DepthRows]:
    """Yield the rows of an `odgi depth` table that share a base with the ground, batch by batch.

    Parameters
    ----------
    path : text, plain, gzip or bgzip, sorted or not.
    wanted : the stretches; None keeps every row on the genome.
    known : chromosome names of the genome.
    paths : only paths whose name begins with this text; None takes all.

    Raises
    ------
    InputError : another table of odgi, another number of columns, a cell that is no number, an end that is not after its start, or two
        paths that are one chromosome.
    """
    names: dict[str, str] = {}
    for batch in line_batches(path):
        rows = batch.filter(~pl.col("text").str.contains(r"^\s*$"))
        if batch["line"][0] == 1 and rows.height:
            _check_header(path, rows["text"][0])
        table = _parsed(path, rows.filter(~pl.col("text").str.starts_with("#")))
        chosen = table if paths is None else table.filter(pl.col("chrom").str.starts_with(paths))
        new = [name for name in chosen["chrom"].unique(maintain_order=True) if name not in names]
        if new:
            names = _named(path, [*names, *new], known)
        on = chosen.with_columns(pl.col("chrom").replace_strict(names, return_dtype=pl.String))
        on = on.filter(pl.col("chrom").is_in(list(known)))
        chroms = on["chrom"].unique(maintain_order=True).to_list()
        kept = on if wanted is None else on[np.unique(wanted.pieces(on)[0])]
        yield DepthRows(kept.select(*DEPTHS.columns), chroms, table.height - on.height)


def _check_header(path: Path, line: str) -> None:
    cells = line.split("\t")
    if line.startswith("#") and cells[:3] != ["#path", "start", "end"]:
        raise InputError(
            path,
            f"begins with the column names {listed([cell.lstrip('#') for cell in cells])}",
            expected="path, start, end, mean.depth",
            remedy=f"make it by ranges of paths: {MAKE}",
            line=1,
        )


def _parsed(path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    cells = pl.col("text").str.split("\t")
    table = rows.select(
        "line",
        "text",
        width=cells.list.len(),
        **{n: cells.list.get(i, null_on_oob=True) for i, n in enumerate(COLUMNS)},
    )
    numbers = [pl.col(name).cast(kind, strict=False) for name, kind in COLUMNS.items()]
    table = table.with_columns(*numbers)
    right = (
        pl.all_horizontal(pl.col(*COLUMNS).is_not_null()) & (pl.col("start") >= 0) & (pl.col("end") > pl.col("start"))
    )
    wrong = table.filter(~right | (pl.col("width") != len(COLUMNS)))
    if wrong.height:
        line, text = wrong.select("line", "text").row(0)
        raise InputError(
            path,
            f"has the row '{text[:60]}'",
            expected="path, start, end after it, mean depth as a number",
            remedy=f"make it by ranges of paths: {MAKE}",
            line=line,
        )
    return table.select(*COLUMNS)


def _named(path: Path, names: list[str], known: Collection[str]) -> dict[str, str]:
    """Return path -> chromosome of the genome; paths that are none keep their names."""
    keys = {key(name) for name in known}
    ours = [name for name in names if key(name) in keys]
    try:
        renamed = renaming(ours, known, path)
    except InputError as error:
        samples = dict.fromkeys(name.partition("#")[0] for name in ours)
        raise InputError(
            path,
            error.found,
            expected="one path a chromosome",
            remedy=f'choose: depth_paths = "{next(iter(samples))}#"',
        ) from None
    return {name: renamed.get(name, name) for name in names}
