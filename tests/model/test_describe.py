import json

import pytest
from tiny import random_sequences, tiny_loaded, tiny_settings
from tiny_folders import tiny_folder
from transformers import EsmTokenizer

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.describe import describe
from phenolens.model.load import load
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary, tokenizer_rule

SETTINGS = TrainSettings.model_validate({"max_tokens": 20})


def letters(folder):
    (folder / "vocab.txt").write_text("\n".join(["<unk>", "<pad>", "<mask>", "<cls>", *"ATCGN"]))
    return tokenizer_rule(EsmTokenizer(str(folder / "vocab.txt"), eos_token=None), SETTINGS)


@pytest.mark.parametrize("kind", ["kmer", "blocks"])
def test_longest_is_the_longest_sequence_that_is_not_cut(tmp_path, kind):
    rule = kmer_rule(kmer_vocabulary(5), SETTINGS) if kind == "kmer" else letters(tmp_path)
    longest = describe(tiny_loaded("bert")._replace(rule=rule))["longest"]
    for length, whole in ((longest, True), (longest + 1, False)):
        tokens = encode(rule, random_sequences(1, length, 1))
        assert bool((tokens.spans[:, 0] >= 0).sum() == tokens.uncut[0]) is whole


def test_nothing_is_cut_in_windows_and_words_name_the_tokens(tmp_path):
    loaded = tiny_loaded("bert", cut="windows")
    assert describe(loaded)["longest"] is None
    assert describe(loaded)["tokens"].startswith("overlapping 6-mers")
    assert describe(loaded._replace(rule=letters(tmp_path)))["tokens"].startswith("single letters")


def test_numbers_of_trained_parameters(tmp_path):
    folder = str(tiny_folder(tmp_path, "bert"))
    full, lora, frozen = (
        describe(load(folder, ["a", "b"], tiny_settings(adapt=how), 1)) for how in ("full", "lora", "frozen")
    )
    assert full["parameters"] == full["trained"] == lora["parameters"] == frozen["parameters"]
    head = 16 * 16 + 16 + 16 * 2 + 2  # pooler and classifier
    assert frozen["trained"] == head
    assert lora["trained"] == head + 2 * 2 * (8 * 16 + 16 * 8)  # layers, query and value, A and B of rank 8


def test_facts_of_k_mers_and_of_a_tokenizer_are_json(tmp_path):
    kmers, bpe = describe(tiny_loaded("bert")), describe(tiny_loaded("gpt2", sequences=random_sequences(50, 80, 7)))
    assert (kmers["family"], kmers["longest"], kmers["from_scratch"]) == ("bert", 62 + 5, True)  # 64 tokens less two
    assert (bpe["family"], bpe["longest"]) == ("gpt2", None)
    assert json.loads(json.dumps([kmers, bpe])) == [kmers, bpe]
    pre_trained = describe(load(str(tiny_folder(tmp_path, "esm")), ["a", "b"], tiny_settings(), 1))
    assert not pre_trained["from_scratch"]
    assert (pre_trained["longest"], pre_trained["tokens"].split(",")[0]) == (
        39,
        "single letters",
    )  # 40 tokens less <cls>
    assert any("reads at most 40 tokens" in note for note in pre_trained["notes"])
