"""The whole analysis as one readable list of stages; the only place that reads a study's files and writes its run folder.

    dataset -> train -> evaluate -> explain -> annotate -> report

Each stage reads the tables that earlier stages wrote, computes with functions that know no paths, and writes whole files.
What is done and unchanged is skipped. Imports of a stage stand in its function, so that a finished run answers at once.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from phenolens.core import run as folders
from phenolens.core.progress import Progress, Silent
from phenolens.core.schemas import CONSERVATION, REGION_SCORES
from phenolens.core.settings_learn import TrainSettings
from phenolens.core.study import Study, class_order, demo_study, file_name, load_study
from phenolens.core.table import empty
from phenolens.inputs import annotate_files, dataset_files, open_inputs, read_annotation
from phenolens.job import Job
from phenolens.learning import evaluate, together, train

__all__ = ["STAGES", "demo_study", "load_study", "plan", "run"]


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
    with together(job) as first:
        if first:
            _run(job, last)
    return folder / "report" / "index.html" if last == "report" else folder / last


def _run(job: Job, last: str) -> None:
    """Run the stages in the run folder, which one process alone owns."""
    study, folder = job.study, job.folder
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


def plan(study: Study, folder: Path) -> dict[str, folders.Stage]:
    """Return each stage with its fingerprint; a stage depends on its settings, the seed, its files and the stages it reads."""
    settings = study.settings.model_dump(mode="json", exclude={"train": set(TrainSettings.WITHOUT_EFFECT)})
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
    model = load_folder(job.folder / "train" / "run-0", trust_remote_code=job.settings.train.trust_remote_code)
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
