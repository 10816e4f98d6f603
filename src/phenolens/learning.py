"""The two stages of the pipeline that learn and are measured: train and evaluate.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

import polars as pl

from phenolens.core import run as folders
from phenolens.core.strands import reverse_complement
from phenolens.core.study import class_order, training_runs
from phenolens.job import Job


def train(job: Job) -> None:
    """Sequences -> one fine-tuned Hugging Face folder per run, and one more on the random split where asked."""
    from phenolens.model.describe import describe
    from phenolens.model.load import load, save
    from phenolens.model.train import train as fine_tune

    settings, sequences = job.settings.train, job.table("dataset/sequences.parquet")
    labels = class_order(job.settings, sequences["label"])
    for name, split, seed in training_runs(job.settings):
        folder = job.folder / "train" / name
        if (folder / "history.tsv").exists():
            continue
        rows = sequences.with_columns(pl.col(split).alias("split"))
        learning = rows.filter(pl.col("split") == "train")["sequence"].to_list()
        loaded = load(job.study.model, labels, settings, seed, learning)

        def watch(done: int, total: int, loss: float, validation: float | None, name: str = name) -> None:
            shown = "" if validation is None else f", validation loss {validation:.3f}"
            job.progress.step(done, total, f"{name}: loss {loss:.3f}{shown}")

        history = fine_tune(loaded, rows, folder, settings, seed, watch)
        save(loaded, folder)
        folders.write_json(describe(loaded), job.folder / "train" / "model.json")
        job.write(history, f"train/{name}/history.tsv")


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
