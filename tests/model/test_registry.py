from tiny import random_sequences

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.load import load
from phenolens.model.registry import FAMILIES, REGISTRY


def test_the_papers_models_keep_their_hub_names():
    assert {"zhihan1996/DNA_bert_6", "dnagpt/human_gpt2-v1"} <= set(REGISTRY)
    assert [REGISTRY[f"zhihan1996/DNA_bert_{k}"].k for k in (3, 4, 5, 6)] == [3, 4, 5, 6]


def test_default_model_needs_no_download():
    assert REGISTRY[TrainSettings.model_validate({}).model].built_in


def test_every_row_from_scratch_is_what_it_says():
    for name, row in REGISTRY.items():
        assert row.family in FAMILIES
        if row.config:
            loaded = load(name, ["a", "b"], TrainSettings.model_validate({}), 1, random_sequences(200, 300, 1))
            assert loaded.model.config.model_type == row.family
            assert loaded.rule.k == row.k
            assert {key: getattr(loaded.model.config, key) for key in row.config} == row.config
            assert row.vocabulary in (0, len(loaded.rule.tokenizer or ()))
