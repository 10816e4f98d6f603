"""Whether the scores can be trusted: the explain stage's test of every method on a sample of the sequences.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phenolens.core.study import class_order
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.explain.methods import Method
    from phenolens.model.load import Loaded

SANITY_METHODS = ("alrw", "integrated_gradients")


def sampled(rows: pl.DataFrame, per_class: int, seed: int) -> pl.DataFrame:
    """Return at most `per_class` rows of each class, drawn without replacement, in the order of their ids.

    Parameters
    ----------
    rows : columns sequence_id, label; their order does not matter.
    per_class : most rows of a class.
    seed : of the draw.
    """
    ordered = rows.sort("sequence_id")
    drawn = ordered[np.random.default_rng(seed).permutation(ordered.height)]
    return drawn.filter(pl.int_range(pl.len()).over("label") < per_class).sort("sequence_id")


def write_faithfulness(job: Job, model: "Loaded", rows: pl.DataFrame) -> None:
    """Write whether the bases that each method scores high matter to the model, beside models that have learned nothing."""
    from phenolens.explain.faithfulness import faithfulness
    from phenolens.explain.faithfulness_tables import PERMUTED_LABELS, RANDOM_WEIGHTS
    from phenolens.explain.methods import METHODS
    from phenolens.explain.sanity import scores_of_random_weights
    from phenolens.model.predict import predict

    settings, seed = job.settings.explain, job.settings.seed
    sample = sampled(rows, settings.sample, seed)
    ids, texts = sample["sequence_id"].to_list(), sample["sequence"].to_list()
    job.progress.step(0, 1, f"explain: {len(ids)} sequences by {len(settings.methods)} methods")
    target = predict(model, texts, batch_size=settings.batch_size).argmax(axis=1)
    options = {"target": target, "batch_size": settings.batch_size, "seed": seed}
    scores = {"trained": [METHODS[name](model, ids, texts, **options) for name in settings.methods]}
    tested: dict[str, Method] = {name: METHODS[name] for name in SANITY_METHODS if name in settings.methods}
    scores[RANDOM_WEIGHTS], draw = scores_of_random_weights(model, sample, tested, job.settings.train, **options)
    if settings.permuted_labels:
        other = _trained_on_permuted_labels(job)
        scores[PERMUTED_LABELS] = [method(other, ids, texts, **options) for method in tested.values()]
    job.progress.step(0, 1, "explain: faithfulness")
    found = faithfulness(
        model,
        sample.with_columns(draw=draw),
        scores,
        shuffles=settings.copies,
        resamples=job.settings.evaluate.bootstrap,
        batch_size=settings.batch_size,
        seed=seed,
    )
    job.write(found.areas, "explain/faithfulness.tsv")
    job.write(found.curves, "explain/faithfulness_curves.tsv")
    job.write(found.sanity, "explain/sanity.tsv")


def _trained_on_permuted_labels(job: Job) -> "Loaded":
    """Return the study's model after the study's training on permuted labels."""
    from phenolens.explain.sanity import permuted_labels
    from phenolens.model.load import load

    job.progress.step(0, 1, "explain: training on permuted labels")
    rows, settings, seed = job.table("dataset/sequences.parquet"), job.settings.train, job.settings.seed
    labels = class_order(job.settings, rows["label"])
    learning = rows.filter(pl.col("split") == "train")["sequence"].to_list()
    return permuted_labels(load(job.study.model, labels, settings, seed, learning), rows, settings, seed)
