"""One address over HTTPS into a part file: goes on where it was cut, tries again, and says in one line what went wrong.

Beside PART lies PART.json with what the server said of the file (ETag, Last-Modified, size). A later request asks with Range for the rest
and with If-Range for the same file only (RFC 9110, 13.1.5 and 14.2), so bytes of two versions are never joined.
"""

import http.client
import shutil
import socket
import ssl
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from phenolens.core.errors import DataError, WriteError
from phenolens.core.run import read_json, write_json
from phenolens.io.integrity import OnBytes

CHUNK = 1 << 18
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
PASSING = {408, 425, 429, 500, 502, 503, 504}


class Patience(NamedTuple):
    """How long a connection is tried without a byte gained.

    attempts : requests before the first byte has arrived.
    resumes : requests after that: a large download outlives minutes without a network.
    pause : seconds after the first of them; each further one waits twice as long.
    timeout : seconds of silence that count as a cut.
    """

    attempts: int = 4
    resumes: int = 9
    pause: float = 1.0
    timeout: float = 60.0


PATIENCE = Patience()


class Job(NamedTuple):
    """What is downloaded: address, part file, the file it is for, what to do when it cannot be had, its size as published, and the
    bytes that are needed later per byte of it.
    """

    url: str
    part: Path
    target: Path
    remedy: str
    size: int | None = None
    later: float = 0.0


class _CutError(Exception):
    """The connection ended before the file did; what has arrived is kept."""


def check_address(url: str, came_from: str | None = None) -> None:
    """Return nothing for an address that is safe to read: https, or http on this machine itself (a mirror, a tunnel).

    Parameters
    ----------
    url : the address.
    came_from : the address that led to it by redirection.

    Raises
    ------
    DataError : another scheme, or a redirection from https to http.
    """
    scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    if came_from is not None and scheme != "https" and urlsplit(came_from).scheme == "https":
        found = f"leads to {url}, which is not encrypted: what arrives could be changed on the way"
        raise DataError(came_from, found, expected="https", remedy="look at the address in a browser")
    if scheme != "https" and not (scheme == "http" and host in LOOPBACK):
        raise DataError(url, "is not an https address", expected="https (http only on this machine itself)")


class SafeRedirects(HTTPRedirectHandler):
    """Redirections as urllib follows them, but never from https to http."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        """Follow a redirection to a safe address."""
        try:
            check_address(newurl, came_from=req.full_url)
        except DataError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(job: Job, on_bytes: OnBytes, patience: Patience = PATIENCE) -> dict[str, Any]:
    """Fill the part file to its end and return what the server said of it: url, etag, last_modified, size.

    Parameters
    ----------
    job : what to download.
    on_bytes : called with (bytes there, bytes in all; 0 where the server does not say).
    patience : how long to try.

    Raises
    ------
    DataError : no network, refused, not there, a web page instead of data, another size than published, less space than it needs,
        or cut again and again; the part file is kept.
    WriteError : the disk did not take it.
    """
    check_address(job.url)
    opener = build_opener(SafeRedirects)
    furthest, failures = _size(job.part), 0
    while True:
        try:
            return _attempt(job, opener, on_bytes, patience.timeout)
        except _CutError as cut:
            reached = _size(job.part)
            failures = 1 if reached > furthest else failures + 1
            furthest = max(furthest, reached)
            if failures >= (patience.resumes if reached else patience.attempts):
                kept = f"run it again to go on after the {reached:,} bytes that arrived, or " if reached else ""
                raise DataError(str(job.target), f"{job.url} {cut}", remedy=kept + job.remedy) from None
            time.sleep(patience.pause * 2 ** (failures - 1))


def _attempt(job: Job, opener: OpenerDirector, on_bytes: OnBytes, timeout: float) -> dict[str, Any]:
    state = _known(job)
    offset = _size(job.part) if state else 0
    if state and offset == state["size"]:
        return state
    request = Request(job.url, headers={"User-Agent": f"phenolens/{version('phenolens')}"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
        request.add_header("If-Range", _validator(state))
    with _open(job, opener, request, timeout) as response:
        resumed = response.status == 206
        if resumed and not (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-"):
            discard(job.part)
            raise _CutError("sends another piece than was asked for")
        start = offset if resumed else 0
        state = {
            "url": job.url,
            "etag": response.headers.get("ETag"),
            "last_modified": response.headers.get("Last-Modified"),
            "size": None if response.length is None else start + response.length,
        }
        if response.headers.get_content_type() == "text/html":
            raise DataError(str(job.target), f"{job.url} gives a web page", expected="the file", remedy=job.remedy)
        if job.size is not None and state["size"] not in (None, job.size):
            found = f"{job.url} has {state['size']:,} bytes"
            raise DataError(str(job.target), found, expected=f"{job.size:,}", remedy=job.remedy)
        _check_space(job, start, state["size"])
        write_json(state, _state_file(job.part))
        done = _receive(job, response, start, state["size"] or 0, on_bytes)
    if state["size"] is None:
        state["size"] = done
        write_json(state, _state_file(job.part))
    elif done < state["size"]:
        raise _CutError(f"is cut after {done:,} of {state['size']:,} bytes")
    return state


def _open(job: Job, opener: OpenerDirector, request: Request, timeout: float) -> http.client.HTTPResponse:
    """Return the response to a request; what may pass becomes _CutError, what will not becomes a DataError."""
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=timeout)
    except HTTPError as error:
        error.close()
        answer = f"answers {error.code} {error.reason}"
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            discard(job.part)
            raise _CutError(answer) from None
        if error.code in PASSING:
            raise _CutError(answer) from None
        raise DataError(str(job.target), f"{job.url} {answer}", expected="the file", remedy=job.remedy) from None
    except URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            found = f"{job.url} cannot be trusted: {error.reason}"
            raise DataError(str(job.target), found, expected="a valid certificate", remedy=job.remedy) from None
        if isinstance(error.reason, socket.gaierror):
            raise _CutError("cannot be reached: no network, or no such server") from None
        raise _CutError(f"cannot be reached ({_reason(error.reason)})") from None
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(f"does not answer ({_reason(error)})") from None
    return response


def _receive(job: Job, response: http.client.HTTPResponse, done: int, total: int, on_bytes: OnBytes) -> int:
    """Append the response to the part file (or begin it when `done` is 0); return its size."""
    try:
        out = job.part.open("ab" if done else "wb", buffering=0)
    except OSError as error:
        raise WriteError(job.part, f"could not be written ({error.strerror})") from error
    with out:
        on_bytes(done, total)
        while True:
            try:
                chunk = response.read1(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _CutError(f"is cut after {done:,} bytes ({_reason(error)})") from None
            if not chunk:
                return done
            rest = memoryview(chunk)
            try:
                while rest:
                    rest = rest[out.write(rest) :]
            except OSError as error:
                raise WriteError(job.part, f"could not be written ({error.strerror})") from error
            done += len(chunk)
            on_bytes(done, total)


def _check_space(job: Job, start: int, size: int | None) -> None:
    if size is not None:
        require_space(job.target, int(size - start + job.later * size))


def require_space(target: Path, needed: int) -> None:
    """Return nothing when the disk of a file has this many bytes free.

    Raises
    ------
    DataError : it has not.
    """
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        found = f"{target.name} needs {needed / 1e9:.2f} GB here, and {free / 1e9:.2f} GB are free"
        raise DataError(str(target.parent), found, remedy="free some space or choose another folder with --to")


def _known(job: Job) -> dict[str, Any] | None:
    """Return what is known of the part file, or None when it cannot be gone on with: another address, or nothing to recognise the file by."""
    state = read_json(_state_file(job.part))
    if not isinstance(state, dict) or state.get("url") != job.url or not job.part.is_file():
        return None
    size = state.get("size")
    fits = size is None or _size(job.part) <= size
    return state if fits and (_validator(state) or _size(job.part) == size) else None


def _validator(state: dict[str, Any] | None) -> str:
    """Return what If-Range takes: a strong ETag, else the date of the last change, else nothing."""
    etag = (state or {}).get("etag") or ""
    return etag if etag and not etag.startswith("W/") else (state or {}).get("last_modified") or ""


def discard(part: Path) -> None:
    """Remove a part file and what is known of it."""
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _reason(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
