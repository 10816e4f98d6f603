"""Sections: what was asked, and the data with its balance between classes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl
from pydantic import BaseModel

from phenolens.core.settings import ClassSettings
from phenolens.report import text
from phenolens.report.blocks import (
    Block,
    Figure,
    Section,
    Table,
    counts,
    intervals,
    percents,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_data import gc_content, gc_figure
from phenolens.report.sections_leakage import nearest_blocks, simple_blocks
from phenolens.report.sections_quality import balance_blocks, verdict_blocks
from phenolens.report.sections_statistics import length_blocks, place_blocks, statistics_blocks

SPLITS = ("train", "validation", "test")
MATCHES = {
    "gc": "GC content",
    "masked": "soft-masked share",
    "cpg": "CpG per base",
    "gene_distance": "distance to the nearest gene",
    "covered": "covered share",
}


def asked(facts: Facts) -> Section:
    """Return the section on the study's question and settings."""
    settings = facts.settings
    classes = settings.dataset.classes
    given = [
        {"class": "read from the names" if c.label_separator else c.label, "origin": _origin(c), "steps": _steps(c)}
        for c in classes
    ]
    if settings.dataset.labelled:
        given.append(
            {"class": "as labelled", "origin": f"the labelled set {settings.dataset.labelled}", "steps": "none"}
        )
    sources = pl.DataFrame(given, schema=dict.fromkeys(("class", "origin", "steps"), pl.String))
    every = pl.DataFrame(
        [{"setting": key, "value": value, "meaning": meaning} for key, value, meaning in _settings(settings)],
        schema={"setting": pl.String, "value": pl.String, "meaning": pl.String},
    )
    lead = (
        f"The study “{settings.name}” compares {text.plural(len(facts.labels) or len(classes), 'class', 'classes')} of DNA sequences"
        f" with the model {settings.train.model}; everything random comes from seed {settings.seed}."
    )
    blocks: list[Block] = [
        Table(
            "classes",
            "Where the sequences of each class come from.",
            sources,
            (words("Class", "class"), words("Source", "origin"), words("Steps", "steps")),
        ),
        Table(
            "settings",
            "Every setting of the study with its value and meaning.",
            every,
            (words("Setting", "setting"), words("Value", "value"), words("Meaning", "meaning")),
            folded=True,
        ),
    ]
    return Section("asked", "What was asked", lead, blocks)


def _origin(source: ClassSettings) -> str:
    if source.matched_to:
        alike = text.listing(
            [*(["chromosome"] if source.place == "chromosome" else []), "length", *(MATCHES[m] for m in source.match)]
        )
        found = f"random genomic background, matched to “{source.matched_to}” in {alike}"
    elif source.shuffled_from:
        found = f"sequences of “{source.shuffled_from}”, shuffled with their dinucleotide counts kept"
    elif source.random_length:
        found = f"{text.plural(source.random_bases or 0, 'base')} of random regions of {text.plural(source.random_length, 'base')}"
    elif source.regions:
        found = f"the intervals {text.listing(source.regions)}"
    elif source.intervals:
        found = f"intervals of {source.intervals}"
    else:
        found = f"sequences of {source.sequences}"
    return found + (f", dealt at random into {text.listing(source.deal_into)}" if source.deal_into else "")


def _steps(source: ClassSettings) -> str:
    steps = [f"{name} {value}" for step in source.steps for name, value in step.operation.items()]
    steps += [f"inside {name}" for name in source.within] + [f"outside {name}" for name in source.exclude]
    if source.margin:
        steps.append(f"at least {text.plural(source.margin, 'base')} away from them and from other classes")
    if source.limit:
        steps.append(f"at most {text.plural(source.limit, 'sequence')}")
    return "; ".join(steps) or "none"


def _settings(section: BaseModel, prefix: str = "") -> list[tuple[str, str, str]]:
    rows = []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            rows += _settings(value, f"{prefix}{name}.")
        elif name != "classes":
            rows.append((prefix + name, _value(value), info.description or ""))
    return rows


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {v}" for k, v in value.items()) or "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def class_table(sequences: pl.DataFrame, labels: list[str]) -> pl.DataFrame:
    """Return per class: sequences, bases, groups, sequences of each split, median length with quartiles, mean GC."""
    length = pl.col("sequence").str.len_bytes()
    order = {label: place for place, label in enumerate(labels)}
    table = (
        sequences.with_columns(gc=gc_content())
        .group_by("label")
        .agg(
            sequences=pl.len(),
            bases=length.sum(),
            groups=pl.col("group").n_unique(),
            **{split: (pl.col("split") == split).sum() for split in SPLITS},
            length=length.median(),
            length_low=length.quantile(0.25),
            length_high=length.quantile(0.75),
            gc=pl.col("gc").mean(),
        )
    )
    return table.sort(pl.col("label").replace_strict(order, return_dtype=pl.Int64))


def data(facts: Facts) -> Section:
    """Return the section on sequences, splits, balance and quality."""
    sequences = facts.sequences
    if not sequences.height:
        return Section(
            "data", "Data and its balance", "The table of sequences has no row, so there is nothing to show.", []
        )
    shared = sequences.group_by("group").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height
    lead = (
        f"{text.plural(sequences.height, 'sequence')} ({text.plural(int(sequences['sequence'].str.len_bytes().sum()), 'base')}) in "
        f"{text.plural(len(facts.labels), 'class', 'classes')} and {text.plural(sequences['group'].n_unique(), 'group')} of related sequences; "
        + (
            "no group lies in more than one split."
            if not shared
            else f"{text.plural(shared, 'group')} lie in more than one split."
        )
    )
    blocks: list[Block] = [
        *verdict_blocks(facts.quality),
        Table(
            "sequences-by-class",
            "How many sequences each class has. A group is a set of related sequences (same locus, family or similar letters) that stays in one split.",
            class_table(sequences, facts.labels),
            (
                words("Class", "label"),
                counts("Sequences", "sequences"),
                counts("Bases", "bases"),
                counts("Groups", "groups"),
                counts("Train", "train"),
                counts("Validation", "validation"),
                counts("Test", "test"),
                intervals("Median length (quartiles), bases", "length", "length_low", "length_high"),
                percents("Mean GC content", "gc"),
            ),
        ),
        *statistics_blocks(facts),
        *length_blocks(facts),
        Figure(
            "gc",
            "Distribution of GC content by class",
            "GC content of the sequences, drawn as above. If the classes differ here, a model can use base composition alone.",
            partial(gc_figure, sequences, facts.labels),
            "No sequence has an A, C, G or T, so GC content is not drawn.",
            data=sequences.select("sequence_id", "label", gc=gc_content()),
            classes=facts.labels,
        ),
        *balance_blocks(facts.quality, facts.top),
        *simple_blocks(facts.quality),
        *nearest_blocks(facts.quality, len(facts.labels)),
        *place_blocks(facts),
    ]
    return Section("data", "Data and its balance", lead, blocks)
