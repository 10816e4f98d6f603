"""What the section on layers says of numbers that were made up, and that its pictures show every sequence once a panel."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from phenolens.core.schemas_layers import LAYERS
from phenolens.report.content import tidy
from phenolens.report.figures_layers import class_tints, family_tints, number_tints
from phenolens.report.page import page
from phenolens.report.sections_layers import in_words, layers


def rows(*found):
    names = list(LAYERS.columns)
    full = [(s, p, la, "balanced_accuracy", v, lo, hi, 240, None) for s, p, la, v, lo, hi in found]
    return pl.DataFrame(full, schema={name: LAYERS.columns[name].dtype for name in names}, orient="row")


AFTER = [
    ("after", "mean", 0, 0.6, 0.5, 0.7),
    ("after", "mean", 1, 0.71, 0.6, 0.8),
    ("after", "reading", 1, 0.8, 0.75, 0.85),
]
BEFORE = ("before", "reading", 1, 0.55, 0.5, 0.6)
BESIDE = [("6-mers", None, None, 0.65, 0.6, 0.7), ("chance", None, None, 0.5, None, None)]


def test_the_best_layer_is_named_with_what_it_is_compared_with():
    words = in_words(rows(*AFTER, BEFORE, ("change", "reading", 1, 0.25, 0.1, 0.4), *BESIDE))
    assert "layer 1 of 1 (reading token): balanced accuracy 0.800 (0.750–0.850) on 240 sequences" in words
    assert "6-mer counts give 0.650 (0.600–0.700) and guessing gives 0.500" in words
    assert "the same layer gave 0.550 (0.500–0.600); fine-tuning brought it there, by 0.250 (0.100–0.400)" in words


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.1, 0.3, "no clear change"), (-0.3, -0.1, "made it worse"), (None, None, "changed it by")],
)
def test_the_interval_of_the_change_decides_the_verdict(low, high, verdict):
    assert verdict in in_words(rows(*AFTER, BEFORE, ("change", "reading", 1, 0.1, low, high)))


def test_without_a_model_from_before_or_any_value_it_is_said():
    assert "no model from before" in in_words(rows(*AFTER, *BESIDE))
    nothing = rows(("after", "mean", 1, None, None, None))
    assert "No layer could be probed" in in_words(nothing)


def test_a_reason_stands_on_the_page(study):
    note = "one class in the sample"
    table = rows(("after", None, None, None, None, None)).with_columns(note=pl.lit(note))
    html = page(replace(study, layers=table, projection=None))
    assert f"After: {note}." in html
    assert "No layer could be probed, so no curve is drawn." in html


def test_switched_off_is_said(study):
    explain = study.settings.explain.model_copy(update={"layers": False})
    off = replace(study, layers=None, settings=study.settings.model_copy(update={"explain": explain}))
    assert "explain.layers is off" in layers(tidy(off)).lead


def test_every_projected_sequence_is_a_dot_in_every_panel(study, html):
    drawing = re.search(r'<figure id="figure-projection".*?(<svg.*?</svg>)', html, re.DOTALL)[1]
    sequences = study.projection.filter(space="after", method="tsne").height
    assert 0 < sequences <= 250
    assert drawing.count("h0") == sequences * 3 * 4, "three spaces, coloured by class, GC, length and family"


def test_colours_share_the_sequences_among_them():
    families = pl.Series("name", ["A"] * 6 + ["B"] * 5 + ["C"] * 3 + [None] * 4)
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.nan])
    for tints, n in ((family_tints(families), 18), (class_tints(["x", "y"], pl.Series(["x", "y", "y"])), 3)):
        assert (sum(tint.members.astype(int) for tint in tints) == 1).all()
        assert len(tints[0].members) == n
    assert [tint.name for tint in family_tints(families)] == ["others", "A", "B"]
    assert family_tints(families.head(9)) == []
    quarters = number_tints(values)
    assert [tint.members.sum() for tint in quarters] == [2, 2, 2, 2]
    assert [tint.name for tint in quarters][-1] == "up to 8"
    assert len(number_tints(np.full(5, 3.0))) == 1
    assert number_tints(np.array([np.nan])) == []


def test_training_sequences_among_the_probed_ones_are_said(study):
    explain = study.settings.explain.model_copy(update={"layer_splits": ("train", "test")})
    with_training = replace(study, settings=study.settings.model_copy(update={"explain": explain}))
    said = [layers(tidy(content)).blocks[0].text for content in (study, with_training)]
    assert "was not trained on" in said[0]
    assert "too high" not in said[0]
    assert "the curve is too high" in said[1]
