"""How a training tells how far it is: a callback after every step, marks in its log, and nothing on the screen by itself."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import polars as pl
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

MARKS = 20  # in the log, an epoch
OnProgress = Callable[[int, int, float, float | None], None]
OnEpoch = Callable[[int, float, float, float], None]


def silent(done: int, total: int, loss: float, validation: float | None) -> None:
    """Say nothing; the default of every on_progress."""


def history(state: TrainerState) -> pl.DataFrame:
    """Return the log of a training as one row an epoch: epoch, train_loss, validation_loss, validation_accuracy.

    train_loss is the mean over the epoch's steps; between two entries of the log it is their mean since the earlier one.
    """
    of_epoch = state.max_steps // state.num_train_epochs
    losses = [(int(entry["step"]), float(entry["loss"])) for entry in state.log_history if "loss" in entry]
    sums = dict.fromkeys(range(1, state.num_train_epochs + 1), 0.0)
    for (before, _), (step, loss) in pairwise([(0, 0.0), *losses]):
        sums[(step - 1) // of_epoch + 1] += loss * (step - before)
    measured = [(int(entry["step"]) // of_epoch, entry) for entry in state.log_history if "eval_loss" in entry]
    rows = [(epoch, sums[epoch] / of_epoch, entry["eval_loss"], entry["eval_accuracy"]) for epoch, entry in measured]
    columns = dict.fromkeys(("train_loss", "validation_loss", "validation_accuracy"), pl.Float64)
    return pl.DataFrame(rows, schema={"epoch": pl.Int64, **columns}, orient="row")


class Progress(TrainerCallback):
    """Calls on_progress(done steps, total steps, loss of the latest batch, latest validation loss or None), and on_epoch with its history."""

    def __init__(self, on_progress: OnProgress, on_epoch: OnEpoch | None = None) -> None:
        self.on_progress, self.on_epoch = on_progress, on_epoch
        self.loss = torch.tensor(float("nan"))
        self.validation: float | None = None

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report a step."""
        self.on_progress(state.global_step, state.max_steps, float(self.loss), self.validation)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Report the epoch's validation loss."""
        self.validation = float(kwargs["metrics"]["eval_loss"])
        self.on_progress(state.global_step, state.max_steps, float(self.loss), self.validation)
        if self.on_epoch is not None:
            self.on_epoch(*history(state).row(-1))


class Rhythm(TrainerCallback):
    """Asks for a mark in the log some times an epoch, and for a checkpoint every `steps` steps besides the one at the epoch's end.

    A mark comes with every checkpoint: the loss between two marks is not in a checkpoint, and would be lost with an interruption.
    At an epoch's last step nothing is saved before the validation loss is known; a training resumed there would miss it.
    """

    def __init__(self, steps: int | None) -> None:
        self.steps = steps

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Set the marks of this step."""
        of_epoch = state.max_steps // int(args.num_train_epochs)
        within = state.global_step % of_epoch
        control.should_save = bool(self.steps and within and state.global_step % self.steps == 0)
        control.should_log = control.should_save or within % -(-of_epoch // MARKS) == 0
