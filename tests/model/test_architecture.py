import json

import numpy as np
import pytest
import torch
from tiny import random_sequences, tiny_settings
from tiny_folders import SIZES, tiny_folder
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from phenolens.core.errors import InputError
from phenolens.model.architecture import configuration, fit, is_head, longest_input, random_model, trained_model
from phenolens.model.load import load, load_folder, save
from phenolens.model.predict import predict
from phenolens.model.registry import FAMILIES

LABELS = ["a", "b", "c"]
SETTINGS = tiny_settings(max_tokens=1000)
SMALL = {
    "num_hidden_layers": 3,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 16,
    "pad_token_id": 1,
}


def on_paper(family, settings):
    """A model of a family without any memory for its weights."""
    config = AutoConfig.for_model(family, **SMALL)
    notes = fit(config, LABELS, settings)
    with torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(config), notes


@pytest.mark.parametrize("family", FAMILIES)
def test_every_familys_names_exist_and_its_dropout_is_what_the_settings_say(family):
    known = AutoConfig.for_model(family)
    row = FAMILIES[family]
    assert all(hasattr(known, key) for key in row.dropout if key != "classifier_dropout")
    model, notes = on_paper(family, tiny_settings(dropout=0.25))
    layers = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    of_attention = (".self.dropout", ".attn_dropout", ".out_drop", ".attention_dropout", ".attention.dropout")
    attention = {name for name in layers if name.endswith(of_attention)}
    assert {layers[name] for name in attention} <= {0.0}
    assert {p for name, p in layers.items() if name not in attention} <= {0.25}
    assert bool(notes) == (not row.dropout)
    numbers = [getattr(module, "attention_dropout", 0.0) for module in model.modules()]
    assert not any(p for p in numbers if isinstance(p, float))
    modules = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    assert set(row.lora) <= modules


def test_a_family_that_is_not_in_the_table_keeps_its_dropout_and_says_so():
    config = AutoConfig.for_model("megatron-bert", **SMALL)
    assert fit(config, LABELS, tiny_settings(dropout=0.25)) == [
        "train.dropout is not known to megatron-bert models: the dropout of config.json stays"
    ]
    assert config.hidden_dropout_prob == 0.1


@pytest.mark.parametrize("family", SIZES)
def test_only_the_head_of_a_masked_or_causal_model_starts_anew(tmp_path, family):
    tiny_folder(tmp_path, family)
    loaded = load(str(tmp_path), LABELS, SETTINGS, 1)
    kept = AutoModel.from_pretrained(tmp_path).state_dict()
    prefix = f"{loaded.model.base_model_prefix}."
    inside = {k.removeprefix(prefix): w for k, w in loaded.model.state_dict().items() if k.startswith(prefix)}
    encoder = {k for k in inside if is_head(loaded.model, prefix + k) is False}
    assert len(encoder) > 10
    assert all(torch.equal(inside[k], kept[k]) for k in encoder)
    head = "score" if family in ("gpt2", "mistral") else "classifier"
    first = "classifier, pooler" if family in ("bert", "megatron-bert") else head
    assert loaded.notes[-1].split(": ", 1)[1] == (
        f"{first} {'start' if ',' in first else 'starts'} from random weights for 3 classes"
    )
    again = load(str(tmp_path), LABELS, SETTINGS, 1).model.state_dict()
    assert all(torch.equal(again[k], w) for k, w in loaded.model.state_dict().items())


def test_a_new_pooler_is_drawn_with_the_models_own_range(tmp_path):
    tiny_folder(tmp_path, "bert", hidden_size=128, initializer_range=0.05)
    pooler = load(str(tmp_path), LABELS, SETTINGS, 1).model.bert.pooler.dense
    assert pooler.weight.std().item() == pytest.approx(0.05, rel=0.03)  # 16,384 draws: 3 % is five standard errors
    assert not pooler.bias.any()


@pytest.mark.parametrize("family", SIZES)
def test_the_longest_input_can_be_read_and_where_a_table_ends_no_more(tmp_path, family):
    """All tiny models have 40 usable positions; ESM and RoBERTa have 42 rows, of which the first two are never used."""
    loaded = load(str(tiny_folder(tmp_path, family)), LABELS, SETTINGS, 1)
    assert longest_input(loaded.model) == loaded.rule.max_tokens == 40
    assert np.isfinite(predict(loaded, random_sequences(2, 300, 1))).all()
    if family not in ("modernbert", "mistral"):  # rotary positions are computed, there is no table to fall off
        longer = loaded._replace(rule=loaded.rule._replace(max_tokens=41))
        with pytest.raises((IndexError, RuntimeError)):
            predict(longer, random_sequences(2, 300, 1))


@pytest.mark.parametrize(
    ("family", "changes"),
    [*((f, {}) for f in SIZES), ("esm", {"token_dropout": True}), ("esm", {"position_embedding_type": "rotary"})],
)
def test_a_padded_batch_gives_what_each_sequence_gives_alone(tmp_path, family, changes):
    loaded = load(str(tiny_folder(tmp_path, family, **changes)), LABELS, SETTINGS, 1)
    with torch.no_grad():
        for weight in loaded.model.base_model.parameters():
            weight.mul_(5)  # far from uniform attention, so that padding would show
    sequences = [s[:n] for s, n in zip(random_sequences(6, 30, 1), [30, 3, 12, 1, 25, 7], strict=True)]
    together = predict(loaded, sequences, batch_size=6)
    alone = predict(loaded, sequences, batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 100 * 1e-5


def test_token_dropout_without_a_mask_token_takes_the_tokenizers(tmp_path):
    folder = tiny_folder(tmp_path, "esm", token_dropout=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "mask_token_id"}))
    loaded = load(str(folder), LABELS, SETTINGS, 1)
    assert loaded.model.config.mask_token_id == loaded.rule.tokenizer.mask_token_id == 2
    assert np.isfinite(predict(loaded, random_sequences(2, 20, 1))).all()


def test_from_scratch_has_the_folders_architecture_and_tokens_but_random_weights(tmp_path):
    folder = tiny_folder(tmp_path, "esm")
    kept = load(str(folder), LABELS, SETTINGS, 1)
    (folder / "model.safetensors").unlink()
    control = load(str(folder), LABELS, tiny_settings(max_tokens=1000, from_scratch=True), 2)
    assert control.from_scratch
    assert not kept.from_scratch
    assert any(note.endswith("random weights in this architecture (train.from_scratch)") for note in control.notes)
    assert control.rule.max_tokens == kept.rule.max_tokens == 40
    first, second = (m.model.esm.encoder.layer[0].attention.self.query.weight for m in (kept, control))
    assert first.shape == second.shape
    assert not torch.allclose(first, second)
    assert second.std().item() == pytest.approx(0.02, rel=0.2)
    assert control.model.dtype == torch.float32
    save(control, tmp_path / "run")
    assert load_folder(tmp_path / "run").from_scratch


OWN_CODE = """
import pathlib, torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput
pathlib.Path({marker!r}).touch()

class OwnConfig(PretrainedConfig):
    model_type = "own-letters"

class OwnClassifier(PreTrainedModel):
    config_class, base_model_prefix = OwnConfig, "embed"

    def __init__(self, config):
        super().__init__(config)
        self.embed = torch.nn.Embedding(config.vocab_size, 8)
        self.classifier = torch.nn.Linear(8, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None, **_):
        states = (self.embed(input_ids) * attention_mask[..., None]).sum(dim=1)
        return SequenceClassifierOutput(logits=self.classifier(states))
"""


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    """A folder whose model is code of its own, and the file that appears when the code runs."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder, marker = tiny_folder(tmp_path / "own", "bert"), tmp_path / "ran"
    (folder / "model.safetensors").unlink()
    (folder / "modeling_own.py").write_text(OWN_CODE.format(marker=str(marker)))
    classes = {"AutoConfig": "OwnConfig", "AutoModelForSequenceClassification": "OwnClassifier"}
    auto_map = {name: f"modeling_own.{own}" for name, own in classes.items()}
    config = {"model_type": "own-letters", "auto_map": auto_map, "vocab_size": 10, "pad_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder, marker


def test_code_of_a_folder_runs_only_where_the_study_says_so(tmp_path, own_code):
    folder, marker = own_code
    scratch = SETTINGS.model_copy(update={"from_scratch": True})
    with pytest.raises(
        InputError, match=r"does not know model_type 'own-letters'; set train.trust_remote_code = true if"
    ):
        load(str(folder), LABELS, scratch, 1)
    assert not marker.exists()
    loaded = load(str(folder), LABELS, scratch.model_copy(update={"trust_remote_code": True}), 1)
    assert marker.exists()
    assert type(loaded.model).__name__ == "OwnClassifier"
    assert any("dropout of config.json stays" in note for note in loaded.notes)
    save(loaded, tmp_path / "run")
    marker.unlink()
    with pytest.raises(InputError, match="trust_remote_code"):
        load_folder(tmp_path / "run")
    assert not marker.exists()
    again = load_folder(tmp_path / "run", trust_remote_code=True)
    sequences = random_sequences(3, 30, 1)
    np.testing.assert_array_equal(predict(again, sequences), predict(loaded, sequences))


def test_code_beside_a_family_that_transformers_has_is_not_run(tmp_path, own_code):
    """As DNABERT on the hub: its config.json names code, and BERT of transformers reads it as well."""
    folder, marker = own_code
    described = json.loads((tiny_folder(tmp_path / "plain", "bert") / "config.json").read_text())
    described["auto_map"] = json.loads((folder / "config.json").read_text())["auto_map"]
    (tmp_path / "plain" / "config.json").write_text(json.dumps(described))
    assert type(load(str(tmp_path / "plain"), LABELS, SETTINGS, 1).model).__name__ == "BertForSequenceClassification"
    (tmp_path / "plain" / "config.json").write_text(json.dumps(described | {"num_hidden_layers": 3}))
    with pytest.raises(InputError, match=r"weights do not fit its config.json.*set train.trust_remote_code"):
        load(str(tmp_path / "plain"), LABELS, SETTINGS, 1)
    assert not marker.exists()


def test_a_configuration_without_a_classifier_is_named(tmp_path):
    tiny_folder(tmp_path, "bert")
    (tmp_path / "config.json").write_text('{"model_type": "clap_text_model", "vocab_size": 10}')
    config = configuration(tmp_path, SETTINGS)
    with pytest.raises(InputError, match="gives no classifier"):
        random_model(config, SETTINGS)
    with pytest.raises(InputError, match="weights cannot be loaded"):
        trained_model(tmp_path, config, SETTINGS)
