"""Hugging Face's Trainer with batches of similar length, the same in any number of processes, and a loss that is a mean over sequences."""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from accelerate.data_loader import prepare_data_loader
from torch.utils.data import DataLoader, Dataset
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments

from phenolens.core import processes
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.batching import Batches, by_rows, by_tokens
from phenolens.model.examples import NOT_COUNTED, Examples, collate
from phenolens.model.load import Loaded
from phenolens.model.pool import pool
from phenolens.model.progress import Progress, Rhythm


class _Rows(Dataset):
    """Pairs (epoch, row) as they come; the collator turns a batch of them into tensors at once."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, item: tuple[int, int]) -> tuple[int, int]:
        return item


class FineTuner(Trainer):
    """Trainer that takes its batches from `Batches`, pools the windows of a sequence, and measures validation by itself."""

    training: Examples
    validation: Examples
    settings: TrainSettings
    weights: torch.Tensor
    progress: Progress
    loss_is_scaled_for_ga = True  # accumulated batches: compute_loss divides by the sequences of the whole step

    def get_train_dataloader(self) -> DataLoader:
        """Return this process's share of the batches, without accelerate's own sharding, which knows only batches of one size."""
        settings = self.settings
        share = (processes.rank(), processes.count())
        sizes = (settings.batch_size, settings.batch_tokens, settings.accumulate)
        loader: DataLoader = DataLoader(
            _Rows(self.training),
            batch_sampler=Batches(self.training.cost, *sizes, self.args.seed, share),
            collate_fn=partial(collate, self.training),
            pin_memory=self.args.dataloader_pin_memory,
            generator=torch.Generator(),  # else the loader would draw from the one of dropout
        )
        prepared: DataLoader = prepare_data_loader(
            loader, device=self.args.device, num_processes=1, process_index=0, put_on_device=True
        )
        return prepared

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """Return the batches of a step and the number of sequences in it, those of all processes together."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        counted = sum((batch["labels"] != NOT_COUNTED).sum() for batch in batches)
        return batches, self.accelerator.reduce(torch.as_tensor(counted, device=device))

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return sum of weight x cross-entropy / sequences of the whole step, that of all batches and processes, so that cutting changes nothing."""
        labels = inputs["labels"]
        losses = self._losses(model, inputs)[0]
        self.progress.loss = losses.detach() / max(1, int((labels != NOT_COUNTED).sum()))
        return losses / num_items_in_batch * processes.count()  # the gradients of processes are averaged

    def _losses(self, model: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (sum of weight x cross-entropy, logits (B, C)); the logits of a sequence are the mean over its windows."""
        given = {name: value for name, value in inputs.items() if name not in ("labels", "owner")}
        labels = inputs["labels"]
        logits = pool(model(**given).logits.float(), inputs["owner"], len(labels))
        weights = self.weights.to(logits.device)
        return torch.nn.functional.cross_entropy(logits, labels, weights, reduction="sum"), logits

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return loss and accuracy as means over all validation sequences, whatever batches and processes read them."""
        examples, settings = self.validation, self.settings
        batches = (
            by_tokens(examples.cost, settings.batch_tokens, None)
            if settings.batch_tokens
            else by_rows(examples.cost, 2 * settings.batch_size, None)
        )
        sums, model = torch.zeros(2, dtype=torch.float64), cast("Any", self.model)
        model.eval()
        with torch.no_grad():
            for rows in batches[processes.rank() :: processes.count()]:
                inputs = self._prepare_inputs(collate(examples, [(0, int(row)) for row in rows]))
                loss, logits = self._losses(model, inputs)
                right = (logits.argmax(dim=1) == inputs["labels"]).sum()
                sums += torch.stack([loss.double(), right.double()]).cpu()
        means = self.accelerator.reduce(sums.to(self.args.device)) / len(examples)
        metrics = {"eval_loss": float(means[0]), "eval_accuracy": float(means[1])}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_rng_state(self, output_dir: str) -> None:
        """Save every process's random state before the first one writes the file that makes a checkpoint whole."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()


def class_weights(classes: np.ndarray, count: int) -> np.ndarray:
    """Return float32 (C,) weights total / class count, scaled so that the mean over the rows is 1: w_c = n / (C n_c)."""
    return (len(classes) / (count * np.bincount(classes, minlength=count))).astype(np.float32)


def fine_tuner(
    loaded: Loaded,
    examples: tuple[Examples, Examples],
    arguments: TrainingArguments,
    settings: TrainSettings,
    progress: Progress,
) -> FineTuner:
    """Return the trainer of a classifier on (training, validation) examples."""
    training, validation = examples
    weights = np.ones(len(loaded.labels), dtype=np.float32)
    if settings.class_weights:
        weights = class_weights(training.classes, len(loaded.labels))
    trainer = FineTuner(
        model=loaded.model,
        args=arguments,
        train_dataset=_Rows(training),
        eval_dataset=_Rows(validation),
        callbacks=[
            EarlyStoppingCallback(settings.patience, settings.threshold),
            Rhythm(settings.checkpoint_steps),
            progress,
        ],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.training, trainer.validation = examples
    trainer.settings, trainer.weights, trainer.progress = settings, torch.from_numpy(weights), progress
    return trainer
