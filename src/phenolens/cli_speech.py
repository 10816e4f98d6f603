"""How a command speaks while it works: options that every long command takes, and the errors that end one.

A command decorated with `watched` takes --quiet, --verbose and --log-json, and shows its progress through `watching()`.
Results go to standard output whatever is chosen here.
"""

import inspect
import sys
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from phenolens.core.events import Events
from phenolens.core.progress import Silent, Watcher
from phenolens.core.terminal import Lines

_WAYS = {
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="say nothing but errors")],
    "verbose": Annotated[
        bool, typer.Option("--verbose", "-v", help="a line for each step, and where in the code an error arose")
    ],
    "log_json": Annotated[
        bool, typer.Option("--log-json", help="progress, notes and errors as one JSON object a line")
    ],
}
INTERRUPTED = 130
_WAY: ContextVar[str | None] = ContextVar("way", default=None)


def watched(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options --quiet, --verbose and --log-json, of which it may be given one."""

    @wraps(command)
    def within(**given: Any) -> None:
        chosen = [way for way in _WAYS if given.pop(way)]
        if len(chosen) > 1:
            names = " and ".join("--" + way.replace("_", "-") for way in chosen)
            raise typer.BadParameter(f"{names} exclude each other")
        _WAY.set(chosen[0] if chosen else None)
        try:
            command(**given)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    signature = inspect.signature(command)
    kind = inspect.Parameter.KEYWORD_ONLY
    further = [inspect.Parameter(name, kind, default=False, annotation=way) for name, way in _WAYS.items()]
    parameters = [*signature.parameters.values(), *further]
    within.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    within.__annotations__ = {**command.__annotations__, **_WAYS}
    return within


def watching() -> Watcher:
    """Return what shows the progress of the present command, as its options ask; to be used as a context."""
    way = _WAY.get()
    if way == "quiet":
        return Silent()
    return Events() if way == "log_json" else Lines(verbose=way == "verbose")


def say_error(sentence: str, exit_code: int) -> None:
    """Write why the command stops: one line, or one JSON object, and with --verbose the places in our code."""
    way = _WAY.get()
    if way == "log_json":
        Events().error(sentence, exit_code)
        return
    if way == "verbose":
        code = Path(__file__).parent
        frames = [frame for frame in traceback.extract_tb(sys.exc_info()[2]) if code in Path(frame.filename).parents]
        print("".join(traceback.format_list(frames)), file=sys.stderr, end="")
    kind = "" if exit_code == INTERRUPTED else "error: "
    print(f"phenolens: {kind}{sentence}", file=sys.stderr)


def begin() -> None:
    """Forget what an earlier command of this process chose."""
    _WAY.set(None)
