"""Does pre-training help, and is the small model a toy: GUE tasks and LTR7 subfamilies, three seeds each way.

    python benchmarks/pretraining.py DATA OUT                          everything, hours on one core
    python benchmarks/pretraining.py DATA OUT --tasks tf_0 --starts random --seeds 1      a part; what is done is kept
    python benchmarks/pretraining.py DATA OUT --table                  only print what is there

DATA holds labelled/gue_{prom_300_tata,prom_core_all,tf_0}/{train,dev,test}.csv.gz and herv/ltr7_copies.hg19.fa.
Every run: a built-in model (--model) from its pre-trained weights or from random ones (train.from_scratch), the task's own
train and dev splits, best epoch by validation loss, probabilities of the test split kept in OUT. GUE's test sequences that
have an identical copy, on either strand, in train or dev are left out of the second column. Promoters have a direction and are
read as given; ChIP-seq peaks have none: strands are drawn anew in each epoch and both are averaged. So it was decided
before the first run. Intervals: bootstrap of test sequences (of chromosomes' groups for LTR7), paired over starts and seeds.
"""

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.settings_learn import TrainSettings
from phenolens.core.stats import group_bootstrap_weights, interval
from phenolens.dataset.sequences import reverse_complement
from phenolens.evaluate.baseline import baselines
from phenolens.evaluate.weighted import prepare, weighted_metrics
from phenolens.io.fasta import read_fasta
from phenolens.model.load import load
from phenolens.model.predict import predict
from phenolens.model.train import train

STARTS = ("pre-trained", "random")
SEEDS = (1, 2, 3)
METRICS = ("accuracy", "auroc_macro", "mcc")
LTR7_TEST = {"chr2", "chr7", "chr12", "chr19", "chrX"}
LTR7_VALIDATION = {"chr3", "chr10", "chr14"}


class Task(NamedTuple):
    """A labelled set and how long it is trained; strandless: both strands mean the same."""

    epochs: int
    strandless: bool


TASKS = {
    "prom_300_tata": Task(3, False),
    "prom_core_all": Task(3, False),
    "tf_0": Task(3, True),
    "ltr7": Task(6, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="bert-small")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--starts", nargs="+", default=STARTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.table:
        for seed, name, start in itertools.product(given.seeds, given.tasks, given.starts):
            one(given.data, given.out, given.model, name, start, seed)
    for name in given.tasks:
        print(f"\n## {name}\n\n{table(given.data, given.out, Path(given.model).name, name)}")


def task_table(data: Path, name: str) -> pl.DataFrame:
    """Return sequence_id, sequence, label, split, group, copied (an identical copy is in train or validation)."""
    if name == "ltr7":
        copies = read_fasta(data / "herv" / "ltr7_copies.hg19.fa")
        chrom = pl.col("name").str.extract(r"^(\w+)\.")
        rows = copies.select(
            pl.col("name").alias("sequence_id"),
            "sequence",
            pl.col("name").str.extract(r"\|(.*)$").alias("label"),
            pl.when(chrom.is_in(LTR7_TEST)).then(pl.lit("test"))
            .when(chrom.is_in(LTR7_VALIDATION)).then(pl.lit("validation"))
            .otherwise(pl.lit("train")).alias("split"),
        )  # fmt: skip
    else:
        parts = [
            pl.read_csv(data / "labelled" / f"gue_{name}" / f"{file}.csv.gz", schema_overrides={"label": pl.String})
            .with_row_index()
            .select(
                pl.format(file + "{}", "index").alias("sequence_id"), "sequence", "label", pl.lit(split).alias("split")
            )
            for file, split in (("train", "train"), ("dev", "validation"), ("test", "test"))
        ]
        rows = pl.concat(parts)
    learned = rows.filter(pl.col("split") != "test")["sequence"].str.to_uppercase().to_list()
    known = set(learned) | {reverse_complement(text) for text in learned}
    copied = [text.upper() in known for text in rows["sequence"]]
    return rows.with_columns(pl.col("sequence_id").alias("group"), pl.Series("copied", copied))


def one(data: Path, out: Path, model: str, name: str, start: str, seed: int) -> None:
    """Train one model and keep its test probabilities, unless they are there."""
    target = out / f"{Path(model).name}.{name}.{start}.{seed}.parquet"
    if target.exists():
        return
    task, rows = TASKS[name], task_table(data, name)
    labels = sorted(rows["label"].unique())
    settings = TrainSettings(
        model=model,
        from_scratch=start == "random",
        epochs=task.epochs,
        patience=task.epochs,
        batch_size=64 if name.startswith(("prom", "tf")) else 16,
        learning_rate=5e-4,
        mask_tokens=0.1,
        reverse_complement=task.strandless,
        class_weights=False,
        precision="bf16",
        log_to=(),
    )
    loaded = load(model, labels, settings, seed, rows.filter(pl.col("split") == "train")["sequence"].to_list())
    folder = out / target.stem
    history = train(loaded, rows, folder, settings, seed)
    test = rows.filter(pl.col("split") == "test")
    texts = test["sequence"].to_list()
    p = predict(loaded, texts)
    if task.strandless:
        p = (p + predict(loaded, [reverse_complement(text) for text in texts])) / 2
    columns = {f"p_{label}": p[:, i].astype("float64") for i, label in enumerate(labels)}
    test.select("sequence_id").with_columns(**{k: pl.Series(v) for k, v in columns.items()}).write_parquet(target)
    print(target.stem, history.rows(), flush=True)


def table(data: Path, out: Path, model: str, name: str) -> str:
    """Return a Markdown table of every start, their difference, the mean probability of the pre-trained seeds, and the k-mer baseline."""
    rows = task_table(data, name)
    labels = sorted(rows["label"].unique())
    test = rows.filter(pl.col("split") == "test")
    truth = np.array([labels.index(label) for label in test["label"]])
    found: dict[str, list[np.ndarray]] = {start: [] for start in STARTS}
    for start, seed in itertools.product(STARTS, SEEDS):
        path = out / f"{model}.{name}.{start}.{seed}.parquet"
        if path.exists():
            kept = test.select("sequence_id").join(pl.read_parquet(path), on="sequence_id", how="left")
            found[start].append(kept.drop("sequence_id").to_numpy())
    simple = baselines(rows, labels, split_column="split").filter(
        (pl.col("split") == "test") & (pl.col("run") == "k-mer logistic")
    )
    simple_p = test.select("sequence_id").join(simple, on="sequence_id", how="left")
    sets = {
        **{f"{start} ({len(runs)} seeds, mean)": runs for start, runs in found.items() if runs},
        "vote of the pre-trained": [np.mean(found["pre-trained"], axis=0)] if found["pre-trained"] else [],
        "vote of the random": [np.mean(found["random"], axis=0)] if found["random"] else [],
        "6-mer logistic": [simple_p.select(f"p_{label}" for label in labels).to_numpy()],
    }
    lines = []
    for title, kept in (("as distributed", np.ones(len(truth), bool)), ("without copies", ~test["copied"].to_numpy())):
        lines += [
            f"{title}, test {int(kept.sum())}",
            "",
            "| | " + " | ".join(METRICS) + " |",
            "|---|" + "---|" * len(METRICS),
        ]
        samples = {}
        for row, runs in sets.items():
            if runs:
                estimates, samples[row] = mean_metrics([p[kept] for p in runs], truth[kept])
                lines.append(f"| {row} | " + " | ".join(shown(estimates[m], samples[row][m]) for m in METRICS) + " |")
        both = [row for row in samples if row.startswith(STARTS) and "vote" not in row]
        if len(both) == len(STARTS):
            gains = [mean_metrics([p[kept] for p in sets[row]], truth[kept])[0] for row in both]
            cells = [shown(gains[0][m] - gains[1][m], samples[both[0]][m] - samples[both[1]][m]) for m in METRICS]
            lines.append("| difference | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def mean_metrics(runs: list[np.ndarray], truth: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return (mean over runs of each metric, the same on 1,000 resamples of the test sequences)."""
    groups = np.arange(len(truth))
    prepared = [prepare(truth, p / p.sum(axis=1, keepdims=True), groups) for p in runs]
    once = [weighted_metrics(x, np.ones((1, len(truth)))) for x in prepared]
    blocks = [[weighted_metrics(x, w) for x in prepared] for w in group_bootstrap_weights(groups, 1000, 1)]
    estimates = {m: float(np.mean([x[None, m][0] for x in once])) for m in METRICS}
    samples = {m: np.concatenate([np.mean([x[None, m] for x in block], axis=0) for block in blocks]) for m in METRICS}
    return estimates, samples


def shown(value: float, samples: np.ndarray) -> str:
    low, high = interval(samples)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
