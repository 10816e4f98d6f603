"""Planted truth: a model whose hand-made weights hold the class in one layer only, and what is said where nothing can be measured."""

import numpy as np
import polars as pl
import pytest
import torch
from tiny import planted, tiny_loaded

from phenolens.core.errors import DataError
from phenolens.core.settings_explain import ExplainSettings
from phenolens.explain.layers import draw, layer_tables
from phenolens.model.load import Loaded

SETTINGS = ExplainSettings(
    projections=("pca",), layer_splits=("train", "validation", "test"), projection_layers=(0, -1)
)
QUICK = SETTINGS.model_copy(update={"projection_sample": 6})


def sequences(n=90, seed=1):
    """Classes that differ in their share of G and C, in groups of three."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        gc = 0.35 if i % 2 else 0.65
        letters = rng.choice(list("ACGT"), size=40, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
        rows.append((f"s{i}", "".join(letters), "AT" if i % 2 else "GC", f"g{i // 6}", ("train", "test")[i // 3 % 2]))
    return pl.DataFrame(rows, schema=["sequence_id", "sequence", "label", "group", "split"], orient="row")


def reader(blind_from: int) -> Loaded:
    """A BERT whose embedding of a 6-mer holds its number of G and C, and whose layers from this one on give the same whatever they read.

    Layer 0 are the embeddings, where [CLS] has seen nothing yet.
    """
    loaded = tiny_loaded("bert")
    bert = loaded.model.bert
    norms = [bert.embeddings.LayerNorm, *(block.output.LayerNorm for block in bert.encoder.layer)]
    gc = [sum(letter in "GC" for letter in word) - 3 for word in loaded.rule.vocabulary if len(word) == 6]
    place = [at for word, at in loaded.rule.vocabulary.items() if len(word) == 6]
    with torch.no_grad():
        bert.embeddings.word_embeddings.weight[place, 0] = 0.1 * torch.tensor(gc).float()
        for norm in norms[blind_from:]:
            norm.weight.zero_()
            norm.bias.normal_(generator=torch.Generator().manual_seed(1))
    return loaded


def values(table, metric="balanced_accuracy", **where):
    for name, value in where.items():
        table = table.filter(pl.col(name).eq_missing(value))
    return table.filter(metric=metric).sort("pooling", "layer")["value"].to_list()


@pytest.fixture(scope="module")
def made():
    """Before: nothing in any layer; after: the class in embeddings and layer 1, wiped out in layer 2."""
    models = {"before": lambda: reader(0), "after": lambda: reader(2)}
    return layer_tables(models, sequences(), SETTINGS, resamples=200, seed=1)


def test_the_layer_that_holds_the_class_is_found(made):
    seen = values(made.layers, state="after", pooling="mean")
    assert min(seen[:2]) > 0.9
    assert seen[2] == 0.5
    assert values(made.layers, state="before", pooling="mean") == [0.5] * 3
    first, second, third = values(made.layers, state="after", pooling="reading")
    assert second > 0.9, "[CLS] has gathered it"
    assert (first, third) == (0.5, 0.5), "and not yet, and no more"


def test_change_is_after_minus_before_with_a_paired_interval(made):
    for pooling in ("mean", "reading"):
        before, after, change = (values(made.layers, state=s, pooling=pooling) for s in ("before", "after", "change"))
        np.testing.assert_allclose(change, np.subtract(after, before))
    row = made.layers.filter(state="change", pooling="mean", layer=1, metric="balanced_accuracy").row(0, named=True)
    assert 0.2 < row["low"] < row["value"] < row["high"] <= 0.5


def test_counts_and_chance_stand_beside_them(made):
    assert values(made.layers, state="6-mers")[0] > 0.7
    assert values(made.layers, state="chance") == [0.5]
    assert values(made.layers, "auroc_macro", state="chance") == [0.5]


def test_a_wiped_out_layer_has_no_silhouette_and_says_why(made):
    rows = made.layers.filter(state="after", pooling="mean", metric="silhouette").sort("layer")
    assert rows["value"][0] > 0.02
    assert rows["value"][2] is None
    assert "same for every sequence" in rows["note"][2]


def test_pictures_are_of_the_chosen_layers_and_not_of_constants(made):
    spaces = made.projection.select("space", "layer", "method").unique().rows()
    assert set(spaces) == {("after", 0, "pca"), ("6-mers", None, "svd"), ("6-mers", None, "sparse_pca")}
    assert made.projection.filter(space="after")["sequence_id"].n_unique() == 90


def test_permuted_labels_are_at_chance_in_every_layer():
    table = sequences(120)
    label = pl.Series(np.random.default_rng(3).permutation(table["label"].to_numpy()))
    done = layer_tables(
        {"after": lambda: tiny_loaded("bert")}, table.with_columns(label=label), QUICK, resamples=0, seed=1
    )
    assert all(abs(v - 0.5) < 0.13 for v in values(done.layers, state="after"))


def test_order_changes_nothing():
    model = {"after": lambda: reader(2)}
    table = sequences()
    small = QUICK.model_copy(update={"layer_sample": 40})
    one, two = (layer_tables(model, t, small, resamples=20, seed=1) for t in (table, table.reverse()))
    assert one.layers.equals(two.layers)
    assert one.projection.equals(two.projection)


@pytest.mark.parametrize("table", [sequences().clear(), sequences().filter(label="AT"), sequences(6)])
def test_nothing_to_measure_is_a_row_with_a_reason(table):
    done = layer_tables({"after": lambda: tiny_loaded("bert")}, table, QUICK, resamples=20)
    seen = done.layers.filter(state="after")
    assert seen.height
    assert seen["value"].null_count() == seen.height
    assert seen["note"].str.contains("cannot be fitted").all()


def test_a_model_that_cannot_be_loaded_is_a_row_with_its_sentence(made):
    def gone():
        raise DataError("model", "is gone")

    models = {"before": gone, "after": lambda: reader(2)}
    done = layer_tables(models, sequences(), QUICK, resamples=200, seed=1)
    assert done.layers.filter(state="before")["note"].unique().to_list() == ["model: is gone"]
    assert done.layers.filter(state="after").equals(made.layers.filter(state="after"))
    assert not done.layers.filter(state="change").height


def test_sequences_without_a_token_say_nothing_and_are_in_no_picture():
    table = pl.concat(
        [
            sequences(),
            sequences(6).with_columns(pl.col("sequence").str.head(3), sequence_id="x" + pl.col("sequence_id")),
        ]
    )
    done = layer_tables({"after": lambda: reader(2)}, table, SETTINGS, resamples=0)
    assert not done.projection.filter(space="after")["sequence_id"].str.starts_with("x").any()
    assert values(done.layers, state="after", pooling="mean")[1] > 0.85


def test_the_draw_is_even_over_class_and_split():
    table = planted(200, 20, 1, shares=(0.8, 0.1)).table.filter(
        pl.col("label").eq("with") | (pl.int_range(pl.len()) % 10 < 4)
    )
    drawn = draw(table, 60, 1)
    counts = drawn.group_by("label", "split").len()["len"].to_list()
    assert len(drawn) == 60
    assert min(counts) >= 4
    assert drawn.head(6).group_by("label", "split").len()["len"].to_list() == [1] * 6
    assert drawn.equals(draw(table.sample(fraction=1, shuffle=True, seed=1), 60, 1))
    assert not drawn.equals(draw(table, 60, 2))
    assert len(draw(table, 10_000, 1)) == table.height
