"""Windows and hidden tokens of pre-training."""

import numpy as np
import pytest
import torch
from tiny import random_sequences

from phenolens.core.settings_learn import PretrainSettings, TrainSettings
from phenolens.model.masking import Batches, hidden_tokens
from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary

TINY = {"lengths": (32,), "batch_tokens": 512}


def test_hidden_share_and_stretches_are_as_asked():
    settings = PretrainSettings(masked=0.2, span_min=6, span_max=10)
    content = np.ones((200, 500), dtype=bool)
    content[:, 0] = content[:, -1] = False
    hidden = hidden_tokens(content, settings, np.random.default_rng(1))
    assert not hidden[~content].any()
    assert hidden.mean() == pytest.approx(0.2, abs=0.01)
    edges = np.diff(np.pad(hidden, ((0, 0), (1, 1))).astype(int), axis=1)
    begin, end = (np.argwhere(edges == sign) for sign in (1, -1))
    whole = (end[:, 1] < 499) & (begin[:, 1] > 1)
    assert (end[:, 1] - begin[:, 1])[whole].min() == 6


@pytest.mark.parametrize("size", [1, 2, 40])
def test_every_row_hides_something(size):
    content = np.zeros((50, 60), dtype=bool)
    content[:, 1 : 1 + size] = True
    settings = PretrainSettings(masked=0.01)
    assert hidden_tokens(content, settings, np.random.default_rng(0)).any(axis=1).all()


def test_a_batch_depends_on_its_number_and_seed_alone_and_spells_the_dna():
    rule = kmer_rule(kmer_vocabulary(3), TrainSettings())
    settings, pieces = PretrainSettings(**TINY), random_sequences(5, 80, 1)
    batches = Batches(pieces, rule, settings, 7, 9)
    for _ in range(3):
        batches[2]
    again = Batches(pieces, rule, settings, 7, 9)[4]
    for name, tensor in batches[4].items():
        assert torch.equal(tensor, again[name])
    assert not torch.equal(batches[4]["input_ids"], batches[5]["input_ids"])
    words = {i: word for word, i in rule.vocabulary.items()}
    both = "|".join(pieces + [p.translate(str.maketrans("ACGT", "TGCA"))[::-1] for p in pieces])
    ids = torch.where(again["labels"] >= 0, again["labels"], again["input_ids"])
    for row, mask in zip(ids, again["attention_mask"], strict=True):
        tokens = [words[int(i)] for i in row[mask.bool()]][1:-1]
        text = tokens[0] + "".join(t[-1] for t in tokens[1:])
        assert text in both
        assert len(text) == 32


def test_only_hidden_tokens_count_and_words_say_what_they_were():
    rule = kmer_rule(kmer_vocabulary(3), TrainSettings())
    batch = Batches(random_sequences(5, 80, 1), rule, PretrainSettings(**TINY), 7, 1)[0]
    masked = batch["input_ids"] == rule.vocabulary["[MASK]"]
    assert masked.any()
    assert not masked.all()
    assert torch.equal(batch["labels"] != -100, masked)
    assert torch.equal(batch["labels"][masked], batch["words"][masked])
    plain = batch["words"] != -100
    assert torch.equal(batch["words"][plain & ~masked], batch["input_ids"][plain & ~masked])
