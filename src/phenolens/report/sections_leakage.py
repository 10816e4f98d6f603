"""What the certificate says about copies between splits, memorisers and simple classifiers, as blocks."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Column, Figure, Paragraph, Table, counts, numbers, words
from phenolens.report.figures_quality import nearest_figure

SPLIT_NAMES = {"split": "this study's split", "random_split": "random split, for comparison"}
PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}
FEATURES = {"length": "length", "gc": "GC content", "length and gc": "length and GC content", "4-mers": "4-mers"}
PAIR = {
    "split": pl.String, "of": pl.String, "among": pl.String, "sequences": pl.Int64, "copies": pl.Int64, "distinct_copies": pl.Int64,
    "twins": pl.Int64, "words": pl.Int64, "words_of": pl.Int64,
}  # fmt: skip
NEAREST = {
    "split": pl.String, "part": pl.String, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64, "accuracy": pl.Float64,
    "auroc": pl.Float64,
}  # fmt: skip
SIMPLE = {"features": pl.String, "balanced_accuracy": pl.Float64, "auroc": pl.Float64}
SHORTFALL = {"label": pl.String, "wanted": pl.Int64, "found": pl.Int64}


def pair_blocks(quality: Mapping[str, Any]) -> list[Block]:
    """Return the table of what each pair of splits has in common.

    Parameters
    ----------
    quality : the certificate; leakage may be missing.
    """
    rows = [
        {name: row.get(name) for name in PAIR}
        | {
            "split": SPLIT_NAMES.get(column, column),
            "of": PART_NAMES.get(row["of"]),
            "among": PART_NAMES.get(row["among"]),
        }
        for column, facts in _mapping(quality.get("leakage")).items()
        for row in facts.get("pairs") or []
    ]
    if not rows:
        return []
    caption = (
        "What the splits share. Each row counts sequences of one split that have, in the other, an equal sequence (and how many different ones these "
        "are), a reverse complement, or at least one sequence with the same 40 bases in a row on either strand."
    )
    columns = (
        words("Split", "split"),
        words("Sequences of", "of"),
        words("compared with", "among"),
        counts("Sequences", "sequences"),
        counts("Identical", "copies"),
        counts("Different ones", "distinct_copies"),
        counts("Reverse complements", "twins"),
        Column("Share 40 bases", _shared, "number"),
    )
    return [Table("shared", caption, pl.DataFrame(rows, schema=PAIR), columns)]


def _shared(row: Mapping[str, Any]) -> str:
    if row["words_of"] is None or row["words_of"] == row["sequences"]:
        return text.count(row["words"])
    return f"{text.count(row['words'])} of {text.count(row['words_of'])} drawn"


def nearest_blocks(quality: Mapping[str, Any], classes: int) -> list[Block]:
    """Return what copying the class of the most similar training sequence gets, as table and figure.

    Parameters
    ----------
    quality : the certificate; nearest may be missing.
    classes : number of classes.
    """
    found = _mapping(quality.get("nearest"))
    rows, bins, drawn = [], {}, []
    for column, parts in found.items():
        for part, facts in parts.items():
            head = {"split": SPLIT_NAMES.get(column, column), "part": PART_NAMES.get(part, part)}
            own = [{**row, **head} for row in facts.get("bins") or [] if row["n"]]
            if not own:
                continue
            whole = {"low": None, "high": None, "n": facts["sequences"]}
            rows += [{**whole, **head, "accuracy": facts["accuracy"], "auroc": facts["auroc"]}, *own]
            if part == "test":
                bins[head["split"]] = facts["bins"]
                drawn.append(facts)
    if not rows:
        return []
    table = pl.DataFrame([{name: row.get(name) for name in NEAREST} for row in rows], schema=NEAREST)
    caption = (
        "What a pure memoriser gets: each held-out sequence takes the class of the training sequence most like it (cosine of the counts of 8-mers, both "
        f"strands as one; copies have 1). A model that is no better has learned to recognise relatives.{_drawn(drawn)}"
    )
    columns = (
        words("Split", "split"),
        words("Sequences of", "part"),
        Column("Similarity", lambda row: "any" if row["low"] is None else f"{row['low']:g}–{row['high']:g}", "number"),
        counts("Sequences", "n"),
        numbers("Accuracy", "accuracy"),
        numbers("AUROC", "auroc"),
    )
    return [
        Table("nearest", caption, table, columns, folded=True),
        Figure(
            "nearest-plot",
            "How similar test sequences are to training sequences, and how often the nearest one has the right class",
            "Left: how similar test sequences are to the most similar training sequence. Right: how often that one has the right class, with the "
            "number of sequences; the dashed line is guessing. Bars far right on the left side, and high on the right side, mean that a test asks for memory.",
            partial(nearest_figure, bins, 1 / classes if classes else None),
            "No test sequence was compared with training sequences, so nothing is drawn.",
            data=table.filter(part="test"),
        ),
    ]


def _drawn(facts: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence that says which sequences were drawn, or nothing where all were compared."""
    fewer = [own for own in facts if own["sequences"] < own["of"] or own["training"] < own["training_of"]]
    if not fewer:
        return ""
    own = fewer[0]
    return (
        f" Drawn at random: {text.count(own['sequences'])} of {text.count(own['of'])} test sequences, compared with {text.count(own['training'])} of "
        f"{text.count(own['training_of'])} training sequences."
    )


def simple_blocks(quality: Mapping[str, Any]) -> list[Block]:
    """Return the table of what classifiers that see one simple thing get.

    Parameters
    ----------
    quality : the certificate; simple may be missing.
    """
    simple = _mapping(quality.get("simple"))
    rows = [{name: row.get(name) for name in SIMPLE} for row in simple.get("rows") or []]
    if not rows:
        return []
    chance = _mapping(simple.get("chance"))
    rows = [row | {"features": FEATURES.get(row["features"], row["features"])} for row in rows]
    rows.append(
        {"features": "nothing (guessing)"} | {name: chance.get(name) for name in ("balanced_accuracy", "auroc")}
    )
    size = f"{text.count(simple.get('train'))} training and {text.count(simple.get('test'))} test sequences"
    caption = (
        f"What simple things alone tell about the class on the test split: logistic regressions that see nothing else ({size}). "
        "Length and GC content should tell nothing; short words may be biology, but a language model is worth its cost only where it is better."
    )
    columns = (
        words("The classifier sees", "features"),
        numbers("Balanced accuracy", "balanced_accuracy"),
        numbers("AUROC", "auroc"),
    )
    return [Table("simple-things", caption, pl.DataFrame(rows, schema=SIMPLE), columns)]


def shortfall_blocks(quality: Mapping[str, Any]) -> list[Block]:
    """Return how much of the wanted background was found: a sentence where all of it was, else a table.

    Parameters
    ----------
    quality : the certificate; background may be missing.
    """
    rows = [
        {"label": label, "wanted": facts.get("wanted"), "found": facts.get("found")}
        for label, facts in _mapping(quality.get("background")).items()
    ]
    if not rows:
        return []
    if all(row["found"] == row["wanted"] for row in rows):
        return [Paragraph("A place was found in the genome for every background sequence that was wanted.")]
    columns = (words("Background", "label"), counts("Wanted", "wanted"), counts("Found", "found"))
    caption = "Matched background: how many sequences were wanted, and for how many the genome had a place."
    return [Table("background", caption, pl.DataFrame(rows, schema=SHORTFALL), columns)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
