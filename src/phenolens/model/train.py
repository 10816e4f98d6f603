"""Fine-tuning with Hugging Face's Trainer: best validation loss kept, early stopping, and resuming after a kill."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch.utils.data import Dataset
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from phenolens.core.errors import DataError, SettingsError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.checkpoints import claim, fingerprint, last_whole, stopped_after
from phenolens.model.disk import disk_errors
from phenolens.model.gate import gate
from phenolens.model.load import Loaded
from phenolens.model.progress import OnProgress, Progress, silent
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.tokens import TokenRule, Tokens, encode, padded

_COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")


class Examples(NamedTuple):
    """Tokens of the sequences of one split with their class numbers, int64 (n,)."""

    tokens: Tokens
    classes: np.ndarray


class _Rows(Dataset):
    """Row numbers of a split; the collator turns a batch of them into tensors at once."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples.classes)

    def __getitem__(self, row: int) -> tuple[Examples, int]:
        return self.examples, row


class _Trainer(Trainer):
    """Trainer whose batches hold sequences of similar length."""

    token_lengths: list[int]

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedSampler:
        return LengthGroupedSampler(
            self.args.train_batch_size * self.args.gradient_accumulation_steps, lengths=self.token_lengths
        )


def train(
    loaded: Loaded,
    sequences: pl.DataFrame,
    folder: Path,
    settings: TrainSettings,
    seed: int,
    on_progress: OnProgress = silent,
) -> pl.DataFrame:
    """Return the history of a training that leaves loaded.model with the weights of the lowest validation loss.

    Parameters
    ----------
    loaded : from `load`; its model is changed in place, on the device and in the mode it came in.
    sequences : sequence_id, sequence, label, split; rows of train and validation are used.
    folder : checkpoints go to folder/checkpoints and are removed at the end; a training of the same data, settings
        and seed that was killed goes on from the last whole one, with the same result.
    settings : of the stage.
    seed : of batch order and dropout; the same seed gives the same weights on the same machine.
    on_progress : called after every step with (done steps, total steps, training loss, latest validation loss or None).

    Returns
    -------
    epoch, train_loss, validation_loss, validation_accuracy; one row an epoch. train_loss is the mean over the epoch's steps.

    Raises
    ------
    DataError : a class without training sequences, no validation sequences, or letters the tokenizer does not know.
    WriteError : no room for a checkpoint.
    """
    data, checked = _examples(loaded, sequences, settings), folder / "checkpoints"
    with quiet(), own_randomness(seed), disk_errors(checked), _as_found(loaded.model):
        claim(checked, fingerprint(sequences, loaded.labels, settings, seed))
        arguments = _arguments(checked, settings, seed)
        arguments._n_gpu = min(arguments.n_gpu, 1)  # else a second GPU would silently double the batch
        latest = last_whole(checked)
        if latest and (epoch := stopped_after(latest, settings.patience)):
            arguments.num_train_epochs = epoch
        trainer = _trainer(loaded, data, arguments, settings, on_progress)
        trainer.train(resume_from_checkpoint=str(latest) if latest else None)
        shutil.rmtree(checked)
    return _history(trainer.state.log_history)


@contextmanager
def _as_found(model: Any) -> Iterator[None]:
    """Put the model back on its device and in its mode, also after an error."""
    was_on, was_training = model.device, model.training
    try:
        yield
    finally:
        model.to(was_on)
        model.train(was_training)


def _examples(loaded: Loaded, sequences: pl.DataFrame, settings: TrainSettings) -> dict[str, Examples]:
    """Return the examples of train and validation; validation is sorted by length, its loss is a mean over rows in any order."""
    examples, number = {}, {label: i for i, label in enumerate(loaded.labels)}
    strange = sorted(set(sequences["label"]) - set(number))
    if strange:
        raise DataError(
            "dataset", f"class {', '.join(strange)} is not one of the model's", expected=", ".join(loaded.labels)
        )
    for split in ("train", "validation"):
        rows = sequences.filter(pl.col("split") == split)
        missing = sorted(set(loaded.labels) - set(rows["label"]))
        if not rows.height or (missing and split == "train"):
            found = f"split {split} has no sequence of class {', '.join(missing)}"
            remedy = "add sequences or groups of this class, or change the shares of the splits"
            raise DataError("dataset", found, remedy=remedy)
        text, labels = rows["sequence"].to_list(), rows["label"].to_list()
        if split == "train" and settings.reverse_complement:
            text, labels = text + [s.translate(_COMPLEMENT)[::-1] for s in text], labels * 2
        if split == "validation":
            order = sorted(range(len(text)), key=lambda i: len(text[i]))
            text, labels = [text[i] for i in order], [labels[i] for i in order]
        tokens = encode(loaded.rule, text)
        gate(loaded.rule, tokens, text)
        examples[split] = Examples(tokens, np.array([number[label] for label in labels], dtype=np.int64))
    return examples


def class_weights(classes: np.ndarray, count: int) -> np.ndarray:
    """Return float32 (C,) weights total / class count, scaled so that the mean over the rows is 1: w_c = n / (C n_c)."""
    return (len(classes) / (count * np.bincount(classes, minlength=count))).astype(np.float32)


def _arguments(folder: Path, settings: TrainSettings, seed: int) -> TrainingArguments:
    precision = _precision(settings.precision)
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=2 * settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=min(settings.warmup, 0.9999),  # below 1 it is a share of all steps, from 1 a number of steps
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        seed=seed,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


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
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _trainer(
    loaded: Loaded,
    data: dict[str, Examples],
    arguments: TrainingArguments,
    settings: TrainSettings,
    on_progress: OnProgress,
) -> Trainer:
    classes = data["train"].classes
    weights = (
        class_weights(classes, len(loaded.labels))
        if settings.class_weights
        else np.ones(len(loaded.labels), dtype=np.float32)
    )
    progress = Progress(on_progress)
    trainer = _Trainer(
        model=loaded.model,
        args=arguments,
        data_collator=partial(_collate, loaded.rule),
        train_dataset=_Rows(data["train"]),
        eval_dataset=_Rows(data["validation"]),
        compute_loss_func=partial(_weighted_loss, torch.from_numpy(weights), progress),
        compute_metrics=_accuracy,
        preprocess_logits_for_metrics=lambda logits, _: logits.argmax(dim=-1),
        callbacks=[EarlyStoppingCallback(settings.patience, settings.threshold), progress],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.token_lengths = data["train"].tokens.lengths.tolist()
    return trainer


def _collate(rule: TokenRule, items: Sequence[tuple[Examples, int]]) -> dict[str, torch.Tensor]:
    examples, rows = items[0][0], np.array([row for _, row in items])
    ids, mask, _ = padded(rule, examples.tokens, rows)
    arrays = {"input_ids": ids, "attention_mask": mask, "labels": examples.classes[rows]}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _weighted_loss(
    weights: torch.Tensor, progress: Progress, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None
) -> torch.Tensor:
    """Return sum of weight x cross-entropy / rows of the whole (accumulated) batch, so that accumulation changes nothing."""
    rows = len(labels) if num_items_in_batch is None else num_items_in_batch
    logits = outputs["logits"].float()
    losses = torch.nn.functional.cross_entropy(logits, labels, weights.to(logits.device), reduction="sum")
    progress.loss = losses.detach() / len(labels)
    return losses / rows


def _accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float(np.mean(prediction.predictions == prediction.label_ids))}


def _history(log: list[dict[str, float]]) -> pl.DataFrame:
    """Return the Trainer's log as one row an epoch."""
    losses = {round(entry["epoch"]): entry["loss"] for entry in log if "loss" in entry}
    rows = [
        {
            "epoch": epoch,
            "train_loss": float(losses[epoch]),
            "validation_loss": float(entry["eval_loss"]),
            "validation_accuracy": float(entry["eval_accuracy"]),
        }
        for entry in log
        if "eval_loss" in entry and (epoch := round(entry["epoch"])) in losses
    ]
    history = pl.DataFrame(
        rows,
        schema={
            "epoch": pl.Int64,
            "train_loss": pl.Float64,
            "validation_loss": pl.Float64,
            "validation_accuracy": pl.Float64,
        },
    )
    if history["validation_loss"].is_nan().all():
        raise DataError(
            "training", "the loss is not a number", remedy="lower train.learning_rate, or train.precision = fp32"
        )
    return history
