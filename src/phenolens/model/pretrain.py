"""Pre-training on unlabelled DNA: a BERT fills in hidden stretches, a GPT-2 predicts the next token.

BERT reads overlapping k-mers. A single hidden k-mer can be read off its neighbours, so stretches of k and more tokens are
hidden together (DNABERT, Ji et al., Bioinformatics 2021); every one of them becomes [MASK], because one that stayed, or a
wrong one in its place, would spell or blur the others. Only hidden tokens go through the output layer, which costs as much
as the whole small model.

Batch number i is drawn from (seed, i) alone: an interrupted pre-training goes on with the batches that it would have seen.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PrinterCallback, Trainer
from transformers import TrainingArguments as Arguments

from phenolens.core.errors import DataError, SettingsError
from phenolens.core.settings_learn import PretrainSettings, TrainSettings
from phenolens.model.checkpoints import claim, digest, last_whole
from phenolens.model.disk import disk_errors
from phenolens.model.progress import OnProgress, Progress, silent
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.tokens import TokenRule, encode, padded
from phenolens.model.vocabulary import bpe_rule, kmer_rule, kmer_vocabulary, save_tokenizer

BLOCK = 100_000  # bases of a piece that go to one side of training and validation together
VALIDATION_EVERY = 50  # one block in so many is for validation
VALIDATION_BATCHES = 16
BASES_PER_BPE_TOKEN = 8  # more than a vocabulary of some thousand reaches, so that a window fills the input
IGNORED = -100  # Hugging Face's label of a token that does not count


class Window(NamedTuple):
    """Windows of one length: tokens with the special ones, and the bases that these take."""

    tokens: int
    bases: int


class MaskedBert(BertForMaskedLM):  # type: ignore[no-untyped-call]  # transformers is typed in part
    """BERT whose output layer sees the hidden tokens only."""

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return the mean cross-entropy, in nats, over the tokens whose label is not -100."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, D)
        counted = labels != IGNORED
        logits = self.cls(hidden[counted]).float()  # (hidden tokens, V)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels[counted])}


class _Batches(Dataset):
    """Whole batches by number."""

    def __init__(self, pieces: Sequence[str], rule: TokenRule, settings: PretrainSettings, seed: int, count: int):
        self.pieces = [np.frombuffer(piece.encode("ascii"), dtype=np.uint8) for piece in pieces]
        self.ends = np.cumsum([len(piece) for piece in pieces])
        self.rule, self.settings, self.seed, self.count = rule, settings, seed, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        random = np.random.default_rng((self.seed, number))
        texts = self._windows(random)
        tokens = encode(self.rule, texts)
        ids, mask, spans = padded(self.rule, tokens, np.arange(len(texts)))
        content = spans[..., 1] > spans[..., 0]
        if self.rule.kind == "kmer":
            hidden = hidden_tokens(content, self.settings, random)
            labels = np.where(hidden, ids, IGNORED)
            ids = np.where(hidden, self.rule.vocabulary["[MASK]"], ids)
        else:
            labels = np.where(content, ids, IGNORED)
        arrays = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _windows(self, random: np.random.Generator) -> list[str]:
        """Return windows at random places and strands, all of one length, cut where a piece ends."""
        window = windows(self.rule, self.settings)[random.integers(len(self.settings.lengths))]
        texts = []
        for place in random.integers(self.ends[-1], size=max(1, self.settings.batch_tokens // window.tokens)):
            number = int(np.searchsorted(self.ends, place, side="right"))
            piece = self.pieces[number]
            last = max(0, len(piece) - window.bases)
            start = min(int(place - self.ends[number] + len(piece)), last)
            texts.append(piece[start : start + window.bases].tobytes().decode("ascii"))
        turned = random.random(len(texts)) < 0.5
        return [t.translate(_COMPLEMENT)[::-1] if turn else t for t, turn in zip(texts, turned, strict=True)]


_COMPLEMENT = str.maketrans("ACGT", "TGCA")


class _Trainer(Trainer):
    """Trainer that takes the batches in their order."""

    batches: _Batches

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(range(len(self.batches)))


class _Watch(Progress):
    """Calls on_progress with the mean training loss of the latest report."""

    def on_log(self, args: Arguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the loss of a report."""
        self.loss = torch.tensor(kwargs["logs"].get("loss", float(self.loss)))


def windows(rule: TokenRule, settings: PretrainSettings) -> list[Window]:
    """Return the window of each of the settings' lengths."""
    special = len(rule.prefix) + len(rule.suffix)
    if rule.kind == "kmer":
        return [Window(tokens, tokens - special + rule.k - 1) for tokens in settings.lengths]
    return [Window(tokens, tokens * BASES_PER_BPE_TOKEN) for tokens in settings.lengths]


def hidden_tokens(content: np.ndarray, settings: PretrainSettings, random: np.random.Generator) -> np.ndarray:
    """Return bool (B, T): the tokens to be hidden, in stretches of span_min to span_max tokens, at least one token a row.

    A stretch begins at each content token with the chance that makes `masked` the expected share of hidden tokens when
    stretches overlap: 1 - (1 - p)^m = masked, with m the mean length of a stretch.

    Parameters
    ----------
    content : bool (B, T), tokens that are not special ones or padding.
    """
    mean = (settings.span_min + settings.span_max) / 2
    chance = 1 - (1 - settings.masked) ** (1 / mean)
    begins = (random.random(content.shape) < chance) & content
    row, column = np.nonzero(begins)
    empty = np.flatnonzero(~begins.any(axis=1) & content.any(axis=1))
    row = np.concatenate([row, empty])
    column = np.concatenate([column, content[empty].argmax(axis=1)])
    length = random.integers(settings.span_min, settings.span_max + 1, size=len(row))
    edges = np.zeros((len(content), content.shape[1] + 1), dtype=np.int32)
    np.add.at(edges, (row, column), 1)
    np.add.at(edges, (row, np.minimum(column + length, content.shape[1])), -1)
    return np.asarray((np.cumsum(edges[:, :-1], axis=1) > 0) & content)


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
        model = _model(rule, settings)
        claim(checked, digest(pieces, settings, seed))
        latest = last_whole(checked)
        batches = _Batches(learning, rule, settings, seed, steps)
        trainer = _Trainer(
            model=model,
            args=_arguments(checked, settings, seed, steps),
            data_collator=lambda items: items[0],
            train_dataset=batches,
            eval_dataset=_Batches(validation, rule, settings, seed + 1, VALIDATION_BATCHES),
            callbacks=[_Watch(on_progress)],
        )
        trainer.batches = batches
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=str(latest) if latest else None)
        model.config.architectures = ["BertForMaskedLM" if rule.kind == "kmer" else "GPT2LMHeadModel"]
        model.save_pretrained(folder)
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


def _model(rule: TokenRule, settings: PretrainSettings) -> Any:
    """Return a model of random weights; dropout 0 because every window is read about once."""
    if settings.width % settings.heads:
        raise SettingsError(
            "settings", "pretrain.heads", f"{settings.heads} heads do not divide a width of {settings.width}"
        )
    if rule.kind == "kmer":
        return MaskedBert(
            BertConfig(
                vocab_size=len(rule.vocabulary),
                hidden_size=settings.width,
                num_hidden_layers=settings.layers,
                num_attention_heads=settings.heads,
                intermediate_size=settings.intermediate,
                max_position_embeddings=max(settings.lengths),
                initializer_range=settings.initializer_range,
                pad_token_id=rule.pad,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(rule.tokenizer),
            n_embd=settings.width,
            n_layer=settings.layers,
            n_head=settings.heads,
            n_inner=settings.intermediate,
            n_positions=max(settings.lengths),
            initializer_range=settings.initializer_range,
            pad_token_id=rule.pad,
            bos_token_id=rule.pad,
            eos_token_id=rule.pad,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )


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
