import pytest
import torch
from tiny import random_sequences
from transformers import BertConfig, BertModel

from phenolens.classify import known_models
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.load import load
from phenolens.model.registry import FAMILIES, REGISTRY


def test_the_papers_models_keep_their_hub_names():
    assert {"zhihan1996/DNA_bert_6", "dnagpt/human_gpt2-v1"} <= set(REGISTRY)
    assert [REGISTRY[f"zhihan1996/DNA_bert_{k}"].k for k in (3, 4, 5, 6)] == [3, 4, 5, 6]


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_sizes_of_dnabert_are_those_of_its_published_shape(k):
    """BERT base (12 x 768) with 4^k words and five special tokens."""
    with torch.device("meta"):
        model = BertModel(BertConfig(vocab_size=4**k + 5))
    row = REGISTRY[f"zhihan1996/DNA_bert_{k}"]
    assert row.millions == round(sum(p.numel() for p in model.parameters()) / 1e6, 1)
    assert row.longest == model.config.max_position_embeddings


def test_every_model_is_listed_with_what_is_known_of_it():
    header, *lines = known_models()
    rows = {line.split()[0]: line for line in lines[: len(REGISTRY)]}
    assert set(rows) == set(REGISTRY)
    at = header.index("weights")
    for name, line in rows.items():
        row = REGISTRY[name]
        assert line[header.index("family") :].startswith(row.family)
        assert line.endswith(row.meaning)
        assert (line[at:].split()[0] == "hub") == (not row.built_in)
    assert "89.2 M" in rows["zhihan1996/DNA_bert_6"]
    assert "512 tokens" in rows["zhihan1996/DNA_bert_6"]
    assert "6-mers, side by side" in rows["InstaDeepAI/nucleotide-transformer-500m-human-ref"]


def test_default_model_needs_no_download():
    assert REGISTRY[TrainSettings.model_validate({}).model].built_in


def test_every_row_names_a_family_that_is_known():
    assert {row.family for row in REGISTRY.values()} <= set(FAMILIES)


@pytest.mark.parametrize("name", [name for name, row in REGISTRY.items() if row.built_in])
def test_every_built_in_model_is_what_its_row_says(name):
    row = REGISTRY[name]
    loaded = load(name, ["a", "b"], TrainSettings.model_validate({}), 1, random_sequences(200, 300, 1))
    assert loaded.model.config.model_type == row.family
    assert loaded.rule.k == row.k
    assert {key: getattr(loaded.model.config, key) for key in row.config} == row.config
    assert row.vocabulary in (0, len(loaded.rule.tokenizer or ()))
    inside = sum(p.numel() for p in loaded.model.base_model.parameters())
    assert row.millions == round(inside / 1e6, 1)
    assert row.longest in (0, loaded.rule.max_tokens)
    assert loaded.from_scratch == bool(row.config)
