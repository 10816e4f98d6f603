import importlib.util
import random
import struct

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score
from tensorboardX.proto.event_pb2 import Event
from tiny import file_size_limit, planted, tiny_loaded, tiny_settings
from trainings import TABLE, UNEVEN, StoppedError, equal, stop_at, trained, weights_of

from phenolens.core.errors import DataError, SettingsError, WriteError
from phenolens.model.predict import predict
from phenolens.model.train import train

LEARN = {"bert": {"epochs": 4}, "gpt2": {"epochs": 8, "patience": 8, "learning_rate": 5e-3}}


def in_double(probabilities):
    return probabilities / probabilities.sum(axis=1, dtype=float, keepdims=True)


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


def test_bf16_trains_and_leaves_model_and_prediction_in_single_precision(tmp_path):
    history, loaded = trained(tmp_path, epochs=1, precision="bf16")
    single, _ = trained(tmp_path, epochs=1, precision="fp32")
    assert history["validation_loss"].to_list() == pytest.approx(single["validation_loss"].to_list(), rel=0.1)
    assert not history.equals(single)
    assert loaded.model.dtype == torch.float32
    texts = TABLE["sequence"].to_list()
    copied = tiny_loaded("bert")
    copied.model.load_state_dict(loaded.model.state_dict())
    np.testing.assert_array_equal(predict(loaded, texts), predict(copied, texts))


def test_token_batches_train_and_their_validation_loss_is_the_mean_over_sequences(tmp_path):
    calls = []
    history, loaded = trained(tmp_path, table=UNEVEN, batch_tokens=500, on_progress=lambda *call: calls.append(call))
    tokens = UNEVEN.filter(split="train")["sequence"].str.len_chars() - 5 + 2
    assert tokens.sum() / 500 <= calls[-1][1] / 4 < 1.3 * tokens.sum() / 500 + 1
    assert history["train_loss"][-1] < history["train_loss"][0]
    rows = UNEVEN.filter(split="validation")
    expected = log_loss(rows["label"] == "without", in_double(predict(loaded, rows["sequence"].to_list())))
    assert history["validation_loss"].min() == pytest.approx(expected, rel=1e-4)


def test_a_motif_beyond_the_head_is_learned_through_windows(tmp_path):
    table = planted(600, 40, 3).table.with_columns(sequence=pl.lit("ACAGATTACC" * 6) + pl.col("sequence"))
    test = table.filter(pl.col("split") == "test")
    found = {}
    for cut, epochs in (("windows", 6), ("head", 1)):  # of 100 bases; the head ends at the 55th
        _, loaded = trained(tmp_path, table=table, cut=cut, max_tokens=52, epochs=epochs)
        found[cut] = predict(loaded, test["sequence"].to_list())[:, 0]
    assert roc_auc_score(test["label"] == "with", found["windows"]) > 0.95
    assert np.ptp(found["head"]) < 1e-5


def test_epochs_are_told_as_they_stand_in_the_history(tmp_path):
    told = []
    history = train(
        tiny_loaded("bert"), TABLE, tmp_path, tiny_settings(epochs=2), 1, on_epoch=lambda *row: told.append(row)
    )
    assert told == history.rows()


def test_train_loss_is_the_mean_over_the_steps_of_an_epoch(tmp_path):
    calls = []
    history, _ = trained(tmp_path, epochs=2, batch_size=20, checkpoint_steps=2, on_progress=lambda *c: calls.append(c))
    losses = {done: loss for done, _, loss, _ in calls}
    expected = [np.mean([losses[i] for i in steps]) for steps in ((1, 2, 3), (4, 5, 6))]
    assert history["train_loss"].to_list() == pytest.approx(expected, rel=1e-5)


def test_log_is_tensorboard_s_and_holds_the_history(tmp_path):
    history, _ = trained(tmp_path, epochs=2, log_to=["tensorboard"])
    (file,) = (tmp_path / "logs").iterdir()
    found = [value.simple_value for event in events(file) for value in event.summary.value if value.tag == "eval/loss"]
    assert found == pytest.approx(history["validation_loss"].to_list(), rel=1e-6)


def events(file):
    """Yield the records of a TensorBoard file: length (8 bytes), its checksum (4), the event, its checksum (4)."""
    content, at = file.read_bytes(), 0
    while at < len(content):
        (size,) = struct.unpack("<Q", content[at : at + 8])
        yield Event.FromString(content[at + 12 : at + 12 + size])
        at += 16 + size


@pytest.mark.parametrize("name", ["mlflow", "wandb", "comet_ml"])
def test_a_tracker_that_is_not_installed_is_named_before_anything_is_done(tmp_path, name):
    if importlib.util.find_spec(name) is not None:
        pytest.skip(f"{name} is installed")
    package = name.replace("_", "-")
    with pytest.raises(SettingsError, match=rf"train.log_to: {package} is not installed; pip install {package}, or"):
        trained(tmp_path / "run", log_to=["tensorboard", name])
    assert not (tmp_path / "run").exists()


def test_batches_that_cannot_be_made_are_named(tmp_path, monkeypatch):
    with pytest.raises(
        SettingsError, match=r"train.batch_tokens: 30 tokens do not hold a sequence of 37; expected at least 37"
    ):
        trained(tmp_path, batch_tokens=30)
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(SettingsError, match=r"train.batch_size: 4 sequences cannot be shared by 8 processes"):
        trained(tmp_path, batch_size=4)


@pytest.mark.parametrize(
    "size", [100_000, 700_000]
)  # the weights do not fit; the weights do, the optimizer's state does not
def test_full_disk_is_one_sentence(tmp_path, size):
    with file_size_limit(size), pytest.raises(WriteError, match="checkpoints: the model could not be written"):
        trained(tmp_path, epochs=1)
