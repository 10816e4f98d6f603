"""Spans of a fast tokenizer: they hold where transformers' own offsets do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import tokenizer_rule

WORDS = ["A", "C", "G", "T", "AC", "GT", "ACGT"]
MERGES = [("A", "C"), ("G", "T"), ("AC", "GT")]


def bpe(case=str.upper, words=WORDS, pre=None):
    """BPE of a few words without an unknown token: it leaves other letters out."""
    vocabulary = {case(word): i + 1 for i, word in enumerate(words)} | {"[PAD]": 0}
    merges = [(case(a), case(b)) for a, b in MERGES if {a, b, a + b} <= set(words)]
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    if pre is not None:
        inner.pre_tokenizer = pre
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]")


def spans_and_words(rule, sequence):
    tokens = encode(rule, [sequence])
    words = rule.tokenizer.convert_ids_to_tokens(tokens.ids.tolist())
    return list(zip(words, map(tuple, tokens.spans.tolist()), strict=True))


def test_offsets_of_transformers_are_wrong_behind_a_letter_that_was_left_out():
    encoded = bpe()("ANTNNCC", return_offsets_mapping=True)
    assert encoded["offset_mapping"] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert spans_and_words(tokenizer_rule(bpe(), TrainSettings.model_validate({})), "ANTNNCC") == [
        *[("A", (0, 1)), ("T", (2, 3)), ("C", (5, 6)), ("C", (6, 7))]
    ]


@pytest.mark.parametrize("case", [str.upper, str.lower])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ACGTACGTNRacgtn", max_size=40), min_size=1, max_size=4))
def test_spans_spell_every_token_around_letters_that_are_left_out(case, sequences):
    tokenizer = bpe(case)
    rule = tokenizer_rule(tokenizer, TrainSettings.model_validate({}))
    tokens = encode(rule, sequences)
    for i, sequence in enumerate(sequences):
        part = slice(tokens.offsets[i], tokens.offsets[i + 1])
        assert tokens.ids[part].tolist() == tokenizer(case(sequence))["input_ids"]
        words = tokenizer.convert_ids_to_tokens(tokens.ids[part].tolist())
        for word, (start, end) in zip(words, tokens.spans[part].tolist(), strict=True):
            under = case(sequence)[start:end]
            assert under.replace(case("N"), "").replace(case("R"), "") == word
            assert (under[0], under[-1]) == (word[0], word[-1])


def test_letters_that_a_split_takes_out_keep_their_offsets():
    tokenizer = bpe(pre=pre_tokenizers.Split(Regex("N+"), "removed"))
    rule = tokenizer_rule(tokenizer, TrainSettings.model_validate({}))
    assert spans_and_words(rule, "ACNNGTA") == [("AC", (0, 2)), ("GT", (4, 6)), ("A", (6, 7))]


def test_bases_that_are_left_out_are_counted_also_inside_a_token():
    words = ["A", "C", "T", "AC"]
    rule = tokenizer_rule(bpe(words=words), TrainSettings.model_validate({}))
    tokens = encode(rule, ["AGGCNT", "GNG", "AC", ""])
    assert tokens.dropped.tolist() == [2, 2, 0, 0]
    assert tokens.spans.tolist() == [[0, 4], [5, 6], [0, 2]]


def test_cutting_and_filling_up_that_a_tokenizer_holds_are_switched_off(tmp_path):
    sequences = ["ACGTNACGTACGT", "AC", "ACGTACGTACGTACGTACGT"]
    expected = [bpe()(s)["input_ids"] for s in sequences]
    kept = bpe()
    kept.backend_tokenizer.enable_truncation(2)
    kept.backend_tokenizer.enable_padding(length=64)
    kept.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    rule = tokenizer_rule(
        PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="[PAD]"),
        TrainSettings.model_validate({}),
    )
    for _ in range(2):
        tokens = encode(rule, sequences)
        assert [ids.tolist() for ids in np.split(tokens.ids, tokens.offsets[1:-1])] == expected
        rule.tokenizer(sequences, truncation=True, max_length=3, padding="max_length")  # leaves both on
