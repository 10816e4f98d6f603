"""Sections of the page of several runs: metrics by length, simple baselines, and how sure the models are."""

from functools import partial
from typing import Any

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import (
    Block,
    Column,
    Figure,
    Section,
    Table,
    counts,
    intervals,
    numbers,
    words,
)
from phenolens.report.content_compare import CompareContent, ComparedRun
from phenolens.report.figures_calibration import gap
from phenolens.report.figures_compare import calibrations_figure, lengths_figure, runs_figure
from phenolens.report.sections_compare import headline, wide_table


def length(content: CompareContent) -> Section:
    """Return the section on metrics by length of the sequence."""
    title, bins = "Length of the sequences", content.own.filter(pl.col("class").is_null() & pl.col("bin").is_not_null())
    metric = next((m for m in (headline(content), *estimates.HEADLINES) if m in set(bins["metric"])), None)
    if metric is None:
        return Section("length", title, "No run has metrics by length, so nothing is shown.", [])
    name, rows = estimates.metric_name(metric), bins.filter(metric=metric)
    columns = (
        words("Run", "folder"), Column("Length (bases)", lambda row: text.span(row["bin"])), counts("Sequences", "n"), intervals(name, "value", "low", "high"),
    )  # fmt: skip
    blocks: list[Block] = [
        Figure(
            "by-length",
            f"{name} by length of the sequence, of each run",
            f"{name} in each length bin (horizontal) with its 95 % interval (vertical). Runs on other sequences have other bins.",
            partial(lengths_figure, bins, content.names, metric),
            "The length bins cannot be placed on an axis.",
            data=bins,
        ),
        Table(
            "metrics-by-length",
            f"{name} per length bin and run.",
            rows.select("folder", "bin", "n", "value", "low", "high"),
            columns,
            folded=True,
        ),
    ]
    return Section("length", title, f"{name} by length of the sequence, in bins of each run's own.", blocks)


def baselines(content: CompareContent) -> Section:
    """Return the section on simple baselines beside each model."""
    title, metric = "Baselines", headline(content)
    every = content.metrics.filter(pl.col("class").is_null() & pl.col("bin").is_null()).drop_nulls("value")
    simple = every.filter(~pl.col("run").str.contains(estimates.MODEL))
    if not simple.height:
        return Section("baselines", title, f"No run has a baseline on {content.split}, so nothing is shown.", [])
    name = estimates.metric_name(metric)
    rows, drawn = [], []
    for run in content.runs:
        best = simple.filter(folder=run.name, metric=metric).sort("value", "run", descending=[True, False])
        drawn.append((run.name, run.run, run.name))
        drawn += [(run.name, other, f"  {estimates.run_name(other, content.kmer)}") for other in best["run"].head(2)]
        rows.append(_beside(run, content, best, metric))
    shape = {"folder": pl.String, "baseline": pl.String} | {
        f"{kind}{end}": pl.Float64 for kind in ("model", "simple", "difference") for end in ("", "_low", "_high")
    }
    table = pl.DataFrame(rows, schema=shape)
    columns = (
        words("Run", "folder"), intervals(f"{name}, model", "model", "model_low", "model_high"), words("Best baseline", "baseline"),
        intervals(f"{name}, baseline", "simple", "simple_low", "simple_high"), intervals("Difference (paired)", "difference", "difference_low", "difference_high"),
    )  # fmt: skip
    clear = sum(low is not None and low > 0 for low in table["difference_low"])
    worse = sum(high is not None and high < 0 for high in table["difference_high"])
    lead = f"{clear} of {text.plural(len(rows), 'model')} {'is' if clear == 1 else 'are'} clearly better than the best simple baseline of the same run ({name}, paired 95 % interval above 0), {worse} clearly worse."
    blocks: list[Block] = [
        Figure(
            "baselines-plot",
            "Each model beside its two best baselines",
            "Blue: the models; grey, below each: the two best baselines on the same sequences. A model no better than these has learned nothing that simple counts do not hold.",
            partial(runs_figure, every, drawn, ("auroc_macro", "balanced_accuracy", "mcc")),
            "No metric has a value, so none is drawn.",
            data=every,
        ),
        Table(
            "baselines",
            "Each model minus the best baseline of its run, on the same sequences, with 95 % intervals.",
            table,
            columns,
        ),
        Table("all-metrics", "All metrics of all models and baselines.", every, _every(content), folded=True),
    ]
    return Section("baselines", title, lead, blocks)


def _beside(run: ComparedRun, content: CompareContent, best: pl.DataFrame, metric: str) -> dict[str, Any]:
    row: dict[str, Any] = {"folder": run.name}
    own = content.overall.filter(folder=run.name, metric=metric)
    for kind, found in (("model", own), ("simple", best)):
        if found.height:
            value, low, high = found.select("value", "low", "high").row(0)
            row |= {kind: value, f"{kind}_low": low, f"{kind}_high": high}
    if best.height:
        row["baseline"] = estimates.run_name(best["run"][0], content.kmer)
        if run.comparison is not None:
            paired = run.comparison.filter(run_a=run.run, run_b=best["run"][0], split=content.split, metric=metric)
            if paired.height:
                value, low, high = paired.select("difference", "low", "high").row(0)
                row |= {"difference": value, "difference_low": low, "difference_high": high}
    return row


def _every(content: CompareContent) -> tuple[Column, ...]:
    return (
        words("Run", "folder"),
        Column("Model or baseline", lambda row: estimates.run_name(row["run"], content.kmer)),
        Column("Metric", lambda row: estimates.metric_name(row["metric"])),
        intervals("Value (95 % interval)", "value", "low", "high"),
        counts("Sequences", "n"),
    )


def calibration(content: CompareContent) -> Section:
    """Return the section on how sure each model is."""
    title = "How sure they are"
    curves = {}
    for run in content.runs:
        if run.calibration is not None:
            chosen = (pl.col("run") == run.run) & (pl.col("split") == content.split) & ~pl.col("tempered")
            curves[run.name] = run.calibration.filter(chosen).drop_nulls()
    curves = {name: curve for name, curve in curves.items() if curve.height}
    if not curves:
        return Section(
            "calibration", title, f"No run has a calibration curve of {content.split}, so nothing is shown.", []
        )
    errors = {name: gap(curve) for name, curve in curves.items()}
    rows = [
        {
            "folder": run.name,
            "error": errors[run.name],
            "temperature": run.temperatures.get(run.run, {}).get("temperature"),
        }
        for run in content.runs
        if run.name in errors
    ]
    table = pl.DataFrame(rows, schema={"folder": pl.String, "error": pl.Float64, "temperature": pl.Float64})
    scores, columns = wide_table(content.overall, "folder", content.names, ["brier", "log_loss"], "Run")
    table = table.join(scores, on="folder", how="left", maintain_order="left")
    best = min(errors, key=lambda name: errors[name])
    blocks: list[Block] = [
        Figure(
            "calibration-plot",
            f"Calibration of each run on the {content.split} sequences",
            "How sure a model is (across) against how often it is right (up), before any temperature; on the dashed line the two agree, below it the model is too sure.",
            partial(calibrations_figure, curves),
            "No curve has a point, so none is drawn.",
            half=True,
            data=pl.concat([curve.select(pl.lit(name).alias("folder"), pl.all()) for name, curve in curves.items()]),
        ),
        Table(
            "calibration",
            "Calibration error (mean distance of confidence and accuracy), the temperature that would mend it (fitted on validation; above 1 = too sure), Brier score and log loss; lower is better.",
            table,
            (
                words("Run", "folder"),
                numbers("Calibration error", "error"),
                numbers("Temperature", "temperature"),
                *columns[1:],
            ),
        ),
    ]
    return Section(
        "calibration", title, f"The calibration error is least in {best}: {text.number(errors[best])}.", blocks
    )
