import pytest
from tiny import random_sequences, tiny_loaded
from transformers import EsmTokenizer

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.describe import describe
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
