"""The whole analysis as one readable list of stages, which alone read a study's files and write its run folder.

    dataset -> train -> evaluate -> explain -> annotate -> report

train and evaluate stand in learning.py, explain in reading.py, annotate in meaning.py. Each stage reads the tables that earlier
stages wrote, computes with functions that know no paths, and writes whole files.
What is done and unchanged is skipped. Imports of a stage stand in its function, so that a finished run answers at once.
"""

from collections.abc import Callable
from pathlib import Path

from phenolens.core import run as folders
from phenolens.core.progress import Progress, Silent
from phenolens.core.settings_learn import TrainSettings
from phenolens.core.study import Study, demo_study, load_study
from phenolens.inputs import open_inputs, read_annotation
from phenolens.inputs_files import annotate_files, dataset_files
from phenolens.job import Job
from phenolens.learning import evaluate, together, train
from phenolens.meaning import annotate
from phenolens.overlays import check_overlays
from phenolens.reading import explain

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
    folder = folder_of(study, out)
    job = Job(study, folder, progress or Silent())
    with together(job) as first:
        if first:
            _run(job, last)
    return folder / "report" / "index.html" if last == "report" else folder / last


def folder_of(study: Study, out: Path | None) -> Path:
    """Return the run folder: the one that was asked for, else NAME-run in the present folder."""
    return out or Path(f"{study.settings.name}-run")


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
                check_overlays(inputs)
        for name in names:
            if folders.is_done(stages[name]):
                job.progress.stage(name, "kept")
                continue
            job.progress.stage(name, "running")
            with folders.working(stages[name]):
                STAGES[name](job)
            job.progress.stage(name, "done")
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


def report(job: Job) -> None:
    """Everything in the run folder -> one page, its tables and its figures."""
    from phenolens.contents import page_content
    from phenolens.report.page import report as written
    from phenolens.report.render import files

    for name, content in files(written(page_content(job.settings, job.folder))):
        folders.write_bytes(content, job.folder / "report" / name)


STAGES: dict[str, Callable[[Job], None]] = {
    "dataset": dataset,
    "train": train,
    "evaluate": evaluate,
    "explain": explain,
    "annotate": annotate,
    "report": report,
}
