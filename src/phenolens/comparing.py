"""What `phenolens compare` does: two finished run folders -> their metrics side by side, on the sequences that both predicted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from phenolens.core.errors import DataError, InputError
from phenolens.core.run import read_json
from phenolens.core.schemas_evaluate import RUNS_COMPARED
from phenolens.core.settings_learn import EvaluateSettings
from phenolens.core.table import check
from phenolens.evaluate.compare import comparison_table
from phenolens.evaluate.metrics import VOTE, metrics_table

LEAST_SHARED = 0.5  # of the larger split; below it the two were not tested on the same question


class Compared(NamedTuple):
    """Two runs side by side.

    table : RUNS_COMPARED.
    notes : sentences that a reader of the table needs: what was compared, on what.
    """

    table: pl.DataFrame
    notes: list[str]


class Tested(NamedTuple):
    """A finished run folder: its predictions of one run and split with the text and class of each sequence.

    folder : the run folder.
    run : vote, run-0 ... or a baseline.
    labels : classes, in the order of the predictions.
    rows : PREDICTIONS with the letters of each sequence in upper case; copies of one text are numbered (nth).
    sequences : SEQUENCES, letters in upper case.
    """

    folder: Path
    run: str
    labels: list[str]
    rows: pl.DataFrame
    sequences: pl.DataFrame


def compare(first: Path, second: Path, *, split: str = "test", run: str | None = None) -> Compared:
    """Return every metric of two finished run folders, the difference with its paired interval, and McNemar's p for accuracy.

    Sequences are the same when their letters and their class are, whatever their sequence_id; groups of the bootstrap, its size
    and its seed are those of the first folder.

    Parameters
    ----------
    first, second : run folders whose evaluate stage is done.
    split : validation, test, random validation or random test.
    run : vote, run-0 ... or a baseline; None takes the vote where both have one, else run-0.

    Raises
    ------
    InputError : not such a folder.
    DataError : no such run or split, other classes, or too few sequences in common.
    """
    one, other = read_tested((first, second), split, run)
    pairs = matched(one, other)
    if reason := not_paired(one, other, pairs, split):
        raise reason
    return Compared(differences(one, other, pairs, split), [said(one, other, pairs, split)])


def said(one: Tested, other: Tested, pairs: pl.DataFrame, split: str) -> str:
    """Return the sentence on what is compared, on which sequences; parameters as in `differences`."""
    return f"{one.run} of {one.folder} and of {other.folder}, {_on_what(one, other, pairs.height, split)}"


def differences(one: Tested, other: Tested, pairs: pl.DataFrame, split: str) -> pl.DataFrame:
    """Return RUNS_COMPARED of two runs on the sequences that both predicted.

    Parameters
    ----------
    one, other : the two; bootstrap and seed are those of the first one's folder.
    pairs : of `matched`.
    split : of both.
    """
    columns = [f"p_{label}" for label in one.labels]
    sides = {
        "first": pairs.select("sequence_id", "label", *columns),
        "second": pairs.select("sequence_id", "label", *(pl.col(f"{name}_second").alias(name) for name in columns)),
    }
    both = pl.concat(
        [rows.select(pl.lit(side).alias("run"), pl.lit(split).alias("split"), pl.all()) for side, rows in sides.items()]
    )
    groups, measuring = one.sequences.select("sequence_id", "group"), _measuring(one.folder)
    found = comparison_table(both, groups, one.labels, pairs=[("first", "second")], **measuring)
    overall = metrics_table(both, groups, one.labels, **(measuring | {"resamples": 0})).filter(
        pl.col("class").is_null()
    )
    table = found.drop("run_a", "run_b", "split")
    for side in ("first", "second"):
        values = overall.filter(run=side).select("metric", pl.col("value").alias(side))
        table = table.join(values, on="metric", how="left", maintain_order="left")
    return check(table.select(*RUNS_COMPARED.columns), RUNS_COMPARED)


def as_lines(compared: Compared, first: Path, second: Path) -> list[str]:
    """Return the comparison as text: what was compared, then one line a metric.

    Parameters
    ----------
    compared : of `compare`.
    first, second : the run folders, as they are to be named.
    """
    heads = ("metric", *_heads(first, second), "difference", "95 % interval", "p (McNemar)")
    cells = [heads]
    for row in compared.table.iter_rows(named=True):
        between = "" if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}"
        cells.append(
            (
                row["metric"],
                *(_number(row[side], ".4f") for side in ("first", "second")),
                _number(row["difference"], "+.4f"),
                between,
                "" if row["p_value"] is None else f"{row['p_value']:.3g}",
            )
        )
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [*compared.notes, *lines]


def _heads(first: Path, second: Path) -> tuple[str, str]:
    """Return what the two columns are called: the folders' last names, or first and second where these are the same."""
    names = (first.resolve().name, second.resolve().name)
    return names if names[0] != names[1] else ("first", "second")


def _number(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)


def read_tested(folders: Sequence[Path], split: str, run: str | None) -> list[Tested]:
    """Return what each folder predicted of one split, all by the same run.

    Parameters
    ----------
    folders : run folders whose evaluate stage is done.
    split, run : as in `compare`.

    Raises
    ------
    InputError, DataError : as `compare`.
    """
    predictions = [_predictions(folder) for folder in folders]
    chosen = run or (VOTE if all(_has(table, VOTE, split) for table in predictions) else "run-0")
    return [_read(folder, table, chosen, split) for folder, table in zip(folders, predictions, strict=True)]


def matched(one: Tested, other: Tested) -> pl.DataFrame:
    """Return the rows of the first with those of the second (columns with the ending _second) of the same letters and class."""
    return one.rows.join(other.rows, on=["sequence", "label", "nth"], suffix="_second", maintain_order="left")


def _predictions(folder: Path) -> pl.DataFrame:
    """Return the predictions of a run folder whose evaluate stage is done."""
    for stage, needed in (("dataset", "sequences.parquet"), ("evaluate", "predictions.parquet")):
        if not (folder / stage / "manifest.json").is_file() or not (folder / stage / needed).is_file():
            found = f"has no finished {stage} stage" if folder.is_dir() else "is no folder"
            remedy = f"run `phenolens evaluate STUDY.toml --out {folder}` first"
            raise InputError(folder, found, expected="a run folder with predictions", remedy=remedy)
    return pl.read_parquet(folder / "evaluate" / "predictions.parquet")


def _has(predictions: pl.DataFrame, run: str, split: str) -> bool:
    return not predictions.filter(run=run, split=split).is_empty()


def _read(folder: Path, predictions: pl.DataFrame, run: str, split: str) -> Tested:
    rows = predictions.filter(run=run, split=split)
    if rows.is_empty():
        known = predictions.filter(split=split)["run"].unique(maintain_order=True).to_list()
        if known:
            raise DataError(str(folder), f"has no run {run} on {split}", expected=f"one of {', '.join(known)} (--run)")
        splits = predictions["split"].unique(maintain_order=True).to_list()
        raise DataError(str(folder), f"has no split {split}", expected=f"one of {', '.join(splits)} (--split)")
    sequences = pl.read_parquet(folder / "dataset" / "sequences.parquet").with_columns(
        pl.col("sequence").str.to_uppercase()
    )
    joined = rows.join(sequences.select("sequence_id", "sequence"), on="sequence_id").sort("sequence_id")
    # copies of one text are told apart by their order, so that each has one partner
    joined = joined.with_columns(pl.int_range(pl.len()).over("sequence", "label").alias("nth"))
    return Tested(folder, run, [name[2:] for name in rows.columns if name.startswith("p_")], joined, sequences)


def not_paired(one: Tested, other: Tested, pairs: pl.DataFrame, split: str) -> DataError | None:
    """Return why two runs cannot be compared sequence by sequence: other classes, or too few sequences in common; None if they can.

    Parameters
    ----------
    one, other, pairs, split : as in `differences`.
    """
    if set(one.labels) != set(other.labels):
        only = [
            f"only {run.folder} has {', '.join(sorted(set(run.labels) - set(beside.labels)))}"
            for run, beside in ((one, other), (other, one))
            if set(run.labels) - set(beside.labels)
        ]
        remedy = "compare runs of the same question"
        return DataError("comparison", f"the runs tell other classes apart: {'; '.join(only)}", remedy=remedy)
    most = max(one.rows.height, other.rows.height)
    if pairs.height >= LEAST_SHARED * most:
        return None
    remedy = "give both studies the same dataset section and seed, so that they are tested on the same sequences"
    found = _in_both(one, other, pairs.height, split)
    return DataError("comparison", found, expected=f"at least {LEAST_SHARED:.0%} of the larger", remedy=remedy)


def _in_both(one: Tested, other: Tested, shared: int, split: str) -> str:
    sizes = [one.rows.height, other.rows.height]
    found = f"{shared} sequences of {split} are in both, of {sizes[0]} in {one.folder} and {sizes[1]} in {other.folder}"
    relabelled = one.rows.join(other.rows, on="sequence", how="semi").height - shared
    if not relabelled:
        return found
    return f"{found} ({relabelled} more of the first have the same letters and another class, or more copies, in the second)"


def _on_what(one: Tested, other: Tested, shared: int, split: str) -> str:
    """Return on which sequences they are compared."""
    sizes = [one.rows.height, other.rows.height]
    if shared == sizes[0] == sizes[1]:
        return f"on the same {shared} sequences of {split}."
    column = "random_split" if split.startswith("random ") else "split"
    learned = [
        run.rows.join(beside.sequences.filter(pl.col(column) == "train"), on="sequence", how="semi").height
        for run, beside in ((one, other), (other, one))
    ]
    return (
        f"on the {shared} sequences of {split} that both predicted, of {sizes[0]} and {sizes[1]}; "
        f"of the first's {learned[0]} are in the second's training, of the second's {learned[1]} in the first's."
    )


def _measuring(folder: Path) -> dict[str, int]:
    """Return resamples, seed and calibration_bins as a run folder was evaluated with; the defaults where it does not say."""
    found: Any = read_json(folder / "evaluate" / "manifest.json")
    settings = found.get("settings", {}) if isinstance(found, dict) else {}
    known = {k: v for k, v in settings.get("evaluate", {}).items() if k in EvaluateSettings.model_fields}
    evaluate = EvaluateSettings.model_validate(known)
    return {
        "resamples": evaluate.bootstrap,
        "seed": int(settings.get("seed", 1)),
        "calibration_bins": evaluate.calibration_bins,
    }
