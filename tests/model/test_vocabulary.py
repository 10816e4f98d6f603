"""The silent roads to an all-[UNK] input: raw letters, vocab_file=, a folder with vocab.txt only, lower case."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import random_sequences
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, BertTokenizer, EsmTokenizer, PreTrainedTokenizerFast

from phenolens.core.errors import DataError, InputError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.gate import gate
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import (
    bpe_rule,
    folder_rule,
    foreign_share,
    kmer_length,
    kmer_rule,
    kmer_vocabulary,
    save_tokenizer,
    tokenizer_rule,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"

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


def joined(sequence, k=6):
    return " ".join(sequence[i : i + k] for i in range(len(sequence) - k + 1))


def bert_folder(folder, road):
    """Write a DNABERT folder as one may find it, and return Hugging Face's own tokenizer of it."""
    vocabulary = kmer_vocabulary(6)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    if road != "tokenizer.json only":
        (folder / "vocab.txt").write_text("".join(f"{t}\n" for t in vocabulary))
    if road == "DNABERT's own settings":
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "max_len": 512}')
    if road == "vocab_file=":
        BertTokenizer(vocab_file=str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    if road in ("raw letters", "lower case", "tokenizer.json only"):
        BertTokenizer(vocab=vocabulary, do_lower_case=False).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("road", "as_given"),
    [
        ("raw letters", str),
        ("vocab_file=", joined),
        ("vocab.txt only", joined),
        ("DNABERT's own settings", joined),
        ("lower case", lambda s: joined(s.lower())),
        ("tokenizer.json only", lambda s: joined(s.lower())),
    ],
)
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_roads_that_hugging_face_reads_as_unknown_alone_give_kmers(tmp_path, road, as_given, case):
    sequences = random_sequences(3, 50, 1)
    silent = bert_folder(tmp_path, road)
    for sequence in sequences:
        assert set(silent(as_given(sequence), add_special_tokens=False)["input_ids"]) == {
            1
        }  # [UNK], and no word about it
    rule = folder_rule(tmp_path, SETTINGS)
    tokens = encode(rule, [case(s) for s in sequences])
    right = BertTokenizer(vocab=kmer_vocabulary(6), do_lower_case=False)([joined(s) for s in sequences])["input_ids"]
    assert rule.k == 6
    assert [ids.tolist() for ids in np.split(tokens.ids, tokens.offsets[1:-1])] == right
    assert gate(rule, tokens, sequences).unknown == 0


@pytest.mark.parametrize("road", ["vocab_file=", "one word missing"])
def test_roads_without_a_way_out_stop_at_the_gate(tmp_path, road):
    """The five tokens that vocab_file= leaves, without the file; and a vocabulary that is not all k-mers, given raw letters."""
    words = dict(list(kmer_vocabulary(6).items())[: 5 if road == "vocab_file=" else -1])
    BertTokenizer(vocab=words, do_lower_case=False).save_pretrained(tmp_path)
    rule, sequences = folder_rule(tmp_path, SETTINGS), random_sequences(3, 50, 1)
    tokens = encode(rule, sequences)
    assert set(tokens.ids.tolist()) == {1, 2, 3}
    with pytest.raises(
        DataError, match=r"100.0% of their tokens are unknown.*a model whose tokenizer knows these letters"
    ):
        gate(rule, tokens, sequences)


@pytest.mark.shared_data
def test_dnaberts_own_folder_is_unknown_to_hugging_face_and_read_here():
    folder = SHARED / "tokenizers" / "dnabert_k6"
    if not folder.is_dir():
        pytest.skip("DNABERT's tokenizer is not here")
    sequence = random_sequences(1, 60, 5)[0]
    assert set(BertTokenizer.from_pretrained(folder)(joined(sequence))["input_ids"][1:-1]) == {1}
    assert (encode(folder_rule(folder, SETTINGS), [sequence]).ids[1:-1] > 4).all()


def test_saved_kmer_tokenizer_reads_joined_kmers_in_autotokenizer(tmp_path):
    rule = kmer_rule(kmer_vocabulary(5), SETTINGS)
    save_tokenizer(rule, tmp_path)
    sequence = random_sequences(1, 40, 2)[0]
    text = joined(sequence, 5)
    assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == encode(rule, [sequence]).ids.tolist()
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


def test_foreign_words_are_those_with_letters_that_no_dna_has():
    assert foreign_share(["[PAD]", "<s>", "A", "C", "Z", "ACGT", "##NR", "the", "\u0120of"]) == 0.5
    assert foreign_share(kmer_vocabulary(3)) == 0
    assert foreign_share(["<cls>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-"]) == 1  # proteins
    assert foreign_share([*"ACGTN"]) == foreign_share([chr(i) for i in range(256)]) == foreign_share([]) == 0


def test_blocks_are_saved_with_their_tokenizer_and_read_again(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["<unk>", "<pad>", "<mask>", "<cls>", *"ATCGN"]))
    first = tokenizer_rule(EsmTokenizer(str(tmp_path / "vocab.txt"), eos_token=None), SETTINGS)
    save_tokenizer(first, tmp_path / "saved")
    again = folder_rule(tmp_path / "saved", SETTINGS)
    for rule in (first, again):
        assert (rule.kind, rule.k) == ("blocks", 1)
        assert encode(rule, ["ACGTNR"]).ids.tolist() == [3, 4, 6, 7, 5, 8, 0]


def test_a_slow_tokenizer_that_is_not_blocks_is_refused(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", *"ATCG", "AC", "ACG"]))
    EsmTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="does not tell which bases a token covers; expected a fast tokenizer"):
        folder_rule(tmp_path, SETTINGS)


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
