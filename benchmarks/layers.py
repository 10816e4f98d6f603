"""Which layer holds the phenotype: the 11 subfamilies of LTR7, probed in every layer before and after fine-tuning.

    python benchmarks/layers.py DATA OUT [--model bert-small] [--epochs 6]      DATA holds herv/ltr7_copies.hg19.fa and genome/chr22.hg19.fa.gz

The study is the second one of benchmarks/ltr7.py: whole chromosomes held out. Prints the probe's balanced accuracy and AUROC and the silhouette of every
layer, of 6-mer counts and of guessing, on held-out sequences (validation and test), with 95 % intervals over whole chromosomes, and what each part took.
"""

import argparse
import re
import time
from pathlib import Path

import polars as pl
from ltr7 import SUBFAMILIES, TRAINING

from phenolens.core.study import class_order, load_study
from phenolens.explain.layers import layer_tables
from phenolens.model.load import load, load_folder
from phenolens.pipeline import run

METRICS = ("balanced_accuracy", "auroc_macro", "silhouette")


def main(data: Path, out: Path, model: str, epochs: int) -> None:
    """Train once (a finished training is kept), probe, and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    placed = out.resolve() / "placed.fa"
    copies = (data / "herv" / "ltr7_copies.hg19.fa").read_text()
    placed.write_text(re.sub(r"^>(\w+)\.(\d+)\.(\d+)\|", r">\1:\2-\3|", copies, flags=re.M))
    training = TRAINING.format(epochs=epochs).replace("bert-scratch", model).replace("random_split = true\n", "")
    source = out / "subfamilies.toml"
    source.write_text(SUBFAMILIES.format(placed=placed, limit=2701) + training)
    study, begin = load_study(source), time.perf_counter()
    run(study, out / "run", last="train")
    print(f"dataset and training: {time.perf_counter() - begin:.0f} s")
    settings = study.settings
    sequences = pl.read_parquet(out / "run" / "dataset" / "sequences.parquet")
    labels = class_order(settings, sequences["label"])
    learning = sequences.filter(pl.col("split") == "train")["sequence"].to_list()
    states = {
        "before": lambda: load(study.model, labels, settings.train, settings.seed, learning),
        "after": lambda: load_folder(out / "run" / "train" / "run-0"),
    }
    begin, used = time.perf_counter(), time.process_time()
    made = layer_tables(states, sequences, settings.explain, seed=settings.seed)
    print(f"layers: {time.perf_counter() - begin:.0f} s, {time.process_time() - used:.0f} s of processor time")
    print(table(made.layers))


def table(layers: pl.DataFrame) -> str:
    """Return state, pooling and layer with the metrics, one a line, as Markdown."""
    lines = ["| state | pooling | layer | " + " | ".join(METRICS) + " |", "|---" * (3 + len(METRICS)) + "|"]
    for (state, pooling, layer), part in layers.group_by("state", "pooling", "layer", maintain_order=True):
        values = {metric: shown for metric, *shown in part.select("metric", "value", "low", "high").rows()}
        cells = [_cell(*values.get(metric, (None, None, None))) for metric in METRICS]
        lines.append(f"| {state} | {pooling or ''} | {'' if layer is None else layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="bert-small")
    parser.add_argument("--epochs", type=int, default=6)
    main(**vars(parser.parse_args()))
