"""`phenolens serve`: a trained model on this machine, as a page and a JSON API (`serve/`), until it is told to stop."""

import ctypes
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from phenolens.core.errors import SettingsError

LOCAL = "127.0.0.1"
EXTRA = ("starlette", "uvicorn")
HEADER_BYTES = 1 << 14
M_ARENA_MAX = -8  # of malloc.h


class Told(NamedTuple):
    """Whom to tell what happens.

    note : a sentence that the user should read.
    ready : the address of the page, once it answers.
    """

    note: Callable[[str], None] = lambda sentence: None
    ready: Callable[[str], None] = lambda address: None


def serve(model: Path, host: str, port: int, rate: float | None, told: Told) -> None:
    """Answer requests until SIGTERM or Ctrl-C; those under way are finished, new ones are not taken.

    Parameters
    ----------
    model : a run's folder, whose runs are averaged, one of its models, or any Hugging Face folder of a sequence classifier.
    host : name or address to listen on; anything else than this machine's own is warned of.
    port : 0 takes a free one.
    rate : requests a second of one client; None for the default.
    told : see there.

    Raises
    ------
    SettingsError : the optional packages are not installed, or the address cannot be had.
    InputError : no model folder.
    """
    _one_heap()
    try:
        import uvicorn

        from phenolens.serve.app import application
        from phenolens.serve.limits import Limits
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        found, remedy = f"needs {' and '.join(EXTRA)}, which are not installed", "pip install 'phenolens[serve]'"
        raise SettingsError("command line", "serve", found, remedy=remedy) from None
    from phenolens.serve.answers import open_model

    limits = Limits() if rate is None else Limits(rate=rate)
    with _listening(host, port) as listener:
        served = open_model(model, told.note)
        for note in served.notes:
            told.note(note)
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        if open_to_others := warning(host, address):
            told.note(open_to_others)
        app = application(served, limits, _names(host), lambda: told.ready(address))
        config = uvicorn.Config(
            app, loop="asyncio", http="h11", ws="none", lifespan="on", log_config=None, log_level="error", access_log=False,
            server_header=False, proxy_headers=False, limit_concurrency=limits.connections, h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_graceful_shutdown=limits.stop_seconds,
        )  # fmt: skip
        with _quiet_signals():
            uvicorn.Server(config).run(sockets=[listener])


def _one_heap() -> None:
    """Let all threads share one heap, where this is glibc: what a thread of one step has freed does not serve one of the next, and memory creeps up."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_ARENA_MAX, 1)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except (OSError, OverflowError) as error:
        raise SettingsError(
            "command line",
            "--port" if host == LOCAL else "--host and --port",
            f"cannot listen on {host}, port {port}: {getattr(error, 'strerror', None) or error}",
            remedy="choose another one; --port 0 takes a free one",
        ) from None


def warning(host: str, address: str) -> str | None:
    """Return what the user should know about listening on a host; None where only this machine reaches it."""
    if _is_local(host):
        return None
    return (
        f"{address} can be reached from other machines: whoever reaches it can use the model, and read what is sent on the way; "
        "there is no password and no encryption"
    )


def _names(host: str) -> frozenset[str]:
    """Return the host names that requests may be for, lower case."""
    own = {socket.gethostname(), socket.getfqdn()} if not _is_local(host) else set()
    return frozenset(name.lower() for name in own | {host})


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let a stop that the server has obeyed be the end of it: it raises the signal again, for whoever handled it before."""
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
