"""Section: do the bases with high scores matter to the model, or do they only look as if?"""

from collections.abc import Mapping
from functools import partial
from typing import Any

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
    p_values,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_faithfulness import faithfulness_figure

NAMES = {
    "alrw": "ALRW",
    "alrw-paper": "ALRW as in the paper",
    "integrated_gradients": "integrated gradients",
    "gradient_x_input": "gradient × input",
    "mutagenesis": "in-silico mutagenesis",
}
CONTROLS = {
    "shift": "runs of the same lengths elsewhere",
    "gc": "as many G/C and A/T elsewhere",
    "random": "random bases",
}
CURVES = ("deletion", "insertion")
MEANS = (
    "A score is faithful when the model's answer hangs on the bases that score high. So the highest-scoring bases of each sequence are replaced, more and more of them, by "
    "letters of a shuffled copy of the same sequence (deletion), or put back into that copy (insertion), and the model is asked again. If the scores are faithful, the probability of the class that "
    "it predicted falls faster, and rises faster, than when as many bases elsewhere are taken. Elsewhere means: the same runs moved along the sequence, "
    "bases of the same letters G/C and A/T, or any bases."
)
DIFFERENCE = (
    "Mean difference in probability between the two curves, with 95 % intervals over groups; positive: better than what it is compared with. "
    "An interval that holds 0 means that no difference was found."
)


def faithfulness(facts: Facts) -> Section:
    """Return the section on faithfulness: the answer, curves, tables against controls and between methods, sanity controls."""
    title, wide = "Is it faithful?", _wide(facts.faithfulness)
    if not wide.height:
        return Section("faithfulness", title, faithful(facts), [Paragraph(MEANS)])
    first = _first(facts.faithfulness)
    methods = facts.faithfulness.filter(model="trained")["method"].unique(maintain_order=True).to_list()
    names = {method: _name(method) for method in methods}
    overall = wide.filter(pl.col("label").is_null())
    chance = overall.filter(pl.col("control").is_in(list(CONTROLS)))
    blocks: list[Block] = [
        Paragraph(MEANS),
        Figure(
            "faithfulness",
            "Probability of the predicted class while bases are replaced and put back, by method",
            f"Left: the faster a line falls, the more the model needs the bases that this method scores high. Right: the faster it rises, the better. "
            f"Grey: the same with bases chosen without regard to {_name(first)}; bands: 95 % intervals of {_name(first)} and of the same runs elsewhere.",
            partial(faithfulness_figure, facts.faithfulness_curves, names, first=first),
            "No curve was computed, so none is drawn.",
            data=facts.faithfulness_curves,
        ),
        Table(
            "faithfulness",
            f"Each method against chance. {DIFFERENCE} Scores of random weights or permuted labels are of a model that has learned nothing; they should be at chance.",
            chance,
            _columns(),
        ),
        Table(
            "faithfulness-pairs",
            f"Methods against each other, and against the same method on a model that has learned nothing. {DIFFERENCE}",
            overall.filter(~pl.col("control").is_in(list(CONTROLS))),
            _columns(),
            folded=True,
        ),
        Table(
            "faithfulness-classes",
            f"The same by class, against runs of the same lengths elsewhere. {DIFFERENCE} A class that the model recognises by what it lacks has no bases to lose.",
            wide.filter(
                pl.col("label").is_not_null() & (pl.col("control") == "shift") & (pl.col("model") == "trained")
            ),
            (words("Class", "label"), *_columns()),
            folded=True,
        ),
        *_sanity(facts),
    ]
    return Section("faithfulness", title, faithful(facts), blocks)


def faithful(facts: Facts) -> str:
    """Return one sentence: whether ALRW is better than chance, how it compares with integrated gradients, and which method is best."""
    overall = facts.faithfulness.filter(pl.col("label").is_null() & (pl.col("model") == "trained"))
    if not overall.height:
        return "It was not tested whether the bases with high scores matter to the model, so nothing is shown."
    first, hardest = _first(overall), _hardest(overall)
    chance = hardest.filter(pl.col("method") == first)
    sentence = _verdict(_name(first), "bases elsewhere", {row["curve"]: row for row in chance.iter_rows(named=True)})
    other = "integrated_gradients"
    pair = {row["curve"]: row for row in overall.filter(method=first, control=other).iter_rows(named=True)}
    if pair:
        sentence += f"; {_verdict('it', _name(other), pair, numbers=False)}"
    best = hardest.filter((pl.col("curve") == "deletion") & (pl.col("low") > 0)).sort("area", descending=True)
    if best.height and best["method"][0] != first:
        row = best.row(0, named=True)
        found = text.interval(row["area"], row["low"], row["high"])
        sentence += f"; of all methods {_name(row['method'])} has the largest difference from bases elsewhere by deletion, {found}"
    elif not best.height and overall["method"].n_unique() > 1:
        sentence += "; no other method is better than them either by deletion"
    return sentence + "."


def faithful_word(facts: Facts) -> tuple[str, str]:
    """Return the answer in two words, and its tone: whether both curves of ALRW are better than every control."""
    overall = facts.faithfulness.filter(pl.col("label").is_null() & (pl.col("model") == "trained"))
    rows = _hardest(overall).filter(method=_first(overall)).iter_rows(named=True)
    answers = {_judged(row) for row in rows}
    if not answers:
        return "Not tested", "none"
    if "better" in answers:
        return ("Faithful", "good") if answers == {"better"} else ("In part", "warn")
    return "Not shown", "warn"


def _hardest(overall: pl.DataFrame) -> pl.DataFrame:
    """Return one row a method and curve, of the control that its scores beat least clearly: what holds for it holds for all."""
    chance = overall.filter(pl.col("control").is_in(list(CONTROLS)))
    return chance.sort("low", nulls_last=False, maintain_order=True).unique(
        ["method", "curve"], keep="first", maintain_order=True
    )


def _verdict(name: str, other: str, rows: Mapping[str, Mapping[str, Any]], *, numbers: bool = True) -> str:
    """Return whether a method is better than another, by both curves or by which."""
    judged = {curve: _judged(rows[curve]) for curve in CURVES if curve in rows}
    found = text.listing(
        f"{curve} {text.interval(rows[curve]['area'], rows[curve]['low'], rows[curve]['high'])}"
        f" against {CONTROLS.get(rows[curve]['control'])}"
        for curve in judged
    )
    shown = f" here (least clear comparison, mean difference in probability: {found})" if numbers else ""
    answers = list(dict.fromkeys(judged.values()))
    if len(answers) == 1:
        return f"{name} is {answers[0]} than {other}{shown}"
    by = " but ".join(f"{answer} by {text.listing(c for c in judged if judged[c] == answer)}" for answer in answers)
    return f"{name} is, compared with {other}, {by}{shown}"


def _judged(row: Mapping[str, Any]) -> str:
    if row["low"] is not None and row["low"] > 0:
        return "better"
    return "worse" if row["high"] is not None and row["high"] < 0 else "not better"


def _first(table: pl.DataFrame) -> str:
    methods = table.filter(model="trained")["method"].unique(maintain_order=True).to_list()
    return next((name for name in ("alrw", "alrw-paper") if name in methods), methods[0] if methods else "alrw")


def _name(method: str) -> str:
    return NAMES.get(method, method.replace("_", " "))


def _wide(table: pl.DataFrame) -> pl.DataFrame:
    """Return one row per comparison, with the numbers of the deletion and of the insertion curve side by side."""
    keys = ["model", "method", "control", "label", "n"]
    halves = [
        table.filter(pl.col("curve") == curve).select(
            *keys, *(pl.col(name).alias(f"{curve}_{name}") for name in ("area", "low", "high", "q_value"))
        )
        for curve in CURVES
    ]
    return halves[0].join(halves[1], on=keys, how="full", coalesce=True, nulls_equal=True, maintain_order="left_right")


def _columns() -> tuple[Column, ...]:
    return (
        Column("Scores", lambda row: _scores(row["method"], row["model"])),
        Column("Against", lambda row: CONTROLS.get(row["control"], _name(row["control"]))),
        counts("n", "n"),
        intervals("Deletion (95 % interval)", "deletion_area", "deletion_low", "deletion_high"),
        p_values("q", "deletion_q_value"),
        intervals("Insertion (95 % interval)", "insertion_area", "insertion_low", "insertion_high"),
        p_values("q", "insertion_q_value"),
    )


def _scores(method: str, model: str) -> str:
    return _name(method) if model == "trained" else f"{_name(method)}, {model}"


def _sanity(facts: Facts) -> list[Block]:
    if not facts.sanity.height:
        return []
    caption = (
        "How alike a sequence's scores are on the trained model and on one that has learned nothing: Spearman's correlation, mean over sequences. "
        "Near 1: the method shows the sequence, not what the model has learned."
    )
    columns = (
        Column("Scores", lambda row: _name(row["method"])),
        words("Other model", "model"),
        counts("n", "n"),
        intervals("Correlation (95 % interval)", "correlation", "low", "high"),
    )
    return [Table("sanity", caption, facts.sanity, columns)]
