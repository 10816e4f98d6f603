import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import kept_tokens, kmers
from tiny import random_sequences
from transformers import BertTokenizer

from phenolens.core.settings_learn import TrainSettings
from phenolens.model import tokens as module
from phenolens.model.tokens import encode, padded
from phenolens.model.vocabulary import bpe_rule, kmer_rule, kmer_vocabulary

SHARED = Path(__file__).parents[3] / "shared" / "data"
DNA = st.lists(st.text("ACGTNacgtn", max_size=80), min_size=1, max_size=6)


def train_settings(**changes):
    return TrainSettings.model_validate({"max_tokens": 512, **changes})


def rule(k=6, **changes):
    return kmer_rule(kmer_vocabulary(k), train_settings(**changes))


def hugging_face(k):
    return BertTokenizer(vocab=kmer_vocabulary(k), do_lower_case=False)


def ids_of(tokens, i):
    return tokens.ids[tokens.offsets[i] : tokens.offsets[i + 1]].tolist()


def spans_of(tokens, i):
    return [tuple(s) for s in tokens.spans[tokens.offsets[i] : tokens.offsets[i + 1]].tolist()]


def realistic(n, seed):
    """Sequences of 1-2,000 bases with single N, runs of N, other letters, and stretches of lower case."""
    rng, found = np.random.default_rng(seed), ["", "ACG", "acgtn"]
    for length in rng.integers(1, 2001, size=n):
        letters = rng.choice(list("ACGT"), size=length)
        letters[rng.random(length) < rng.choice([0, 0, 0.01])] = "N"
        letters[rng.random(length) < rng.choice([0, 0, 0.01])] = rng.choice(list("RYK"))
        start, end = np.sort(rng.integers(0, length + 1, size=2))
        letters[start : start + rng.choice([0, 0, 30])] = "N"
        text = "".join(letters)
        found.append(text[:start] + text[start:end].lower() + text[end:])
    return found


def both_ways(vocabulary, k, sequences):
    """Our ids are Hugging Face's on joined k-mers; turned into words by Hugging Face and laid on our spans they spell the sequence."""
    own, tokenizer = (
        kmer_rule(vocabulary, train_settings(max_tokens=2002)),
        BertTokenizer(vocab=vocabulary, do_lower_case=False),
    )
    tokens = encode(own, sequences)
    assert [ids_of(tokens, i) for i in range(len(sequences))] == tokenizer([" ".join(kmers(s, k)) for s in sequences])[
        "input_ids"
    ]
    for i, sequence in enumerate(sequences):
        words, spelled = tokenizer.convert_ids_to_tokens(ids_of(tokens, i)), ["?"] * len(sequence)
        for word, (start, end) in zip(words[1:-1], spans_of(tokens, i)[1:-1], strict=True):
            if word != "[UNK]":
                spelled[start:end] = word
        known = re.sub(f"[ACGT]{{{k},}}", lambda run: "!" * len(run[0]), sequence.upper())
        assert "".join(spelled) == "".join(s if c == "!" else "?" for s, c in zip(sequence.upper(), known, strict=True))


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_kmer_ids_equal_hugging_faces_on_joined_kmers(k):
    @settings(max_examples=20, deadline=None)
    @given(DNA)
    def equal(sequences):
        both_ways(kmer_vocabulary(k), k, sequences)

    equal()


def test_ids_and_spans_of_dnaberts_layout_on_many_sequences_both_ways():
    both_ways(kmer_vocabulary(6), 6, realistic(150, 1))


@pytest.mark.shared_data
def test_ids_and_spans_of_dnaberts_own_vocabulary_both_ways():
    source = SHARED / "tokenizers" / "dnabert_k6" / "vocab.txt"
    if not source.is_file():
        pytest.skip("DNABERT's vocabulary is not here")
    words = source.read_text().split()
    assert list(kmer_vocabulary(6)) == words
    both_ways({word: i for i, word in enumerate(words)}, 6, realistic(150, 2))


@settings(max_examples=40, deadline=None)
@given(DNA, st.sampled_from(["head_tail", "head", "paper"]), st.integers(5, 60))
def test_spans_spell_the_tokens_that_the_cut_keeps(sequences, cut, max_tokens):
    own = rule(4, cut=cut, max_tokens=max_tokens)
    tokens = encode(own, sequences)
    assert tokens.lengths.max() <= max_tokens
    for i, sequence in enumerate(sequences):
        words = kmers(sequence, 4)
        kept = kept_tokens(len(words), max_tokens - 2, cut)
        assert spans_of(tokens, i) == [(-1, -1), *((j, j + 4) for j in kept), (-1, -1)]
        assert ids_of(tokens, i)[1:-1] == [own.vocabulary.get(words[j], own.unknown) for j in kept]


def test_paper_cut_is_hugging_faces_truncation_of_first_300_and_last_212():
    sequences = [s[:n] for s, n in zip(random_sequences(7, 900, 1), [5, 6, 150, 305, 400, 516, 900], strict=True)]
    joined = [" ".join(kmers(s, 6)[:300] + kmers(s, 6)[-212:]) for s in sequences]
    expected = hugging_face(6)(joined, truncation=True, max_length=512)["input_ids"]
    tokens = encode(rule(6, cut="paper"), sequences)
    assert [ids_of(tokens, i) for i in range(7)] == expected
    assert tokens.lengths[-1] == 512


def test_head_tail_keeps_a_sequence_that_fits_whole_and_never_repeats():
    tokens = encode(
        rule(6, cut="head_tail"), [s[:n] for s, n in zip(random_sequences(3, 900, 2), [515, 516, 900], strict=True)]
    )
    starts = [[s for s, _ in spans_of(tokens, i)[1:-1]] for i in range(3)]
    assert starts[0] == list(range(510))
    assert [len(s) for s in starts] == [510, 510, 510]
    assert all(len(set(s)) == len(s) and s[0] == 0 for s in starts)
    assert starts[2][-1] == 894
    assert starts[2][298:300] == [298, 684]  # 299 of 510 are 300 / 512


@pytest.mark.parametrize("cut", ["head_tail", "windows"])
def test_all_sequences_together_are_each_alone(cut):
    sequences = [*random_sequences(5, 70, 3), "", "ACG", "acgtNNACGTACGT"]
    own = rule(6, max_tokens=40, cut=cut)
    together = encode(own, sequences)
    for i, sequence in enumerate(sequences):
        alone = encode(own, [sequence])
        rows = np.flatnonzero(together.owner == i)
        assert len(rows) == len(alone.owner)
        for row, j in zip(rows, range(len(rows)), strict=True):
            assert ids_of(together, row) == ids_of(alone, j)
            assert spans_of(together, row) == spans_of(alone, j)


@pytest.mark.parametrize("cut", ["paper", "windows"])
@pytest.mark.parametrize("kind", ["kmer", "tokenizer"])
def test_blocks_that_are_worked_on_at_a_time_change_nothing(monkeypatch, cut, kind):
    sequences = ["", *random_sequences(6, 70, 3), "", "ACG", "acgtNNACGTACGT", random_sequences(1, 150, 4)[0], ""]
    own = rule(6, max_tokens=40, cut=cut)
    if kind == "tokenizer":
        own = bpe_rule(sequences, 300, train_settings(max_tokens=12, cut=cut))
    whole = encode(own, sequences)
    for bases in (1, 70, 150, 400):
        monkeypatch.setattr(module, "BLOCK_BASES", bases)
        for expected, found in zip(whole, encode(own, sequences), strict=True):
            np.testing.assert_array_equal(expected, found)
            assert expected.dtype == found.dtype


@pytest.mark.parametrize("cut", ["head_tail", "windows"])
def test_no_sequences_no_rows(cut):
    tokens = encode(rule(6, cut=cut), [])
    assert [len(array) for array in tokens] == [0, 0, 1, 0, 0, 0]


def test_windows_are_rows_with_their_own_special_tokens_and_cover_every_kmer():
    sequences = [random_sequences(1, 200, 8)[0], "ACGTAC", "AC", random_sequences(1, 47, 9)[0]]
    own = rule(4, cut="windows", max_tokens=22)
    tokens = encode(own, sequences)
    assert tokens.owner.tolist() == [0] * 10 + [1, 2] + [3] * 3  # 197, 3, 0, 44 k-mers with room for 20
    assert tokens.uncut.tolist() == [197, 3, 0, 44]
    for i, sequence in enumerate(sequences):
        seen = set()
        for row in np.flatnonzero(tokens.owner == i):
            ids, spans = ids_of(tokens, row), spans_of(tokens, row)
            assert (ids[0], ids[-1]) == (2, 3)
            assert spans[0] == spans[-1] == (-1, -1)
            assert ids[1:-1] == [own.vocabulary[sequence[s:e]] for s, e in spans[1:-1]]
            seen |= {s for s, _ in spans[1:-1]}
        assert seen == set(range(len(sequence) - 3))


def test_letters_outside_ascii_do_not_shift_spans():
    tokens = encode(rule(3), ["ACGßACG"])
    assert spans_of(tokens, 0)[1:-1] == [(i, i + 3) for i in range(5)]
    assert (np.array(ids_of(tokens, 0)) == 1).tolist() == [False, False, True, True, True, False, False]


def test_bpe_equals_the_tokenizer_and_its_spans_tile_the_sequence():
    sequences = random_sequences(30, 120, 4)
    own = bpe_rule(sequences, 400, train_settings())
    tokens = encode(own, [*sequences, sequences[0].lower(), "ACGNNNRYACG"])
    for i, sequence in enumerate([*sequences, sequences[0], "ACGNNNRYACG"]):
        spans = spans_of(tokens, i)
        assert [s for s, _ in spans] == [0, *(e for _, e in spans[:-1])]
        assert spans[-1][1] == len(sequence)
        words = [own.tokenizer.convert_ids_to_tokens(t) for t in ids_of(tokens, i)]
        assert words == [sequence[s:e] for s, e in spans]
        assert ids_of(tokens, i) == own.tokenizer(sequence)["input_ids"]


@pytest.mark.parametrize("cut", ["head", "paper"])
def test_bpe_cut_from_the_end_is_hugging_faces_truncation(cut):
    sequences = random_sequences(5, 200, 5)
    own = bpe_rule(sequences, 300, train_settings(max_tokens=20, cut=cut))
    tokens = encode(own, sequences)
    assert [ids_of(tokens, i) for i in range(5)] == own.tokenizer(sequences, truncation=True, max_length=20)[
        "input_ids"
    ]


def test_padded_rows_hold_their_tokens_and_never_an_empty_mask():
    own = bpe_rule(random_sequences(5, 100, 6), 300, train_settings())
    tokens = encode(own, ["ACGTACGT", "", "A"])
    ids, mask, spans = padded(own, tokens, np.array([2, 1, 0]))
    assert mask.sum(axis=1).tolist() == [1, 1, tokens.lengths[0]]
    assert ids[0, 0] == ids_of(tokens, 2)[0]
    assert ids[2].tolist() == ids_of(tokens, 0)
    assert (ids[mask == 0] == own.pad).all()
    assert (spans[mask == 0] == -1).all()
    assert spans[2].tolist() == [list(s) for s in spans_of(tokens, 0)]
