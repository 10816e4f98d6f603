"""Fine-tuning with Hugging Face's Trainer: best validation loss kept, early stopping, and resuming after a kill."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from transformers import TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback

from phenolens.core import processes
from phenolens.core.errors import DataError, SettingsError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.checkpoints import claim, fingerprint, last_whole, stopped_after
from phenolens.model.disk import disk_errors
from phenolens.model.examples import Examples, read_examples
from phenolens.model.forward import shorten
from phenolens.model.load import Loaded
from phenolens.model.progress import OnEpoch, OnProgress, Progress, history, silent
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.ranks import shared
from phenolens.model.trainer import fine_tuner

_FORWARDS = ("forward", "_original_forward")  # what accelerate sets for half precision
EVERY_WEIGHT_USED = ("bert", "gpt2")  # several processes need not look for weights without a gradient in these families


def train(
    loaded: Loaded,
    sequences: pl.DataFrame,
    folder: Path,
    settings: TrainSettings,
    seed: int,
    on_progress: OnProgress = silent,
    on_epoch: OnEpoch | None = None,
) -> pl.DataFrame:
    """Return the history of a training that leaves loaded.model with the weights of the lowest validation loss.

    Of several processes (torchrun, accelerate launch) each calls this with the same arguments; the batches of the settings are those of
    all processes together, so that their number changes the result by rounding only, and the first one alone writes.

    Parameters
    ----------
    loaded : from `load`; its model is changed in place, on the device and in the mode it came in.
    sequences : sequence_id, sequence, label, split; rows of train and validation are used.
    folder : checkpoints go to folder/checkpoints and are removed at the end; a training of the same data, settings
        and seed that was killed goes on from the last whole one, with the same result. TensorBoard's log goes to folder/logs.
    settings : of the stage.
    seed : of batch order, strands, hidden tokens and dropout; the same seed gives the same weights on the same machine.
    on_progress : called after every step with (done steps, total steps, training loss, latest validation loss or None).
    on_epoch : called after every epoch with (epoch, training loss, validation loss, validation accuracy).

    Returns
    -------
    epoch, train_loss, validation_loss, validation_accuracy; one row an epoch. train_loss is the mean over the epoch's steps.

    Raises
    ------
    DataError : a class without training sequences, no validation sequences, or letters the tokenizer does not know.
    SettingsError : settings that the sequences, the device, the processes or the installed packages do not allow.
    WriteError : no room for a checkpoint.
    """
    checked, progress = folder / "checkpoints", Progress(on_progress, on_epoch)
    _check_packages(settings)
    with quiet(), own_randomness(seed), disk_errors(checked), _as_found(loaded.model):
        data = read_examples(loaded, sequences, settings, seed)
        _check_batches(data[0], settings)
        if (
            processes.count() == 1
        ):  # several wait for a gradient of every weight, and the shorter way has none for a bias
            shorten(loaded.model)
        latest, epochs = shared(_begin(checked, fingerprint(sequences, loaded.labels, settings, seed), settings))
        arguments = _arguments(checked, settings, seed, epochs, loaded.model.config.model_type)
        trainer = fine_tuner(loaded, data, arguments, settings, progress)
        for callback in trainer.callback_handler.callbacks:
            if isinstance(callback, TensorBoardCallback):
                callback.logging_dir = str(folder / "logs")
        trainer.train(resume_from_checkpoint=latest)
        trainer.accelerator.wait_for_everyone()
        if processes.rank() == 0:
            shutil.rmtree(checked)
    result = history(trainer.state)
    if result["validation_loss"].is_nan().all():
        raise DataError(
            "training", "the loss is not a number", remedy="lower train.learning_rate, or train.precision = fp32"
        )
    return result


@contextmanager
def _as_found(model: Any) -> Iterator[None]:
    """Put the model back on its device and in its mode, and give it back its own forward, also after an error."""
    was_on, was_training = model.device, model.training
    forwards = {name: model.__dict__[name] for name in _FORWARDS if name in model.__dict__}
    try:
        yield
    finally:
        for name in _FORWARDS:
            model.__dict__.pop(name, None)
        model.__dict__.update(forwards)
        model.to(was_on)
        model.train(was_training)


def _begin(checked: Path, wanted: str, settings: TrainSettings) -> tuple[str | None, int]:
    """Return (checkpoint to go on from, epochs to run: fewer where the training had stopped early); the first process alone looks."""
    if processes.rank() > 0:
        return None, 0
    claim(checked, wanted)
    latest = last_whole(checked)
    stopped = stopped_after(latest, settings.patience) if latest else None
    return str(latest) if latest else None, stopped or settings.epochs


def _check_packages(settings: TrainSettings) -> None:
    missing = [name for name in settings.log_to if name != "tensorboard" and importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(name.replace("_", "-") for name in missing)
        raise SettingsError(
            "settings",
            "train.log_to",
            f"{names} is not installed" if len(missing) == 1 else f"{names} are not installed",
            remedy=f"pip install {names.replace(' and ', ' ')}, or leave it out of train.log_to",
        )


def _check_batches(training: Examples, settings: TrainSettings) -> None:
    longest = max(int(np.diff(strand.offsets).max()) for strand in training.strands)
    if settings.batch_tokens is not None and longest > settings.batch_tokens:
        raise SettingsError(
            "settings",
            "train.batch_tokens",
            f"{settings.batch_tokens} tokens do not hold a sequence of {longest}",
            expected=f"at least {longest}",
            remedy="raise it, or lower train.max_tokens",
        )
    if settings.batch_tokens is None and settings.batch_size < processes.count():
        raise SettingsError(
            "settings",
            "train.batch_size",
            f"{settings.batch_size} sequences cannot be shared by {processes.count()} processes",
            expected=f"at least {processes.count()}: it is the batch of all processes together",
        )


def _arguments(folder: Path, settings: TrainSettings, seed: int, epochs: int, family: str) -> TrainingArguments:
    precision = _precision(settings.precision)
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=min(settings.warmup, 0.9999),  # below 1 it is a share of all steps, from 1 a number of steps
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=not cuda,
        ddp_backend="gloo" if processes.count() > 1 and not cuda else None,
        ddp_find_unused_parameters=family not in EVERY_WEIGHT_USED,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        seed=seed,
        report_to=list(settings.log_to) if processes.rank() == 0 else [],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=cuda,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # else a second GPU would silently double the batch
    return arguments


def _precision(wanted: str) -> str:
    if wanted != "auto":
        if wanted == "fp16" and not torch.cuda.is_available():
            raise SettingsError(
                "settings",
                "train.precision",
                "fp16 needs an accelerator, and there is none",
                expected="auto, fp32 or bf16",
            )
        return wanted
    if not torch.cuda.is_available():
        return "fp32"  # bf16 is a quarter faster on a CPU that has it, and wrong in the third digit
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
