"""How fast is `phenolens predict`, how much memory does it take, beside a plain Hugging Face pipeline on the same folder.

    python benchmarks/predict.py OUT [--sequences 100000] [--pipeline 2000] [--model DIR]

Random sequences of 300 bases and a 6-mer BERT (4 layers x 128, 4 heads, intermediate 256, 512 positions; random weights unless --model).
In one run: the pipeline, batches of 32, on --pipeline sequences, k-mers joined by blanks, the loading of the model not counted; then
the whole command, start and reading included, on a tenth of the sequences and on all. Each in a process of its own, whose wall and CPU
time and peak memory the system counts; once more with --bf16. Says by how much the two disagree in any probability.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

LENGTH, K, BATCH = 300, 6, 32
LABELS = ("background", "element")
SIZES = {"num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 256}


class Used(NamedTuple):
    """What a process took: wall and CPU seconds, peak memory in MB, and what it printed."""

    wall: float
    cpu: float
    peak: float
    printed: str


def main(out: Path, sequences: int, by_pipeline: int, model: Path | None) -> None:
    """Print one line a measurement, and the ratios."""
    out.mkdir(parents=True, exist_ok=True)
    folder = model or out / "model"
    if model is None:
        measured("model", str(folder))
    files = {n: out / f"{n}.fa" for n in (by_pipeline, sequences // 10, sequences)}
    for n, path in files.items():
        measured("sequences", str(path), str(n))
    tenth = sequences // 10
    theirs = measured("pipeline", str(folder), str(files[by_pipeline]), str(out / "pipeline.tsv"))
    theirs = Used(**json.loads(theirs.printed), peak=theirs.peak, printed="")
    show("pipeline", by_pipeline, theirs)
    small = show("phenolens", tenth, ours(folder, files[tenth], out / "small.tsv"))
    coarse = show("phenolens --bf16", tenth, ours(folder, files[tenth], out / "bf16.tsv", "--bf16"))
    large = show("phenolens", sequences, ours(folder, files[sequences], out / "all.tsv"))
    for name, n, used in (("", sequences, large), (" with --bf16", tenth, coarse)):
        wall, cpu = n / used.wall / (by_pipeline / theirs.wall), n / used.cpu / (by_pipeline / theirs.cpu)
        print(f"sequences per second, ours to the pipeline's{name}: {wall:.2f} (per CPU second {cpu:.2f})")
    print(f"peak memory, {sequences:,} to {tenth:,} sequences: {large.peak / small.peak:.3f}")
    for name in ("all", "bf16"):
        print(
            f"largest difference from the pipeline's probabilities, {name}: {difference(out / 'pipeline.tsv', out / f'{name}.tsv'):.1e}"
        )


def ours(folder: Path, fasta: Path, target: Path, *options: str) -> Used:
    """Classify with the command line."""
    return measured("phenolens", "predict", str(folder), str(fasta), "--raw", "--out", str(target), *options)


def show(name: str, n: int, used: Used) -> Used:
    """Print what n sequences took, and return it."""
    print(
        f"{name:<16} {n:>8,} sequences {n / used.wall:6.0f} /s {n / used.cpu:6.0f} /CPU s   peak {used.peak:5.0f} MB",
        flush=True,
    )
    return used


def measured(*arguments: str) -> Used:
    """Run a part of this script, or the command line, in a process of its own; the parent stays small, because a child inherits its peak."""
    code = "from phenolens.cli import main; main()"
    command = ["-c", code, *arguments[1:]] if arguments[0] == "phenolens" else [__file__, "--part", *arguments]
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)}: exit code {process.returncode}")
    return Used(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed)


def difference(first: Path, second: Path) -> float:
    """Return the largest difference of a probability between two tables, over the sequences of the first."""
    with first.open() as one, second.open() as other:
        rows = zip(csv.DictReader(one, delimiter="\t"), csv.DictReader(other, delimiter="\t"), strict=False)
        return max(abs(float(a[f"p_{name}"]) - float(b[f"p_{name}"])) for a, b in rows for name in LABELS)


def make_model(folder: Path) -> None:
    """Write the small BERT with random weights and its tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from phenolens.core.settings_learn import TrainSettings
    from phenolens.model.load import Loaded, save
    from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary

    torch.manual_seed(1)
    rule = kmer_rule(kmer_vocabulary(K), TrainSettings())
    config = BertConfig(vocab_size=len(rule.vocabulary), max_position_embeddings=512, initializer_range=0.2, **SIZES)
    config.id2label, config.label2id = dict(enumerate(LABELS)), {label: i for i, label in enumerate(LABELS)}
    save(Loaded(BertForSequenceClassification(config), rule, LABELS, "small BERT"), folder)


def make_sequences(path: Path, n: int) -> None:
    """Write n random sequences; the first ones are the same for any n."""
    import numpy as np

    rng = np.random.default_rng(1)
    with path.open("wb") as out:
        for i in range(n):
            out.write(b">s%d\n" % i + rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), LENGTH).tobytes() + b"\n")


def by_pipeline(folder: Path, fasta: Path, target: Path) -> None:
    """Classify as transformers' documentation does it, and print the time without loading as JSON."""
    from transformers import pipeline

    texts = fasta.read_text().split("\n")[1::2]
    classify = pipeline("text-classification", model=str(folder), top_k=None, batch_size=BATCH)
    wall, cpu = time.perf_counter(), time.process_time()
    kmers = [" ".join(text[i : i + K] for i in range(len(text) - K + 1)) for text in texts]
    rows = [{row["label"]: row["score"] for row in found} for found in classify(kmers, truncation=True)]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    with target.open("w") as out:
        out.write("\t".join(f"p_{label}" for label in LABELS) + "\n")
        out.writelines("\t".join(str(row[label]) for label in LABELS) + "\n" for row in rows)
    print(json.dumps({"wall": wall, "cpu": cpu}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        part, *rest = sys.argv[2:]
        if part == "model":
            make_model(Path(rest[0]))
        elif part == "sequences":
            make_sequences(Path(rest[0]), int(rest[1]))
        else:
            by_pipeline(*(Path(argument) for argument in rest))
    else:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("out", type=Path, metavar="OUT")
        parser.add_argument("--sequences", type=int, default=100_000)
        parser.add_argument("--pipeline", type=int, default=2_000)
        parser.add_argument("--model", type=Path)
        given = parser.parse_args()
        main(given.out, given.sequences, given.pipeline, given.model)
