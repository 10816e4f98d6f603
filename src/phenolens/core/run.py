"""The run folder: whole files or none, a manifest written last, and the question whether a stage is already done.

    DIR/settings.json            which study this folder belongs to
    DIR/<stage>/manifest.json    fingerprint, settings, SHA-256 of inputs and outputs, versions, seconds, peak memory

A file is written beside its place and renamed when whole. A stage whose manifest has the wanted fingerprint and whose
outputs are all there is skipped. The folder is locked while a run works in it; the lock dies with the process.
"""

import fcntl
import hashlib
import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from phenolens.core.errors import InputError, RunFolderError, WriteError
from phenolens.core.table import Schema

PACKAGES = (
    "phenolens",
    "torch",
    "transformers",
    "accelerate",
    "numpy",
    "polars",
    "scipy",
    "scikit-learn",
    "pysam",
    "pybigtools",
    "pymmseqs",
)
PART = ".part-"
ROW_GROUP = 2048  # rows of a Parquet file that are written, and later read, at once
LOGS = "logs"  # files in such a folder may go or grow: what is finished stays finished


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it when the block ends; a failure leaves nothing behind.

    Raises
    ------
    WriteError : the disk is full or the place cannot be written.
    """
    part = path.with_name(PART + path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WriteError(path, f"could not be written ({getattr(error, 'strerror', None) or error})") from error
    finally:
        if part.is_file():
            part.unlink()


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet or TSV, by the file's suffix."""
    with whole(path) as part, part.open("wb") as stream:
        if path.suffix == ".parquet":
            table.write_parquet(stream)
        else:
            table.write_csv(stream, separator="\t")


def read_table(path: Path, schema: Schema) -> pl.DataFrame:
    """Return a TSV that `write_table` wrote, with the types of its schema."""
    return pl.read_csv(path, separator="\t", schema={name: column.dtype for name, column in schema.columns.items()})


def read_table_of_other_run(path: Path, schema: Schema) -> pl.DataFrame | None:
    """Return a table as `read_table`; None where it is absent or has the columns of another version."""
    if not path.is_file() or path.read_text(encoding="utf-8").partition("\n")[0].split("\t") != list(schema.columns):
        return None
    return read_table(path, schema)


@contextmanager
def growing(path: Path, empty: pl.DataFrame) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Yield a function that adds rows to a Parquet file, which is there, whole, when the block ends; one added table is held at a time.

    Parameters
    ----------
    path : of the file; what is added lies in files beside it until then.
    empty : a table without rows, for the columns.

    Raises
    ------
    WriteError : the disk is full or the place cannot be written.
    """
    parts: list[Path] = []

    def add(table: pl.DataFrame) -> None:
        part = path.with_name(f"{PART}{len(parts):06}.{path.name}")
        parts.append(part)
        write_table(table, part)

    try:
        add(empty)
        yield add
        with whole(path) as target:
            pl.scan_parquet(parts, glob=False).sink_parquet(target, row_group_size=ROW_GROUP)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write text in UTF-8."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(content: bytes, path: Path) -> None:
    """Write bytes as they are."""
    with whole(path) as part:
        part.write_bytes(content)


def write_json(data: Any, path: Path) -> None:
    """Write JSON, keys in the order given."""
    write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", path)


def read_json(path: Path) -> Any:
    """Return the JSON of a file of the run folder, or None when it is absent or not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


@contextmanager
def run_folder(folder: Path, study: str, settings: dict[str, Any]) -> Iterator[None]:
    """Hold a run folder for this study: made when absent, refused when it is not this study's or another run works in it.

    Raises
    ------
    RunFolderError : not a folder, not empty and not phenolens's, another study's, or locked.
    """
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(folder, "is a file", expected="a folder", remedy="choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise WriteError(folder, f"could not be made ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderError(
                folder, "another phenolens run works in it", remedy="wait for it, or choose another --out"
            ) from None
        _claim(folder, study, settings)
        yield
    finally:
        os.close(handle)


def _claim(folder: Path, study: str, settings: dict[str, Any]) -> None:
    mark = folder / "settings.json"
    for part in folder.glob(f"{PART}*"):
        part.unlink()
    found = read_json(mark)
    if not isinstance(found, dict) or "study" not in found:
        if any(folder.iterdir()):
            raise RunFolderError(
                folder,
                "is not empty and not a run of phenolens",
                expected="a new or empty folder",
                remedy="choose another --out",
            )
    elif found["study"] != study:
        raise RunFolderError(
            folder, f"belongs to the study {found['study']!r}", expected=f"{study!r}", remedy="choose another --out"
        )
    wanted = {"program": "phenolens", "study": study, "settings": settings}
    if found != wanted:
        write_json(wanted, mark)


class Stage(NamedTuple):
    """One stage of a run: its folder, and the fingerprint of all that determines its outputs."""

    folder: Path
    fingerprint: str
    settings: dict[str, Any]
    inputs: list[dict[str, Any]]


def stage(folder: Path, settings: dict[str, Any], inputs: Iterable[Path], upstream: Iterable[str]) -> Stage:
    """Return a stage with its fingerprint: SHA-256 over version, settings, content of the input files, and upstream fingerprints.

    Parameters
    ----------
    folder : the stage's folder in the run.
    settings : everything it depends on besides files, JSON-able, seed included.
    inputs : files (or folders of files) given by the user.
    upstream : fingerprints of the stages whose outputs it reads.
    """
    known = {
        (i["path"], i["size"], i["mtime_ns"]): i["sha256"]
        for i in (read_json(folder / "manifest.json") or {}).get("inputs", [])
    }
    described = [_describe(file, known) for path in inputs for file in _files(path)]
    content = [version("phenolens"), settings, [i["sha256"] for i in described], list(upstream)]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Stage(folder, digest, settings, described)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(path, "no such file", remedy="check the path; it is relative to the study file")
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def _describe(path: Path, known: dict[tuple[str, int, int], str]) -> dict[str, Any]:
    """Return path, size, mtime_ns, sha256; content is read only when size or time differ from the last manifest."""
    status = path.stat()
    found = known.get((str(path), status.st_size, status.st_mtime_ns))
    return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": found or sha256(path)}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_done(stage: Stage) -> bool:
    """Return whether the stage's manifest has this fingerprint and every output is there with its size."""
    manifest = read_json(stage.folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("fingerprint") != stage.fingerprint:
        return False
    return all((p := stage.folder / o["path"]).is_file() and p.stat().st_size == o["size"] for o in manifest["outputs"])


@contextmanager
def working(stage: Stage) -> Iterator[None]:
    """Run a stage's work: what an unfinished run of the same fingerprint left is kept, anything else removed; the manifest comes last."""
    started = stage.folder / "started.json"
    if (read_json(started) or {}).get("fingerprint") != stage.fingerprint and stage.folder.exists():
        shutil.rmtree(stage.folder)
    (stage.folder / "manifest.json").unlink(missing_ok=True)
    write_json({"fingerprint": stage.fingerprint}, started)
    begun = time.monotonic()
    yield
    started.unlink()
    for part in stage.folder.rglob(f"{PART}*"):
        part.unlink()
    outputs = [
        {"path": str(p.relative_to(stage.folder)), "size": p.stat().st_size, "sha256": sha256(p)}
        for p in sorted(stage.folder.rglob("*"))
        if p.is_file() and LOGS not in p.relative_to(stage.folder).parts
    ]
    manifest = {
        "fingerprint": stage.fingerprint,
        "settings": stage.settings,
        "inputs": stage.inputs,
        "outputs": outputs,
        "versions": versions(),
        "seconds": round(time.monotonic() - begun, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    write_json(manifest, stage.folder / "manifest.json")


def versions() -> dict[str, str]:
    """Return the version of phenolens and of each package its numbers depend on."""
    return {name: version(name) for name in PACKAGES}


def write_run_manifest(folder: Path, fingerprints: dict[str, str]) -> None:
    """Write the run's own manifest, versions and fingerprint of each finished stage, unless it says so already."""
    path = folder / "manifest.json"
    known = (read_json(path) or {}).get("stages", {})
    if any(known.get(name) != fingerprint for name, fingerprint in fingerprints.items()):
        write_json({"versions": versions(), "stages": known | fingerprints}, path)
