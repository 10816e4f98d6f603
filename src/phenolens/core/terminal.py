"""Progress on a terminal or in a log, for the command line; rich loads only where it draws."""

import time
from collections.abc import Callable
from typing import Self

from phenolens.core import processes
from phenolens.core.progress import Pace, as_duration, as_rate

EVERY = 10.0  # seconds between two lines about the same work, where each step may be a line


class Lines:
    """Progress as a bar with rate and time left on a terminal, and as lines, one per stage and epoch, anywhere.

    Without colour where NO_COLOR is set, and without a bar where the terminal is none.

    Parameters
    ----------
    verbose : what each step does is a line too, every ten seconds at most.
    clock : seconds, never going back.
    """

    def __init__(self, *, verbose: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"),
        )
        drawn = self.console.is_terminal and processes.rank() == 0
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not drawn)
        self.task = self.bar.add_task("", total=None, visible=False, count="", rate="", left="")
        self.verbose, self.clock, self.pace = verbose, clock, Pace(clock)
        self.begun, self.said = clock(), float("-inf")
        self.at = ""

    def __enter__(self) -> Self:
        """Start drawing."""
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal clean."""
        self.bar.stop()

    def stage(self, name: str, state: str) -> None:
        """Write the stage's state as a line."""
        self.bar.reset(self.task, total=None, visible=False, description="", count="", rate="", left="")
        self.pace.forget()
        self.at = name
        took = f"done in {as_duration(self.clock() - self.begun)}"
        words = {"running": "...", "kept": "done before, unchanged", "done": took}
        if state == "running":
            self.begun = self.clock()
        self.console.print(f"{name:<9} {words.get(state, state)}", markup=False)

    def step(self, done: int, total: int | None, text: str) -> None:
        """Move the bar; a new kind of work starts its clock again."""
        speed = self.pace.step(done, total, text)
        many = total if total is not None and total > 1 else None
        count = "" if not done else f"{done:,}" if many is None else f"{done:,}/{many:,}"
        left = f"{as_duration(speed.left)} left" if speed.left is not None and many else ""
        shown = text if text.startswith(self.at) else f"{self.at}: {text}"
        if speed.new:
            self.bar.reset(self.task, total=many, visible=True, description=shown)
        rate = as_rate(speed.rate)
        self.bar.update(self.task, completed=done, total=many, description=shown, count=count, rate=rate, left=left)
        if self.verbose and (speed.new or done == total or self.clock() - self.said >= EVERY):
            self.said = self.clock()
            self.line(", ".join(part for part in (shown, count, rate, left) if part))

    def note(self, sentence: str) -> None:
        """Write a sentence that the user should read."""
        self.console.print(f"note: {sentence}", markup=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """Write a line that stays."""
        self.console.print(f"  {text}", markup=False, soft_wrap=True)
