"""The dataset's quality certificate as blocks: verdict, leakage, balance between classes, what was left out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Bullets, Figure, Paragraph, Table, counts, numbers, words
from phenolens.report.figures_data import balance_figure
from phenolens.report.sections_leakage import SPLIT_NAMES, pair_blocks, shortfall_blocks

LARGE = 0.1  # |SMD| above which two classes count as different (Austin, Stat Med 2009)
PROPERTIES = {
    "log_length": "length (logarithm)",
    "gc": "GC content",
    "masked": "soft-masked share",
    "cpg": "CpG observed/expected",
}
LEAKS = {
    "duplicates": "Identical sequences",
    "twins": "Reverse complements",
    "groups_on_both_sides": "Groups",
    "loci_on_both_sides": "Loci",
}
SEVERITIES: dict[Any, str] = {"fail": "To be mended", "warn": "To be kept in mind"}


def good(verdict: str) -> bool:
    """Return whether a verdict says that the dataset is sound."""
    return verdict.strip().lower() in {"sound", "good", "pass", "passed", "ok"}


def verdict_blocks(quality: Mapping[str, Any]) -> list[Block]:
    """Return the verdict with its reasons, and what lies on both sides of the splits.

    Parameters
    ----------
    quality : the certificate; keys verdict, reasons, leakage are used where they are.
    """
    verdict, reasons = quality.get("verdict"), [str(reason) for reason in quality.get("reasons") or []]
    if not verdict:
        return [Paragraph("The run holds no quality certificate of the dataset.", "none")]
    tone = "good" if good(str(verdict)) else "warn"
    blocks: list[Block] = [Paragraph(f"Verdict of the dataset's quality certificate: {verdict}.", tone)]
    if reasons:
        severity = {str(p.get("sentence")): p.get("severity") for p in quality.get("problems") or []}
        blocks.append(Bullets([(SEVERITIES.get(severity.get(reason), ""), reason) for reason in reasons]))
    leakage = quality.get("leakage")
    rows = [(SPLIT_NAMES.get(k, k), v) for k, v in (leakage.items() if isinstance(leakage, Mapping) else ())]
    names = [name for name in LEAKS if any(name in found for _, found in rows)]
    if names:
        shape: dict[str, Any] = {"split": pl.String} | dict.fromkeys(names, pl.Int64)
        table = pl.DataFrame([{"split": name} | {k: found.get(k) for k in names} for name, found in rows], schema=shape)
        columns = (words("Split", "split"), *(counts(LEAKS[name], name) for name in names))
        caption = "Leakage: how many sequences, groups and loci have a copy or a part in more than one of training, validation and test."
        blocks.append(Table("leakage", caption, table, columns))
    return blocks + pair_blocks(quality)


def balance_blocks(quality: Mapping[str, Any], top: int) -> list[Block]:
    """Return how alike the classes are in simple properties, as table and figure, and what was left out.

    Parameters
    ----------
    quality : the certificate; balance rows name their classes as `classes` (a pair) or as `class` and `compared_to`.
    top : rows shown of a long table.
    """
    rows = [_balance_row(row) for row in quality.get("balance") or [] if isinstance(row, Mapping)]
    account = [*shortfall_blocks(quality), *_account(quality.get("account") or [], top)]
    if not rows:
        return [Paragraph("The quality certificate holds no comparison of the classes.", "none"), *account]
    shape = {
        "class": pl.String,
        "compared_to": pl.String,
        "covariate": pl.String,
        "smd": pl.Float64,
        "auroc": pl.Float64,
    }
    table = pl.DataFrame(rows, schema=shape, strict=False).with_columns(pl.selectors.float().fill_nan(None))
    table = table.sort(pl.col("smd").abs(), descending=True, nulls_last=True, maintain_order=True)
    large = table.filter(pl.col("smd").abs() > LARGE).height
    caption = (
        "How alike the classes are in simple properties, the largest difference first. SMD: difference of the means in standard deviations; "
        f"beyond ±{LARGE} ({large} of {table.height} rows) counts as a difference. AUROC: how well this property alone tells the two apart "
        "(0.5 = not at all)."
    )
    columns = (
        words("Class", "class"),
        words("Compared with", "compared_to"),
        words("Property", "covariate"),
        numbers("SMD", "smd"),
        numbers("AUROC", "auroc"),
    )
    return [
        Table("balance", caption, table, columns, shown=max(top, 12)),
        Figure(
            "balance-plot",
            "Standardised mean differences between the classes",
            "Difference between classes in each simple property, the largest first (at most 20). Inside the grey band (±0.1) the "
            "classes are practically alike.",
            partial(balance_figure, table.head(20).to_dicts()),
            "No standardised mean difference is defined, so none is drawn.",
            data=table,
        ),
        *account,
    ]


def _balance_row(row: Mapping[str, Any]) -> dict[str, Any]:
    pair = row.get("classes")
    first, second = (
        pair if isinstance(pair, list | tuple) and len(pair) == 2 else (row.get("class"), row.get("compared_to"))
    )
    covariate = str(row.get("covariate", ""))
    return {
        "class": first,
        "compared_to": second,
        "covariate": PROPERTIES.get(covariate, covariate),
        "smd": row.get("smd"),
        "auroc": row.get("auroc"),
    }


def _account(account: Any, top: int) -> list[Block]:
    rows = [row for row in account if isinstance(row, Mapping)] if isinstance(account, list) else []
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    if not names:
        return []
    table = pl.DataFrame({name: _series(rows, name) for name in names})
    make = {name: counts if dtype == pl.Int64 else words for name, dtype in table.schema.items()}
    titles = {name: {"label": "Class", "n": "Number"}.get(name, name.replace("_", " ").capitalize()) for name in names}
    columns = tuple(make[name](titles[name], name) for name in names)
    caption = "What was taken and what was left out on the way from the input files to the sequences, and why."
    return [Table("account", caption, table, columns, shown=max(top, 20))]


def _series(rows: list[Mapping[str, Any]], name: str) -> pl.Series:
    """Return the values of a key: whole numbers where all are, else text."""
    values = [row.get(name) for row in rows]
    if all(value is None or isinstance(value, int) for value in values):
        return pl.Series(values, dtype=pl.Int64)
    texts = [
        None if value is None else text.number(value) if isinstance(value, float) else str(value) for value in values
    ]
    return pl.Series(texts, dtype=pl.String)
