"""The stage explain of the pipeline: what the model reads, base by base.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phenolens.attributing import attribute
from phenolens.browsing import Scored, write_tracks
from phenolens.core.schemas import REGIONS
from phenolens.core.study import class_order
from phenolens.core.table import empty
from phenolens.job import Job
from phenolens.scoring import method, of_sequences, others, score, stored
from phenolens.trusting import write_faithfulness

if TYPE_CHECKING:
    from phenolens.model.load import Loaded


def explain(job: Job) -> None:
    """Model and sequences -> per-base scores, their mean per class, high-score regions, and tracks."""
    from phenolens.explain.token_regions import token_regions
    from phenolens.model.load import load_folder

    settings = job.settings.explain
    rows = job.table("dataset/sequences.parquet").filter(pl.col("split").is_in(settings.splits))
    texts = rows["sequence"].to_list()
    job.progress.step(0, 1, "explain: reading-token attention")
    model = load_folder(job.folder / "train" / "run-0", trust_remote_code=job.settings.train.trust_remote_code)
    score(job, model, rows)
    chance = {"resamples": job.settings.evaluate.bootstrap, "seed": job.settings.seed}
    job.write(
        token_regions(model.rule, texts, rows["label"].to_list(), rows["group"].to_list(), **chance),
        "explain/token_regions.tsv",
    )
    write_faithfulness(job, model, *attribute(job, model, rows))
    regions = _regions(job, model, rows)
    job.write(regions, "explain/regions.parquet")
    own = Scored(method(job), lambda some: of_sequences(job, some["sequence_id"]))
    write_tracks(job, rows, regions, [own, *(Scored(*other) for other in others(job))])
    if settings.layers:
        _layers(job, model)


def _regions(job: Job, model: "Loaded", rows: pl.DataFrame) -> pl.DataFrame:
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
        names, options = [str(i) for i in range(len(copies))], {"batch_size": settings.batch_size}
        scores = alrw(model, names, copies, mode=settings.mode, layer=settings.layer, **options)
        by_chance = peaks(scores.values, *rule)
        thresholds["calibrated"] = threshold_of(by_chance, settings.false_positive_rate)
        labels = rows["label"].to_numpy()
        real = [np.empty(0), *(peaks(found.values, *rule) for _, found in stored(job, rows))]
        table = chance_table(thresholds, (labels, np.concatenate(real)), (labels[of], by_chance))
        job.write(table, "explain/region_chance.tsv")
    threshold = thresholds[settings.region_rule]
    found = (find_regions(scores, some, settings, threshold=threshold) for some, scores in stored(job, rows))
    return pl.concat([empty(REGIONS), *found])


def _layers(job: Job, trained: "Loaded") -> None:
    """Model as it was and as it is -> what a probe reads from every layer, and pictures of the layers."""
    from phenolens.explain.layers import layer_tables
    from phenolens.model.load import load

    settings, sequences = job.settings, job.table("dataset/sequences.parquet")
    labels = class_order(settings, sequences["label"])
    learning = sequences.filter(pl.col("split") == "train")["sequence"].to_list()
    states = {
        "before": lambda: load(job.study.model, labels, settings.train, settings.seed, learning),
        "after": lambda: trained,
    }
    job.progress.step(0, 1, "explain: layers before and after fine-tuning")
    chance = {"resamples": settings.evaluate.bootstrap, "seed": settings.seed}
    made = layer_tables(states, sequences, settings.explain, **chance)
    job.write(made.layers, "explain/layers.tsv")
    job.write(made.projection, "explain/projection.parquet")
