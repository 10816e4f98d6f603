"""The paper's two models at their real size, with random weights: load, train, predict, explain, store, load again.

Each takes about 10 s of one core and 2.2 GB.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import planted, random_sequences, tiny_settings
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from phenolens.explain.alrw import alrw
from phenolens.model.hub import WEIGHTS
from phenolens.model.load import load, load_folder, save
from phenolens.model.predict import predict
from phenolens.model.train import train

DNABERT = Path(__file__).parents[2] / "shared" / "data" / "tokenizers" / "dnabert_k6"


def dnabert(folder):
    folder.mkdir()
    for name in ("config.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).write_bytes((DNABERT / name).read_bytes())
    BertForMaskedLM(BertConfig.from_pretrained(folder)).save_pretrained(folder)


def gpt2(folder):
    """GPT-2 small with the built-in BPE tokenizer, whose end-of-text token is number 0."""
    GPT2LMHeadModel(GPT2Config(vocab_size=4096, bos_token_id=0, eos_token_id=0)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(WEIGHTS / "gpt2-small" / name, folder / name)


@pytest.mark.shared_data
@pytest.mark.skipif(not DNABERT.is_dir(), reason="needs the shared data")
@pytest.mark.parametrize(
    ("write", "longest", "parameters"),
    [
        (dnabert, 512, 4101 * 768 + 514 * 768 + 2 * 768 + 12 * 7_087_872 + 768 * 769),
        (gpt2, 1024, 4096 * 768 + 1024 * 768 + 12 * 7_087_872 + 2 * 768),
    ],
)
def test_the_papers_models_at_their_real_size(tmp_path, write, longest, parameters):
    """12 layers of 768 have 7,087,872 parameters each: attention 4 x (768^2 + 768), feed-forward 2 x 768 x 3072 + 3840, norms 4 x 768."""
    with torch.random.fork_rng():
        write(tmp_path / "given")
    settings = tiny_settings(epochs=1, batch_size=4, max_tokens=2000, learning_rate=2e-5)
    loaded = load(str(tmp_path / "given"), ["with", "without"], settings, 1)
    assert loaded.rule.max_tokens == longest
    assert sum(p.numel() for p in loaded.model.base_model.parameters()) == parameters
    sequences = random_sequences(3, 60, 2)
    before = predict(loaded, sequences)
    history = train(loaded, planted(12, 40, 1).table, tmp_path / "run", settings, 1)
    assert history["train_loss"].is_finite().all()
    after = predict(loaded, sequences)
    assert not np.array_equal(before, after)
    scores = alrw(loaded, ["a", "b", "c"], sequences)
    np.testing.assert_allclose(np.nansum(scores.values**2, axis=1), 1, atol=1e-5)
    save(loaded, tmp_path / "run")
    np.testing.assert_array_equal(predict(load_folder(tmp_path / "run"), sequences), after)
