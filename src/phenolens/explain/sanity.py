"""Models that have learned nothing, whose scores must then explain nothing (Adebayo et al., NeurIPS 2018).

A method whose scores are as good on random weights, or look the same there, shows the sequence and not what the model has learned.
One model with random weights prefers some words to others, by chance and in all sequences alike, so sequences do not make up for
its luck: several are drawn, each scores its share of the groups, and what is resampled is the draws.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from phenolens.core.settings_learn import TrainSettings
from phenolens.core.types import BaseScores
from phenolens.explain.methods import Method
from phenolens.model.architecture import random_model
from phenolens.model.load import Loaded
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.train import train

DRAWS = 10


def random_weights(loaded: Loaded, settings: TrainSettings, seed: int) -> Loaded:
    """Return the same architecture, tokens and classes with weights drawn anew.

    Parameters
    ----------
    loaded : classifier; not changed.
    settings : of its training; trust_remote_code is used.
    seed : of the weights.
    """
    with quiet(), own_randomness(seed):
        return loaded._replace(model=random_model(loaded.model.config, settings), from_scratch=True)


def scores_of_random_weights(
    loaded: Loaded,
    sequences: pl.DataFrame,
    methods: Mapping[str, Method],
    settings: TrainSettings,
    *,
    target: np.ndarray,
    batch_size: int = 64,
    seed: int = 0,
) -> tuple[list[BaseScores], np.ndarray]:
    """Return (scores of each method by models with random weights, int64 (n,) number of the model that scored each sequence).

    Parameters
    ----------
    loaded, settings : as in `random_weights`.
    sequences : columns sequence_id, sequence, group; whole groups go to one of up to 10 models.
    methods : name -> method.
    target : int64 (n,), class to explain of each sequence.
    batch_size : sequences per step.
    seed : of the weights, and of which group goes where.
    """
    _, group = np.unique(sequences["group"].to_numpy(), return_inverse=True)
    number = np.random.default_rng(seed).permutation(group.max(initial=-1) + 1)[group] % DRAWS
    width = max(map(len, sequences["sequence"]), default=0)
    values = {name: np.full((sequences.height, width), np.nan, dtype=np.float32) for name in methods}
    for draw in np.unique(number):
        rows = np.flatnonzero(number == draw)
        ids, texts = (sequences[column].gather(rows).to_list() for column in ("sequence_id", "sequence"))
        model = random_weights(loaded, settings, seed * DRAWS + int(draw))
        for name, method in methods.items():
            found = method(model, ids, texts, target=target[rows], batch_size=batch_size, seed=seed).values
            values[name][rows, : found.shape[1]] = found
    names = sequences["sequence_id"].to_list()
    return [BaseScores(names, found, name) for name, found in values.items()], number


def permuted_labels(start: Loaded, sequences: pl.DataFrame, settings: TrainSettings, seed: int) -> Loaded:
    """Return `start` trained on labels that were permuted within each split, so that nothing can be learned but by heart.

    Parameters
    ----------
    start : classifier that is ready to be trained; it is the one that is trained.
    sequences : columns sequence_id, sequence, label, split, group.
    settings : of the training.
    seed : of the permutation and the training.
    """
    generator = np.random.default_rng(seed)
    shuffled = pl.col("label").gather(pl.Series(_within(sequences["split"].to_numpy(), generator)))
    with TemporaryDirectory(prefix="phenolens-") as folder:
        train(start, sequences.with_columns(shuffled), Path(folder), settings, seed)
    return start


def _within(splits: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return int64 (n,): a permutation of the rows that leaves every split in place."""
    order = np.arange(len(splits))
    for split in np.unique(splits):
        rows = np.flatnonzero(splits == split)
        order[rows] = generator.permutation(rows)
    return order
