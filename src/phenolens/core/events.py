"""Progress as a log for programs: one JSON object a line on standard error, flushed as it is written.

    {"time": "2026-11-26T15:25:07.123Z", "event": "step", "stage": "train", "text": "run-0: loss 0.693", "done": 10, "total": 300, ...}

Every line has `time` (UTC) and `event`; what else, by event, is in EVENTS.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self, TextIO

from phenolens.core import processes
from phenolens.core.progress import Pace

EVENTS = {
    "stage": "`stage`, `state`: running, done, or kept (done before, unchanged)",
    "step": "`stage`, `text`, `done`, `total` (null: not known), `rate` (steps per second), `left` (seconds); at most one a second of the same work, and its last",
    "line": "`stage`, `text`: something worth keeping, such as the losses of an epoch",
    "note": "`text`: a sentence that the user should read",
    "warning": "`text`: of a library, with the place in its code",
    "error": "`text`, `exit_code`: why the command stops",
}
EVERY = 1.0  # seconds between two events about the same work


class Events:
    """Progress as one JSON object a line.

    Parameters
    ----------
    stream : where lines go; standard error when None.
    clock : seconds, never going back.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream, self.clock, self.pace = stream, clock, Pace(clock)
        self.at: str | None = None
        self.said = float("-inf")
        self._shown = warnings.showwarning

    def __enter__(self) -> Self:
        """Write warnings as events too."""
        self._shown = warnings.showwarning
        warnings.showwarning = self._warning  # type: ignore[assignment]  # our stream is the only one
        return self

    def __exit__(self, *_: object) -> None:
        """Let warnings be shown as before."""
        warnings.showwarning = self._shown

    def stage(self, name: str, state: str) -> None:
        """Write the stage's state."""
        self.pace.forget()
        self.at = name
        self._write("stage", stage=name, state=state)

    def step(self, done: int, total: int | None, text: str) -> None:
        """Write a step, unless the same work was told within the last second and goes on."""
        speed = self.pace.step(done, total, text)
        if speed.new or done == total or self.clock() - self.said >= EVERY:
            self.said = self.clock()
            rate, left = (None if value is None else round(value, 3) for value in speed[1:])
            self._write("step", stage=self.at, text=text, done=done, total=total, rate=rate, left=left)

    def line(self, text: str) -> None:
        """Write something worth keeping."""
        self._write("line", stage=self.at, text=text)

    def note(self, sentence: str) -> None:
        """Write a sentence that the user should read."""
        self._write("note", text=sentence)

    def error(self, sentence: str, exit_code: int) -> None:
        """Write why the command stops."""
        self._write("error", text=sentence, exit_code=exit_code)

    def _warning(self, message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        self._write("warning", text=f"{filename}:{lineno}: {category.__name__}: {message}")

    def _write(self, event: str, **fields: Any) -> None:
        if processes.rank() == 0 or event == "error":
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            stream = self.stream or sys.stderr
            stream.write(json.dumps({"time": now, "event": event, **fields}, ensure_ascii=False) + "\n")
            stream.flush()
