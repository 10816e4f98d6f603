"""The verdicts at the head of the page: planted leakage, baselines and curves are called what they are."""

from dataclasses import replace

import polars as pl
import pytest

from phenolens.report.content import tidy
from phenolens.report.summary import answer, verdicts


def words(study):
    return {what: (word, tone) for what, word, tone, _ in verdicts(tidy(study))}


def leakage(study):
    return words(study)["Leakage between training and test"]


def baselines(study):
    return words(study)["Compared with simple baselines"]


def faithful(study):
    return words(study)["Do the scores show what matters to the model?"]


def test_leakage_is_found_where_a_group_or_a_copy_lies_on_both_sides(study):
    assert leakage(study) == ("None found", "good")
    one = study.sequences["group"][0]
    mixed = study.sequences.with_columns(
        group=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit(one)).otherwise("group")
    )
    assert leakage(replace(study, sequences=mixed)) == ("Found", "warn")
    for kind in ("duplicates", "twins", "loci_on_both_sides"):
        split = study.quality["leakage"]["split"] | {kind: 1}
        quality = {**study.quality, "leakage": {**study.quality["leakage"], "split": split}}
        assert leakage(replace(study, quality=quality)) == ("Found", "warn"), kind


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.1, ("The model is better", "good")),
        (-0.01, 0.1, ("No clear difference", "warn")),
        (-0.2, -0.1, ("A baseline is better", "warn")),
    ],
)
def test_the_paired_interval_decides_on_baselines(study, low, high, word):
    paired = study.comparison.with_columns(low=pl.lit(low), high=pl.lit(high))
    assert baselines(replace(study, comparison=paired)) == word


def test_faithful_needs_both_curves_above_every_control(study):
    def of(deletion, insertion):
        low = pl.when(pl.col("curve") == "deletion").then(deletion).otherwise(insertion)
        return faithful(replace(study, faithfulness=study.faithfulness.with_columns(low=low, area=0.3, high=0.5)))

    assert of(0.1, 0.1) == ("Faithful", "good")
    assert of(0.1, -0.1) == ("In part", "warn")
    assert of(-0.1, -0.1) == ("Not shown", "warn")
    weakest = study.faithfulness.with_columns(
        area=0.3, high=0.5, low=pl.when(pl.col("control") == "gc").then(-0.01).otherwise(0.2)
    )
    assert faithful(replace(study, faithfulness=weakest)) == ("Not shown", "warn")


def test_a_run_without_tests_is_not_praised(study):
    bare = replace(study, metrics=None, comparison=None, faithfulness=None, quality={}, sequences=None)
    assert set(words(bare).values()) == {("Not known", "none"), ("Not compared", "none"), ("Not tested", "none")}


def test_the_answer_is_three_sentences(study):
    said = answer(tidy(study))
    assert said.count(". ") == 2
    assert said.endswith(".")
