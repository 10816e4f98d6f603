"""Tables with named columns, whatever their format: CSV, TSV, JSON lines, Parquet, Arrow streams; told by content, not by name.

Nothing here knows what the columns mean. Text is read in runs of lines; a cell never goes over two lines, so that every row has one
line number. What the Hugging Face library writes beside integer classes (their names) comes along.
"""

import csv
import json
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from phenolens.core.errors import InputError
from phenolens.io.text import line_batches, lines, open_raw

PARQUET, ARROW_FILE, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"  # https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
SEPARATORS = ("\t", ",", ";")
BASES = re.compile("[ACGTNacgtn]{8,}")
# polars raises a panic of its own where damaged bytes pass its checks
DAMAGED = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
Kind = Literal["parquet", "arrow", "fasta", "json", "delimited"]


class Tabular(NamedTuple):
    """A table as its file has it, and where its rows lie.

    path : the file, or the folder of one file a row.
    table : columns of any type; of CSV and TSV all String, an empty cell null.
    lines : Int64 (n,), 1-based line of every row; None where rows have none.
    files : String (n,), file in `path` of every row; None where one file holds them all.
    class_names : column -> name of class 0, 1, ..., where the file tells them.
    """

    path: Path
    table: pl.DataFrame
    lines: pl.Series | None = None
    files: pl.Series | None = None
    class_names: Mapping[str, list[str]] = {}


def kind_of(path: str | Path) -> Kind:
    """Return a file's format by its first bytes: `>` is FASTA, `{` JSON lines, any other text a delimited table.

    Raises
    ------
    InputError : as `open_raw`; text as `line_batches`; or the file is JSON but not JSON lines.
    """
    with open_raw(path) as handle:
        start = handle.read(8)
    if start.startswith(PARQUET):
        return "parquet"
    if start.startswith((ARROW_FILE, ARROW_STREAM)):
        return "arrow"
    first = next((text.strip() for _, text in lines(path) if text.strip()), "")
    if not first:
        raise InputError(path, "has no line but blank ones", expected="a table with a line of column names")
    if first.startswith("["):
        raise InputError(
            path, "is JSON in one piece", expected="JSON lines, one object a row", remedy="convert it: jq -c '.[]'"
        )
    return "fasta" if first.startswith(">") else "json" if first.startswith("{") else "delimited"


def read_tabular(path: str | Path) -> Tabular:
    """Return the table of a CSV, TSV, JSON lines (plain or gzip), Parquet or Arrow file.

    Parameters
    ----------
    path : the file. CSV and TSV begin with a line of column names; the separator is the first of tab, comma, semicolon in it.

    Raises
    ------
    InputError : the file is a FASTA file, cut off, damaged or without rows; a delimited one has no column names, the same name
        twice, a row with another number of cells or with a line break in a cell; JSON lines that are none.
    """
    path, kind = Path(path), kind_of(path)
    if kind == "fasta":
        raise InputError(path, "is a FASTA file", expected="a table with named columns")
    read = {"parquet": _parquet, "arrow": _arrow, "json": _json_lines, "delimited": _delimited}[kind](path)
    if read.table.is_empty():
        raise InputError(path, "has no row", expected="at least one row below its column names")
    return read


def class_names(features: Any) -> dict[str, list[str]]:
    """Return column -> class names of the features that the Hugging Face library writes (dataset_info.json); others have none."""
    if not isinstance(features, dict):
        return {}
    classes = {c: f for c, f in features.items() if isinstance(f, dict) and f.get("_type") == "ClassLabel"}
    return {c: [str(name) for name in f["names"]] for c, f in classes.items() if isinstance(f.get("names"), list)}


def read_json(path: str | Path) -> Any:
    """Return the content of a small JSON file.

    Raises
    ------
    InputError : as `open_raw`, or the file is no JSON.
    """
    with open_raw(path) as handle:
        content = handle.read()
    try:
        return json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(path, f"is no whole JSON file: {error}", remedy="download or save it again") from None


def _parquet(path: Path) -> Tabular:
    try:
        table, notes = pl.read_parquet(path, glob=False, hive_partitioning=False), pl.read_parquet_metadata(path)
    except DAMAGED as error:
        raise _damaged(path, "Parquet", error) from None
    try:
        info = json.loads(notes.get("huggingface", "{}"))
    except json.JSONDecodeError:
        return Tabular(path, table)
    return Tabular(path, table, class_names=class_names(info.get("info", {}).get("features")))


def _arrow(path: Path) -> Tabular:
    try:
        raw = path.read_bytes()
        if raw.startswith(ARROW_FILE):
            return Tabular(path, pl.read_ipc(BytesIO(raw)))
        # without its end mark a stream that is cut between two batches would read as a whole, shorter one
        if not raw.endswith(END_OF_STREAM):
            raise InputError(
                path, "is an Arrow stream that is cut off", expected="a whole file", remedy="copy or save it again"
            )
        return Tabular(path, pl.read_ipc_stream(BytesIO(raw)))
    except DAMAGED as error:
        raise _damaged(path, "Arrow", error) from None


def _damaged(path: Path, kind: str, error: BaseException) -> InputError:
    reason = (str(error).splitlines() or ["no reason given"])[0][:120]
    return InputError(
        path, f"is no whole {kind} file: {reason}", expected="a whole file", remedy="copy or save it again"
    )


def _json_lines(path: Path) -> Tabular:
    frames, numbers = [], []
    for batch in line_batches(path):
        rows = batch.filter(pl.col("text").str.strip_chars() != "")
        if rows.is_empty():
            continue
        try:
            frame = pl.read_ndjson(BytesIO(_joined(rows)), infer_schema_length=None)
        except DAMAGED as error:
            raise _no_json(path, rows, error) from None
        if frame.height != rows.height:
            raise _no_json(path, rows, ValueError("rows and lines are not as many"))
        frames.append(frame)
        numbers.append(rows["line"])
    return Tabular(path, pl.concat(frames, how="diagonal_relaxed"), lines=pl.concat(numbers))


def _no_json(path: Path, rows: pl.DataFrame, error: BaseException) -> InputError:
    """Return the error of the first line that is no JSON object; of the run of lines where Python's reader finds none."""
    for line, text in rows.iter_rows():
        try:
            whole = isinstance(json.loads(text), dict)
        except json.JSONDecodeError:
            whole = False
        if not whole:
            return InputError(path, "is no JSON object", expected='{"sequence": "ACGT", "label": 1}', line=line)
    return _damaged(path, "JSON lines", error)


def _joined(rows: pl.DataFrame) -> bytes:
    return "\n".join(rows["text"]).encode()


def _delimited(path: Path) -> Tabular:
    names: list[str] = []
    frames, numbers, separator = [], [], ""
    for batch in line_batches(path):
        rows = batch.filter(pl.col("text").str.strip_chars() != "")
        if not names and rows.height:
            names, separator = _header(path, *rows.row(0))
            rows = rows[1:]
        if rows.height:
            frames.append(_cells(path, rows, names, separator))
            numbers.append(rows["line"])
    if not frames:
        return Tabular(path, pl.DataFrame(schema=dict.fromkeys(names, pl.String)))
    return Tabular(path, pl.concat(frames), lines=pl.concat(numbers))


def _header(path: Path, line: int, text: str) -> tuple[list[str], str]:
    """Return (column names, separator); a column without a name, as pandas writes its index, is called `column N`."""
    separator = next((s for s in SEPARATORS if s in text), ",")
    cells = [cell.strip() for cell in next(csv.reader([text], delimiter=separator))]
    if (bases := next((cell for cell in cells if BASES.fullmatch(cell)), None)) is not None:
        raise InputError(
            path,
            f"begins with a sequence ({bases[:12]}...)",
            expected="a line of column names",
            remedy="put one before it: sequence,label",
            line=line,
        )
    names = [name or f"column {i}" for i, name in enumerate(cells, start=1)]
    if (twice := next((name for name in names if names.count(name) > 1), None)) is not None:
        raise InputError(path, f"names the column {twice} twice", expected="every column once", line=line)
    return names, separator


def _cells(path: Path, rows: pl.DataFrame, names: list[str], separator: str) -> pl.DataFrame:
    width = pl.col("text").str.count_matches(separator, literal=True) + 1
    plain = rows.filter(~pl.col("text").str.contains('"', literal=True)).select("line", width=width)
    uneven = plain.filter(pl.col("width") != len(names)).head(1)
    if uneven.height:
        line, found = uneven.row(0)
        raise InputError(
            path,
            f"has {found} cell{'s' * (found != 1)}",
            expected=f"{len(names)}, as its column names are",
            remedy="put text that holds the separator in quotation marks",
            line=line,
        )
    try:
        table = pl.read_csv(
            BytesIO(_joined(rows)),
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=separator,
        )
    except DAMAGED as error:
        raise _damaged(path, "CSV", error) from None
    if table.height != rows.height:
        raise InputError(
            path, "has a cell with a line break", expected="one line a row", remedy="remove the line breaks in cells"
        )
    return table
