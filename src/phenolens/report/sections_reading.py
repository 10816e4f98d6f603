"""Sections: what the model reads (ALRW) and its high-score regions."""

from functools import partial

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import (
    Block,
    Column,
    Figure,
    Paragraph,
    Section,
    Table,
    counts,
    intervals,
    letters,
    numbers,
    percents,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures import distributions
from phenolens.report.figures_data import by_class
from phenolens.report.figures_reading import profile_figure
from phenolens.report.sections_regions import chance

ALRW_WORDS = (
    "ALRW, the average local representation weight, is how much the model looks at each base while it decides: the attention that the "
    "position from which the class is read pays to each token in one layer, the last unless the settings say otherwise, summed over the attention heads, spread over the bases that the "
    "token covers, and scaled so that each sequence counts the same. High means: the model looks here. It does not by itself mean: this causes the answer."
)


def alrw(facts: Facts) -> Section:
    """Return the section on the mean ALRW of each class by position."""
    title, methods = "What the model reads: ALRW", facts.profile["method"].unique().sort().to_list()
    if not methods:
        return Section(
            "alrw", title, "The run holds no per-base scores, so nothing is shown; explain fills this section.", []
        )
    wanted = "alrw-paper" if facts.settings.explain.mode == "paper" else "alrw"
    method = wanted if wanted in methods else methods[0]
    profile = facts.profile.filter(pl.col("method") == method)
    peaks = profile.filter(pl.col("n") >= pl.max_horizontal(pl.lit(1), pl.col("n").max().over("label") // 2))
    peaks = peaks.sort(["mean", "position"], descending=[True, False], nulls_last=True).unique(
        "label", keep="first", maintain_order=True
    )
    order = {label: place for place, label in enumerate(facts.labels)}
    peaks = peaks.sort(pl.col("label").replace_strict(order, return_dtype=pl.Int64))
    reached = profile.group_by("label").agg(
        sequences=pl.col("n").max(), positions=pl.col("position").max() + 1, average=pl.col("mean").mean()
    )
    table = peaks.join(reached, on="label", maintain_order="left").select(
        "label", "sequences", "positions", "average", "position", "mean", "low", "high"
    )
    first = table.row(0, named=True)
    lead = (
        f"Mean score by position of {text.plural(int(table['sequences'].sum()), 'explained sequence')}; in class {first['label']} it is highest at base "
        f"{text.count(first['position'])} ({text.number(first['mean'])}, against {text.number(first['average'])} on average)."
    )
    blocks: list[Block] = [
        Paragraph(ALRW_WORDS),
        Figure(
            "profile",
            "Mean ALRW by position and class",
            "Mean ALRW at each position with its 95 % interval (band), and below how many sequences reach that position: where few do, the mean is "
            "uncertain. Positions that fewer than 10 sequences reach are left out.",
            partial(profile_figure, profile, facts.labels),
            "No position has a score.",
            data=profile,
            classes=facts.labels,
        ),
        Table(
            "alrw-by-class",
            "Where each class is looked at most, among positions that at least half of its sequences reach.",
            table,
            (
                words("Class", "label"), counts("Sequences", "sequences"), counts("Positions", "positions"), numbers("Mean over positions", "average"),
                counts("Highest at base", "position"), intervals("Mean there (95 % interval)", "mean", "low", "high"),
            ),
        ),
    ]  # fmt: skip
    others = [name for name in methods if name not in (method, "alrw", "alrw-paper")]
    if others:
        blocks.append(Paragraph(f"Also computed: {text.listing(others)}; see the files of the explain stage."))
    return Section("alrw", title, lead, blocks)


def regions(facts: Facts) -> Section:
    """Return the section on high-score regions: numbers, lengths, the highest ones with genes."""
    title, rule = "High-ALRW regions", facts.settings.explain
    means = (
        f"A region is a run of at least {rule.min_run} neighbouring bases that score {_above(facts)}"
        f"{f' and above {rule.times_min:g} times its lowest score' if rule.times_min else ''}, widened by {text.plural(rule.widen, 'base')} on each side."
    )
    if not facts.regions.height:
        return Section(
            "regions", title, "No region was found, so nothing is shown.", [Paragraph(means), *chance(facts)]
        )
    table = facts.regions.with_columns(length=pl.col("sequence_end") - pl.col("sequence_start"))
    explained = (
        facts.sequences.filter(pl.col("split").is_in(facts.settings.explain.splits))
        .group_by("label")
        .agg(explained=pl.len())
    )
    by_label = (
        table.group_by("label")
        .agg(
            regions=pl.len(),
            sequences=pl.col("sequence_id").n_unique(),
            placed=pl.col("start").is_not_null().sum(),
            length=pl.col("length").median(),
            low=pl.col("length").quantile(0.25),
            high=pl.col("length").quantile(0.75),
            score=pl.col("mean_score").mean(),
        )
        .join(explained, on="label", how="left")
        .with_columns(share=pl.col("sequences") / pl.col("explained"))
        .sort(pl.col("label").replace_strict({label: i for i, label in enumerate(facts.labels)}, return_dtype=pl.Int64))
    )
    lead = (
        f"{text.plural(table.height, 'region')} of high ALRW in {text.plural(table['sequence_id'].n_unique(), 'sequence')}, "
        f"{text.number(float(table['length'].median()))} bases long in the median; {text.count(table['start'].is_not_null().sum())} have genome coordinates."  # type: ignore[arg-type]
    )
    class_columns: tuple[Column, ...] = (
        words("Class", "label"), counts("Regions", "regions"), counts("Sequences with a region", "sequences"), percents("Of explained sequences", "share"),
        counts("With coordinates", "placed"), intervals("Median length (quartiles), bases", "length", "low", "high"), numbers("Mean score", "score"),
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(means),
        *chance(facts),
        Table("regions-by-class", "High-ALRW regions of each class.", by_label, class_columns),
        Figure(
            "region-lengths",
            "Lengths of the high-ALRW regions by class",
            "Lengths of the regions. Bars: share of the regions at each length; dot: median; thick line: the middle half.",
            partial(
                distributions,
                by_class(table, "length", facts.labels),
                xlabel="Length of the region (bases)",
                unit=" bases",
            ),
            "No region has a length.",
            data=table.select("region_id", "label", "length"),
            classes=facts.labels,
        ),
        _top_regions(facts, table),
    ]
    return Section("regions", title, lead, blocks)


def _above(facts: Facts) -> str:
    rule = facts.settings.explain
    if rule.region_rule == "paper":
        return "above the mean of their sequence"
    return f"so far above the mean of their sequence that at most {text.percent(rule.false_positive_rate)} of shuffled sequences have a region"


def _top_regions(facts: Facts, table: pl.DataFrame) -> Table:
    nearest = (
        facts.region_genes.sort("distance", "gene_id")
        .group_by("region_id", maintain_order=True)
        .agg(gene=pl.coalesce("gene_name", "gene_id").first(), distance=pl.col("distance").first())
    )
    top = table.sort(["mean_score", "region_id"], descending=[True, False], nulls_last=True).join(
        nearest, on="region_id", how="left", maintain_order="left"
    )
    columns: list[Column] = [
        words("Region", "region_id"), words("Class", "label"), words("Chromosome", "chrom"), counts("Start", "start"), counts("End", "end"),
        words("Strand", "strand"), numbers("Mean score", "mean_score"),
    ]  # fmt: skip
    if facts.region_genes.height:
        columns += [words("Nearest gene", "gene"), counts("Distance (bases)", "distance")]
    columns.append(letters("Letters", "sequence"))
    caption = "The regions with the highest mean score. Start is 0-based and end is one past the last base, as in BED (a browser shows start + 1)."
    return Table("top-regions", caption, top, tuple(columns), shown=facts.top)
