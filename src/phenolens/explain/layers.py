"""Which layer holds the phenotype, and what fine-tuning changed: probes and pictures of every layer before and after it.

The same sequences, folds and resamples serve both states, 6-mer counts and all layers, so that differences are paired.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from phenolens.core.errors import PhenolensError
from phenolens.core.kmers import kmer_counts
from phenolens.core.schemas_layers import LAYERS, PROJECTION
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.stats import group_bootstrap_weights, interval
from phenolens.core.table import check, empty
from phenolens.explain.features import Features, features
from phenolens.explain.probe import METRICS, Task, out_of_fold, probe_scores, silhouettes, task, weighted_mean
from phenolens.explain.projection import project, project_counts
from phenolens.model.load import Loaded

K = 6
COUNTS = f"{K}-mers"
CONSTANT = "the features are the same for every sequence"

Place = tuple[str | None, int | None]  # pooling, layer
Samples = dict[str, np.ndarray | None]  # metric -> its value, then its value in every resample; None where undefined


class LayerTables(NamedTuple):
    """Tables LAYERS and PROJECTION."""

    layers: pl.DataFrame
    projection: pl.DataFrame


def draw(sequences: pl.DataFrame, limit: int, seed: int) -> pl.DataFrame:
    """Return at most `limit` sequences, as evenly as can be over the pairs of class and split, in an order whose beginning is such a draw too.

    Parameters
    ----------
    sequences : columns sequence_id, label, split; their order does not matter.
    limit, seed : how many, and of the draw.
    """
    ordered = sequences.sort("sequence_id")
    shuffled = ordered[np.random.default_rng(seed).permutation(ordered.height)]
    turn = pl.int_range(pl.len()).over("label", "split")
    return shuffled.with_columns(turn.alias("turn")).sort("turn", "label", "split").head(limit).drop("turn")


def layer_tables(
    models: Mapping[str, Callable[[], Loaded]],
    sequences: pl.DataFrame,
    settings: ExplainSettings,
    *,
    resamples: int = 1000,
    seed: int = 1,
) -> LayerTables:
    """Return what a probe reads from every layer of each model and from 6-mer counts, and the pictures of the chosen layers.

    A model that cannot be loaded, and classes that cannot be probed, have rows without a value and the reason.

    Parameters
    ----------
    models : state ("before", "after") -> what loads the model; one is held at a time.
    sequences : columns sequence_id, sequence, label, group, split.
    settings : layer_splits, layer_sample, probe_folds, projections, projection_layers, projection_sample and batch_size are used.
    resamples : of whole groups; 0 gives no intervals.
    seed : of sample, folds, resamples and pictures.
    """
    sample = draw(sequences.filter(pl.col("split").is_in(settings.layer_splits)), settings.layer_sample, seed)
    asked = task(sample["label"].to_list(), sample["group"].to_list(), folds=settings.probe_folds, seed=seed)
    weights = _weights(asked, resamples, seed)
    found: dict[str, dict[Place, Samples]] = {}
    rows: list[tuple[object, ...]] = []
    pictures = [empty(PROJECTION)]
    for state, load in models.items():
        try:
            seen = features(load(), sample["sequence"].to_list(), batch_size=settings.batch_size)
        except PhenolensError as error:
            rows += _absent(state, str(error))
            continue
        if sample.is_empty():
            rows += _absent(state, asked.note)
            continue
        readable = ~np.isnan(seen.mean[:, 0, 0])
        found[state] = dict(_probed(seen, readable, asked, weights))
        pictures += _layer_pictures(seen, readable, sample["sequence_id"], state, settings, seed)
    counts = kmer_counts(sample["sequence"], K)
    found[COUNTS] = {(None, None): _measured(_profiles(counts), asked, weights)}
    shown = sample["sequence_id"].head(settings.projection_sample)
    drawn = project_counts(counts[: len(shown)], settings.projections, seed)
    pictures += [_picture(shown, COUNTS, None, method, points) for method, points in drawn.items()]
    for state, places in (found | _changes(found)).items():
        rows += [row for place, samples in places.items() for row in _rows(state, place, samples, asked)]
    rows += _chance(asked)
    table = pl.DataFrame(rows, schema={name: column.dtype for name, column in LAYERS.columns.items()}, orient="row")
    return LayerTables(check(table, LAYERS), check(pl.concat(pictures), PROJECTION))


def _absent(state: str, note: str | None) -> list[tuple[object, ...]]:
    return [(state, None, None, metric, None, None, None, 0, note) for metric in METRICS]


def _weights(asked: Task, resamples: int, seed: int) -> np.ndarray:
    """Return float64 (1 + resamples, G): ones, then how often each group was drawn."""
    if not len(asked.groups):
        return np.zeros((0, 0))
    ones = np.ones((1, int(asked.groups.max()) + 1))
    return np.concatenate([ones, *group_bootstrap_weights(asked.groups, resamples, seed)])


def _probed(seen: Features, readable: np.ndarray, asked: Task, weights: np.ndarray) -> Iterator[tuple[Place, Samples]]:
    """Yield (place, samples) of both poolings of every layer; a sequence without a token has the mean of the others, which says nothing."""
    for pooling, values in seen._asdict().items():
        for layer in range(values.shape[1]):
            here = values[:, layer]
            middle = here[readable].mean(axis=0) if readable.any() else np.zeros(here.shape[1], dtype=here.dtype)
            yield (pooling, layer), _measured(np.where(readable[:, None], here, middle), asked, weights)


def _measured(values: np.ndarray, asked: Task, weights: np.ndarray) -> Samples:
    """Return every metric of features (n, D), with its resamples."""
    if not len(asked.folds):
        return dict.fromkeys(METRICS)
    kept = values[asked.rows]
    near = silhouettes(kept, asked)
    scores = probe_scores(out_of_fold(kept, asked), asked, weights)
    return scores | {"silhouette": None if near is None else weighted_mean(near, asked, weights)}


def _profiles(counts: csr_array) -> np.ndarray:
    """Return square roots of k-mer frequencies, float64 (n, F), as the baseline reads them."""
    dense = counts.toarray().astype(float)
    profiles: np.ndarray = np.sqrt(dense / np.maximum(dense.sum(axis=1, keepdims=True), 1))
    return profiles


def _changes(found: Mapping[str, dict[Place, Samples]]) -> dict[str, dict[Place, Samples]]:
    """Return after minus before, resample by resample, where both are there."""
    if not {"before", "after"} <= set(found):
        return {}
    before, after = found["before"], found["after"]
    changes: dict[Place, Samples] = {}
    for place in (place for place in after if place in before):
        pairs = {metric: (before[place][metric], after[place][metric]) for metric in METRICS}
        changes[place] = {m: None if a is None or b is None else a - b for m, (b, a) in pairs.items()}
    return {"change": changes}


def _rows(state: str, place: Place, samples: Samples, asked: Task) -> Iterator[tuple[object, ...]]:
    for metric, values in samples.items():
        if values is None:
            note = CONSTANT if len(asked.folds) else asked.note
            yield (state, *place, metric, None, None, None, len(asked.rows), note)
            continue
        low, high = interval(values[1:])
        numbers = [None if np.isnan(number) else float(number) for number in (values[0], low, high)]
        yield (state, *place, metric, *numbers, len(asked.rows), asked.note)


def _chance(asked: Task) -> list[tuple[object, ...]]:
    """Return what guessing gives: one of C classes, and either order of a pair."""
    values = {"balanced_accuracy": 1 / asked.classes, "auroc_macro": 0.5} if asked.classes else {}
    return [("chance", None, None, metric, v, None, None, len(asked.rows), None) for metric, v in values.items()]


def _layer_pictures(
    seen: Features, readable: np.ndarray, ids: pl.Series, state: str, settings: ExplainSettings, seed: int
) -> list[pl.DataFrame]:
    """Return PROJECTION of the chosen layers; layers that the model does not have are left out."""
    shown = np.flatnonzero(readable)[: settings.projection_sample]
    depth = seen.mean.shape[1]
    chosen = dict.fromkeys(layer % depth for layer in settings.projection_layers if -depth <= layer < depth)
    tables = []
    for layer in chosen:
        drawn = project(seen.mean[shown, layer], settings.projections, seed)
        tables += [_picture(ids[shown], state, layer, method, points) for method, points in drawn.items()]
    return tables


def _picture(ids: pl.Series, space: str, layer: int | None, method: str, points: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {"sequence_id": ids, "space": space, "layer": layer, "method": method, "x": points[:, 0], "y": points[:, 1]},
        schema={name: column.dtype for name, column in PROJECTION.columns.items()},
    )
