"""How fast does fine-tuning see its sequences, and to what loss: the paper's recipe written plainly against `phenolens`, on one machine in one run.

    python benchmarks/training.py OUT                 4 layers of 128, 3 seeds, then where the difference comes from
    python benchmarks/training.py OUT --full          DNABERT's own sizes, 12 layers of 768, some steps of each

Both sides begin from the same weights, in the same folder, and see the same sequences as often, cut at 512 tokens in the same way; both
measure 100 validation sequences after every epoch and keep the best checkpoint.
Recipe: transformers' Trainer, BertTokenizer on joined 6-mers (its time is not counted), random batches of 10 padded to the longest, 4
accumulated, dropout as in the configuration (0.1, of attention weights too), single precision on a processor and fp16 on an accelerator.
Ours: `phenolens.model.train.train` with its own tokens (counted), batches of a token budget, no dropout, sdpa.
Our steps are smaller and more of them fit into the same number of sequences seen; so ours runs a second time with
steps as large as the recipe's (at full size, in bf16 instead).
Lengths are log-normal around those of the herv preset (median 420 bases, 150 to 8,000); the task is to tell up to eight
copies of a 12-mer, one letter of each drawn anew, from as many words of the same letters in another order.
"""

import argparse
import json
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.load import load
from phenolens.model.quiet import quiet
from phenolens.model.train import train
from phenolens.model.vocabulary import kmer_vocabulary

LABELS = ("with", "without")
MOTIF = "TGACTCAGCATT"
COPIES, VISIBLE = 8, 500
SMALL = {"num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 256}
SMALL |= {"initializer_range": 0.05}
FULL = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
LEARNING_RATES = {4: 1e-3, 12: 2e-5}  # by layers
SAME_STEP = 4  # batches of 4,096 tokens, about ten sequences each


class Outcome(NamedTuple):
    """Training sequences per second and per second of processor time, lowest validation loss, its accuracy, and seconds in all."""

    rate: float
    cpu_rate: float
    loss: float
    accuracy: float
    seconds: float


class Clock:
    """Seconds, and seconds of processor time of all threads, since it was made; on a busy machine the latter say more."""

    def __init__(self) -> None:
        self.started, self.cpu = time.perf_counter(), time.process_time()

    def outcome(self, seen: int, loss: float, accuracy: float) -> Outcome:
        """Return the outcome of a training that ends now and saw so many sequences."""
        seconds, cpu = time.perf_counter() - self.started, time.process_time() - self.cpu
        return Outcome(seen / seconds, seen / cpu, loss, accuracy, seconds)


def dataset(training: int, validation: int, seed: int) -> pl.DataFrame:
    """Return sequences with their label and split."""
    random = np.random.default_rng(seed)
    n = training + validation
    lengths = np.exp(random.normal(np.log(420), 0.8, n)).astype(int).clip(150, 8000)
    texts = []
    for i, length in enumerate(lengths):
        letters = random.choice(list("ACGT"), size=length, p=[0.3, 0.2, 0.2, 0.3])
        for place in random.permutation(min(length, VISIBLE) // len(MOTIF) - 1)[:COPIES]:
            word = np.array(list(MOTIF))
            word[random.integers(len(word))] = random.choice(list("ACGT"))
            at = place * len(MOTIF) + random.integers(len(MOTIF))
            letters[at : at + len(word)] = word if i % 2 == 0 else random.permutation(word)
        texts.append("".join(letters))
    return pl.DataFrame(
        {
            "sequence_id": [f"s{i}" for i in range(n)],
            "sequence": texts,
            "label": [LABELS[i % 2] for i in range(n)],
            "split": ["train"] * training + ["validation"] * validation,
        }
    )


def model_folder(out: Path, sizes: dict[str, Any], seed: int) -> Path:
    """Return a Hugging Face folder with random weights and the 6-mer vocabulary, from which both sides begin."""
    folder = out / f"model-{sizes['num_hidden_layers']}-{seed}"
    vocabulary = kmer_vocabulary(6)
    set_seed(seed)
    BertForSequenceClassification(
        BertConfig(vocab_size=len(vocabulary), max_position_embeddings=512, **sizes)
    ).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    return folder


def recipe(folder: Path, table: pl.DataFrame, out: Path, epochs: int, seed: int, **changes: Any) -> Outcome:
    """Train as the paper does; `changes` are arguments of the Trainer, or how the modules' names end that get no dropout."""
    model = BertForSequenceClassification.from_pretrained(folder)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Dropout) and name.endswith(changes.get("without_dropout", "none")):
            module.p = 0.0
    tokenizer = BertTokenizer(vocab=kmer_vocabulary(6), do_lower_case=False)
    rows = {split: tokenized(tokenizer, table.filter(pl.col("split") == split)) for split in ("train", "validation")}
    cuda = torch.cuda.is_available()
    arguments = {
        "per_device_train_batch_size": 10,
        "gradient_accumulation_steps": 4,
        "fp16": cuda,
    } | {name: value for name, value in changes.items() if name != "without_dropout"}
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out / "recipe"),
            num_train_epochs=epochs,
            per_device_eval_batch_size=20,
            learning_rate=LEARNING_RATES[model.config.num_hidden_layers],
            weight_decay=0.01,
            lr_scheduler_type="cosine",
            warmup_steps=0.1,
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            load_best_model_at_end=True,
            use_cpu=not cuda,
            seed=seed,
            report_to="none",
            disable_tqdm=True,
            **arguments,
        ),
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: {"accuracy": float(np.mean(p.predictions.argmax(axis=1) == p.label_ids))},
    )
    trainer.remove_callback(PrinterCallback)
    clock = Clock()
    trainer.train()
    seen = epochs * len(rows["train"])
    best = min((e for e in trainer.state.log_history if "eval_loss" in e), key=lambda e: e["eval_loss"])
    found = clock.outcome(seen, best["eval_loss"], best["eval_accuracy"])
    shutil.rmtree(out / "recipe")
    return found


def tokenized(tokenizer: Any, table: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as Hugging Face reads them: 6-mers joined by spaces; of long ones the first 299 and the last 211."""
    rows = []
    for text, label in table.select("sequence", "label").iter_rows():
        words = [text[i : i + 6] for i in range(len(text) - 5)]
        if len(words) > 510:
            words = words[:299] + words[-211:]
        rows.append(dict(tokenizer(" ".join(words))) | {"labels": LABELS.index(label)})
    return rows


def ours(folder: Path, table: pl.DataFrame, out: Path, epochs: int, seed: int, **changes: Any) -> Outcome:
    """Train as phenolens does."""
    layers = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    given = {"epochs": epochs, "patience": epochs, "learning_rate": LEARNING_RATES[layers], "log_to": []}
    given["class_weights"] = False
    settings = TrainSettings.model_validate(given | changes)
    loaded = load(str(folder), LABELS, settings, seed)
    clock = Clock()
    history = train(loaded, table, out / "ours", settings, seed)
    best = history.sort("validation_loss").row(0, named=True)
    seen = epochs * table.filter(pl.col("split") == "train").height
    return clock.outcome(seen, best["validation_loss"], best["validation_accuracy"])


def show(name: str, found: Outcome, against: Outcome | None = None) -> None:
    ratio = (
        ""
        if against is None
        else f"   x {found.rate / against.rate:.2f} (processor x {found.cpu_rate / against.cpu_rate:.2f})"
    )
    rates = f"{found.rate:7.2f} sequences/s ({found.cpu_rate:6.2f} a processor second)"
    print(
        f"{name:<36} {rates}   loss {found.loss:.4f}   accuracy {found.accuracy:.3f}   {found.seconds:6.1f} s{ratio}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--full", action="store_true", help="12 layers of 768")
    parser.add_argument("--sequences", type=int, help="training sequences")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--precision", default="auto", help="of ours: auto, fp32, bf16, fp16")
    parser.add_argument("--parts", type=int, default=60, help="sequences of the runs that show the parts; 0 for none")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chosen = {"batch_tokens": given.batch_tokens, "precision": given.precision}
    sizes, n = (FULL, given.sequences or 20) if given.full else (SMALL, given.sequences or 300)
    epochs, seeds = (1, 1) if given.full else (given.epochs, given.seeds)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    print(f"{n} training sequences x {epochs} epochs, {sizes}, {device}")
    outcomes = []
    third, again = (
        ("bf16", {"precision": "bf16"}) if given.full else ("with the recipe's 40 a step", {"accumulate": SAME_STEP})
    )
    with quiet():
        for seed in range(1, seeds + 1):
            table, folder = dataset(n, 10 if given.full else 100, seed), model_folder(given.out, sizes, seed)
            plain = recipe(folder, table, given.out, epochs, seed)
            show(f"recipe, seed {seed}", plain)
            mine = ours(folder, table, given.out, epochs, seed, **chosen)
            show(f"phenolens, seed {seed}", mine, plain)
            alike = ours(folder, table, given.out, epochs, seed, **chosen | again)
            show(f"  {third}", alike, plain)
            outcomes.append((plain, mine, alike))
        if given.parts and not given.full:
            parts(given, sizes, chosen)
    for i, name in enumerate(("recipe", "phenolens", f"  {third}")):
        rate, cpu, loss = (
            np.array([getattr(row[i], field) for row in outcomes]) for field in ("rate", "cpu_rate", "loss")
        )
        first, first_cpu = (np.array([getattr(row[0], field) for row in outcomes]) for field in ("rate", "cpu_rate"))
        print(
            f"{name:<32} mean loss {loss.mean():.4f} (sd {loss.std():.4f}), {rate.mean():.2f} sequences/s, "
            f"x {np.mean(rate / first):.2f}, in processor time x {np.mean(cpu / first_cpu):.2f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"torch": torch.__version__, "python": sys.version.split()[0], "peak_memory_mb": round(peak)}))


def parts(given: argparse.Namespace, sizes: dict[str, Any], chosen: dict[str, Any]) -> None:
    """Print one epoch of a few sequences with one thing changed after the other."""
    table, folder = dataset(given.parts, 20, 1), model_folder(given.out, sizes, 1)
    print("one change after the other, one epoch:")
    lengths = {"train_sampling_strategy": "group_by_length"}
    steps = {
        "recipe": {},
        "no dropout of attention weights": {"without_dropout": "self.dropout"},
        "no dropout": {"without_dropout": "dropout"},
        "and batches of similar length": {"without_dropout": "dropout", **lengths},
    }
    for name, changes in steps.items():
        show(f"  {name}", recipe(folder, table, given.out, 1, 1, **changes))
    for name, changes in (
        ("phenolens, single precision", {"precision": "fp32"}),
        ("phenolens, bf16", {"precision": "bf16"}),
    ):
        show(f"  {name}", ours(folder, table, given.out, 1, 1, **chosen | changes))


if __name__ == "__main__":
    main()
