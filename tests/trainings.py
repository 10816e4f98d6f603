"""A tiny training in one call, for every test of what a training does; and how it is stopped as a crash would."""

import polars as pl
import torch
from tiny import planted, tiny_loaded, tiny_settings

from phenolens.model.train import train

TABLE = planted(100, 40, 3).table
UNEVEN = TABLE.with_columns(pl.col("sequence").str.slice(0, 24 + pl.int_range(pl.len()) % 17))


class StoppedError(Exception):
    """Raised by a test's on_progress to leave a training as a crash would."""


def stop_at(step):
    def on_progress(done, *_):
        if done == step:
            raise StoppedError

    return on_progress


def trained(folder, *, seed=1, table=TABLE, on_progress=None, family="bert", **changes):
    loaded, settings = tiny_loaded(family, **changes), tiny_settings(**changes)
    history = train(loaded, table, folder, settings, seed, *([on_progress] if on_progress else []))
    return history, loaded


def weights_of(loaded):
    return {name: value.clone() for name, value in loaded.model.state_dict().items()}


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)
