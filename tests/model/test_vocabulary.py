"""The silent roads to an all-[UNK] input: raw letters, vocab_file=, a folder with vocab.txt only, lower case."""

import json

import pytest
from tiny import random_sequences
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast

from phenolens.core.errors import InputError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import bpe_rule, folder_rule, kmer_length, kmer_rule, kmer_vocabulary, save_tokenizer

SETTINGS = TrainSettings.model_validate({})


def test_kmer_vocabulary_begins_as_dnaberts():
    vocabulary = kmer_vocabulary(3)
    assert list(vocabulary)[:9] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "AAA", "AAT", "AAC", "AAG"]
    assert list(vocabulary.values()) == list(range(5 + 64))


def test_kmer_length_tells_kmers_from_other_words_of_bases():
    assert [kmer_length(kmer_vocabulary(k)) for k in (3, 4, 5, 6)] == [3, 4, 5, 6]
    assert kmer_length([t.lower() for t in kmer_vocabulary(4)]) == 4
    assert kmer_length([*kmer_vocabulary(3), "A"]) == 0  # non-overlapping k-mers spell the rest with single letters
    assert kmer_length(list(kmer_vocabulary(3))[:-1]) == 0
    assert kmer_length(["[PAD]", "A", "C", "G", "T"]) == 0
    assert kmer_length([]) == 0


@pytest.mark.parametrize(
    "road", ["vocab.txt only", "lower-casing tokenizer", "five-token tokenizer", "tokenizer.json only"]
)
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_folders_that_hugging_face_reads_as_unknown_give_kmers(tmp_path, road, case):
    vocabulary = kmer_vocabulary(6)
    if road == "lower-casing tokenizer":
        BertTokenizer(vocab=vocabulary, do_lower_case=True).save_pretrained(tmp_path)
    if road == "tokenizer.json only":
        BertTokenizer(vocab=vocabulary, do_lower_case=False).save_pretrained(tmp_path)
    else:
        (tmp_path / "vocab.txt").write_text("".join(f"{t}\n" for t in vocabulary))
    if road == "five-token tokenizer":  # what BertTokenizer(vocab_file=...) makes of the file
        BertTokenizer(vocab_file=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    rule = folder_rule(tmp_path, SETTINGS)
    sequences = [case(s) for s in random_sequences(3, 50, 1)]
    expected = encode(kmer_rule(vocabulary, SETTINGS), sequences)
    assert rule.k == 6
    assert encode(rule, sequences).ids.tolist() == expected.ids.tolist()
    assert (expected.ids[1:46] >= 5).all()


def test_saved_kmer_tokenizer_reads_joined_kmers_in_autotokenizer(tmp_path):
    rule = kmer_rule(kmer_vocabulary(5), SETTINGS)
    save_tokenizer(rule, tmp_path)
    sequence = random_sequences(1, 40, 2)[0]
    joined = " ".join(sequence[i : i + 5] for i in range(36))
    assert AutoTokenizer.from_pretrained(tmp_path)(joined)["input_ids"] == encode(rule, [sequence]).ids.tolist()
    assert (tmp_path / "vocab.txt").read_text().split() == list(kmer_vocabulary(5))


def test_bpe_training_is_deterministic_knows_every_letter_and_keeps_its_size():
    sequences = random_sequences(40, 150, 3)
    first, second = bpe_rule(sequences, 320, SETTINGS), bpe_rule(sequences, 320, SETTINGS)
    assert first.tokenizer.get_vocab() == second.tokenizer.get_vocab()
    assert len(first.tokenizer) == 320
    assert first.pad == first.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert encode(first, ["ACGNRYacg"]).spans.max() == 9


def test_tokenizer_of_lower_case_letters_gets_lower_case(tmp_path):
    letters = {"<pad>": 0, "<unk>": 1, "a": 2, "c": 3, "g": 4, "t": 5}
    inner = Tokenizer(models.BPE(vocab=letters, merges=[], unk_token="<unk>"))
    PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>").save_pretrained(tmp_path)
    assert encode(folder_rule(tmp_path, SETTINGS), ["ACgtN"]).ids.tolist() == [2, 3, 4, 5, 1]


def test_special_tokens_of_a_tokenizer_frame_the_cut_sequence(tmp_path):
    letters = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "A": 4, "C": 5, "G": 6, "T": 7}
    inner = Tokenizer(models.BPE(vocab=letters, merges=[], unk_token="[UNK]"))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(tmp_path)
    described = json.loads((tmp_path / "tokenizer.json").read_text())
    special = {name: {"id": name, "ids": [i], "tokens": [name]} for name, i in (("[CLS]", 2), ("[SEP]", 3))}
    frame = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    described["post_processor"] = {
        "type": "TemplateProcessing",
        "single": frame,
        "pair": frame,
        "special_tokens": special,
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    rule = folder_rule(tmp_path, SETTINGS.model_copy(update={"max_tokens": 6, "cut": "head_tail"}))
    tokens = encode(rule, ["ACGTACGT"])
    assert tokens.ids.tolist() == [2, 4, 5, 6, 7, 3]  # the first and last two of eight letters, framed
    assert tokens.spans.tolist() == [[-1, -1], [0, 1], [1, 2], [6, 7], [7, 8], [-1, -1]]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"has no tokenizer; expected vocab.txt or tokenizer.json; copy"),
        ({"tokenizer.json": "{"}, "tokenizer.json: cannot be read"),
        ({"tokenizer.json": '{"version": "1.0"}'}, "tokenizer.json: cannot be read"),
    ],
)
def test_missing_and_damaged_tokenizers_are_named(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        folder_rule(tmp_path, SETTINGS)


def test_kmer_vocabulary_without_its_special_tokens_is_named(tmp_path):
    (tmp_path / "vocab.txt").write_text("".join(f"{t}\n" for t in list(kmer_vocabulary(3))[5:]))
    with pytest.raises(InputError, match=r"k-mer vocabulary without \[CLS\]"):
        folder_rule(tmp_path, SETTINGS)
