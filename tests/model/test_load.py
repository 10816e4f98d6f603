import json
import shutil

import numpy as np
import pytest
import torch
from tiny import file_size_limit, random_sequences, tiny_loaded
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForMaskedLM

from phenolens.core.errors import InputError, SettingsError, WriteError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.load import load, load_folder, save
from phenolens.model.predict import predict
from phenolens.model.registry import REGISTRY
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import kmer_vocabulary

SETTINGS = TrainSettings.model_validate({})
SEQUENCES = [s[:n] for s, n in zip(random_sequences(6, 90, 1), [90, 30, 7, 64, 90, 12], strict=True)]


def dnabert_like(folder, vocab_size=4101, **changes):
    """Write a folder as DNABERT's: a masked language model, its config.json, and vocab.txt alone."""
    sizes = {
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        BertForMaskedLM(BertConfig(vocab_size=vocab_size, **{**sizes, **changes})).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{t}\n" for t in kmer_vocabulary(6)))
    return folder


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_saved_folder_comes_back_the_same(tmp_path, family):
    loaded = tiny_loaded(family, max_tokens=40, cut="head", labels=("x", "y", "z"))
    save(loaded, tmp_path)
    again = load_folder(tmp_path)
    assert (again.labels, again.name, again.notes) == (("x", "y", "z"), loaded.name, ())
    assert (again.rule.cut, again.rule.max_tokens, again.rule.k) == ("head", 40, loaded.rule.k)
    np.testing.assert_array_equal(predict(again, SEQUENCES), predict(loaded, SEQUENCES))


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_saved_folder_works_in_plain_hugging_face(tmp_path, family):
    loaded = tiny_loaded(family)
    save(loaded, tmp_path)
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(tmp_path),
        AutoTokenizer.from_pretrained(tmp_path),
    )
    assert model.config.id2label == {0: "with", 1: "without"}
    assert model.config.label2id == {"with": 0, "without": 1}
    sequences = [s[:60] for s in SEQUENCES]
    text = [" ".join(s[i : i + 6] for i in range(len(s) - 5)) for s in sequences] if family == "bert" else sequences
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt", padding=True)).logits
    np.testing.assert_allclose(predict(loaded, sequences), torch.softmax(logits, dim=1), atol=1e-6)
    assert (tmp_path / "model.safetensors").is_file()


def test_same_seed_same_weights_and_the_process_is_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (tiny_loaded("bert", seed=s).model.state_dict() for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_dnabert_folder_gets_a_new_head_and_says_so(tmp_path, capfd):
    folder = dnabert_like(tmp_path)
    loaded = load(str(folder), ["a", "b", "c"], SETTINGS, 1)
    assert loaded.rule.k == 6
    assert loaded.rule.max_tokens == 64
    assert any("reads at most 64 tokens" in note for note in loaded.notes)
    assert any("classifier" in note and "random weights for 3 classes" in note for note in loaded.notes)
    assert predict(loaded, SEQUENCES).shape == (6, 3)
    kept = BertForMaskedLM.from_pretrained(folder).bert.embeddings.word_embeddings.weight
    assert torch.equal(loaded.model.bert.embeddings.word_embeddings.weight, kept)
    assert loaded.model.config._attn_implementation == "sdpa"
    capfd.readouterr()
    load(str(folder), ["a", "b", "c"], SETTINGS, 1)
    assert capfd.readouterr() == ("", "")


def test_head_of_another_number_of_classes_starts_anew(tmp_path):
    save(tiny_loaded("bert"), tmp_path)
    fitting = SETTINGS.model_copy(update={"max_tokens": 64})
    loaded = load(str(tmp_path), ["a", "b", "c", "d"], fitting, 1)
    assert predict(loaded, SEQUENCES).shape == (6, 4)
    assert loaded.notes == (f"{tmp_path}: classifier starts from random weights for 4 classes",)
    assert load(str(tmp_path), ["a", "b"], fitting, 1).notes == ()


def test_dropout_is_what_the_settings_say():
    """Of every layer but the attention weights, whose dropout is always 0."""
    for family in ("bert", "gpt2"):
        model = tiny_loaded(family, dropout=0.25).model
        layers = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
        attention = {name for name in layers if name.endswith(("attention.self.dropout", "attn.attn_dropout"))}
        assert attention
        assert {layers[name] for name in attention} == {0.0}
        assert {p for name, p in layers.items() if name not in attention} == {0.25}


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
        load(name, ["a", "b"], SETTINGS, 1)


def test_folders_that_are_not_whole_models_are_named(tmp_path):
    def refused(folder, message):
        with pytest.raises(InputError, match=message):
            load(str(folder), ["a", "b"], SETTINGS, 1)

    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "has no config.json; expected a Hugging Face model folder")
    whole = dnabert_like(tmp_path / "whole")
    for number, (name, damage, message) in enumerate(
        (
            ("vocab.txt", None, "has no tokenizer; expected vocab.txt or tokenizer.json"),
            ("model.safetensors", None, "its weights cannot be loaded"),
            ("model.safetensors", b"\x10", "its weights cannot be loaded"),
            ("config.json", b"{", r"config.json: cannot be used"),
            ("config.json", b'{"model_type": "no-such"}', r"config.json: cannot be used"),
        )
    ):
        folder = shutil.copytree(whole, tmp_path / str(number))
        (folder / name).unlink() if damage is None else (folder / name).write_bytes(damage)
        refused(folder, message)
    config = json.loads((whole / "config.json").read_text())
    (whole / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    refused(whole, r"weights do not fit its config.json: 16 missing or of another shape")
    refused(dnabert_like(tmp_path / "small", vocab_size=100), "its tokenizer has 4101 tokens, its model 100; copy")


def test_folder_of_another_program_is_not_a_run(tmp_path):
    dnabert_like(tmp_path)
    with pytest.raises(InputError, match=r"is not a model trained by phenolens.*DIR/train/run-0"):
        load_folder(tmp_path)


def test_folder_whose_head_is_gone_is_damaged(tmp_path):
    save(tiny_loaded("bert"), tmp_path)
    described = json.loads((tmp_path / "phenolens.json").read_text())
    (tmp_path / "phenolens.json").write_text(json.dumps(described | {"labels": ["a", "b", "c"]}))
    with pytest.raises(InputError, match=r"is damaged: .*classifier"):
        load_folder(tmp_path)


def test_full_disk_is_one_sentence_and_leaves_no_loadable_folder(tmp_path):
    loaded = tiny_loaded("bert")
    save(loaded, tmp_path)
    with file_size_limit(100_000), pytest.raises(WriteError, match=r"could not be written .*File too large"):
        save(loaded, tmp_path)
    with pytest.raises(InputError):
        load_folder(tmp_path)


def test_gpt2_small_without_training_sequences_is_refused():
    with pytest.raises(SettingsError, match="gpt2-small needs training sequences"):
        load("gpt2-small", ["a", "b"], SETTINGS, 1)


@pytest.mark.parametrize("name", [n for n, row in REGISTRY.items() if row.from_scratch])
def test_models_from_scratch_read_as_many_tokens_as_asked(name):
    loaded = load(name, ["a", "b"], SETTINGS.model_copy(update={"max_tokens": 700}), 1, SEQUENCES)
    long = random_sequences(1, 1500, 3)
    assert encode(loaded.rule, long).lengths[0] <= 700
    assert predict(loaded, long).shape == (1, 2)
