"""Pre-training on unlabelled DNA: a BERT fills in hidden stretches, a GPT-2 predicts the next token (`masking`, `initial`)."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer
from transformers import TrainingArguments as Arguments

from phenolens.core.errors import DataError
from phenolens.core.settings_learn import PretrainSettings, TrainSettings
from phenolens.model.checkpoints import claim, digest, last_whole
from phenolens.model.disk import disk_errors
from phenolens.model.initial import new_model, plain
from phenolens.model.masking import Batches
from phenolens.model.progress import OnProgress, Progress, silent
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.tokens import TokenRule
from phenolens.model.vocabulary import bpe_rule, kmer_rule, kmer_vocabulary, save_tokenizer

BLOCK = 100_000  # bases of a piece that go to one side of training and validation together
VALIDATION_EVERY = 50  # one block in so many is for validation
VALIDATION_BATCHES = 12


class _Trainer(Trainer):
    """Trainer that takes the batches in their order."""

    batches: Batches

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(range(len(self.batches)))


class _Watch(Progress):
    """Calls on_progress with the mean training loss of the latest report."""

    def on_log(self, args: Arguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the loss of a report."""
        self.loss = torch.tensor(kwargs["logs"].get("loss", float(self.loss)))


def pretrain(
    pieces: Sequence[str], folder: Path, settings: PretrainSettings, seed: int, on_progress: OnProgress = silent
) -> pl.DataFrame:
    """Return the loss curve of a pre-training that leaves a Hugging Face folder, model with output layer and tokenizer.

    Parameters
    ----------
    pieces : stretches of A C G T, upper case.
    folder : of the model; checkpoints go to folder/checkpoints and are removed at the end. The same pieces, settings and
        seed go on from the last whole checkpoint, to the same weights.
    settings : architecture, tokens in all, windows, masking, learning rate.
    seed : of weights and batches.
    on_progress : called after every step with (done steps, total steps, training loss, latest validation loss or None).

    Returns
    -------
    step, tokens (read so far, padding included), train_loss, validation_loss (nats per predicted token; null where not measured).

    Raises
    ------
    DataError : too little DNA for training and validation.
    WriteError : no room on the disk.
    """
    learning, validation = _sides(pieces, settings)
    checked = folder / "checkpoints"
    steps = max(1, round(settings.tokens / settings.batch_tokens))
    with quiet(), own_randomness(seed), disk_errors(folder):
        rule = _rule(learning, settings)
        model = new_model(rule, settings)
        claim(checked, digest(pieces, settings, seed))
        latest = last_whole(checked)
        batches = Batches(learning, rule, settings, seed, steps)
        trainer = _Trainer(
            model=model,
            args=_arguments(checked, settings, seed, steps),
            data_collator=lambda items: items[0],
            train_dataset=batches,
            eval_dataset=Batches(validation, rule, settings, seed + 1, VALIDATION_BATCHES),
            callbacks=[_Watch(on_progress)],
        )
        trainer.batches = batches
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=str(latest) if latest else None)
        plain(model).save_pretrained(folder)
        save_tokenizer(rule, folder)
        shutil.rmtree(checked)
    return _curve(trainer.state.log_history, settings.batch_tokens)


def _sides(pieces: Sequence[str], settings: PretrainSettings) -> tuple[list[str], list[str]]:
    """Return (training, validation): blocks of at most 100 kb, every fiftieth for validation."""
    blocks = [piece[at : at + BLOCK] for piece in pieces for at in range(0, len(piece), BLOCK)]
    sides = [b for i, b in enumerate(blocks) if i % VALIDATION_EVERY], blocks[::VALIDATION_EVERY]
    if not all(sides):
        found = f"{sum(map(len, pieces)):,} bases in {len(blocks)} stretches are left to read"
        raise DataError("pretrain", found, expected="at least two stretches of DNA", remedy="give a longer FASTA")
    return sides


def _rule(pieces: Sequence[str], settings: PretrainSettings) -> TokenRule:
    shape = TrainSettings(max_tokens=max(settings.lengths), cut="head")
    if settings.family == "bert":
        return kmer_rule(kmer_vocabulary(settings.k), shape)
    return bpe_rule(pieces, settings.vocabulary, shape)


def _arguments(folder: Path, settings: PretrainSettings, seed: int, steps: int) -> Arguments:
    return Arguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, round(settings.warmup * steps)),
        bf16=settings.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=settings.report_steps,
        logging_steps=settings.report_steps,
        save_steps=settings.report_steps,
        save_total_limit=2,
        prediction_loss_only=True,
        seed=seed,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _curve(log: list[dict[str, float]], batch_tokens: int) -> pl.DataFrame:
    """Return the Trainer's log as one row a report."""
    schema = {"step": pl.Int64, "tokens": pl.Int64, "train_loss": pl.Float64, "validation_loss": pl.Float64}
    by_step: dict[int, dict[str, Any]] = {}
    for entry in log:
        row = by_step.setdefault(int(entry["step"]), {"train_loss": None, "validation_loss": None})
        row |= {
            new: entry[old] for old, new in (("loss", "train_loss"), ("eval_loss", "validation_loss")) if old in entry
        }
    rows = [{"step": s, "tokens": s * batch_tokens, **row} for s, row in by_step.items() if any(row.values())]
    return pl.DataFrame(rows, schema=schema)
