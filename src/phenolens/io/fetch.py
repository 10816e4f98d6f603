"""Public files into a folder: downloaded, verified, made readable for the presets, and written down in sources.lock.json.

    FOLDER/FILE              whole and verified, or absent
    FOLDER/FILE.part         what has arrived of it; the next call goes on there
    FOLDER/sources.lock.json FILE -> where from, when, size, SHA-256; a file that no longer agrees with it is an error, never overwritten

Without a network: a download put into the folder under its own name, unchanged, is taken as if it had just arrived.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from phenolens.core.errors import DataError, InputError, WriteError
from phenolens.core.progress import Progress, Silent
from phenolens.core.run import read_json, write_json
from phenolens.io.genome_index import is_bgzip
from phenolens.io.integrity import Expected, OnBytes, check, checksum, published
from phenolens.io.repack import copy, join, to_bgzip, unzip
from phenolens.io.resources import Resource, registry, select, url_name
from phenolens.io.transfer import PATIENCE, Job, Patience, discard, download

LOCK = "sources.lock.json"
# bytes on the disk besides the download, per byte of it, while it is made ready
LATER = {None: 0.0, "bgzip": 1.2, "unzip": 1.0, "join": 1.0}


class _Place(NamedTuple):
    """A folder of sources that is held: where, who watches, how long is tried."""

    folder: Path
    progress: Progress
    patience: Patience


def fetch(
    names: Sequence[str],
    folder: Path,
    *,
    progress: Progress | None = None,
    resources: Mapping[str, Resource] | None = None,
    patience: Patience = PATIENCE,
) -> list[Path]:
    """Bring public files into a folder and return their paths; those that are there and unchanged are kept.

    Parameters
    ----------
    names : presets or single resources, see `resources.select`.
    folder : where the files go; made when absent.
    progress : told of each file's state and bytes.
    resources : name -> resource; the registry by default.
    patience : how often and how long a connection is tried.

    Raises
    ------
    SettingsError : an unknown name.
    DataError : a file cannot be had: no network, refused, not there, cut again and again, no space for it, or only by hand; says what
        to put where.
    InputError : what arrived or is there is not what was published, or not whole.
    WriteError : the folder cannot be written or the disk is full.
    """
    chosen = select(names, registry() if resources is None else resources)
    with _held(folder):
        place = _Place(folder, progress or Silent(), patience)
        by_hand_last = sorted(chosen, key=lambda resource: resource.manual is not None)
        return [_fetch_one(resource, place) for resource in by_hand_last]


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no two processes write the same part file; the lock dies with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise WriteError(folder, f"could not be made ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(folder, "another phenolens fetch works in it", remedy="wait for it") from None
        yield
    finally:
        os.close(handle)


def _fetch_one(resource: Resource, place: _Place) -> Path:
    target = place.folder / resource.file
    if target.exists():
        _keep(resource, target, place)
        _clean(resource, place.folder)
        place.progress.stage(resource.name, "kept")
        return target
    if resource.manual is not None:
        remedy = f"{resource.manual} ({resource.page}), put it there under this name, and fetch it again"
        raise DataError(str(target), "cannot be downloaded by a program", remedy=remedy)
    place.progress.stage(resource.name, "running")
    raws = [_obtain(url, resource, place) for url in resource.urls]
    prepared = target.with_name(f"{target.name}.prepared")
    try:
        ready = _prepare(resource, raws, prepared, _meter(place.progress, f"preparing {resource.file}"))
        _record(resource, target, ready, place)
    except InputError:
        _clean(resource, place.folder)
        raise
    finally:
        prepared.unlink(missing_ok=True)
    _clean(resource, place.folder)
    place.progress.stage(resource.name, "done")
    return target


def _part(resource: Resource, url: str, folder: Path) -> Path:
    return folder / f"{url_name(url) if resource.parts else resource.file}.part"


def _clean(resource: Resource, folder: Path) -> None:
    for url in resource.urls:
        discard(_part(resource, url, folder))


def _obtain(url: str, resource: Resource, place: _Place) -> Path:
    """Return one download, verified: put there by hand, or brought from its address into its part file."""
    target = place.folder / resource.file
    given = place.folder / url_name(url)
    checking = _meter(place.progress, f"checking {resource.file}")
    if given != target and given.is_file():
        check(given, _registered(resource), checking)
        return given
    there = f"by hand, put it unchanged into {place.folder} as {given.name}, and fetch again; page: {resource.page}"
    remedy = f"download it {there}"
    expected = _expected(resource, place, f"download {url} {there}")
    part = _part(resource, url, place.folder)
    job = Job(url, part, target, remedy, expected.size, LATER[resource.prepare])
    state = download(job, _meter(place.progress, resource.file), place.patience)
    try:
        check(part, expected._replace(size=expected.size or state["size"]), checking)
    except InputError:
        discard(part)
        raise
    return part


def _registered(resource: Resource) -> Expected:
    return Expected(resource.size, resource.sha256, resource.md5)


def _expected(resource: Resource, place: _Place, remedy: str) -> Expected:
    """Return what is published of a resource's download: in the registry, else in the provider's list of checksums."""
    known = _registered(resource)
    if known.has_checksum or resource.checksums is None:
        return known
    part = place.folder / f"{resource.file}.checksums.part"
    job = Job(resource.checksums, part, place.folder / resource.file, remedy)
    download(job, lambda done, total: None, place.patience)
    try:
        return published(part, url_name(resource.urls[0]))._replace(size=resource.size)
    finally:
        discard(part)


def _prepare(resource: Resource, raws: Sequence[Path], prepared: Path, on_bytes: OnBytes) -> Path:
    """Return the file as the presets read it: the part file where nothing is to do; what was put there by hand is never changed."""
    if resource.prepare == "bgzip":
        to_bgzip(raws[0], prepared, on_bytes)
    elif resource.prepare == "unzip":
        unzip(raws[0], prepared, on_bytes)
    elif resource.prepare == "join":
        join(raws, prepared, on_bytes)
    elif raws[0].suffix == ".part":
        return raws[0]
    else:
        copy(raws[0], prepared, on_bytes)
    return prepared


def _record(resource: Resource, target: Path, ready: Path, place: _Place) -> None:
    """Rename a ready file to its name and write it down; `ready` is `target` itself for one that was put there by hand."""
    digest = checksum(ready, "sha256", _meter(place.progress, f"checking {resource.file}"))
    status = ready.stat()
    entry = {
        "name": resource.name,
        "version": resource.version,
        "from": "put there by hand" if ready == target else resource.url,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": status.st_size,
        "sha256": digest,
        "mtime_ns": status.st_mtime_ns,
    }
    try:
        ready.replace(target)
    except OSError as error:
        raise WriteError(target, f"could not be written ({error.strerror})") from error
    write_json(_lock(place.folder) | {resource.file: entry}, place.folder / LOCK)


def _lock(folder: Path) -> dict[str, Any]:
    path = folder / LOCK
    found = read_json(path)
    if found is None and not path.exists():
        return {}
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise InputError(path, "is not a list of sources", remedy="move it away; the files are then checked anew")
    return found


def _keep(resource: Resource, target: Path, place: _Place) -> None:
    """Return nothing for a file that is there and is what it should be; one put there by hand is checked and written down."""
    entry = _lock(place.folder).get(resource.file)
    if entry is None:
        known = _registered(resource) if resource.prepare is None else Expected()
        check(target, known, _meter(place.progress, f"checking {resource.file}"))
        if resource.prepare == "bgzip":
            is_bgzip(target)
        _record(resource, target, target, place)
        return
    if entry.get("from") not in (resource.url, "put there by hand"):
        found = f"is {entry.get('version')} from {entry.get('from')}, as {LOCK} says"
        expected = f"{resource.version} from {resource.url}"
        raise InputError(target, found, expected=expected, remedy="move it away and fetch it again")
    status = target.stat()
    if (status.st_size, status.st_mtime_ns) == (entry.get("size"), entry.get("mtime_ns")):
        return
    digest = checksum(target, "sha256", _meter(place.progress, f"checking {resource.file}"))
    if digest != entry.get("sha256"):
        found = f"is not what was fetched on {entry.get('date')}: SHA-256 {digest}, {status.st_size:,} bytes"
        expected = f"{entry.get('sha256')}, {entry.get('size'):,} bytes, as {LOCK} says"
        raise InputError(target, found, expected=expected, remedy="move it away and fetch it again")


def _meter(progress: Progress, label: str) -> OnBytes:
    """Return a counter of bytes that tells progress, five times a second at most: label, bytes, rate, time left."""
    begun = told = time.monotonic()
    first: int | None = None

    def count(done: int, total: int) -> None:
        nonlocal told, first
        now = time.monotonic()
        first = done if first is None else first
        if now - told < 0.2 and done != total:
            return
        told = now
        rate = (done - first) / max(now - begun, 1e-3)
        text = f"{label}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB" if total else f"{label}: {done / 1e6:,.1f} MB"
        if rate > 0 and total > done:
            minutes, seconds = divmod(int((total - done) / rate), 60)
            text += f", {rate / 1e6:,.1f} MB/s, {minutes}:{seconds:02d} left"
        progress.step(done, total, text)

    return count
