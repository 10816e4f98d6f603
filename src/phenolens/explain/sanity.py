"""Models that have learned nothing, whose scores must then explain nothing (Adebayo et al., NeurIPS 2018).

A method whose scores are as good on random weights, or look the same there, shows the sequence and not what the model has learned.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.architecture import random_model
from phenolens.model.load import Loaded
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.train import train

RANDOM_WEIGHTS, PERMUTED_LABELS = "random weights", "permuted labels"


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
