"""The two stages of the pipeline that learn and are measured: train and evaluate.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from phenolens.core import processes
from phenolens.core import run as folders
from phenolens.core.errors import RunFolderError
from phenolens.core.progress import Silent
from phenolens.core.strands import reverse_complement
from phenolens.core.study import class_order, training_runs
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.model.load import Loaded


def train(job: Job) -> None:
    """Sequences -> one fine-tuned Hugging Face folder per run, and one more on the random split where asked."""
    from phenolens.model.describe import describe
    from phenolens.model.load import save
    from phenolens.model.ranks import shared

    for run in training_runs(job.settings):
        name = run[0]
        folder = job.folder / "train" / name
        if (folder / "history.tsv").exists():
            continue
        loaded, history = _fine_tuned(job, shared(run))
        save(loaded, folder)
        folders.write_json(describe(loaded), job.folder / "train" / "model.json")
        job.write(history, f"train/{name}/history.tsv")


def _fine_tuned(job: Job, run: tuple[str, str, int]) -> "tuple[Loaded, pl.DataFrame]":
    """Return the model of a run and its history; several processes do this together."""
    from phenolens.model.load import load
    from phenolens.model.train import train as fine_tune

    (name, split, seed), settings = run, job.settings.train
    rows = job.table("dataset/sequences.parquet").with_columns(pl.col(split).alias("split"))
    labels = class_order(job.settings, rows["label"])
    learning = rows.filter(pl.col("split") == "train")["sequence"].to_list()
    loaded = load(job.study.model, labels, settings, seed, learning)
    quality = ""

    def watch(done: int, total: int, loss: float, validation: float | None) -> None:
        job.progress.step(done, total, f"{name}: loss {loss:.3f}{quality}")

    def epoch_over(epoch: int, loss: float, validation: float, accuracy: float) -> None:
        nonlocal quality
        quality = f", validation loss {validation:.3f}, accuracy {accuracy:.3f}"
        job.progress.line(f"{name}, epoch {epoch} of {settings.epochs}: loss {loss:.3f}{quality}")

    return loaded, fine_tune(loaded, rows, job.folder / "train" / name, settings, seed, watch, epoch_over)


@contextmanager
def together(job: Job) -> Iterator[bool]:
    """Yield whether this process owns the run; the others train with the first one until it has left the block, and then need no more.

    One process alone owns it. torchrun and accelerate launch start several, on one or many machines that see the same run folder.
    """
    if processes.count() == 1:
        yield True
        return
    from phenolens.model.ranks import joined, shared

    with joined():
        if processes.rank() == 0:
            yield True
            shared(None)
            return
        silent = job._replace(progress=Silent())
        while (run := shared(None)) is not None:
            if not (job.folder / "dataset").is_dir():
                found = f"is not seen by process {processes.rank()}"
                raise RunFolderError(job.folder, found, remedy="choose one on a file system that all machines share")
            _fine_tuned(silent, run)
        yield False


def evaluate(job: Job) -> None:
    """Models and baselines -> predictions, metrics with intervals, by length, confusion, seeds, calibration, paired differences."""
    from phenolens.evaluate.baseline import baselines
    from phenolens.evaluate.calibration import calibration_curve, temperatures
    from phenolens.evaluate.compare import comparison_table
    from phenolens.evaluate.length import metrics_by_length
    from phenolens.evaluate.metrics import confusion_table, metrics_table, vote
    from phenolens.evaluate.seeds import seeds_table

    settings, seed = job.settings.evaluate, job.settings.seed
    sequences = job.table("dataset/sequences.parquet")
    labels = class_order(job.settings, sequences["label"])
    models = vote(pl.concat([_model_predictions(job, sequences, labels, *r[:2]) for r in training_runs(job.settings)]))
    splits = ["split", "random_split"] if job.settings.train.random_split else ["split"]
    simple = [baselines(sequences, labels, split_column=split, kmer=settings.kmer, seed=seed) for split in splits]
    predictions = pl.concat([models, *simple])
    groups = sequences.select("sequence_id", "group")
    own = [run for run in ("vote", "run-0") if run in models["run"]]
    pairs = [(run, name) for run in own for name in simple[0]["run"].unique(maintain_order=True)]
    bins = settings.calibration_bins
    chance = {"resamples": settings.bootstrap, "seed": seed, "calibration_bins": bins}
    by_length = metrics_by_length(
        predictions,
        _with_cut_off(job, sequences, predictions),
        labels,
        bins=settings.length_bins,
        min_bin=settings.min_bin,
        **chance,
    )
    metrics = metrics_table(predictions, groups, labels, **chance)
    fitted = temperatures(models, groups, labels, bins=bins)
    by_run = {run: row["temperature"] for run, row in fitted.items()}
    curve = calibration_curve(predictions, groups, labels, bins=bins, temperature=by_run)
    job.write(predictions, "evaluate/predictions.parquet")
    job.write(pl.concat([metrics, by_length]), "evaluate/metrics.tsv")
    job.write(seeds_table(metrics), "evaluate/seeds.tsv")
    job.write(confusion_table(predictions, labels), "evaluate/confusion.tsv")
    job.write(comparison_table(predictions, groups, labels, pairs=pairs, **chance), "evaluate/comparison.tsv")
    job.write(curve, "evaluate/calibration.tsv")
    folders.write_json(fitted, job.folder / "evaluate" / "calibration.json")


def _model_predictions(job: Job, sequences: pl.DataFrame, labels: list[str], name: str, split: str) -> pl.DataFrame:
    """Return PREDICTIONS of one trained model on validation and test; a model of the random split is run-0 there."""
    from phenolens.model.load import load_folder
    from phenolens.model.predict import predict

    job.progress.step(0, 1, f"predict: {name}")
    rows = sequences.filter(pl.col(split) != "train")
    loaded = load_folder(job.folder / "train" / name, trust_remote_code=job.settings.train.trust_remote_code)
    texts = rows["sequence"].to_list()
    p = predict(loaded, texts)
    if job.settings.evaluate.both_strands:
        p = (p + predict(loaded, [reverse_complement(text) for text in texts])) / 2
    run, prefix = ("run-0", "random ") if split == "random_split" else (name, "")
    return rows.select(
        pl.lit(run).alias("run"),
        (pl.lit(prefix) + pl.col(split)).alias("split"),
        "sequence_id",
        "label",
        *(pl.Series(f"p_{label}", p[:, i].astype("float64")) for i, label in enumerate(labels)),
    )


def _with_cut_off(job: Job, sequences: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """Return the predicted sequences with a column cut_off: the share of each one's bases that run-0 never sees."""
    from phenolens.model.beyond import cut_off
    from phenolens.model.load import load_folder

    rows = sequences.join(predictions, on="sequence_id", how="semi", maintain_order="left")
    loaded = load_folder(job.folder / "train" / "run-0", trust_remote_code=job.settings.train.trust_remote_code)
    shares = cut_off(loaded.rule, rows["sequence"].to_list())
    return rows.with_columns(pl.Series("cut_off", shares, dtype=pl.Float64))
