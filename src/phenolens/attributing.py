"""The part of the stage explain in which several methods score the bases of a sample, so that they can be compared and tested.

Imports of a stage stand in its functions, so that a finished run answers at once.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.types import BaseScores
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.explain.methods import Method
    from phenolens.model.load import Loaded


def attribute(job: Job, model: "Loaded", rows: pl.DataFrame) -> tuple[pl.DataFrame, list[BaseScores]]:
    """Return the sample and its scores by every method of the study; write scores, completeness and agreement.

    Parameters
    ----------
    job : its settings explain, evaluate.bootstrap and seed are used.
    model : the trained classifier.
    rows : SEQUENCES that are explained.
    """
    from phenolens.explain.agreement import agreement
    from phenolens.explain.attribution import integrated_gradients
    from phenolens.explain.target import targets

    settings, seed = job.settings.explain, job.settings.seed
    sample = sampled(rows, settings.sample, seed)
    ids, texts = sample["sequence_id"].to_list(), sample["sequence"].to_list()
    target = targets(model, texts, batch_size=settings.batch_size)
    scores = []
    for number, (name, method) in enumerate(methods_of(settings).items()):
        job.progress.step(number, len(settings.methods), f"explain: {name} of {len(ids)} sequences")
        if name == "integrated_gradients" and not settings.both_strands:
            found, completeness = integrated_gradients(model, ids, texts, target=target, batch_size=settings.batch_size)
            job.write(completeness, "explain/completeness.tsv")
        else:
            found = method(model, ids, texts, target=target, batch_size=settings.batch_size, seed=seed)
        scores.append(found)
    job.write(_table(sample, scores), "explain/scores.parquet")
    table = agreement(scores, sample, resamples=job.settings.evaluate.bootstrap, seed=seed)
    job.write(table, "explain/agreement.tsv")
    return sample, scores


def methods_of(settings: ExplainSettings) -> "dict[str, Method]":
    """Return the study's methods by name, on both strands where it says so."""
    from phenolens.explain.methods import METHODS, both_strands

    return {name: both_strands(METHODS[name]) if settings.both_strands else METHODS[name] for name in settings.methods}


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


def _table(sample: pl.DataFrame, scores: list[BaseScores]) -> pl.DataFrame:
    """Return sequence_id, label, method, scores: the scores of every base of every sequence by every method."""
    # of rows of one length, as numpy arrays, polars would make arrays of a fixed width
    lengths, kind = sample["sequence"].str.len_bytes().to_list(), pl.List(pl.Float32)
    tables = [
        sample.select(
            "sequence_id",
            "label",
            pl.lit(found.method).alias("method"),
            pl.Series("scores", [pl.Series(row[:n]) for row, n in zip(found.values, lengths, strict=True)], dtype=kind),
        )
        for found in scores
    ]
    schema: dict[str, Any] = {"sequence_id": pl.String, "label": pl.String, "method": pl.String, "scores": kind}
    return pl.concat([pl.DataFrame(schema=schema), *tables])
