"""Which of several processes this is, as torchrun, accelerate launch and the like tell it; one process alone is the first of one."""

import os


def count() -> int:
    """Return how many processes work together on one study."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return the number of this process among them, from 0; the first one owns the run folder and the screen."""
    return int(os.environ.get("RANK", "0")) if count() > 1 else 0
