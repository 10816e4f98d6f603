"""Tiny seeded models and sequences with a planted motif, for every test that needs one."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import polars as pl

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.load import Loaded, load
from phenolens.model.registry import REGISTRY, Model

MOTIF = "TGACTCAC"


class Planted(NamedTuple):
    """Sequences of two classes; `with` holds MOTIF once, at `position`; `without` never does (-1)."""

    table: pl.DataFrame
    positions: np.ndarray


def random_sequences(n: int, length: int, seed: int) -> list[str]:
    """Return n random sequences of A, C, G, T."""
    letters = np.random.default_rng(seed).choice(list("ACGT"), size=(n, length))
    return ["".join(row) for row in letters]


def planted(n: int, length: int, seed: int, shares: tuple[float, float] = (0.6, 0.2)) -> Planted:
    """Return n sequences, every other one with the motif, dealt into train, validation, test by these shares (rest = test)."""
    rng = np.random.default_rng(seed)
    background = [s.replace(MOTIF, MOTIF[::-1]) for s in random_sequences(n, length, seed)]
    positions = np.where(np.arange(n) % 2 == 0, rng.integers(5, length - len(MOTIF) - 5, size=n), -1)
    sequences = [
        s if p < 0 else s[:p] + MOTIF + s[p + len(MOTIF) :] for s, p in zip(background, positions, strict=True)
    ]
    split = np.repeat(
        ["train", "validation", "test"],
        [int(n * shares[0]), int(n * shares[1]), n - int(n * shares[0]) - int(n * shares[1])],
    )
    table = pl.DataFrame(
        {
            "sequence_id": [f"s{i}" for i in range(n)],
            "sequence": sequences,
            "label": np.where(positions >= 0, "with", "without"),
            "split": split,
            "group": [f"g{i}" for i in range(n)],
        }
    )
    return Planted(table, positions)


def tiny_row(family: str) -> Model:
    """Return a registry row of a very small model that starts from random weights."""
    if family == "bert":
        sizes = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
        return Model("bert", "kmer", 6, 0, sizes, "tiny BERT")
    return Model("gpt2", "bpe", 0, 300, {"n_layer": 2, "n_embd": 32, "n_head": 2}, "tiny GPT-2")


def tiny_settings(**changes) -> TrainSettings:
    """Return settings that suit the tiny models; `changes` win."""
    quick = {"max_tokens": 64, "learning_rate": 1e-2, "batch_size": 16, "epochs": 4, "patience": 4, "cut": "head_tail"}
    quick["log_to"] = ()
    return TrainSettings.model_validate(quick | changes)


def tiny_loaded(
    family: str,
    *,
    seed: int = 1,
    labels: tuple[str, ...] = ("with", "without"),
    sequences: Sequence[str] = (),
    **changes,
) -> Loaded:
    """Return an untrained tiny classifier of a family (bert, gpt2); `sequences` train the latter's tokenizer."""
    name = f"tiny-{family}"
    with patch.dict(REGISTRY, {name: tiny_row(family)}):
        return load(name, labels, tiny_settings(**changes), seed, sequences or random_sequences(50, 80, 7))


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes inside the block, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
