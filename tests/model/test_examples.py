"""Batches of examples against Hugging-Face-like padding (`tokens.padded`, tested on its own) and a reverse complement written out by hand."""

import numpy as np
import pytest
import torch
from tiny import planted, tiny_loaded, tiny_settings

from phenolens.model.batching import ABSENT
from phenolens.model.examples import NOT_COUNTED, collate, read_examples
from phenolens.model.tokens import encode, padded

TABLE = planted(100, 40, 3).table
PAIR = {"A": "T", "C": "G", "G": "C", "T": "A"}


def other_strand(sequence):
    return "".join(PAIR[base] for base in reversed(sequence))


def texts(split):
    return TABLE.filter(split=split)["sequence"].to_list()


def rows(loaded, sequences):
    ids, mask, _ = padded(loaded.rule, encode(loaded.rule, sequences), np.arange(len(sequences)))
    return ids, mask


def items(n, epoch=0):
    return [(epoch, row) for row in range(n)]


def read(family, **changes):
    loaded = tiny_loaded(family, **changes)
    return loaded, *read_examples(loaded, TABLE, tiny_settings(**changes), seed=1)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_plain_batches_are_the_padded_tokens(family):
    loaded, training, validation = read(family)
    for split, examples in (("train", training), ("validation", validation)):
        batch = collate(examples, items(len(examples)))
        ids, mask = rows(loaded, texts(split))
        np.testing.assert_array_equal(batch["input_ids"], ids)
        np.testing.assert_array_equal(batch["attention_mask"], mask)
        labels = [loaded.labels[i] for i in batch["labels"]]
        assert labels == TABLE.filter(split=split)["label"].to_list()
        assert batch["owner"].tolist() == list(range(len(examples)))
        np.testing.assert_array_equal(examples.cost, mask.sum(axis=1))


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_each_epoch_reads_each_training_sequence_from_a_strand_drawn_anew_and_validation_as_it_is(family):
    loaded, training, validation = read(family, reverse_complement=True)
    forward = [tuple(encode(loaded.rule, [text]).ids) for text in texts("train")]
    reverse = [tuple(encode(loaded.rule, [other_strand(text)]).ids) for text in texts("train")]
    drawn = []
    for epoch in range(4):
        batch = collate(training, items(60, epoch))
        seen = [tuple(ids[: mask.sum()].tolist()) for ids, mask in zip(*pair(batch), strict=True)]
        assert all(s in (f, r) for s, f, r in zip(seen, forward, reverse, strict=True))
        drawn.append([s == f for s, f in zip(seen, forward, strict=True)])
    assert 80 < np.sum(drawn) < 160  # of 240, within five standard deviations of one half
    assert len({tuple(epoch) for epoch in drawn}) == 4
    np.testing.assert_array_equal(collate(validation, items(20, 3))["input_ids"], rows(loaded, texts("validation"))[0])
    np.testing.assert_array_equal(training.cost, [max(len(f), len(r)) for f, r in zip(forward, reverse, strict=True)])


def pair(batch):
    return batch["input_ids"], batch["attention_mask"]


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_hidden_tokens_are_that_share_never_special_and_drawn_anew(family):
    share = 0.3
    loaded, training, validation = read(family, mask_tokens=share)
    plain, mask = rows(loaded, texts("train"))
    epochs = [collate(training, items(60, epoch))["input_ids"].numpy() for epoch in range(3)]
    for seen in epochs:
        changed = seen != plain
        special = len(loaded.rule.prefix) + len(loaded.rule.suffix)
        content = mask.sum() - special * len(mask)
        spread = np.sqrt(share * (1 - share) / content)
        assert abs(changed.sum() / content - share) < 5 * spread
        assert not changed[mask == 0].any()
        if family == "bert":
            assert set(seen[changed]) == {loaded.rule.vocabulary["[MASK]"]}
            assert (seen[:, 0] == loaded.rule.vocabulary["[CLS]"]).all()
            assert ((seen == loaded.rule.vocabulary["[SEP]"]).sum(axis=1) == 1).all()
        else:
            assert (seen[mask == 1] != loaded.rule.pad).all()
    assert not np.array_equal(epochs[0], epochs[1])
    np.testing.assert_array_equal(collate(validation, items(20))["input_ids"], rows(loaded, texts("validation"))[0])


def test_a_row_looks_the_same_in_any_batch_of_its_epoch():
    _, training, _ = read("bert", mask_tokens=0.2, reverse_complement=True)
    whole = collate(training, items(60, 5))["input_ids"]
    for row in (0, 17, 59):
        assert torch.equal(collate(training, [(5, row)])["input_ids"][0], whole[row])


def test_an_absent_row_does_not_count():
    _, training, _ = read("bert")
    batch = collate(training, [(0, 3), (0, ABSENT)])
    assert batch["labels"].tolist() == [training.classes[3], NOT_COUNTED]


def test_windows_of_a_sequence_stand_in_its_batch_and_its_cost_is_all_that_they_can_hold():
    loaded, training, _ = read("bert", max_tokens=20, cut="windows")
    tokens = encode(loaded.rule, texts("train"))
    batch = collate(training, [(0, 7), (0, 2)])
    assert batch["owner"].tolist() == [0, 0, 1, 1]  # 35 tokens each, 18 fit
    expected = padded(loaded.rule, tokens, np.concatenate([np.flatnonzero(tokens.owner == row) for row in (7, 2)]))
    np.testing.assert_array_equal(batch["input_ids"], expected[0])
    assert batch["labels"].tolist() == training.classes[[7, 2]].tolist()
    assert training.cost.tolist() == [40] * 60
