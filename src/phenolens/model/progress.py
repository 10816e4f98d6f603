"""How a training tells how far it is: a callback after every step, and nothing on the screen by itself."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

OnProgress = Callable[[int, int, float, float | None], None]


def silent(done: int, total: int, loss: float, validation: float | None) -> None:
    """Say nothing; the default of every on_progress."""


class Progress(TrainerCallback):
    """Calls on_progress(done steps, total steps, loss of the latest batch, latest validation loss or None)."""

    def __init__(self, on_progress: OnProgress) -> None:
        self.on_progress = on_progress
        self.loss = torch.tensor(float("nan"))
        self.validation: float | None = None

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report a step."""
        self.on_progress(state.global_step, state.max_steps, float(self.loss), self.validation)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the epoch's validation loss."""
        self.validation = float(kwargs["metrics"]["eval_loss"])
        self.on_progress(state.global_step, state.max_steps, float(self.loss), self.validation)
