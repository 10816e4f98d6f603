"""Which folders can be served, beside the same model asked directly."""

import itertools

import numpy as np
import pytest
from tiny import random_sequences, tiny_loaded
from tiny_folders import tiny_folder
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import phenolens
from phenolens.core.errors import InputError
from phenolens.model.load import save
from phenolens.model.predict import predict
from phenolens.serve.answers import Explain, Predict, in_pieces, open_model, work

SEQUENCES = random_sequences(5, 60, 3)


def test_a_hugging_face_folder_of_others_is_served(tmp_path):
    base = tiny_folder(tmp_path / "base", "esm")
    AutoModelForSequenceClassification.from_pretrained(base, num_labels=3).save_pretrained(tmp_path / "theirs")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "theirs")
    notes = []
    served = open_model(tmp_path / "theirs", notes.append)
    assert (served.name, len(served.models), served.temperature) == ("theirs", 1, None)
    assert len(notes) == 1
    (found,) = work(served, Predict(False), [SEQUENCES])
    np.testing.assert_allclose(found, predict(served.models[0], SEQUENCES), atol=1e-6)
    (scores,) = work(served, Explain("alrw", None), [SEQUENCES])
    expected = phenolens.explain(tmp_path / "theirs", SEQUENCES).values
    for one, values in zip(scores, expected, strict=True):
        np.testing.assert_allclose(one.scores, values, atol=1e-6)


def test_runs_of_other_classes_are_refused(tmp_path):
    for i in range(2):
        save(tiny_loaded("bert")._replace(labels=("a", "bc"[i])), tmp_path / "train" / f"run-{i}")
    with pytest.raises(InputError, match="its runs have different classes; give one of them"):
        open_model(tmp_path, lambda _: None)


def test_pieces_hold_all_sequences_in_order_and_no_more_than_their_bases():
    lengths = [1, 4000, 90, 10, 5000, 4096, 1, 1]
    pieces = in_pieces(["A" * n for n in lengths])
    assert [len(text) for piece in pieces for text in piece] == lengths
    assert all(len(piece) == 1 or sum(map(len, piece)) <= 4096 for piece in pieces)
    for piece, following in itertools.pairwise(pieces):
        assert sum(map(len, piece)) + len(following[0]) > 4096
