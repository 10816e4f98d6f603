"""The dataset card of a run: how its sequences were made, what its columns mean, and its certificate."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from phenolens.core.schemas import SEQUENCES
from phenolens.report import text
from phenolens.report.cards import PAPER, TAGS, card, certificate, plain, table
from phenolens.report.content import Facts
from phenolens.report.sections_quality import LEAKS

SPLITS = ("train", "validation", "test")
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
DTYPES = {pl.String: "string", pl.Int64: "int64"}


class DatasetFacts(NamedTuple):
    """What the card of one dataset says.

    facts : of the run.
    name : OWNER/NAME on the hub, or the study's name.
    license : as the hub writes it.
    files : split -> path of its file in the folder, in order.
    schema : columns of the files and their types; label is a number, class its name.
    sources : (name, bytes, SHA-256) of every file that it was made from.
    """

    facts: Facts
    name: str
    license: str
    files: Mapping[str, str]
    schema: Mapping[str, Any]
    sources: Sequence[tuple[str, int, str]]


def dataset_card(about: DatasetFacts) -> str:
    """Return README.md of a dataset folder.

    Parameters
    ----------
    about : the dataset.
    """
    facts = about.facts
    n, groups = facts.sequences.height, facts.sequences["group"].n_unique()
    meaning = {name: column.meaning for name, column in SEQUENCES.columns.items()}
    meaning |= {"label": "number of the class", "class": "class"}
    lines = [
        f"# {plain(about.name)}",
        "",
        f"{text.plural(n, 'DNA sequence')} in {text.plural(len(facts.labels), 'class', 'classes')}, in {text.plural(groups, 'group')} of related sequences that lie in one split each; made with phenolens {plain(facts.version)}.",
        "",
        *table(
            ("Class", "Training", "Validation", "Test", "Groups", "Median length"),
            [_row(facts, label) for label in facts.labels],
        ),
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        f"sequences = load_dataset({json.dumps(about.name)})  # or this folder",
        "```",
        "",
        "## Certificate",
        "",
        *certificate(facts.quality),
        "",
        *_leakage(facts),
        "",
        "`certificate.json` holds all of it. `random_split` deals the same sequences at random: train and test on it to see what leakage would claim.",
        "",
        "## Columns",
        "",
        *table(
            ("Column", "Type", "Meaning"),
            [(name, DTYPES[dtype], meaning[name]) for name, dtype in about.schema.items()],
        ),
        "",
        "Coordinates are 0-based and half-open.",
        "",
        "## How it was made",
        "",
        "What was taken and left out, step by step, is in `account.tsv`. Files it was made from:",
        "",
        *table(("File", "Size", "SHA-256"), [(name, text.size(size), digest) for name, size, digest in about.sources]),
        "",
        "## Limits",
        "",
        *_limits(about),
        "",
        "## Cite",
        "",
        f"The method: {PAPER}",
    ]
    return card(_metadata(about), lines)


def _metadata(about: DatasetFacts) -> dict[str, Any]:
    facts, names = about.facts, {str(i): label for i, label in enumerate(about.facts.labels)}
    size = next((name for most, name in SIZES if facts.sequences.height < most), "n>10M")
    features = [
        {"name": name, "dtype": {"class_label": {"names": names}} if name == "label" else DTYPES[dtype]}
        for name, dtype in about.schema.items()
    ]
    files = [{"split": split, "path": path} for split, path in about.files.items()]
    return {
        "license": about.license,
        "pretty_name": facts.settings.report.title or facts.settings.name,
        "task_categories": ["text-classification"],
        "tags": list(TAGS),
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": features},
    }


def _row(facts: Facts, label: str) -> tuple[object, ...]:
    own = facts.sequences.filter(pl.col("label") == label)
    counts = [text.count(own.filter(pl.col("split") == split).height) for split in SPLITS]
    length = own["sequence"].str.len_bytes().median()
    return (
        label,
        *counts,
        text.count(own["group"].n_unique()),
        text.count(length) if isinstance(length, int | float) else None,
    )


def _leakage(facts: Facts) -> list[str]:
    leakage = facts.quality.get("leakage") or {}
    rows = [
        (name, *(found.get(leak) for leak in LEAKS)) for name, found in leakage.items() if isinstance(found, Mapping)
    ]
    return table(("Split", *LEAKS.values()), rows) if rows else []


def _limits(about: DatasetFacts) -> list[str]:
    facts = about.facts
    known = facts.sequences["chrom"].null_count()
    lines = [
        "- A model tells these classes from each other, nothing else; background is what the study says, matched as the certificate shows."
    ]
    if known:
        lines.append(f"- {text.plural(known, 'sequence')} have no coordinates.")
    if about.license == "unknown":
        lines.append(
            "- The licence was not stated when it was exported: `unknown` above is for its owner to replace, and the licences of the files it was made from hold."
        )
    return [*lines, "- Lower-case letters are the soft mask of the genome; models read them as upper case."]
