import copy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import planted, random_sequences, tiny_settings
from tiny_folders import tiny_folder
from transformers import AutoModelForSequenceClassification

from phenolens.core.errors import SettingsError
from phenolens.model.adapt import parameters, plain_weights
from phenolens.model.architecture import is_head
from phenolens.model.load import load, load_folder, save
from phenolens.model.predict import predict
from phenolens.model.train import train

LABELS = ("with", "without")
TABLE = planted(40, 30, 1).table
SEQUENCES = random_sequences(6, 35, 2)
QUICK = {"max_tokens": 40, "batch_size": 4, "epochs": 2}


class StoppedError(Exception):
    """A crash in the middle of a training."""


def adapted(folder, **changes):
    return load(str(folder), LABELS, tiny_settings(**QUICK, **changes), 1)


def moved(before, model):
    """Names of the parameters that are not what they were."""
    return {name for name, weight in model.named_parameters() if not torch.equal(before[name], weight)}


@pytest.mark.parametrize("family", ["bert", "gpt2", "modernbert", "esm"])
def test_low_rank_updates_train_and_become_a_plain_folder(tmp_path, family):
    folder = tiny_folder(tmp_path / "given", family)
    loaded, full = adapted(folder, adapt="lora"), adapted(folder)
    np.testing.assert_allclose(predict(loaded, SEQUENCES), predict(full, SEQUENCES), atol=1e-6)  # B starts at 0
    before = {name: p.detach().clone() for name, p in loaded.model.named_parameters()}
    train(loaded, TABLE, tmp_path / "run", tiny_settings(**QUICK, adapt="lora"), 1)
    changed = moved(before, loaded.model)
    assert changed == {n for n in before if "lora_" in n or is_head(loaded.model, n)}
    assert any("lora_B" in name for name in changed)
    expected = predict(loaded, SEQUENCES)
    save(loaded, tmp_path / "run")
    np.testing.assert_allclose(predict(load_folder(tmp_path / "run"), SEQUENCES), expected, atol=1e-5)
    np.testing.assert_array_equal(predict(loaded, SEQUENCES), expected)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run")
    assert set(plain.state_dict()) == set(full.model.state_dict())
    assert not [
        key for key in load_file(tmp_path / "run" / "model.safetensors") if "lora" in key or "base_layer" in key
    ]


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_merged_weights_are_w_plus_alpha_over_r_times_b_a(tmp_path, family):
    folder = tiny_folder(tmp_path, family)
    loaded = adapted(folder, adapt="lora", lora_rank=3, lora_alpha=12)
    with torch.no_grad():
        for name, weight in loaded.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(generator=torch.Generator().manual_seed(1))
    state, plain = loaded.model.state_dict(), plain_weights(loaded.model)
    layers = [key.removesuffix(".lora_A.default.weight") for key in state if "lora_A" in key]
    assert len(layers) == (4 if family == "bert" else 2)
    for layer in layers:
        a, b = (state[f"{layer}.lora_{x}.default.weight"] for x in "AB")
        assert a.shape[0] == b.shape[1] == 3
        update = 4 * b @ a
        update = update.T if family == "gpt2" else update  # GPT-2 keeps its matrices the other way round
        torch.testing.assert_close(plain[f"{layer}.weight"], state[f"{layer}.base_layer.weight"] + update)


def test_targets_of_the_study_are_used(tmp_path):
    loaded = adapted(
        tiny_folder(tmp_path, "bert"), adapt="lora", lora_targets=("encoder.layer.1.attention.self.key", "dense")
    )
    updated = {name.split(".lora_A")[0] for name, _ in loaded.model.named_parameters() if "lora_A" in name}
    dense = {
        f"bert.encoder.layer.{i}.{part}.dense"
        for i in (0, 1)
        for part in ("attention.output", "intermediate", "output")
    }
    assert updated == dense | {"bert.encoder.layer.1.attention.self.key"}  # and not the pooler, which is trained whole


@pytest.mark.parametrize(
    ("family", "targets", "message"),
    [
        ("bert", ("query", "q_proj"), r"no module 'q_proj' in its encoder; expected .*: dense, key, query, value"),
        ("gpt2", ("uery",), r"no module 'uery' in its encoder; expected some of its modules: c_attn, c_fc, c_proj"),
        ("bert", ("classifier",), "no module 'classifier' in its encoder"),
        ("megatron-bert", (), r"no default for megatron-bert models; expected .*: dense, key, query, value"),
    ],
)
def test_targets_that_do_not_exist_are_named_before_training(tmp_path, family, targets, message):
    folder = tiny_folder(tmp_path, family)
    with pytest.raises(SettingsError, match=f"^settings, train.lora_targets: .*{message}"):
        adapted(folder, adapt="lora", lora_targets=targets)


@pytest.mark.parametrize("family", ["bert", "esm"])
def test_a_frozen_encoder_stays_as_it_is_and_without_dropout(tmp_path, family):
    loaded = adapted(tiny_folder(tmp_path / "given", family), adapt="frozen", dropout=0.5)
    before = {name: p.detach().clone() for name, p in loaded.model.named_parameters()}
    settings = tiny_settings(**QUICK, adapt="frozen", dropout=0.5)
    train(loaded, TABLE, tmp_path / "run", settings, 1)
    assert moved(before, loaded.model) == {name for name in before if is_head(loaded.model, name)}
    ids = torch.arange(5, 9)[None].repeat(1, 5)
    loaded.model.train()
    states = [loaded.model.base_model(input_ids=ids)[0] for _ in range(2)]
    assert torch.equal(*states)
    logits = [loaded.model(input_ids=ids).logits for _ in range(2)]
    assert not torch.equal(*logits)  # the head keeps its dropout
    save(loaded, tmp_path / "run")
    np.testing.assert_array_equal(predict(load_folder(tmp_path / "run"), SEQUENCES), predict(loaded, SEQUENCES))


def test_a_stopped_training_of_updates_goes_on_to_the_same_result(tmp_path):
    folder = tiny_folder(tmp_path / "given", "bert")
    settings = tiny_settings(**QUICK | {"epochs": 3}, adapt="lora")

    def stop(done, *_):
        if done == 14:  # of 18, in the last epoch
            raise StoppedError

    steps = []
    whole, cut, resumed = (adapted(folder, adapt="lora") for _ in range(3))
    expected = train(whole, TABLE, tmp_path / "whole", settings, 1)
    with pytest.raises(StoppedError):
        train(cut, TABLE, tmp_path / "cut", settings, 1, stop)
    found = train(resumed, TABLE, tmp_path / "cut", settings, 1, lambda done, *_: steps.append(done))
    assert min(steps) == 13
    assert found.equals(expected)
    first, second = plain_weights(whole.model), plain_weights(resumed.model)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_plain_weights_leave_the_model_alone(tmp_path):
    loaded = adapted(tiny_folder(tmp_path, "esm"), adapt="lora")
    before = copy.deepcopy(loaded.model.state_dict())
    plain_weights(loaded.model)["esm.encoder.layer.0.attention.self.query.weight"] += 1
    assert all(torch.equal(before[key], weight) for key, weight in loaded.model.state_dict().items())
    assert parameters(loaded.model)[1] < parameters(loaded.model)[0]
