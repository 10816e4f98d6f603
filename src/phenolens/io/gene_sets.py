"""Sets of genes: GMT files (GO, Reactome, MSigDB, Enrichr's DisGeNET), DisGeNET's own table, and traits of the GWAS catalogue.

GMT (https://software.broadinstitute.org/cancer/software/gsea/wiki/index.php/Data_formats): a line a set, NAME, DESCRIPTION and its genes, separated
by tabs; Enrichr writes GENE,WEIGHT. DisGeNET's tables have columns geneSymbol and diseaseName. In the GWAS catalogue a trait's genes are the
mapped ones, or the reported ones where the file has only those; `A - B` are the two genes beside an intergenic variant.
"""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.schemas_biology import GENE_SETS
from phenolens.core.table import check
from phenolens.io.gwas import UCSC_COLUMNS, gwas_layout
from phenolens.io.rules import Rule, refuse_first
from phenolens.io.text import line_batches

UCSC_GENES = 14
BETWEEN_GENES = r"\s*[,;]\s*|\s+[-x]\s+"
NO_GENE = ("", "NR", "NA", "intergenic", "Intergenic", "pseudogene")


class _Columns(NamedTuple):
    """Columns from 0 of a table with one set and its genes in every row; header: the first line names them."""

    set_name: int
    genes: int
    width: int
    header: bool


def read_gene_sets(path: str | Path) -> pl.DataFrame:
    """Return GENE_SETS, sets in the order of the file, each gene once in a set.

    Parameters
    ----------
    path : GMT, DisGeNET's table, or the GWAS catalogue (EBI's, UCSC's, or a table with its columns), told by the content; plain or gzip.

    Raises
    ------
    InputError : the file cannot be read as text; it is none of these; a line with another number of columns; two sets of one name; no gene.
    """
    tables, columns, gmt = list[pl.DataFrame](), None, False
    for batch in line_batches(path):
        rows = batch.filter(pl.col("text").str.contains(r"\S"))
        if rows.is_empty():
            continue
        if not tables:
            columns = _columns(rows["text"][0])
            gmt = columns is None and _is_gmt(rows["text"][0])
            if not gmt and columns is None:
                raise _unknown(path, rows["text"][0])
            rows = rows[int(columns is not None and columns.header) :]
        tables.append(_gmt(path, rows) if columns is None else _table(path, rows, columns))
    if not tables or (table := pl.concat(tables)).is_empty():
        raise InputError(path, "has no gene", expected="sets with genes", remedy="download the file again")
    if gmt:
        names = table.select("line", "set_name").unique(maintain_order=True)
        again = pl.col("set_name").is_duplicated() & ~pl.col("set_name").is_first_distinct()
        refuse_first(path, names, [Rule(again, pl.format("set '{}' is there twice", "set_name"), "one line a set")])
    sets = table.select(list(GENE_SETS.columns)).unique(["set_name", "gene"], keep="first", maintain_order=True)
    return check(sets, GENE_SETS)


def _columns(line: str) -> _Columns | None:
    cells = line.rstrip("\r\n").split("\t")
    names = [cell.strip().lstrip("#").upper() for cell in cells]
    if {"GENESYMBOL", "DISEASENAME"} <= set(names):
        return _Columns(names.index("DISEASENAME"), names.index("GENESYMBOL"), len(cells), header=True)
    layout = gwas_layout(line)
    if layout is None:
        return None
    if layout.width == UCSC_COLUMNS and not layout.header:
        return _Columns(layout.trait, UCSC_GENES, layout.width, header=False)
    genes = next((n for n in ("MAPPED_GENE", "MAPPED_GENE(S)", "REPORTED GENE(S)", "GENES") if n in names), None)
    return None if genes is None else _Columns(layout.trait, names.index(genes), layout.width, header=True)


def _is_gmt(line: str) -> bool:
    return len(line.split("\t")) > 2


def _unknown(path: str | Path, line: str) -> InputError:
    return InputError(
        path,
        f"is no file of gene sets: it begins with '{line[:40]}'",
        expected="GMT (NAME, DESCRIPTION, genes; tabs between), DisGeNET's table, or the GWAS catalogue with a column of genes",
        line=1,
    )


def _gmt(path: str | Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Return line, set_name, description, gene."""
    table = rows.with_columns(cells=pl.col("text").str.split("\t"))
    few = Rule(
        pl.col("cells").list.len() < 3,
        pl.format("has {} columns", pl.col("cells").list.len()),
        "NAME, DESCRIPTION and genes, separated by tabs",
    )
    unnamed = Rule(pl.col("cells").list.first().str.strip_chars() == "", pl.lit("has no name"), "the set's name first")
    refuse_first(path, table, [few, unnamed])
    gene = pl.col("gene").str.replace(r",[0-9.]+$", "").str.strip_chars()
    return (
        table.select(
            "line",
            pl.col("cells").list.first().str.strip_chars().alias("set_name"),
            pl.col("cells").list.get(1).str.strip_chars().replace("", None).alias("description"),
            pl.col("cells").list.slice(2).alias("gene"),
        )
        .explode("gene")
        .with_columns(gene)
        .filter(pl.col("gene") != "")
    )


def _table(path: str | Path, rows: pl.DataFrame, columns: _Columns) -> pl.DataFrame:
    """Return line, set_name, description, gene."""
    table = rows.with_columns(cells=pl.col("text").str.split("\t")).with_columns(width=pl.col("cells").list.len())
    wrong = Rule(
        pl.col("width") != columns.width,
        pl.format("has {} columns", "width"),
        f"{columns.width}, as the first line has",
        "download the file again",
    )
    refuse_first(path, table, [wrong])
    genes = pl.col("cells").list.get(columns.genes).str.replace_all(BETWEEN_GENES, "\t").str.split("\t")
    return (
        table.select("line", pl.col("cells").list.get(columns.set_name).str.strip_chars().alias("set_name"), gene=genes)
        .explode("gene")
        .with_columns(pl.lit(None, pl.String).alias("description"), gene=pl.col("gene").str.strip_chars())
        .filter(~pl.col("gene").is_in(NO_GENE) & (pl.col("set_name") != ""))
    )
