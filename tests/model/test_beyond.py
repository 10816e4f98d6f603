import numpy as np
import pytest
from oracles import kept_tokens
from tiny import random_sequences, tiny_loaded

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.beyond import cut_off
from phenolens.model.tokens import encode
from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary


@pytest.mark.parametrize("cut", ["head_tail", "head", "paper"])
def test_it_is_what_no_kept_kmer_covers_counted_base_by_base(cut: str) -> None:
    rule = kmer_rule(kmer_vocabulary(6), TrainSettings(max_tokens=512 if cut == "paper" else 40, cut=cut))
    lengths = [1, 5, 6, 30, 43, 44, 45, 90, 514, 515, 516, 700]
    texts = [random_sequences(1, length, length)[0] for length in lengths] + ["", "N" * 60]
    expected = []
    for text in texts:
        count, room = max(len(text) - 5, 0), rule.max_tokens - 2
        covered = {base for i in kept_tokens(count, room, cut) for base in range(i, i + 6)}
        expected.append(1 - len(covered) / len(text) if count else 0.0)
    np.testing.assert_allclose(cut_off(rule, texts), expected)
    assert max(expected) > 0.2


def test_a_tokenizer_of_its_own_counts_the_bases_of_its_words() -> None:
    rule = tiny_loaded("gpt2").rule
    texts = [random_sequences(1, length, length)[0] for length in (20, 300, 900)]
    found = cut_off(rule, texts)
    tokens = encode(rule, texts)
    for i, text in enumerate(texts):
        spans = tokens.spans[tokens.offsets[i] : tokens.offsets[i + 1]]
        covered = {base for start, end in spans if start >= 0 for base in range(start, end)}
        assert found[i] == pytest.approx(1 - len(covered) / len(text))
    assert found[0] == 0 < found[1] < found[2]


def test_windows_leave_nothing_out() -> None:
    rule = kmer_rule(kmer_vocabulary(6), TrainSettings(max_tokens=40, cut="windows"))
    texts = [random_sequences(1, length, length)[0] for length in (3, 44, 45, 500)]
    assert cut_off(rule, texts).tolist() == [0, 0, 0, 0]


def test_no_sequence() -> None:
    assert cut_off(tiny_loaded("bert").rule, []).shape == (0,)
