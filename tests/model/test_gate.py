"""The token gate: what stops a training whose tokenizer does not fit, and what passes."""

import pytest
from tiny import random_sequences
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import EsmTokenizer, PreTrainedTokenizerFast

from phenolens.core.errors import DataError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.gate import count, gate, quality
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import bpe_rule, kmer_rule, kmer_vocabulary, tokenizer_rule


def train_settings(**changes):
    return TrainSettings.model_validate({"max_tokens": 512, **changes})


def rule(k=6, **changes):
    return kmer_rule(kmer_vocabulary(k), train_settings(**changes))


def test_quality_counts_n_apart_and_what_is_cut_off():
    found = quality(own := rule(3), encode(own, ["ACGTNACGT"]), ["ACGTNACGT"])
    assert found == (0.0, pytest.approx(3 / 7), 7.0, 0.0, 0.0)
    found = quality(own, encode(own, ["ACGTRACGT", "ACG"]), ["ACGTRACGT", "ACG"])
    assert found == (pytest.approx(3 / 8), 0.0, 4.0, 0.0, 0.0)
    own = rule(3, max_tokens=6)
    assert quality(own, encode(own, ["ACGTACGTAC"]), ["ACGTACGTAC"]).cut_off == pytest.approx(0.5)


def test_gate_passes_soft_masked_dna_and_stops_proteins_gaps_and_nothing():
    own, bpe = rule(6), bpe_rule(random_sequences(5, 100, 6), 300, train_settings())
    dna = [s.lower() for s in random_sequences(4, 50, 7)]
    assert gate(own, encode(own, dna), dna).unknown == 0
    for r in (own, bpe):
        with pytest.raises(
            DataError, match=r"100\.0% of their tokens are unknown.*at most 5\.0% \(train\.max_unknown\).*A C G T"
        ):
            gate(r, encode(r, ["MKVLWEPQ" * 5]), ["MKVLWEPQ" * 5])
        with pytest.raises(DataError, match="contain an N"):
            gate(r, encode(r, ["ACGTAC" + "N" * 50]), ["ACGTAC" + "N" * 50])
    with pytest.raises(DataError, match="none gives a token; expected at least 6 bases"):
        gate(own, encode(own, ["ACG"]), ["ACG"])


def test_gate_counts_what_max_unknown_allows():
    sequences = ["ACGTACGTRACGTACGT"]  # 3 of 15 3-mers hold the R
    for limit, stops in ((0.19, True), (0.2, False)):
        own = rule(3, max_unknown=limit)
        if stops:
            with pytest.raises(DataError):
                gate(own, encode(own, sequences), sequences)
        else:
            assert gate(own, encode(own, sequences), sequences).unknown == pytest.approx(0.2)


def test_windows_cut_nothing_off_and_count_every_tokens_n():
    own = rule(3, max_tokens=6, cut="windows")
    found = quality(own, encode(own, ["ACGTACGTAC", "ACGNACG"]), ["ACGTACGTAC", "ACGNACG"])
    # 8 3-mers in two windows of 4; 5 in two windows, whose three 3-mers with the N are 1, 2, 3: windows 0-3 and 1-4 hold them all
    assert found.cut_off == 0
    assert found.with_n == pytest.approx(6 / 16)


def test_what_is_cut_off_is_a_note_and_stops_nothing():
    sequences = random_sequences(20, 400, 8)
    own = bpe_rule(sequences, 300, train_settings(max_tokens=20, cut="head"))
    found = gate(own, encode(own, sequences), sequences)
    whole = sum(len(own.tokenizer(s)["input_ids"]) for s in sequences)
    assert found.cut_off == pytest.approx(1 - 400 / whole)
    assert found.note == f"20 tokens per sequence, {1 - 400 / whole:.0%} of all tokens cut off"
    own = own._replace(cut="windows")
    assert "cut off" not in gate(own, encode(own, sequences), sequences).note


ENGLISH = (
    "the quick brown fox jumps over the lazy dog while seven wizards make toxic brew for the evil queen and her jack "
    * 30
)


def fast(inner, **special):
    return tokenizer_rule(PreTrainedTokenizerFast(tokenizer_object=inner, **special), train_settings())


def test_gate_stops_a_tokenizer_of_english_that_knows_every_letter_of_dna():
    """Byte-level BPE, as GPT-2's own: no unknown token ever, and tokens that mean nothing."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator([ENGLISH], trainer)
    own, dna = fast(inner, eos_token="<|endoftext|>"), random_sequences(3, 200, 9)
    tokens = encode(own, dna)
    assert quality(own, tokens, dna)[:2] == (0, 0)
    with pytest.raises(DataError, match=r"tokenizer: made for other text than DNA: \d\d.*choose a model of DNA"):
        gate(own, tokens, dna)
    assert gate(own._replace(max_unknown=1.0), tokens, dna).unknown == 0  # for whoever means it


def test_gate_stops_a_tokenizer_that_leaves_letters_out_without_a_word():
    """BPE without an unknown token and without G: Hugging Face returns fewer tokens and says nothing."""
    own = fast(Tokenizer(models.BPE(vocab={"[PAD]": 0, "A": 1, "C": 2, "T": 3}, merges=[])), pad_token="[PAD]")
    sequences = ["ACGTACGTNN" * 6, "TTTT"]
    assert len(own.tokenizer(sequences[0])["input_ids"]) == 36
    tokens = encode(own, sequences)
    assert tokens.dropped.tolist() == [12, 0]
    with pytest.raises(DataError, match=r"leaves out 23\.1% of their bases without a token; expected at most 5\.0%"):
        gate(own, tokens, sequences)
    with pytest.raises(DataError, match=r"leaves out 100\.0% of their bases"):
        gate(own, encode(own, ["GGGG"]), ["GGGG"])


def test_gate_stops_a_model_of_proteins(tmp_path):
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<mask>"])
    )
    own, dna = tokenizer_rule(EsmTokenizer(str(tmp_path / "vocab.txt")), train_settings()), random_sequences(3, 50, 9)
    with pytest.raises(DataError, match="made for other text than DNA"):
        gate(own, encode(own, dna), dna)


def test_no_base_is_left_out_by_kmers_blocks_and_bpe_whatever_the_letters():
    sequences = ["ACGTNRYACGTAC", "", "NN", "acg"]
    bpe = bpe_rule(random_sequences(5, 100, 6), 300, train_settings(max_tokens=6))
    for own in (rule(3), bpe):
        assert encode(own, sequences).dropped.tolist() == [0, 0, 0, 0]


def test_counts_of_each_sequence_against_looking_at_every_kmer():
    own, texts = rule(3), ["ACGTNACGT", "", "ACGRACG", "NNNNACG", "ACNNNN", "acgtacgt"]
    counts = count(own, encode(own, texts), texts)
    words = [[text[i : i + 3].upper() for i in range(len(text) - 2)] for text in texts]
    assert counts.tokens.tolist() == [len(row) for row in words]
    assert counts.with_n.tolist() == [sum("N" in word for word in row) for row in words]
    assert counts.unknown.tolist() == [sum("R" in word for word in row) for row in words]
    assert counts.readable.tolist() == [True, False, False, False, False, True]
