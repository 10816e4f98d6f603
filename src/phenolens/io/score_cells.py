"""The cells of files of scored variants: bytes of whole lines to columns, fast, and the line of the first wrong one."""

from pathlib import Path
from typing import Any

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.score_layouts import Layout

ABSENT = ["", ".", "NA", "-"]
TEXT_SCORES = ("dbnsfp", "clinvar")  # several values in a cell, or words


def parsed(path: Path, block: bytes, layout: Layout, line: int | None) -> pl.DataFrame:
    """Return the rows of some lines: chrom, start (0-based), ref, alt, and the layout's other roles as they are in the file.

    Parameters
    ----------
    path : the file, for errors.
    block : whole lines.
    layout : where they have what.
    line : number of the first one, for errors; None where it is not known.

    Raises
    ------
    InputError : a cell that is no number, a line that is too short.
    """
    last = block[block.rfind(b"\n", 0, len(block) - 1) + 1 :]
    if last.strip() and last.count(layout.separator.encode()) + 1 < layout.width:
        raise _wrong_cell(path, block, layout, line)
    try:
        table = _read(
            block, layout, {"pos": pl.Int64} | ({} if layout.format in TEXT_SCORES else {"score": pl.Float64})
        )
    except pl.exceptions.PolarsError:
        raise _wrong_cell(path, block, layout, line) from None
    if table.select(pl.any_horizontal(pl.col("chrom", "pos").is_null()).any()).item():
        table = table.filter(~pl.all_horizontal(pl.col("chrom", "pos", "ref", "alt").is_null()))
        if table.select(pl.any_horizontal(pl.col("chrom", "pos").is_null()).any()).item():
            raise _wrong_cell(path, block, layout, line)
    return table.with_columns(start=pl.col("pos") - 1).drop("pos")


def _read(block: bytes, layout: Layout, types: dict[str, Any]) -> pl.DataFrame:
    kinds = dict.fromkeys(range(layout.width), pl.String) | {layout.columns[role]: kind for role, kind in types.items()}
    table = pl.read_csv(
        block,
        has_header=False,
        separator=layout.separator,
        quote_char=None,
        schema={f"c{at}": kind for at, kind in kinds.items()},
        columns=sorted(set(layout.columns.values())),
        null_values=ABSENT,
        truncate_ragged_lines=True,
    )
    # a column may have two roles
    return table.select(pl.col(f"c{at}").alias(role) for role, at in layout.columns.items())


def _wrong_cell(path: Path, block: bytes, layout: Layout, line: int | None) -> InputError:
    """Return the error of the first line that is too short or has a cell that is no number."""
    number = {"pos": int} | ({} if layout.format in TEXT_SCORES else {"score": float})
    for offset, raw in enumerate(block.split(b"\n")):
        text = raw.decode("utf-8", "replace").rstrip("\r")
        cells = text.split(layout.separator)
        at = None if line is None else line + offset
        if not text.strip():
            continue
        if len(cells) < layout.width:
            found, remedy = (
                f"has {len(cells)} columns: '{text[:40]}'",
                "if it is the last line, the file is cut off: download or copy it again",
            )
            return InputError(path, found, expected=f"{layout.width}, as the first row has", remedy=remedy, line=at)
        for role, kind in number.items():
            cell = cells[layout.columns[role]]
            try:
                if role == "pos" or cell not in ABSENT:
                    kind(cell)
            except ValueError:
                name = layout.names[layout.columns[role]]
                return InputError(path, f"has '{cell[:20]}' as {name}", expected="a number", line=at)
    return InputError(
        path, "cannot be read as a table", expected=f"columns as {', '.join(layout.names[:5])} ...", line=line
    )


def scored(table: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Return parsed rows with score as a number, alleles in upper case, and kind, gene, protein, change (null where the file has none).

    Of several values in one cell (dbNSFP has one a transcript) the highest counts.
    """
    table = table.with_columns(pl.col("ref", "alt").str.to_uppercase())
    roles = set(layout.columns)
    gene = pl.col("gene") if "gene" in roles else pl.lit(None, dtype=pl.String)
    if layout.format == "clinvar":
        table = table.with_columns(score=significance(pl.col("score")), kind=_unquoted(pl.col("kind")))
        gene = _unquoted(gene)
    elif layout.format in TEXT_SCORES:
        values = pl.col("score").str.split(";").list.eval(pl.element().cast(pl.Float64, strict=False))
        table = table.with_columns(score=values.list.max())
        gene = gene.str.split(";").list.first()
    given = [i for i in range(3) if f"change{i}" in roles]
    parts = [_first_of(pl.col(f"change{i}")) for i in given]
    between = "?" if given == [0, 2] else ""
    change = pl.concat_str(*parts, separator=between) if given else pl.lit(None, dtype=pl.String)
    others = {r: pl.col(r) if r in roles else pl.lit(None, dtype=pl.String) for r in ("kind", "protein")}
    return table.with_columns(gene=gene, change=change, **others)


def _unquoted(cell: pl.Expr) -> pl.Expr:
    """Return the words of a list as PostgreSQL writes it: {"a","b"} -> a,b."""
    return cell.str.replace_all(r'[{}"]', "")


def _first_of(cell: pl.Expr) -> pl.Expr:
    """Return the first of several values in a cell, null where it is absent."""
    first = cell.str.split(";").list.first()
    return pl.when(first.is_in(ABSENT)).then(None).otherwise(first)


def significance(text: pl.Expr) -> pl.Expr:
    """Return 1 for ClinVar's (likely) pathogenic, 0 for (likely) benign, null for anything else: uncertain, conflicting, other kinds."""
    lower = text.str.to_lowercase()
    harmful, harmless = lower.str.contains("pathogenic", literal=True), lower.str.contains("benign", literal=True)
    unsure = lower.str.contains("conflicting", literal=True) | (harmful & harmless)
    return pl.when(unsure).then(None).when(harmful).then(1.0).when(harmless).then(0.0).otherwise(None).cast(pl.Float64)
