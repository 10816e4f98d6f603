"""Several finished run folders side by side: what was set otherwise, how good each is, and paired differences where they saw the same sequences.

Two runs are paired when most of their sequences of a split have the same letters and class in both; else each keeps its own
interval, and the reason is said.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.comparing import Compared, Tested, as_lines, differences, matched, not_paired, read_tested, said
from phenolens.core.errors import DataError
from phenolens.core.run import read_json, read_table, write_table
from phenolens.core.schemas import METRICS
from phenolens.core.schemas_compare import FOLDER_DIFFERENCES, FOLDER_METRICS, FOLDER_PAIRS, SETTINGS_COMPARED
from phenolens.core.schemas_evaluate import RUNS_COMPARED
from phenolens.core.stats import holm
from phenolens.core.table import check, empty

DESCRIBED = ("name", "report")  # sections of the study that say how it is called and shown, not what was done


class SideBySide(NamedTuple):
    """Several runs side by side.

    names : short name of each folder, unique.
    tested : of each folder, as `comparing.read_tested`.
    split : validation, test ...
    settings : SETTINGS_COMPARED, only what differs.
    metrics : FOLDER_METRICS of that split: the chosen run and the baselines, all classes and length bins.
    pairs : FOLDER_PAIRS.
    differences : FOLDER_DIFFERENCES of the pairs that are paired.
    """

    names: list[str]
    tested: list[Tested]
    split: str
    settings: pl.DataFrame
    metrics: pl.DataFrame
    pairs: pl.DataFrame
    differences: pl.DataFrame


def side_by_side(folders: Sequence[Path], *, split: str = "test", run: str | None = None) -> SideBySide:
    """Return the comparison of two or more run folders, every two of them paired where that can be done.

    Parameters
    ----------
    folders : run folders whose evaluate stage is done.
    split : validation, test, random validation or random test.
    run : vote, run-0 ... or a baseline; None takes the vote where all have one, else run-0.

    Raises
    ------
    InputError : not such a folder.
    DataError : fewer than two folders, or no such run or split.
    """
    if len(folders) < 2:
        remedy = "give two or more run folders"
        raise DataError("comparison", f"{len(folders)} run folder was given", expected="at least two", remedy=remedy)
    tested, names = read_tested(folders, split, run), short_names(folders)
    pairs, tables = [], [empty(FOLDER_DIFFERENCES).drop("p_holm")]
    for (name_a, one), (name_b, other) in combinations(zip(names, tested, strict=True), 2):
        both = matched(one, other)
        reason = not_paired(one, other, both, split)
        learned = [_learned(a, b, split) for a, b in ((one, other), (other, one))]
        sizes = (both.height, one.rows.height, other.rows.height)
        pairs.append((name_a, name_b, *sizes, *learned, reason is None, None if reason is None else str(reason)))
        if reason is None:
            named = (pl.lit(name_a).alias("folder_a"), pl.lit(name_b).alias("folder_b"))
            tables.append(differences(one, other, both, split).select(*named, pl.all()))
    corrected = pl.concat(tables).with_columns(p_holm=pl.lit(None, dtype=pl.Float64))
    if corrected.height:
        corrected = corrected.with_columns(
            p_holm=pl.Series(holm(corrected["p_value"].cast(float).fill_null(np.nan).to_numpy()))
        )
    schema = {name: column.dtype for name, column in FOLDER_PAIRS.columns.items()}
    return SideBySide(
        names,
        tested,
        split,
        differing({name: read_json(folder / "settings.json") for name, folder in zip(names, folders, strict=True)}),
        _metrics(names, tested, split),
        check(pl.DataFrame(pairs, schema=schema, orient="row"), FOLDER_PAIRS),
        check(corrected.with_columns(pl.col("p_holm").fill_nan(None)), FOLDER_DIFFERENCES),
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return a name for each folder: the end of its path, as long as it takes to tell them apart; numbered where one is given twice.

    >>> short_names([Path("a/run"), Path("b/run"), Path("c")])
    ['a/run', 'b/run', 'c']
    """
    parts = [folder.resolve().parts for folder in folders]
    names = ["/".join(own[-_depth(own, parts) :]).replace(" & ", " and ") for own in parts]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


def _depth(own: tuple[str, ...], parts: Sequence[tuple[str, ...]]) -> int:
    others = [other for other in parts if other != own]
    return next((n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others)), len(own))


def differing(studies: Mapping[str, Any]) -> pl.DataFrame:
    """Return SETTINGS_COMPARED: every setting that is not the same in all runs, in the order of the study file.

    Parameters
    ----------
    studies : short name -> what settings.json holds; None where it is not there.
    """
    flat = {name: dict(_flat((found or {}).get("settings", {}))) for name, found in studies.items()}
    keys = dict.fromkeys(key for settings in flat.values() for key in settings)
    rows = [
        (key, name, settings.get(key))
        for key in keys
        if key.split(".")[0] not in DESCRIBED and len({settings.get(key) for settings in flat.values()}) > 1
        for name, settings in flat.items()
    ]
    schema = {name: column.dtype for name, column in SETTINGS_COMPARED.columns.items()}
    return check(pl.DataFrame(rows, schema=schema, orient="row"), SETTINGS_COMPARED)


def _flat(settings: Any, key: str = "") -> list[tuple[str, str]]:
    """Return (dotted key, value as JSON) of every setting; lists of plain values are one value."""
    nested: list[tuple[Any, Any]] = list(settings.items()) if isinstance(settings, dict) else []
    if isinstance(settings, list) and any(isinstance(item, dict) for item in settings):
        nested = list(enumerate(settings))
    if not nested:
        return [(key, json.dumps(settings, ensure_ascii=False))] if key else []
    return [row for name, item in nested for row in _flat(item, f"{key}.{name}" if key else str(name))]


def _learned(one: Tested, other: Tested, split: str) -> int:
    """Return how many sequences of the split of the first are in the training of the second, whatever their class."""
    column = "random_split" if split.startswith("random ") else "split"
    return one.rows.join(other.sequences.filter(pl.col(column) == "train"), on="sequence", how="semi").height


def _metrics(names: Sequence[str], tested: Sequence[Tested], split: str) -> pl.DataFrame:
    tables = [empty(FOLDER_METRICS)]
    for name, one in zip(names, tested, strict=True):
        path = one.folder / "evaluate" / "metrics.tsv"
        if path.is_file():
            baseline = ~pl.col("run").str.contains(r"^(vote|run-\d+)$")
            found = read_table(path, METRICS).filter(
                (pl.col("split") == split) & (baseline | (pl.col("run") == one.run))
            )
            tables.append(found.select(pl.lit(name).alias("folder"), pl.all()))
    return check(pl.concat(tables), FOLDER_METRICS)


def write(found: SideBySide, path: Path) -> None:
    """Write the differences, Parquet or TSV by the file's ending: RUNS_COMPARED of two runs, FOLDER_DIFFERENCES of more."""
    columns = RUNS_COMPARED.columns if len(found.names) == 2 else FOLDER_DIFFERENCES.columns
    write_table(found.differences.select(*columns), path)


def lines(found: SideBySide) -> list[str]:
    """Return the comparison as text: of two runs on the same sequences as `comparing.as_lines`; else every metric of every run, then the paired differences of each two.

    Parameters
    ----------
    found : of `side_by_side`.
    """
    if len(found.names) == 2 and found.pairs["paired"][0]:
        one, other = found.tested
        compared = Compared(
            found.differences.select(*RUNS_COMPARED.columns), [said(one, other, matched(one, other), found.split)]
        )
        return as_lines(compared, one.folder, other.folder)
    overall = found.metrics.filter(pl.col("class").is_null() & pl.col("bin").is_null()).drop_nulls("value")
    runs = {name: one.run for name, one in zip(found.names, found.tested, strict=True)}
    own = overall.filter(pl.col("run") == pl.col("folder").replace_strict(runs, return_dtype=pl.String))
    cells = [("metric", *found.names)]
    for metric in own["metric"].unique(maintain_order=True):
        values = {
            name: _estimate(row)
            for name, *row in own.filter(metric=metric).select("folder", "value", "low", "high").iter_rows()
        }
        cells.append((metric, *(values.get(name, "undefined") for name in found.names)))
    written = [f"{found.tested[0].run} on {found.split}, with 95 % intervals", *_aligned(cells)]
    for row in found.pairs.iter_rows(named=True):
        named = f"{row['folder_a']} minus {row['folder_b']}"
        if not row["paired"]:
            written += ["", f"{named}: not compared sequence by sequence ({row['reason']})"]
            continue
        part = found.differences.filter(folder_a=row["folder_a"], folder_b=row["folder_b"])
        heads = [("metric", "difference", "95 % interval", "p (McNemar)", "p (Holm)")]
        written += ["", f"{named}, on {row['shared']} sequences of both ({row['of_a']} and {row['of_b']})"]
        written += _aligned(heads + [_difference(line) for line in part.iter_rows(named=True)])
    return written


def _estimate(row: Sequence[float | None]) -> str:
    value, low, high = row
    return f"{value:.4f}" if low is None else f"{value:.4f} ({low:.4f} to {high:.4f})"


def _difference(row: Mapping[str, Any]) -> tuple[str, ...]:
    between = "" if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}"
    p_values = ("" if row[name] is None else f"{row[name]:.3g}" for name in ("p_value", "p_holm"))
    return (
        row["metric"],
        "undefined" if row["difference"] is None else f"{row['difference']:+.4f}",
        between,
        *p_values,
    )


def _aligned(cells: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
