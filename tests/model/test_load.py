import itertools
import json
import shutil
from unittest.mock import patch

import numpy as np
import pytest
import torch
from tiny import file_size_limit, planted, random_sequences, tiny_loaded, tiny_row, tiny_settings
from tiny_folders import letters, tiny_folder
from tokenizers import processors
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForMaskedLM

from phenolens.core.errors import InputError, SettingsError, WriteError
from phenolens.core.settings_learn import TrainSettings
from phenolens.explain.attention import reading_attention
from phenolens.model.load import load, load_folder, save
from phenolens.model.predict import predict
from phenolens.model.registry import REGISTRY
from phenolens.model.tokens import encode, padded
from phenolens.model.train import train
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


def test_a_model_that_trains_its_tokenizer_needs_training_sequences():
    with patch.dict(REGISTRY, {"own": tiny_row("gpt2")}), pytest.raises(SettingsError, match="own needs training"):
        load("own", ["a", "b"], SETTINGS, 1)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_models_from_scratch_read_as_many_tokens_as_asked(family):
    loaded, long = tiny_loaded(family, max_tokens=700), random_sequences(1, 1500, 3)
    assert 300 < encode(loaded.rule, long).lengths[0] <= 700
    assert predict(loaded, long).shape == (1, 2)


@pytest.mark.parametrize("family", ["bert", "gpt2", "modernbert", "esm"])
def test_any_family_loads_trains_predicts_and_comes_back_the_same(tmp_path, family):
    folder = tiny_folder(tmp_path / "given", family, hidden_size=32)
    settings = tiny_settings(epochs=2, batch_size=4, max_tokens=40)
    table = planted(24, 30, 1).table
    loaded = load(str(folder), ["with", "without"], settings, 1)
    before = predict(loaded, SEQUENCES)
    history = train(loaded, table, tmp_path / "run", settings, 1)
    assert history["train_loss"].is_finite().all()
    after = predict(loaded, SEQUENCES)
    assert np.abs(after - before).max() > 1e-3
    save(loaded, tmp_path / "run")
    again = load_folder(tmp_path / "run")
    np.testing.assert_array_equal(predict(again, SEQUENCES), after)
    assert again.model.config.model_type == family
    assert (again.rule.max_tokens, again.notes, again.from_scratch) == (40, (), False)


def nucleotide_transformer(folder, **tokens):
    """Write a folder as that of the Nucleotide Transformer: ESM, 6-mers side by side (here 3-mers), single letters, no <eos>."""
    words = ["<unk>", "<pad>", "<mask>", "<cls>", *map("".join, itertools.product("ATCG", repeat=3)), *"ATCGN"]
    tiny_folder(folder, "esm", vocab_size=len(words), pad_token_id=1, mask_token_id=2, token_dropout=False)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(words))
    named = {
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "cls_token": "<cls>",
        "eos_token": None,
    }
    described = {"tokenizer_class": "EsmTokenizer", "model_max_length": 1000, **named, **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    return str(folder)


def test_nucleotide_transformer_reads_blocks_and_comes_back_the_same(tmp_path):
    loaded = load(nucleotide_transformer(tmp_path / "given"), ["a", "b"], SETTINGS, 1)
    assert (loaded.rule.kind, loaded.rule.k, loaded.rule.max_tokens, loaded.rule.prefix) == ("blocks", 3, 40, (3,))
    sequences = [*SEQUENCES, "ACGTNACGTT", random_sequences(1, 300, 2)[0]]
    expected = predict(loaded, sequences)
    save(loaded, tmp_path / "run")
    np.testing.assert_array_equal(predict(load_folder(tmp_path / "run"), sequences), expected)


def test_a_special_token_that_the_model_does_not_have_is_named(tmp_path):
    folder = nucleotide_transformer(tmp_path, eos_token="<eos>")
    with pytest.raises(InputError, match="its tokenizer writes token 73, its model has 73; copy"):
        load(folder, ["a", "b"], SETTINGS, 1)


def gpt2_inputs(loaded, sequences):
    ids = encode(loaded.rule, sequences)
    return [ids.ids[a:b].tolist() for a, b in zip(ids.offsets[:-1], ids.offsets[1:], strict=True)]


@torch.no_grad()
def test_gpt2_reads_the_last_real_token_whichever_side_is_padded(tmp_path):
    """Padding is end-of-text, as in the paper's model; on the left every token needs its own position number."""
    loaded = load(str(tiny_folder(tmp_path, "gpt2")), ["a", "b"], tiny_settings(max_tokens=40), 1)
    model, rows = loaded.model.eval(), gpt2_inputs(loaded, SEQUENCES)
    assert loaded.rule.pad == model.config.pad_token_id == loaded.rule.tokenizer.eos_token_id
    alone = torch.cat([model(input_ids=torch.tensor([row])).logits for row in rows])
    width = max(map(len, rows))
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    right = torch.tensor([row + [loaded.rule.pad] * (width - len(row)) for row in rows])
    torch.testing.assert_close(model(input_ids=right, attention_mask=mask).logits, alone, atol=1e-5, rtol=0)
    left, mask = torch.tensor([[loaded.rule.pad] * (width - len(row)) + row for row in rows]), mask.flip(1)
    position = (mask.cumsum(dim=1) - 1).clamp(min=0)
    found = model(input_ids=left, attention_mask=mask, position_ids=position).logits
    torch.testing.assert_close(found, alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_gpt2_whose_tokenizer_ends_sequences_with_its_padding_reads_the_base_before(tmp_path):
    folder = tiny_folder(tmp_path, "gpt2")
    tokenizer = letters("gpt2")
    template = processors.TemplateProcessing(single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)])
    tokenizer.backend_tokenizer.post_processor = template
    tokenizer.save_pretrained(folder)
    loaded = load(str(folder), ["a", "b"], tiny_settings(max_tokens=40), 1)
    assert loaded.rule.suffix == (loaded.rule.pad,)
    sequences = [s[:n] for s, n in zip(SEQUENCES, (30, 5, 7, 20, 9, 12), strict=True)]
    plain = [torch.tensor([row[:-1]]) for row in gpt2_inputs(loaded, sequences)]
    expected = torch.softmax(torch.cat([loaded.model.eval()(input_ids=ids).logits for ids in plain]), dim=1)
    np.testing.assert_allclose(predict(loaded, sequences), expected, atol=1e-6)
    attention = reading_attention(loaded.model, *(torch.tensor(x) for x in padded_pair(loaded, sequences)))
    lengths = [len(s) for s in sequences]
    assert all(not row[:, n:].any() and row[:, :n].all() for row, n in zip(attention, lengths, strict=True))


def padded_pair(loaded, sequences):
    ids, mask, _ = padded(loaded.rule, encode(loaded.rule, sequences), np.arange(len(sequences)))
    return ids, mask


@torch.no_grad()
@pytest.mark.parametrize("family", ["bert", "gpt2", "modernbert", "esm"])
def test_half_precision_ignores_padding_too(tmp_path, family):
    """bfloat16 keeps 8 bits, so 1 % is its noise; padding that leaked in, or a masked row, would be far off or not a number."""
    loaded = load(str(tiny_folder(tmp_path, family)), ["a", "b"], tiny_settings(max_tokens=40), 1)
    sequences = ["", *SEQUENCES]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = predict(loaded, sequences)
    np.testing.assert_allclose(found, predict(loaded, sequences, batch_size=1), atol=0.01)


def test_padding_that_stands_for_bases_is_refused(tmp_path):
    folder = tiny_folder(tmp_path, "gpt2", pad_token_id=3)
    with pytest.raises(InputError, match=r"padding token 3 also stands for bases.*set pad_token_id in config.json"):
        load(str(folder), ["a", "b"], SETTINGS, 1)


def test_a_run_of_another_length_than_its_model_is_damaged(tmp_path):
    save(load(str(tiny_folder(tmp_path, "bert")), ["a", "b"], tiny_settings(max_tokens=40), 1), tmp_path)
    described = json.loads((tmp_path / "phenolens.json").read_text())
    described["tokens"]["max_tokens"] = 64
    (tmp_path / "phenolens.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="is damaged: reads at most 40 tokens; train again"):
        load_folder(tmp_path)
