"""Pre-training: what is hidden, what is learned, that an interrupted one goes on, and that the result is a real folder."""

import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
import torch
from tiny import random_sequences
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from phenolens.core.errors import DataError, SettingsError
from phenolens.core.settings_learn import PretrainSettings, TrainSettings
from phenolens.model.load import load
from phenolens.model.pretrain import pretrain

TINY = {"layers": 1, "width": 32, "heads": 2, "intermediate": 32, "k": 3, "lengths": (32,), "batch_tokens": 512}


def tandem(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


@pytest.fixture(scope="module")
def repeats() -> list[str]:
    """Text that can be foretold: random 300-base blocks, each written several times."""
    return ["".join(tandem(block, 900) for block in random_sequences(4, 7, seed)) for seed in range(60)]


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_it_learns_what_can_be_foretold_and_the_folder_is_hugging_faces(family, repeats, tmp_path):
    settings = PretrainSettings(
        **TINY | {"family": family, "vocabulary": 300, "batch_tokens": 1024},
        tokens=120_000,
        report_steps=60,
        learning_rate=5e-3,
    )
    seen = []
    curve = pretrain(repeats, tmp_path / "model", settings, 1, lambda *report: seen.append(report))
    first, last = curve["validation_loss"].drop_nulls()[0], curve["validation_loss"].drop_nulls()[-1]
    assert last < first < np.log(300) + 0.5
    assert last < 0.8 * np.log(64 if family == "bert" else 300)
    assert [done for done, *_ in seen if done] == sorted(done for done, *_ in seen if done)
    auto = AutoModelForMaskedLM if family == "bert" else AutoModelForCausalLM
    model, info = auto.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not info["missing_keys"]
    assert model.config.architectures == [type(model).__name__]
    assert model.config.vocab_size == len(AutoTokenizer.from_pretrained(tmp_path / "model"))
    loaded = load(str(tmp_path / "model"), ["a", "b"], TrainSettings(max_tokens=32), 1)
    weights = {k: v for k, v in loaded.model.base_model.state_dict().items() if "pooler" not in k}
    for key, value in model.base_model.state_dict().items():
        if "pooler" not in key:
            assert torch.equal(value, weights[key]), key
    assert not (tmp_path / "model" / "checkpoints").exists()


KILLED = """
import os, sys
from pathlib import Path
from phenolens.core.settings_learn import PretrainSettings
from phenolens.model.pretrain import pretrain
def watch(done, total, loss, validation):
    if done == 25:
        os.kill(os.getpid(), 9)
settings = PretrainSettings.model_validate_json(sys.argv[2])
pretrain(Path(sys.argv[3]).read_text().split(), Path(sys.argv[1]), settings, 1, watch)
"""


def test_killed_and_called_again_it_ends_with_the_same_weights(tmp_path):
    pieces = random_sequences(60, 300, 3)
    settings = PretrainSettings(**TINY, tokens=512 * 40, report_steps=10)
    whole = pretrain(pieces, tmp_path / "whole", settings, 1)
    (tmp_path / "pieces").write_text("\n".join(pieces))
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(tmp_path / "cut"),
        settings.model_dump_json(),
        str(tmp_path / "pieces"),
    ]
    assert subprocess.run(command, check=False).returncode == -9
    assert any((tmp_path / "cut" / "checkpoints").glob("checkpoint-*"))
    steps = []
    began = time.monotonic()
    resumed = pretrain(pieces, tmp_path / "cut", settings, 1, lambda done, *_: steps.append(done))
    assert min(steps) > 20, f"began again at step {min(steps)} after {time.monotonic() - began:.0f} s"
    assert resumed.equals(whole)
    one, other = (AutoModelForMaskedLM.from_pretrained(tmp_path / x).state_dict() for x in ("whole", "cut"))
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("change", [{"seed": 2}, {"learning_rate": 7e-4}, {"pieces": 299}])
def test_checkpoints_of_another_pretraining_are_not_gone_on_from(change, tmp_path):
    pieces, settings = random_sequences(60, 300, 3), PretrainSettings(**TINY, tokens=512 * 6, report_steps=2)

    def stop(done: int, *_: object) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(pieces, tmp_path / "m", settings, 1, stop)
    steps = []
    rate = change.get("learning_rate", settings.learning_rate)
    other = settings.model_copy(update={"learning_rate": rate})
    texts = [piece[: change.get("pieces", 300)] for piece in pieces]
    pretrain(texts, tmp_path / "m", other, change.get("seed", 1), lambda done, *_: steps.append(done))
    assert min(steps) <= 1


def test_too_little_dna(tmp_path):
    with pytest.raises(DataError, match=r"pretrain: 64 bases in 1 stretches are left to read; expected at least two"):
        pretrain(["ACGT" * 16], tmp_path / "model", PretrainSettings(**TINY), 1)
    assert not (tmp_path / "model").exists()


def test_heads_that_do_not_divide_the_width(tmp_path):
    with pytest.raises(SettingsError, match="3 heads do not divide a width of 32"):
        pretrain(random_sequences(60, 100, 1), tmp_path / "m", PretrainSettings(**TINY | {"heads": 3}), 1)


def test_curve_has_declared_columns(tmp_path):
    settings = PretrainSettings(**TINY, tokens=512 * 4, report_steps=2)
    curve = pretrain(random_sequences(60, 100, 1), tmp_path / "m", settings, 1)
    assert curve.schema == {
        "step": pl.Int64,
        "tokens": pl.Int64,
        "train_loss": pl.Float64,
        "validation_loss": pl.Float64,
    }
    assert curve["step"].to_list() == [2, 4]
    assert curve["tokens"].to_list() == [1024, 2048]
