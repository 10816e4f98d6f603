from pathlib import Path
from unittest.mock import patch

import pytest
from tiny import random_sequences
from tiny_folders import tiny_folder

from phenolens.core.errors import SettingsError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.hub import model_folder
from phenolens.model.load import load
from phenolens.model.registry import REGISTRY

SETTINGS = TrainSettings.model_validate({})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bert-smal", r"no folder and no known model is called 'bert-smal'.*nearest known: bert-small"),
        ("./nowhere/model", "no folder and no known model"),
        (
            "nobody/nothing-xyz",
            r"nobody/nothing-xyz is no local folder and could not be fetched.*bert-small and gpt2-small need none",
        ),
        ("zhihan1996/DNA_bert_6", r"zhihan1996/DNA_bert_6 is no local folder and could not be fetched"),
    ],
)
def test_unknown_names_say_what_was_looked_for(name, message, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match=f"^settings, train.model: {message}"):
        model_folder(name, SETTINGS)


def test_a_row_with_a_folder_is_shipped_and_comes_before_a_folder_of_the_same_name(tmp_path, monkeypatch):
    """What bert-small becomes once its weights are shipped; from_scratch takes its configuration and tokens alone."""
    tiny_folder(tmp_path / "weights" / "tiny", "bert")
    monkeypatch.setattr("phenolens.model.hub.WEIGHTS", tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    Path("bert-small").mkdir()
    row = REGISTRY["bert-small"]._replace(folder="tiny", config={})
    with patch.dict(REGISTRY, {"bert-small": row}):
        assert row.built_in
        assert model_folder("bert-small", SETTINGS) == tmp_path / "weights" / "tiny"
        loaded = load("bert-small", ["a", "b"], SETTINGS, 1, random_sequences(3, 30, 1))
        scratch = SETTINGS.model_copy(update={"from_scratch": True})
        control = load("bert-small", ["a", "b"], scratch, 2)
    assert not loaded.from_scratch
    assert control.from_scratch
    assert control.rule.max_tokens == loaded.rule.max_tokens == 40


@pytest.mark.parametrize("from_scratch", [False, True])
@pytest.mark.parametrize("trusted", [False, True])
def test_only_what_is_needed_comes_from_the_hub(tmp_path, monkeypatch, from_scratch, trusted):
    """The hub's client is stood in for by a folder; weights of pickle come only where there are no safetensors, code only if trusted."""
    asked = []

    def hub(name, allow_patterns):
        asked.append((name, set(allow_patterns)))
        return str(tmp_path)

    monkeypatch.setattr("phenolens.model.hub.snapshot_download", hub)
    settings = SETTINGS.model_copy(update={"from_scratch": from_scratch, "trust_remote_code": trusted})
    assert model_folder("zhihan1996/DNA_bert_6", settings) == tmp_path
    assert [("*.safetensors" in p, "pytorch_model*.bin" in p) for _, p in asked] == (
        [(False, False)] if from_scratch else [(True, False), (False, True)]
    )
    assert all(("*.py" in patterns) == trusted for _, patterns in asked)
    (tmp_path / "model.safetensors").touch()
    asked.clear()
    model_folder("zhihan1996/DNA_bert_6", settings)
    assert len(asked) == 1
