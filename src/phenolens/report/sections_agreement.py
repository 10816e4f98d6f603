"""Section: do different ways of asking what the model reads give the same answer?"""

from functools import partial

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Column, Figure, Paragraph, Row, Section, Table, counts, intervals
from phenolens.report.content import Facts
from phenolens.report.figures_agreement import agreement_figure

METHODS = {
    "alrw": "ALRW (attention)",
    "alrw-paper": "ALRW (attention, paper)",
    "integrated_gradients": "integrated gradients",
    "gradient_x_input": "gradient × input",
    "occlusion": "occlusion",
    "mutagenesis": "in-silico mutagenesis",
}
WORDS = (
    "Attention says where the model looks. The other methods say what moves its answer: integrated gradients and gradient × input follow how the score of the class changes "
    "with each token, occlusion hides a stretch of bases, in-silico mutagenesis replaces single bases. Where they agree, a finding does not hang on the method; where they do not, "
    "trust the one whose high bases change the answer most when they are taken away."
)


def agreement(facts: Facts) -> Section:
    """Return the section on the agreement of methods, two by two, and on the completeness of integrated gradients."""
    title = "Do the methods agree?"
    whole = facts.agreement.filter(pl.col("label").is_null())
    known = whole.drop_nulls("correlation").sort("correlation", descending=True)
    if not known.height:
        few = len(facts.settings.explain.methods) < 2
        why = "explain.methods names fewer than two" if few else "no sequence has scores by two methods"
        return Section("agreement", title, f"Nothing is compared: {why}.", [])
    best, worst = known.row(0, named=True), known.row(-1, named=True)
    lead = (
        f"On {text.plural(max(known['n'].to_list()), 'sequence')}, {_pair(best)} agree most (mean rank correlation of the bases' scores {_correlation(best)}; "
        f"{text.percent(best['overlap'])} of the highest tenth of bases in common, where chance gives 10 %)"
    )
    lead += f"; {_pair(worst)} least ({_correlation(worst)})." if known.height > 1 else "."
    caption = (
        "Below the diagonal: rank correlation of the scores of a sequence's bases (1 = same order, 0 = unrelated), mean over the sequences. Above it: share of the highest tenth "
        "of the bases that both methods have in common (10 % by chance). Attention has no sign, so with it the size of the other scores is compared."
    )
    figure = Figure(
        "agreement-plot",
        "Rank correlation and shared highest tenth for every two methods",
        caption,
        partial(agreement_figure, whole, METHODS),
        "No two methods can be compared.",
        data=whole,
    )
    pairs = facts.agreement.sort(["label", "correlation"], descending=[False, True], nulls_last=False)
    columns = (
        Column("Methods", _pair), Column("Class", lambda row: row["label"] or "all"), counts("Sequences", "n"),
        intervals("Rank correlation (95 % interval)", "correlation", "correlation_low", "correlation_high"),
        intervals("Highest tenth in common", "overlap", "overlap_low", "overlap_high"),
    )  # fmt: skip
    table = Table(
        "agreement", "The same two by two, also by class, with intervals over groups.", pairs, columns, facts.top
    )
    return Section("agreement", title, lead, [Paragraph(WORDS), figure, table, *_completeness(facts)])


def _completeness(facts: Facts) -> list[Block]:
    table = facts.completeness
    if not table.height:
        return []
    share = table.select(
        (pl.col("gap").abs() / (pl.col("score") - pl.col("baseline_score")).abs()).median().alias("median"),
        pl.col("gap").abs().max().alias("largest"),
    ).row(0, named=True)
    said = (
        "Integrated gradients of a sequence must add up to its score minus that of a sequence of masked tokens. What is missing is "
        f"{text.percent(share['median'])} of that difference in half of the sequences or less, and {text.number(share['largest'])} logits at most."
    )
    return [Paragraph(said)]


def _pair(row: Row) -> str:
    return f"{METHODS.get(row['first'], row['first'])} and {METHODS.get(row['second'], row['second'])}"


def _correlation(row: Row) -> str:
    return text.interval(row["correlation"], row["correlation_low"], row["correlation_high"])
