"""Does the control stay at chance while real elements do not? Random labels and endogenous retroviruses, same genome, model, settings.

    python benchmarks/controls.py OUT

Both datasets lie on human chromosome 22 as it is built in: windows of endogenous retroviruses against matched background, and
about as many random places of their mean length, dealt into two meaningless labels (what the preset `random` does), with two seeds.
Prints the test AUROC of the model and of every baseline with its 95 % interval (whole groups resampled) and whether it holds 0.5;
about one random row in twenty does not, by the meaning of such an interval.
"""

import sys
from pathlib import Path

import polars as pl

from phenolens.core.study import load_study
from phenolens.pipeline import run

COMMON = """
name = "{name}"
seed = {seed}
[dataset]
genome = "demo:chr22.hg19.fa.gz"
group_by = ["similarity"]
similarity_identity = 0.8
min_length = 100
"""
ERV = """
[[dataset.classes]]
label = "ERV"
intervals = "demo:erv.bed.gz"
steps = [{ windows = 300 }, { min_length = 100 }]
[[dataset.classes]]
label = "background"
matched_to = "ERV"
match = ["gc", "masked"]
exclude = ["demo:erv.bed.gz"]
margin = 1000
"""
RANDOM = """
[[dataset.classes]]
label = "random"
random_length = 250
random_bases = 440000
steps = [{ merge = 0 }]
deal_into = ["Random_1", "Random_2"]
"""
TRAINING = """
[train]
model = "bert-scratch"
epochs = 10
batch_size = 16
learning_rate = 3e-4
dropout = 0.2
reverse_complement = true
"""
STUDIES = (("erv", ERV, 1), ("random-1", RANDOM, 1), ("random-2", RANDOM, 2))


def main(out: Path) -> None:
    """Run every study up to its evaluation and print its line."""
    out.mkdir(parents=True, exist_ok=True)
    for name, classes, seed in STUDIES:
        study = out / f"{name}.toml"
        study.write_text(COMMON.format(name=name, seed=seed) + classes + TRAINING)
        run(load_study(study), out / name, last="evaluate")
        for line in table(out / name):
            print(f"{name:<9} {line}", flush=True)


def table(folder: Path) -> list[str]:
    """Return one line a run: test sequences, AUROC with interval, and whether that holds 0.5."""
    metrics = pl.read_csv(folder / "evaluate" / "metrics.tsv", separator="\t", infer_schema_length=None)
    auroc = metrics.filter(split="test", metric="auroc_macro").filter(
        pl.col("class").is_null() & pl.col("bin").is_null()
    )
    lines = []
    for row in auroc.iter_rows(named=True):
        held = (
            "holds chance"
            if row["low"] <= 0.5 <= row["high"]
            else "above chance"
            if row["low"] > 0.5
            else "below chance"
        )
        lines.append(
            f"{row['run']:<18} n {row['n']:<4} AUROC {row['value']:.3f} ({row['low']:.3f}-{row['high']:.3f})  {held}"
        )
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
