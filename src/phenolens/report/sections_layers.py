"""Section: which layer holds the phenotype, and what fine-tuning changed."""

from functools import partial

import numpy as np
import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Column, Figure, Paragraph, Row, Section, Table, counts, words
from phenolens.report.content import Facts
from phenolens.report.figures_data import gc_content
from phenolens.report.figures_layers import (
    COUNTS,
    DOTS,
    class_tints,
    family_tints,
    layers_figure,
    number_tints,
    projection_figure,
)

METRIC = "balanced_accuracy"
POOLED = {"mean": "mean over tokens", "reading": "reading token"}
METRICS = {"balanced_accuracy": "Balanced accuracy", "auroc_macro": "AUROC", "silhouette": "Silhouette"}
METHODS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA", "svd": "SVD"}
PROBE_WORDS = (
    "Each layer turns a sequence into numbers. A linear probe, the simplest classifier there is, is fitted to them on some groups of sequences and tested on "
    "others; where it does well, the class can be read from that layer. {whose} "
    "Two sets of numbers are probed: the mean over the tokens of the sequence, and the token that the model reads its class from."
)
WHOSE = {
    False: "The sequences are ones that the model was not trained on.",
    True: "Among the sequences are ones that the model was trained on: after fine-tuning their numbers already hold the class, so the curve is too high.",
}
PICTURE_WORDS = (
    "Pictures of the same sequences, one dot each{cut}: neighbours are alike to the model (or, in the first row, in their 6-mer counts). Only who is near whom "
    "means something, not distances between islands or axes; islands appear in noise too, so what a layer holds is measured above, not here."
)


def layers(facts: Facts) -> Section:
    """Return the section on the hidden layers: probe by layer, in words, as a figure and a table, and pictures."""
    title = "Which layer holds the phenotype"
    if not facts.layers.height:
        why = "explain fills this section" if facts.settings.explain.layers else "explain.layers is off"
        return Section("layers", title, f"No layer was probed, so nothing is shown; {why}.", [])
    blocks: list[Block] = [
        Paragraph(PROBE_WORDS.format(whose=WHOSE["train" in facts.settings.explain.layer_splits])),
        Figure(
            "layers-plot",
            "Balanced accuracy of a linear probe by layer, before and after fine-tuning",
            "How well the classes can be read from each layer (balanced accuracy of a linear probe on groups that it was not fitted to; bands: 95 % intervals), before and "
            "after fine-tuning. Dashed: the same probe on 6-mer counts, without any model; dotted: guessing. Of several layers the best looks better than it is.",
            partial(layers_figure, facts.layers),
            "No layer could be probed, so no curve is drawn.",
            data=facts.layers,
        ),
        *_notes(facts.layers),
        _table(facts.layers),
        *_pictures(facts),
    ]
    return Section("layers", title, in_words(facts.layers), blocks)


def in_words(table: pl.DataFrame) -> str:
    """Return which layer holds the class and what fine-tuning changed, with the numbers.

    Parameters
    ----------
    table : LAYERS.
    """
    probed = table.filter(pl.col("metric") == METRIC).drop_nulls("value")
    after = probed.filter((pl.col("state") == "after") & pl.col("layer").is_not_null())
    if not after.height:
        return "No layer could be probed, so it is not known which one holds the phenotype."
    best = after.sort(["value", "layer", "pooling"], descending=[True, False, False]).row(0, named=True)
    depth = int(after["layer"].max())  # type: ignore[arg-type]
    sentence = (
        f"After fine-tuning the classes are read best from {_layer(best['layer'], depth)} ({POOLED[best['pooling']]}): balanced accuracy {_estimate(best)} "
        f"on {text.plural(best['n'], 'sequence')}"
    )
    beside = [
        f"{name} {_estimate(probed.filter(state=state).row(0, named=True))}"
        for state, name in ((COUNTS, "6-mer counts give"), ("chance", "guessing gives"))
        if probed.filter(state=state).height
    ]
    sentence += f", where {text.listing(beside)}" if beside else ""
    here = (pl.col("pooling") == best["pooling"]) & (pl.col("layer") == best["layer"])
    before, change = (probed.filter(here & (pl.col("state") == state)) for state in ("before", "change"))
    if not before.height or not change.height:
        return f"{sentence}. There is no model from before fine-tuning to compare with."
    low, high = change.select("low", "high").row(0)
    if low is None or high is None:
        verdict = "fine-tuning changed it by"
    elif low > 0:
        verdict = "fine-tuning brought it there, by"
    else:
        verdict = "fine-tuning made it worse, by" if high < 0 else "no clear change:"
    return f"{sentence}. Before fine-tuning the same layer gave {_estimate(before.row(0, named=True))}; {verdict} {_estimate(change.row(0, named=True))}."


def _layer(layer: int, depth: int) -> str:
    return "the embeddings" if not layer else f"layer {layer} of {depth}"


def _estimate(row: Row) -> str:
    return text.interval(row["value"], row["low"], row["high"])


def _notes(table: pl.DataFrame) -> list[Block]:
    """Return why values are absent or what was left out; a layer that is the same for every sequence has its dash in the table."""
    whole = (
        table.filter(pl.col("layer").is_null()).drop_nulls("note").select("state", "note").unique(maintain_order=True)
    )
    said = whole.group_by("note", maintain_order=True).agg(pl.col("state"))
    return [Paragraph(f"{text.listing(states).capitalize()}: {note}.", "none") for note, states in said.iter_rows()]


def _table(layers: pl.DataFrame) -> Table:
    keys = ["state", "pooling", "layer"]
    wide = layers.select(*keys, "n").unique(keys, maintain_order=True)
    for metric in METRICS:
        part = layers.filter(pl.col("metric") == metric).select(
            *keys, *(pl.col(name).alias(f"{metric} {name}") for name in ("value", "low", "high"))
        )
        wide = wide.join(part, on=keys, how="left", nulls_equal=True, maintain_order="left")
    columns = (
        words("Features", "state"),
        Column("Pooling", lambda row: POOLED.get(row["pooling"], text.NONE)),
        counts("Layer", "layer"),
        *(
            Column(f"{name} (95 % interval)", partial(_cell, metric), "number")
            for metric, name in METRICS.items()
        ),
        counts("Sequences", "n"),
    )  # fmt: skip
    caption = (
        "Every layer before and after fine-tuning, the change (after minus before, on the same sequences), 6-mer counts and guessing. Silhouette: how much nearer a sequence "
        "is to its own class than to the next one, from −1 to 1; 0 is no separation. A dash: the features are the same for every sequence, or nothing could be measured."
    )
    return Table("layers", caption, wide, columns, folded=True)


def _cell(metric: str, row: Row) -> str:
    return text.interval(*(row[f"{metric} {name}"] for name in ("value", "low", "high")))


def _pictures(facts: Facts) -> list[Block]:
    """Return the figure of the last projected layer before and after fine-tuning, and of 6-mer counts, coloured by what is known of the sequences."""
    table = facts.projection
    if not table.height:
        return []
    known = facts.sequences.select("sequence_id", "sequence", "label", "name")
    shown = known.join(table.select("sequence_id").unique(), on="sequence_id", how="semi", maintain_order="left")
    spaces = {}
    for space in (COUNTS, "before", "after"):
        rows = table.filter(space=space)
        method = next((m for m in METHODS if m in rows["method"]), None)
        if method is None:
            continue
        layer = rows.select(pl.col("layer").max()).item()
        part = rows.filter((pl.col("method") == method) & pl.col("layer").eq_missing(layer))
        title = "6-mer counts" if layer is None else f"Layer {layer} {space}"
        placed = part.join(
            shown.select("sequence_id").with_row_index("at"), on="sequence_id", how="inner", maintain_order="left"
        )
        spaces[f"{title}\n{METHODS[method]}"] = placed.select("x", "y", "at")
    tints = {
        "Class": class_tints(facts.labels, shown["label"]),
        "GC content": number_tints(_numbers(shown, gc_content()), percent=True),
        "Length (bases)": number_tints(_numbers(shown, pl.col("sequence").str.len_bytes())),
        "Family": family_tints(shown["name"]),
    }
    cut = f" (the first {DOTS} drawn)" if any(part.height > DOTS for part in spaces.values()) else ""
    return [
        Figure(
            "projection",
            "Sequences in two dimensions, coloured by class, GC content, length and family",
            PICTURE_WORDS.format(cut=cut),
            partial(projection_figure, spaces, {title: colours for title, colours in tints.items() if colours}),
            "No picture could be made of the layers.",
            data=table.join(known.drop("sequence"), on="sequence_id", how="left", maintain_order="left"),
        )
    ]


def _numbers(sequences: pl.DataFrame, what: pl.Expr) -> np.ndarray:
    """Return float (n,) of an expression, NaN where it is null."""
    return sequences.select(what.cast(pl.Float64)).to_series().to_numpy()
