"""`phenolens.explain` on folders and models in memory; the how-to of the documentation runs as written."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import random_sequences, tiny_loaded
from tiny_folders import tiny_folder
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertTokenizer

import phenolens
from phenolens.core.errors import DataError, InputError
from phenolens.explain.alrw import alrw
from phenolens.model.load import save

ROOT = Path(__file__).parent.parent.parent


def hugging_face_classifier(folder, family, **changes):
    """A folder of a classifier with its tokenizer, as someone else's training leaves it."""
    base = tiny_folder(folder / "base", family, **changes)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    model.save_pretrained(folder / "classifier")
    AutoTokenizer.from_pretrained(base).save_pretrained(folder / "classifier")
    return folder / "classifier"


@pytest.mark.parametrize("place", ["docs/explain.md", "README.md"])
def test_the_how_to_runs_as_written(place, tmp_path, monkeypatch, capsys):
    save(tiny_loaded("bert"), tmp_path / "my-run" / "train" / "run-0")
    hugging_face_classifier(tmp_path, "gpt2").rename(tmp_path / "my-classifier")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / place).read_text(), flags=re.M | re.S)
    assert len(blocks) == 1
    names = {}
    exec(blocks[0], names)
    assert names["scores"].values.shape == (2, 108)
    assert "(2, 108) alrw" in capsys.readouterr().out


def test_the_package_can_be_called_and_costs_nothing_to_import():
    code = (
        "import sys, phenolens\nfrom phenolens import explain\nimport phenolens.explain\nassert explain is phenolens.explain\n"
        "assert callable(explain)\nassert not {'torch', 'numpy', 'polars'} & set(sys.modules)\n"
        "try:\n    phenolens.nothing\nexcept AttributeError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'phenolens' has no attribute 'nothing'\n"


def test_a_folder_of_phenolens_gives_the_scores_of_its_model(tmp_path):
    loaded, sequences = tiny_loaded("bert", cut="windows"), random_sequences(3, 100, 1)
    save(loaded, tmp_path / "model")
    found = phenolens.explain(str(tmp_path / "model"), sequences, sequence_ids=list("abc"), mode="default")
    expected = alrw(loaded, list("abc"), sequences)
    assert found.sequence_ids == list("abc")
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)


@pytest.mark.parametrize("family", ["gpt2", "esm", "modernbert"])
def test_folder_and_memory_agree_and_the_model_is_left_as_it_was(family, tmp_path):
    folder, sequences = hugging_face_classifier(tmp_path, family), random_sequences(3, 90, 2)
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    model.config.pad_token_id = before = None if family == "gpt2" else model.config.pad_token_id
    implementation = model.train().config._attn_implementation
    for cut in ("head_tail", "windows"):
        found = phenolens.explain(model, sequences, tokenizer=tokenizer, cut=cut, batch_size=2)
        expected = phenolens.explain(folder, sequences, cut=cut)
        np.testing.assert_allclose(found.values, expected.values, atol=1e-5)
        assert np.isnan(found.values).any() == (cut == "head_tail")  # 90 letters, at most 40 tokens
    assert model.training
    assert model.config.pad_token_id == before
    assert model.config._attn_implementation == implementation


def test_a_k_mer_tokenizer_in_memory_is_read_as_overlapping_k_mers():
    loaded, sequences = tiny_loaded("bert"), random_sequences(2, 50, 3)
    tokenizer = BertTokenizer(vocab=dict(loaded.rule.vocabulary), do_lower_case=False)
    found = phenolens.explain(loaded.model, sequences, tokenizer=tokenizer)
    np.testing.assert_allclose(found.values, alrw(loaded, ["a", "b"], sequences).values, atol=1e-6)


def test_every_method_has_its_name():
    loaded, sequences = tiny_loaded("bert"), random_sequences(2, 30, 3)
    for method in ("alrw", "integrated_gradients", "gradient_x_input", "occlusion", "mutagenesis"):
        found = phenolens.explain(loaded, sequences, method=method)
        assert (found.values.shape, found.sequence_ids) == ((2, 30), ["0", "1"])


def test_what_cannot_be_explained_is_said_in_one_sentence(tmp_path):
    loaded = tiny_loaded("bert")
    with pytest.raises(DataError, match=r"no method is called 'saliency'; expected alrw, integrated_gradients"):
        phenolens.explain(loaded, ["ACGT"], method="saliency")
    with pytest.raises(DataError, match=r"one string; expected a list of sequences"):
        phenolens.explain(loaded, "ACGTACGT")
    with pytest.raises(DataError, match=r"1 names for 2 sequences"):
        phenolens.explain(loaded, ["ACGT", "ACGT"], sequence_ids=["a"])
    with pytest.raises(DataError, match=r"tokenizer.*is missing"):
        phenolens.explain(loaded.model, ["ACGT"])
    with pytest.raises(DataError, match=r"is a BertModel; expected a folder, or a ...ForSequenceClassification"):
        phenolens.explain(loaded.model.bert, ["ACGT"])
    with pytest.raises(InputError, match=r"no such folder"):
        phenolens.explain(tmp_path / "nowhere", ["ACGT"])
    with pytest.raises(InputError, match=r"holds no trained classifier: classifier.* start from random weights"):
        phenolens.explain(tiny_folder(tmp_path / "base", "bert"), ["ACGT"])
    with pytest.raises(DataError, match=r"explain.layer: 7 of a model with 2 layers"):
        phenolens.explain(loaded, ["ACGTACGT"], layer=7)
