"""The whole analysis as one readable list of stages; the only place that reads a study's files and writes its run folder.

    dataset -> train -> evaluate -> explain -> annotate -> report

Each stage reads the tables that earlier stages wrote, computes with functions that know no paths, and writes whole files.
What is done and unchanged is skipped. Imports of a stage stand in its function, so that a finished run answers at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core import run as folders
from phenolens.core.progress import Progress, Silent
from phenolens.core.schemas import CONSERVATION, REGION_SCORES
from phenolens.core.settings import StudySettings
from phenolens.core.study import Study, class_order, demo_study, file_name, load_study, training_runs
from phenolens.core.table import empty
from phenolens.inputs import annotate_files, dataset_files, open_inputs, read_annotation

__all__ = ["STAGES", "demo_study", "load_study", "plan", "run"]


class Job(NamedTuple):
    """What every stage gets: the study, the run folder, and who watches."""

    study: Study
    folder: Path
    progress: Progress

    @property
    def settings(self) -> StudySettings:
        """The study's settings."""
        return self.study.settings

    def table(self, name: str) -> pl.DataFrame:
        """Return a Parquet table of the run folder."""
        return pl.read_parquet(self.folder / name)

    def write(self, table: pl.DataFrame, name: str) -> None:
        """Write a table into the run folder, Parquet or TSV by its name."""
        folders.write_table(table, self.folder / name)


def run(study: Study, out: Path | None = None, *, last: str = "report", progress: Progress | None = None) -> Path:
    """Run the stages up to `last`, each only when it is not done yet, and return what the last one made.

    Parameters
    ----------
    study : from load_study.
    out : run folder; NAME-run in the present folder when None.
    last : one of STAGES.
    progress : receiver of progress.

    Returns
    -------
    The report page, or the folder of the last stage.

    Raises
    ------
    PhenolensError : one sentence; finished stages are kept.
    """
    folder = out or Path(f"{study.settings.name}-run")
    job = Job(study, folder, progress or Silent())
    names = list(STAGES)[: list(STAGES).index(last) + 1]
    dumped = study.settings.model_dump(mode="json")
    stages = plan(study, folder)
    with folders.run_folder(folder, study.settings.name, dumped):
        if "annotate" in names and not folders.is_done(stages["annotate"]):
            with open_inputs(study) as inputs:
                read_annotation(inputs)
        for name in names:
            if folders.is_done(stages[name]):
                job.progress.stage(name, "kept")
                continue
            job.progress.stage(name, "running")
            with folders.working(stages[name]):
                STAGES[name](job)
        folders.write_run_manifest(folder, {name: stages[name].fingerprint for name in names})
    return folder / "report" / "index.html" if last == "report" else folder / last


def plan(study: Study, folder: Path) -> dict[str, folders.Stage]:
    """Return each stage with its fingerprint; a stage depends on its settings, the seed, its files and the stages it reads."""
    settings = study.settings.model_dump(mode="json")
    files = {
        "dataset": dataset_files(study),
        "train": [Path(study.model)] if Path(study.model).is_dir() else [],
        "annotate": annotate_files(study),
    }
    reads = {
        "train": ["dataset"],
        "evaluate": ["dataset", "train"],
        "explain": ["dataset", "train"],
        "annotate": ["dataset", "explain"],
        "report": ["dataset", "train", "evaluate", "explain", "annotate"],
    }
    stages: dict[str, folders.Stage] = {}
    for name in STAGES:
        own = settings if name == "report" else {"seed": settings["seed"], name: settings[name]}
        upstream = [stages[earlier].fingerprint for earlier in reads.get(name, [])]
        stages[name] = folders.stage(folder / name, own, files.get(name, []), upstream)
    return stages


def dataset(job: Job) -> None:
    """Intervals -> labelled, matched, grouped, split sequences, and their certificate."""
    from phenolens.dataset.build import build
    from phenolens.dataset.quality import certificate
    from phenolens.dataset.statistics import statistics

    settings, seed = job.settings.dataset, job.settings.seed
    with open_inputs(job.study) as inputs:
        made = build(settings, inputs.genome, inputs, seed)
    job.write(made.sequences, "dataset/sequences.parquet")
    job.write(made.account, "dataset/account.tsv")
    job.write(statistics(made.sequences), "dataset/statistics.tsv")
    quality = certificate(made.sequences, made.account, seed=seed, background=settings.background)
    folders.write_json(quality | {"notes": inputs.notes}, job.folder / "dataset" / "quality.json")


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
    """Models and baselines -> predictions, metrics with intervals, by length, confusion, and paired differences."""
    from phenolens.evaluate.baseline import baselines
    from phenolens.evaluate.compare import comparison_table
    from phenolens.evaluate.length import metrics_by_length
    from phenolens.evaluate.metrics import confusion_table, metrics_table, vote

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
    chance = {"resamples": settings.bootstrap, "seed": seed}
    by_length = metrics_by_length(
        predictions, sequences, labels, bins=settings.length_bins, min_bin=settings.min_bin, **chance
    )
    job.write(predictions, "evaluate/predictions.parquet")
    job.write(pl.concat([metrics_table(predictions, groups, labels, **chance), by_length]), "evaluate/metrics.tsv")
    job.write(confusion_table(predictions, labels), "evaluate/confusion.tsv")
    job.write(comparison_table(predictions, groups, labels, pairs=pairs, **chance), "evaluate/comparison.tsv")


def _model_predictions(job: Job, sequences: pl.DataFrame, labels: list[str], name: str, split: str) -> pl.DataFrame:
    """Return PREDICTIONS of one trained model on validation and test; a model of the random split is run-0 there."""
    from phenolens.model.load import load_folder
    from phenolens.model.predict import predict

    job.progress.step(0, 1, f"predict: {name}")
    rows = sequences.filter(pl.col(split) != "train")
    p = predict(load_folder(job.folder / "train" / name), rows["sequence"].to_list())
    run, prefix = ("run-0", "random ") if split == "random_split" else (name, "")
    return rows.select(
        pl.lit(run).alias("run"),
        (pl.lit(prefix) + pl.col(split)).alias("split"),
        "sequence_id",
        "label",
        *(pl.Series(f"p_{label}", p[:, i].astype("float64")) for i, label in enumerate(labels)),
    )


def explain(job: Job) -> None:
    """Model and sequences -> per-base scores, their mean per class, high-score regions, and tracks."""
    from phenolens.explain.alrw import alrw
    from phenolens.explain.profile import profile
    from phenolens.explain.regions import find_regions
    from phenolens.explain.tracks import class_track
    from phenolens.io.bed import write_bed
    from phenolens.io.signal import write_bigwig
    from phenolens.model.load import load_folder

    settings = job.settings.explain
    rows = job.table("dataset/sequences.parquet").filter(pl.col("split").is_in(settings.splits))
    ids, texts = rows["sequence_id"].to_list(), rows["sequence"].to_list()
    job.progress.step(0, 1, "explain: reading-token attention")
    model = load_folder(job.folder / "train" / "run-0")
    scores = alrw(model, ids, texts, mode=settings.mode, batch_size=settings.batch_size)
    kept = [values[: len(text)] for values, text in zip(scores.values, texts, strict=True)]
    job.write(
        rows.select("sequence_id", "label", "split").with_columns(pl.Series("scores", kept, dtype=pl.List(pl.Float32))),
        "explain/alrw.parquet",
    )
    chance = {"resamples": job.settings.evaluate.bootstrap, "seed": job.settings.seed}
    job.write(profile(scores, rows["label"].to_list(), rows["group"].to_list(), **chance), "explain/profile.tsv")
    regions = find_regions(scores, rows, settings)
    job.write(regions, "explain/regions.parquet")
    with folders.whole(job.folder / "explain" / "regions.bed") as part:
        write_bed(part, regions, track=f"{job.settings.name}: high-ALRW regions")
    with open_inputs(job.study) as inputs:
        lengths = inputs.genome.lengths if inputs.genome else {}
        located = rows.filter(pl.col("chrom").is_in(list(lengths)))
        for label in class_order(job.settings, located["label"]):
            with folders.whole(job.folder / "explain" / f"alrw.{file_name(label)}.bw") as part:
                write_bigwig(part, class_track(scores, located, label), lengths)


def annotate(job: Job) -> None:
    """Regions -> motif hits, enrichment, overlap with features, conservation, genes."""
    from phenolens.annotate.conservation import conservation
    from phenolens.annotate.genes import genes_with_regions, region_genes
    from phenolens.annotate.overlap import overlap
    from phenolens.dataset.statistics import overlap_with_types

    settings = job.settings.annotate
    chance = {"controls": settings.controls, "seed": job.settings.seed}
    sequences, regions = job.table("dataset/sequences.parquet"), job.table("explain/regions.parquet")
    with open_inputs(job.study) as inputs:
        if settings.motifs:
            hits, enriched = _motifs(job, sequences, regions)
            job.write(hits, "annotate/hits.tsv")
            job.write(enriched, "annotate/enrichment.tsv")
        job.write(overlap(regions, sequences, inputs.features(), **chance), "annotate/overlap.tsv")
        found = [
            conservation(regions, sequences, inputs.signal_along(path, sequences), signal=name, **chance)
            for name, path in settings.signals.items()
        ]
        job.write(pl.concat([empty(CONSERVATION), *(table for table, _ in found)]), "annotate/conservation.tsv")
        job.write(pl.concat([empty(REGION_SCORES), *(scores for _, scores in found)]), "annotate/region_scores.tsv")
        near = region_genes(regions, inputs.genes())
        job.write(overlap_with_types(sequences, inputs.genes()), "annotate/gene_types.tsv")
    job.write(near, "annotate/region_genes.tsv")
    job.write(genes_with_regions(near, regions), "annotate/genes.tsv")


def _motifs(job: Job, sequences: pl.DataFrame, regions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (HITS in the regions, ENRICHMENT of each class that is not matched background)."""
    from phenolens.annotate.contrasts import motif_enrichment
    from phenolens.annotate.pvalues import background
    from phenolens.io.motifs import read_motifs

    settings = job.settings.annotate
    motifs = read_motifs(job.study.path(settings.motifs or ""))
    matched = set(job.settings.dataset.background)
    labels = class_order(job.settings, sequences["label"])
    control = sequences.filter(pl.col("label").is_in(matched)) if matched else sequences
    explained = sequences.filter(pl.col("split").is_in(job.settings.explain.splits))
    job.progress.step(0, 1, f"motifs: {len(motifs)} in {regions.height} regions")
    return motif_enrichment(
        motifs,
        regions,
        explained,
        cases=[label for label in labels if label not in matched],
        background=background(control["sequence"]),
        p_threshold=settings.motif_p,
        seed=job.settings.seed,
    )


def report(job: Job) -> None:
    """Everything in the run folder -> one page."""
    from phenolens.contents import page_content
    from phenolens.report.page import page, page_tables

    content = page_content(job.settings, job.folder)
    for name, table in page_tables(content).items():
        job.write(table, f"report/tables/{name}.tsv")
    folders.write_text(page(content), job.folder / "report" / "index.html")


STAGES: dict[str, Callable[[Job], None]] = {
    "dataset": dataset,
    "train": train,
    "evaluate": evaluate,
    "explain": explain,
    "annotate": annotate,
    "report": report,
}
