"""Sections of the page of several runs: settings that differ, and the datasets with what their certificates say."""

from typing import Any

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import (
    Block,
    Bullets,
    Column,
    Paragraph,
    Section,
    Table,
    counts,
    words,
)
from phenolens.report.content_compare import CompareContent, ComparedRun
from phenolens.report.sections_quality import LEAKS, good


def settings(content: CompareContent) -> Section:
    """Return the section on settings that are not the same in all runs."""
    title, table = "What was set otherwise", content.settings
    if not table.height:
        reason = (
            "All settings of dataset, training, evaluation, explanation and annotation are the same, seed included."
        )
        return Section("settings", title, reason, [Paragraph("So no setting is shown.", "none")])
    wide = table.pivot("folder", index="setting", values="value", maintain_order=True)
    missing = [name for name in content.names if name not in wide.columns]
    wide = wide.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing).select(
        "setting", *content.names
    )
    columns = (words("Setting", "setting"), *(words(text.short(name), name) for name in content.names))
    caption = "Settings that differ between the runs, as they stand in the study file; a dash where a run has none. All others are the same."
    lead = (
        f"{text.plural(wide.height, 'setting differs', 'settings differ')} between the runs; all others are the same."
    )
    return Section("settings", title, lead, [Table("settings", caption, wide, columns, folded=wide.height > 40)])


def data(content: CompareContent) -> Section:
    """Return the section on the datasets and what the certificate says of each."""
    rows = [_dataset(run) for run in content.runs]
    shape: dict[str, Any] = {
        "folder": pl.String,
        "classes": pl.String,
        "sequences": pl.Int64,
        "bases": pl.Int64,
        "groups": pl.Int64,
    }
    shape |= {"train": pl.Int64, "validation": pl.Int64, "test": pl.Int64, "verdict": pl.String, "reasons": pl.String}
    leaks = dict.fromkeys(LEAKS, pl.Int64)
    table = pl.DataFrame(rows, schema=shape | leaks)
    sizes = (
        words("Run", "folder"), words("Classes", "classes"), counts("Sequences", "sequences"), counts("Bases", "bases"), counts("Groups", "groups"),
        counts("Training", "train"), counts("Validation", "validation"), counts("Test", "test"),
    )  # fmt: skip
    leaked = (words("Run", "folder"), words("Verdict", "verdict"), *(counts(LEAKS[name], name) for name in LEAKS))
    blocks: list[Block] = [
        Table("datasets", "The datasets side by side.", table.select(*shape), sizes),
        Table(
            "leakage",
            "Leakage side by side: the certificate of each dataset, and how many sequences, groups and loci have a copy or a part in more than one of training, validation and test. "
            "A metric of a dataset with more of them is not comparable with one of a dataset without.",
            table.select("folder", "verdict", *LEAKS, "reasons"),
            leaked,
        ),
        *_remarks(content),
        *_pairs(content),
    ]
    verdicts = [str(run.quality.get("verdict")) for run in content.runs if run.quality.get("verdict")]
    sound = sum(good(verdict) for verdict in verdicts)
    lead = f"{sound} of {text.plural(len(verdicts), 'dataset')} with a certificate {'is' if sound == 1 else 'are'} sound by it."
    if sound < len(verdicts):
        lead += " The remarks of the others stand below and weigh on every number that follows."
    return Section("data", "Datasets and their leakage", lead, blocks)


def _remarks(content: CompareContent) -> list[Block]:
    """Return the remarks of the certificates, each once with the runs that have it."""
    having: dict[str, list[str]] = {}
    for run in content.runs:
        for reason in run.quality.get("reasons") or []:
            having.setdefault(str(reason), []).append(run.name)
    of_runs: dict[str, list[str]] = {}
    for reason, names in having.items():
        of_runs.setdefault(text.listing(names), []).append(reason)
    return [Bullets([(names, " ".join(reasons)) for names, reasons in of_runs.items()])] if having else []


def _dataset(run: ComparedRun) -> dict[str, Any]:
    row: dict[str, Any] = {"folder": run.name, "classes": text.listing(run.labels)}
    statistics = run.statistics
    if statistics is not None:
        every = statistics.filter(pl.col("label").is_null())
        whole = every.filter(pl.col("split").is_null()).select("sequences", "bases", "groups").to_dicts()
        row |= whole[0] if whole else {}
        row |= dict(every.drop_nulls("split").select("split", "sequences").iter_rows())
    leakage = run.quality.get("leakage") or {}
    found = leakage.get("split") or {}
    reasons = " ".join(str(reason) for reason in run.quality.get("reasons") or [])
    return row | {
        "verdict": run.quality.get("verdict"),
        "reasons": reasons or None,
        **{name: found.get(name) for name in LEAKS},
    }


def _pairs(content: CompareContent) -> list[Block]:
    columns = (
        words("First", "folder_a"), words("Second", "folder_b"), counts("In both", "shared"), counts("Of the first", "of_a"), counts("Of the second", "of_b"),
        counts("First's in the second's training", "a_in_training_of_b"), counts("Second's in the first's training", "b_in_training_of_a"),
        Column("Compared", lambda row: "sequence by sequence" if row["paired"] else "side by side only"),
    )  # fmt: skip
    caption = (
        f"Which {content.split} sequences each two runs have in common: the same letters and the same class. Where at least half of the larger split is in both, the runs are "
        "compared sequence by sequence."
    )
    return [Table("pairs", caption, content.pairs, columns)]
