"""What a stage tells the outside while it works, and how fast that goes; the command line shows it, Python users may ignore it."""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, Self


class Progress(Protocol):
    """Receiver of progress."""

    def stage(self, name: str, state: str) -> None:
        """Take note that a stage is now in this state: `running`, `done`, `kept` (finished before and unchanged)."""

    def step(self, done: int, total: int | None, text: str) -> None:
        """Take note that `done` of `total` steps of the present work, called `text`, are finished; None: nobody knows how many."""

    def line(self, text: str) -> None:
        """Take note of something worth a line, such as an epoch that ended."""


class Watcher(Progress, Protocol):
    """Progress as the command line shows it, for as long as a block lasts."""

    def note(self, sentence: str) -> None:
        """Take note of a sentence that the user should read."""

    def __enter__(self) -> Self:
        """Begin to show it."""

    def __exit__(self, *_: object) -> None:
        """Leave the screen clean."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, state: str) -> None:
        """Ignore it."""

    def step(self, done: int, total: int | None, text: str) -> None:
        """Ignore it."""

    def line(self, text: str) -> None:
        """Ignore it."""

    def note(self, sentence: str) -> None:
        """Ignore it."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


class Speed(NamedTuple):
    """How fast the present work goes.

    new : whether this step begins another kind of work, with a clock of its own.
    rate : steps per second since it began; None before the second one.
    left : seconds that the rest takes at that rate; None where the number of steps is not known.
    """

    new: bool
    rate: float | None
    left: float | None


class Pace:
    """Rate and time left of work that is told step by step.

    Work of one kind has one name before the colon of its text (`run-0: loss 0.7`). Steps that were done before this process
    began, of a training that goes on, are not counted.

    Parameters
    ----------
    clock : seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kind: str | None = None
        self._begun = 0.0
        self._first = self._latest = 0

    def forget(self) -> None:
        """Take whatever comes next as new work."""
        self._kind = None

    def step(self, done: int, total: int | None, text: str) -> Speed:
        """Return the speed after this step."""
        kind, now = text.partition(":")[0], self._clock()
        new = kind != self._kind or done < self._latest
        if new:
            self._kind, self._begun = kind, now
            # the first step is told when it is over, and nobody knows how long it took
            self._first = done
        self._latest = done
        seconds, steps = now - self._begun, done - self._first
        if steps <= 0 or seconds <= 0:
            return Speed(new, None, None)
        rate = steps / seconds
        return Speed(new, rate, None if total is None else max(0, total - done) / rate)


def as_rate(rate: float | None) -> str:
    """Return a rate as text: per second, or per minute where it is slow; empty where it is not known."""
    if rate is None:
        return ""
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 0.5 else f"{60 * rate:.1f}/min"


def as_duration(seconds: float | None) -> str:
    """Return a time as text, `0:42`, `12:05` or `3:12:05`; empty where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
