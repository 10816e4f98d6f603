"""What a stage tells the outside while it works; the command line draws it, Python users may ignore it."""

from typing import Protocol


class Progress(Protocol):
    """Receiver of progress."""

    def stage(self, name: str, state: str) -> None:
        """Take note that a stage is now in this state: `running`, `done`, `kept` (finished before and unchanged)."""

    def step(self, done: int, total: int, text: str) -> None:
        """Take note that `done` of `total` steps of the present work, called `text`, are finished."""

    def line(self, text: str) -> None:
        """Take note of something worth a line, such as an epoch that ended."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, state: str) -> None:
        """Ignore it."""

    def step(self, done: int, total: int, text: str) -> None:
        """Ignore it."""

    def line(self, text: str) -> None:
        """Ignore it."""
