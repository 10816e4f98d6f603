"""Whether the scores can be trusted: the explain stage's test of every method on a sample of the sequences.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from phenolens.attributing import methods_of
from phenolens.core.study import class_order
from phenolens.core.types import BaseScores
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.model.load import Loaded

SANITY_METHODS = ("alrw", "integrated_gradients")


def write_faithfulness(job: Job, model: "Loaded", sample: pl.DataFrame, scores: list[BaseScores]) -> None:
    """Write whether the bases that each method scores high matter to the model, beside models that have learned nothing.

    Parameters
    ----------
    sample, scores : as `attribute` returns them.
    """
    from phenolens.explain.faithfulness import faithfulness
    from phenolens.explain.faithfulness_tables import PERMUTED_LABELS, RANDOM_WEIGHTS, TRAINED
    from phenolens.explain.sanity import scores_of_random_weights
    from phenolens.explain.target import targets

    settings, seed = job.settings.explain, job.settings.seed
    ids, texts = sample["sequence_id"].to_list(), sample["sequence"].to_list()
    target = targets(model, texts, batch_size=settings.batch_size)
    options: dict[str, Any] = {"target": target, "batch_size": settings.batch_size, "seed": seed}
    found_by = {TRAINED: scores}
    tested = {name: method for name, method in methods_of(settings).items() if name in SANITY_METHODS}
    found_by[RANDOM_WEIGHTS], draw = scores_of_random_weights(model, sample, tested, job.settings.train, **options)
    if settings.permuted_labels:
        other = _trained_on_permuted_labels(job)
        found_by[PERMUTED_LABELS] = [method(other, ids, texts, **options) for method in tested.values()]
    job.progress.step(0, 1, "explain: faithfulness")
    found = faithfulness(
        model,
        sample.with_columns(draw=draw),
        found_by,
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
