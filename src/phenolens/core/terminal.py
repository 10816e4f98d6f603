"""Progress on a terminal, for the command line; rich loads only where it draws."""

from phenolens.core import processes


class Lines:
    """Progress as a bar with time left on a terminal, and as lines, one per stage and epoch, anywhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("  {task.description:<40}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        drawn = self.console.is_terminal and processes.rank() == 0
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not drawn)
        self.task = self.bar.add_task("", total=None, visible=False)
        self.text = ""

    def __enter__(self) -> "Lines":
        """Start drawing."""
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal clean."""
        self.bar.stop()

    def stage(self, name: str, state: str) -> None:
        """Write the stage's state as a line."""
        self.bar.reset(self.task, total=None, visible=False, description="")
        self.text = ""
        words = {"running": "...", "kept": "done before, unchanged"}
        self.console.print(f"{name:<9} {words.get(state, state)}", markup=False)

    def step(self, done: int, total: int | None, text: str) -> None:
        """Move the bar; a new kind of work starts its clock again."""
        kind = text.partition(":")[0]
        if kind != self.text:
            self.text = kind
            self.bar.reset(self.task, total=total, visible=True, description=text)
        self.bar.update(self.task, completed=done, total=total, description=text)

    def note(self, sentence: str) -> None:
        """Write a sentence that the user should read."""
        self.console.print(f"note: {sentence}", markup=False, soft_wrap=True)

    def line(self, text: str) -> None:
        """Write a line that stays."""
        self.console.print(f"  {text}", markup=False)
