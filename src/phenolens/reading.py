"""The stage explain of the pipeline: what the model reads, base by base.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

from typing import TYPE_CHECKING

import polars as pl

from phenolens.browsing import write_tracks
from phenolens.core.types import BaseScores
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.model.load import Loaded


def explain(job: Job) -> None:
    """Model and sequences -> per-base scores, their mean per class, high-score regions, and tracks."""
    from phenolens.explain.alrw import alrw
    from phenolens.explain.profile import profile
    from phenolens.explain.token_regions import token_regions
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
    job.write(
        token_regions(model.rule, texts, rows["label"].to_list(), rows["group"].to_list(), **chance),
        "explain/token_regions.tsv",
    )
    regions = _regions(job, model, rows, scores)
    job.write(regions, "explain/regions.parquet")
    write_tracks(job, rows, regions, [scores])


def _regions(job: Job, model: "Loaded", rows: pl.DataFrame, scores: BaseScores) -> pl.DataFrame:
    """Return REGIONS by the study's rule, and write what both rules find by chance in shuffled copies of the sequences."""
    from phenolens.explain.alrw import alrw
    from phenolens.explain.region_threshold import chance_table, peaks, shuffled_copies, threshold_of
    from phenolens.explain.regions import find_regions

    settings = job.settings.explain
    rule = settings.min_run, settings.times_min
    thresholds = {"paper": 0.0}
    if settings.shuffles:
        job.progress.step(0, 1, "explain: shuffled sequences")
        of, copies = shuffled_copies(rows["sequence"].to_list(), settings.shuffles, job.settings.seed)
        names = [str(i) for i in range(len(copies))]
        by_chance = peaks(alrw(model, names, copies, mode=settings.mode, batch_size=settings.batch_size).values, *rule)
        thresholds["calibrated"] = threshold_of(by_chance, settings.false_positive_rate)
        labels = rows["label"].to_numpy()
        table = chance_table(thresholds, (labels, peaks(scores.values, *rule)), (labels[of], by_chance))
        job.write(table, "explain/region_chance.tsv")
    return find_regions(scores, rows, settings, threshold=thresholds[settings.region_rule])
