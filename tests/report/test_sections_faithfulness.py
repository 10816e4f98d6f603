"""The one sentence on faithfulness says what the intervals say, also when the answer is no; the tables hold every comparison."""

import re
from dataclasses import replace

import polars as pl
import pytest

from phenolens.report.content import PageContent, tidy
from phenolens.report.page import page, page_tables
from phenolens.report.sections_faithfulness import CONTROLS, faithful, faithfulness

EVERY = ["shift", "gc", "random"]


def with_interval(study, controls, curve, low, high):
    chosen = (pl.col("method") == "alrw") & pl.col("control").is_in(controls) & (pl.col("model") == "trained")
    chosen &= (pl.col("curve") == curve) & pl.col("label").is_null()
    changed = {"low": low, "high": high, "area": (low + high) / 2}
    table = study.faithfulness.with_columns(
        pl.when(chosen).then(value).otherwise(pl.col(name)).alias(name) for name, value in changed.items()
    )
    return replace(study, faithfulness=table)


@pytest.mark.parametrize(
    ("deletion", "insertion", "words"),
    [
        (
            (0.1, 0.3),
            (0.2, 0.4),
            "ALRW is better than bases elsewhere here (least clear comparison, mean difference in probability: deletion 0.200 (",
        ),
        ((-0.1, 0.3), (-0.2, 0.4), "ALRW is not better than bases elsewhere here ("),
        ((-0.3, -0.1), (-0.4, -0.2), "ALRW is worse than bases elsewhere here ("),
        (
            (0.1, 0.3),
            (-0.2, 0.4),
            "ALRW is, compared with bases elsewhere, better by deletion but not better by insertion here (",
        ),
    ],
)
def test_the_sentence_says_what_the_intervals_say(study, deletion, insertion, words):
    changed = with_interval(study, EVERY, "deletion", *deletion)
    changed = with_interval(changed, EVERY, "insertion", *insertion)
    assert faithful(tidy(changed)).startswith(words)


def test_the_sentence_stands_in_the_summary_and_above_its_section(study):
    assert page(study).count(faithful(tidy(study)).replace("'", "&#39;")) == 2


@pytest.mark.parametrize("hard", EVERY)
def test_better_than_chance_means_better_than_every_control(study, hard):
    changed = study
    for curve in ("deletion", "insertion"):
        changed = with_interval(changed, EVERY, curve, 0.1, 0.3)
        changed = with_interval(changed, [hard], curve, -0.05, 0.15)
    sentence = faithful(tidy(changed))
    assert sentence.startswith("ALRW is not better than bases elsewhere here (")
    assert re.search(rf"deletion 0\.0500 \([^)]*\) against {CONTROLS[hard]}", sentence)


def test_the_sentence_compares_with_integrated_gradients_and_names_the_best_method(study):
    sentence = faithful(tidy(study))
    assert (
        "; it is worse than integrated gradients; of all methods occlusion has the largest difference from bases elsewhere by deletion, 0.150 ("
        in sentence
    )
    alone = replace(
        study,
        faithfulness=study.faithfulness.filter(
            pl.col("method") == "alrw", ~pl.col("control").is_in(["integrated_gradients", "occlusion"])
        ),
    )
    assert "integrated" not in faithful(tidy(alone))
    assert "of all methods" not in faithful(tidy(alone))


def test_without_a_test_the_page_says_so(study):
    bare = tidy(PageContent(settings=study.settings, version="0.1.0"))
    assert "It was not tested" in faithfulness(bare).lead


def test_every_comparison_stands_in_a_table(study):
    tables = page_tables(study)
    overall = study.faithfulness.filter(pl.col("label").is_null())
    shown = pl.concat([tables["faithfulness"], tables["faithfulness-pairs"]])
    assert 2 * shown.height == overall.height
    for row in shown.iter_rows(named=True):
        for curve in ("deletion", "insertion"):
            key = {name: row[name] for name in ("model", "method", "control")} | {"curve": curve}
            one = overall.filter(**key).row(0, named=True)
            assert [row[f"{curve}_{name}"] for name in ("area", "low", "high", "q_value")] == [
                one[name] for name in ("area", "low", "high", "q_value")
            ]
    assert set(tables["faithfulness-classes"]["label"]) == {"ERV", "background"}
