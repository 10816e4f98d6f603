import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score
from tiny import file_size_limit, planted, tiny_loaded, tiny_settings

from phenolens.core.errors import DataError, SettingsError, WriteError
from phenolens.model.predict import predict
from phenolens.model.train import class_weights, train

TABLE = planted(100, 40, 3).table
LEARN = {"bert": {"epochs": 4}, "gpt2": {"epochs": 8, "patience": 8, "learning_rate": 5e-3}}


class StoppedError(Exception):
    """Raised by a test's on_progress to leave a training as a crash would."""


def weights_of(loaded):
    return {name: value.clone() for name, value in loaded.model.state_dict().items()}


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def trained(folder, *, seed=1, table=TABLE, on_progress=None, **changes):
    loaded, settings = tiny_loaded("bert", **changes), tiny_settings(**changes)
    history = train(loaded, table, folder, settings, seed, *([on_progress] if on_progress else []))
    return history, loaded


def in_double(probabilities):
    return probabilities / probabilities.sum(axis=1, dtype=float, keepdims=True)


def stop_at(step):
    def on_progress(done, *_):
        if done == step:
            raise StoppedError

    return on_progress


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_planted_8_mer_is_learned(tmp_path, family):
    table = planted(600, 40, 3).table
    training = table.filter(pl.col("split") == "train")["sequence"].to_list()
    loaded, settings = tiny_loaded(family, sequences=training, **LEARN[family]), tiny_settings(**LEARN[family])
    train(loaded, table, tmp_path, settings, 1)
    test = table.filter(pl.col("split") == "test")
    assert roc_auc_score(test["label"] == "with", predict(loaded, test["sequence"].to_list())[:, 0]) > 0.95


def test_same_seed_same_weights_other_seed_others(tmp_path):
    (history, first), (again, second), (_, other) = (
        trained(tmp_path / str(i), seed=s, epochs=2, dropout=0.1) for i, s in enumerate((1, 1, 2))
    )
    assert history.equals(again)
    assert equal(weights_of(first), weights_of(second))
    assert not equal(weights_of(first), weights_of(other))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from tiny import planted, tiny_loaded, tiny_settings
from phenolens.model.train import train

torch.set_num_threads(1)
changes = {"epochs": 4, "dropout": 0.1, "accumulate": 2, "batch_size": 8}

def on_progress(done, *_):
    if done == 10:
        os.kill(os.getpid(), signal.SIGKILL)

train(tiny_loaded("bert", **changes), planted(100, 40, 3).table, Path(sys.argv[2]), tiny_settings(**changes), 1, on_progress)
"""


def test_killed_training_goes_on_to_the_same_result(tmp_path):
    changes = {"epochs": 4, "dropout": 0.1, "accumulate": 2, "batch_size": 8}
    here = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(here.parent / "src"), "OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", KILLED, here, tmp_path / "killed"], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [p.name for p in (tmp_path / "killed" / "checkpoints").glob("checkpoint-*")] == ["checkpoint-8"]
    steps = []
    resumed, second = trained(tmp_path / "killed", on_progress=lambda done, *_: steps.append(done), **changes)
    whole, first = trained(tmp_path / "whole", **changes)
    assert min(steps) == 9
    assert resumed.equals(whole)
    assert resumed["epoch"].to_list() == [1, 2, 3, 4]
    assert equal(weights_of(first), weights_of(second))
    assert not (tmp_path / "killed" / "checkpoints").exists()


HALF = {"epochs": 4, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def half_way(tmp_path_factory):
    """A whole training, and the folder of one that crashed in its last epoch, with two checkpoints."""
    folder = tmp_path_factory.mktemp("half")
    history, loaded = trained(folder / "whole", **HALF)
    for name, step in (("cut", 14), ("earlier", 10)):  # the Trainer keeps one checkpoint besides the best
        with pytest.raises(StoppedError):
            trained(folder / name, on_progress=stop_at(step), **HALF)
    (folder / "earlier" / "checkpoints" / "checkpoint-8").rename(folder / "cut" / "checkpoints" / "checkpoint-8")
    return history, weights_of(loaded), folder / "cut"


@pytest.mark.parametrize("damaged", ["trainer_state.json", "model.safetensors"])
def test_half_written_checkpoint_is_passed_over(half_way, tmp_path, damaged):
    history, weights, folder = half_way
    shutil.copytree(folder, tmp_path / "cut")
    file = tmp_path / "cut" / "checkpoints" / "checkpoint-12" / damaged
    file.write_bytes(file.read_bytes()[:-100])
    steps = []
    resumed, loaded = trained(tmp_path / "cut", on_progress=lambda done, *_: steps.append(done), **HALF)
    assert min(steps) == 9
    assert resumed.equals(history)
    assert equal(weights_of(loaded), weights)


def dies_before_tidying_up(folder, monkeypatch, **changes):
    def dies(*_):
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr("phenolens.model.train._Trainer._load_best_model", dies)
        with pytest.raises(StoppedError):
            trained(folder, **changes)


@pytest.mark.parametrize("when", ["while it waits", "before tidying up"])
def test_early_stop_and_best_weights_survive_a_crash_and_a_move_of_the_folder(tmp_path, monkeypatch, when):
    changes = {"epochs": 8, "patience": 2, "learning_rate": 5e-2}  # so large that the best epoch is an early one
    whole, first = trained(tmp_path / "whole", **changes)
    best = whole["validation_loss"].arg_min() + 1
    assert whole.height == best + 2 < 8
    if when == "before tidying up":
        dies_before_tidying_up(tmp_path / "cut", monkeypatch, **changes)
    else:
        with pytest.raises(StoppedError):
            trained(tmp_path / "cut", on_progress=stop_at(4 * (best + 1) + 2), **changes)
    (tmp_path / "cut").rename(tmp_path / "moved")
    resumed, second = trained(tmp_path / "moved", **changes)
    assert resumed.equals(whole)
    assert equal(weights_of(first), weights_of(second))


def test_checkpoints_of_other_settings_or_data_are_not_used(tmp_path):
    with pytest.raises(StoppedError):
        trained(tmp_path / "a", seed=1, epochs=2, on_progress=stop_at(6))
    history, second = trained(tmp_path / "a", seed=2, epochs=2)
    fresh, first = trained(tmp_path / "b", seed=2, epochs=2)
    assert history.equals(fresh)
    assert equal(weights_of(first), weights_of(second))


def test_weights_are_those_of_the_lowest_validation_loss(tmp_path):
    weighted = TABLE.filter((pl.col("label") == "with") | (pl.int_range(pl.len()) % 3 == 0))
    history, loaded = trained(tmp_path, epochs=5, learning_rate=2e-2, table=weighted)
    best = history["validation_loss"].arg_min()
    assert best < 4
    rows, train_rows = (weighted.filter(pl.col("split") == s) for s in ("validation", "train"))
    count = train_rows["label"].value_counts()
    share = dict(zip(count["label"], train_rows.height / (2 * count["count"]), strict=True))
    truth, weight = (rows["label"] == "without").to_numpy(), rows["label"].replace_strict(share).to_numpy()
    found = predict(loaded, rows["sequence"].to_list())
    expected = log_loss(truth, in_double(found), sample_weight=weight) * weight.sum() / rows.height
    assert history["validation_loss"][best] == pytest.approx(expected, rel=1e-4)
    assert history["validation_accuracy"][best] == pytest.approx(np.mean(found.argmax(axis=1) == truth))


def test_accumulated_steps_equal_one_large_batch(tmp_path):
    _, one = trained(tmp_path / "one", epochs=1, batch_size=16, accumulate=1)
    _, two = trained(tmp_path / "two", epochs=1, batch_size=4, accumulate=4)
    for name, value in weights_of(one).items():
        torch.testing.assert_close(value, weights_of(two)[name], atol=2e-4, rtol=0)


def test_training_is_silent_and_leaves_process_and_model_as_found(tmp_path, capfd):
    loaded = tiny_loaded("bert")
    loaded.model.eval()
    torch.manual_seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    train(loaded, TABLE, tmp_path, tiny_settings(epochs=1), 1)
    assert capfd.readouterr() == ("", "")
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1], before[2]) == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
    assert not loaded.model.training
    assert loaded.model.device.type == "cpu"
    assert list(tmp_path.iterdir()) == []


def test_progress_tells_every_step_and_the_validation_loss(tmp_path):
    calls = []
    history, _ = trained(tmp_path, epochs=2, on_progress=lambda *call: calls.append(call))
    assert [c[0] for c in calls] == [
        1,
        2,
        3,
        4,
        4,
        5,
        6,
        7,
        8,
        8,
    ]  # each epoch's end is told again with its validation loss
    assert {c[1] for c in calls} == {8}
    assert np.isfinite([c[2] for c in calls]).all()
    assert [c[3] for c in calls[:4]] == [None] * 4
    assert [calls[4][3], calls[-1][3]] == history["validation_loss"].to_list()


def test_reverse_complements_are_added_to_training_only(tmp_path):
    totals = []
    history, _ = trained(
        tmp_path, epochs=1, reverse_complement=True, on_progress=lambda done, total, *_: totals.append(total)
    )
    assert set(totals) == {8}  # 2 x 60 sequences in steps of 16
    both = TABLE.with_columns(
        pl.col("sequence").map_elements(lambda s: s.translate(str.maketrans("ACGT", "TGCA"))[::-1], pl.String)
    )
    augmented = pl.concat([TABLE.filter(split="train"), both.filter(split="train"), TABLE.filter(split="validation")])
    same, _ = trained(tmp_path, epochs=1, table=augmented)
    assert history.equals(same)


def test_class_weights_have_mean_one_over_the_rows():
    classes = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(classes, 3)
    np.testing.assert_allclose(weights, [10 / 18, 10 / 9, 10 / 3], rtol=1e-6)
    assert weights[classes].mean() == pytest.approx(1)


def test_class_weights_off_is_plain_cross_entropy(tmp_path):
    few = TABLE.filter((pl.col("label") == "with") | (pl.int_range(pl.len()) % 3 == 0))
    history, loaded = trained(tmp_path, epochs=1, table=few, class_weights=False)
    rows = few.filter(pl.col("split") == "validation")
    expected = log_loss(rows["label"] == "without", in_double(predict(loaded, rows["sequence"].to_list())))
    assert history["validation_loss"][0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((pl.col("split") != "train") | (pl.col("label") == "with"), "split train has no sequence of class without"),
        (pl.col("split") != "validation", "split validation has no sequence of class with, without"),
        (pl.col("split") == "validation", "split train has no sequence of class with, without"),
    ],
)
def test_missing_classes_are_named(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        trained(tmp_path, table=TABLE.filter(change))


def test_unknown_letters_unknown_classes_and_lost_training_are_named(tmp_path):
    with pytest.raises(DataError, match="unknown to the model's tokenizer"):
        trained(tmp_path, table=TABLE.with_columns(sequence=pl.lit("MKVLWEPQMKVLWEPQ")))
    with pytest.raises(DataError, match="class other is not one of the model's; expected with, without"):
        trained(tmp_path, table=TABLE.with_columns(label=pl.lit("other")))
    with pytest.raises(DataError, match=r"the loss is not a number; lower train.learning_rate"):
        trained(tmp_path, epochs=2, learning_rate=1e30)


def test_half_precision_needs_an_accelerator(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is an accelerator")
    with pytest.raises(SettingsError, match="fp16 needs an accelerator"):
        trained(tmp_path, precision="fp16")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_precisions_train(tmp_path, precision):
    history, loaded = trained(tmp_path, epochs=1, precision=precision)
    assert history["validation_loss"].is_finite().all()
    assert loaded.model.dtype == torch.float32


@pytest.mark.parametrize(
    "size", [100_000, 700_000]
)  # the weights do not fit; the weights do, the optimizer's state does not
def test_full_disk_is_one_sentence(tmp_path, size):
    with file_size_limit(size), pytest.raises(WriteError, match="checkpoints: the model could not be written"):
        trained(tmp_path, epochs=1)
