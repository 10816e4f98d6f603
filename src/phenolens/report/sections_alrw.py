"""Sections beside the ALRW: every attention head alone, and what the paper's arithmetic would do to these sequences."""

from functools import partial

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Figure, Paragraph, Section, Table, counts, intervals, numbers, words
from phenolens.report.content import Facts
from phenolens.report.figures_alrw import edges_figure


def heads(facts: Facts) -> Section:
    """Return the section on where each attention head looks most, class by class."""
    title = "Attention heads, each alone"
    enough = pl.col("n") >= pl.max_horizontal(pl.lit(1), pl.col("n").max().over("label", "head") // 2)
    of_head = facts.heads.filter(enough)
    if not of_head.height:
        why = "rollout mixes all heads" if facts.settings.explain.layer == "rollout" else "explain.heads is off"
        return Section("heads", title, f"No head was read alone ({why}), so nothing is shown.", [])
    average = of_head.group_by("label", "head").agg(average=pl.col("mean").mean())
    peaks = (
        of_head.sort(["mean", "position"], descending=[True, False])
        .unique(["label", "head"], keep="first", maintain_order=True)
        .join(average, on=["label", "head"])
        .with_columns(times=pl.col("mean") / pl.col("average"))
        .sort(["times", "label", "head"], descending=[True, False, False])
    )
    first = peaks.row(0, named=True)
    lead = (
        f"{text.plural(peaks['head'].n_unique(), 'head')}, each scaled on its own; the most selective one at a fixed place is head {first['head']} in class "
        f"{first['label']}: at base {text.count(first['position'])} {text.number(first['times'])} times its average."
    )
    caption = (
        "Where each attention head looks most on average, among positions that at least half of the class's sequences reach, with 95 % intervals over "
        "groups. A head that follows a motif wherever it stands has no peak here: look at the regions for that."
    )
    columns = (
        words("Class", "label"), counts("Head", "head"), counts("Sequences", "n"), counts("Highest at base", "position"),
        intervals("Mean there (95 % interval)", "mean", "low", "high"), numbers("Mean over positions", "average"), numbers("Ratio", "times"),
    )  # fmt: skip
    return Section("heads", title, lead, [Table("heads", caption, peaks, columns, shown=facts.top)])


def modes(facts: Facts) -> Section:
    """Return the section on the paper's arithmetic beside the default, on the run's own sequences."""
    title = "The paper's ALRW and ours at the ends of sequences"
    edges = facts.edges
    if not edges.height:
        why = "the paper's arithmetic is defined for overlapping k-mers read in one piece only"
        return Section("modes", title, f"Nothing is shown: {why}.", [])
    at_ends = edges.filter(pl.col("distance") == 0)
    shown = at_ends.filter(pl.col("edge") == "end").join(
        at_ends.filter(pl.col("edge") == "start"), on="label", how="left", suffix="_start"
    )
    last = at_ends.filter(pl.col("edge") == "end")
    pooled = last.select((pl.col("default", "paper") * pl.col("n")).sum() / pl.col("n").sum())
    default, paper = (pooled[name][0] for name in ("default", "paper"))
    lead = (
        f"At the last base of a sequence the paper's score is {text.number(paper)} of what evenly spread attention would give, ours {text.number(default)}; "
        f"this run uses {'the paper’s' if facts.settings.explain.mode == 'paper' else 'ours'}."
    )
    why = (
        "A base is covered by k overlapping k-mers, but the last k - 1 bases of a sequence by fewer. The paper divides the sum of their attention by k all the same "
        "where padding follows, so these bases look less read than they are; ours divides by the number of k-mers that are there. Where a long sequence keeps head and "
        "tail only, the paper also averages over the seam between them as if they were neighbours."
    )
    figure = Figure(
        "modes-plot",
        "Mean score near the start and the end of sequences, by the paper's arithmetic and by ours",
        "Mean score of the bases nearest to either end, all classes together, by both rules from the same attention; 1 is what attention spread evenly over "
        "the sequence would give.",
        partial(edges_figure, edges),
        "No sequence has a score at its ends.",
        data=edges,
    )
    columns = (
        words("Class", "label"), counts("Sequences", "n"), numbers("First base, ours", "default_start"), numbers("First base, paper", "paper_start"),
        numbers("Last base, ours", "default"), numbers("Last base, paper", "paper"),
    )  # fmt: skip
    caption = "Mean score of the first and the last base, by class, in units of evenly spread attention."
    return Section("modes", title, lead, [Paragraph(why), figure, Table("modes", caption, shown, columns)])
