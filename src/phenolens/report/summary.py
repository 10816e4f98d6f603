"""The first section: the question, the answer in three sentences with numbers, and the verdicts on leakage, baselines and faithfulness."""

from collections.abc import Mapping

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import Block, Cards, Paragraph, Section, Verdicts
from phenolens.report.content import Facts
from phenolens.report.sections_faithfulness import faithful, faithful_word
from phenolens.report.sections_motifs import significant
from phenolens.report.sections_performance import random_run
from phenolens.report.sections_quality import LEAKS, good


def summary(facts: Facts) -> Section:
    """Return the section with the question, key numbers and the answer."""
    question = facts.settings.report.question
    classes = text.listing(f"“{label}”" for label in facts.labels[:6]) + (
        " and others" if len(facts.labels) > 6 else ""
    )
    asked = question or f"Can a DNA language model tell {classes} apart, and what does it look at?"
    blocks: list[Block] = [Paragraph(answer(facts)), Verdicts(verdicts(facts)), Cards(_cards(facts))]
    return Section("summary", "Summary", asked, blocks)


def answer(facts: Facts) -> str:
    """Return the answer in three sentences: how good, what it reads, and what that is worth."""
    return f"{how_good(facts)} {what_it_reads(facts)} {worth(facts)}"


def verdicts(facts: Facts) -> list[tuple[str, str, str, str]]:
    """Return the verdicts on leakage, baselines and faithfulness, each with its reason."""
    return [
        ("Leakage between training and test", *leakage_word(facts), how_honest(facts)),
        ("Compared with simple baselines", *baseline_word(facts), against_baselines(facts)),
        ("Do the scores show what matters to the model?", *faithful_word(facts), faithful(facts)),
    ]


def how_good(facts: Facts) -> str:
    """Return one sentence: the model's headline metric beside guessing."""
    metric = estimates.headline_metric(facts.metrics)
    estimate = estimates.find(facts.metrics, estimates.headline_run(facts.metrics), "test", metric)
    if estimate is None:
        return "The model was not tested: the run holds no metrics of the test split."
    name, guess = estimates.metric_name(metric), estimates.chance(metric, len(facts.labels))
    sentence = f"On {text.plural(estimate.n, 'test sequence')} that it never saw, the model reaches {name} {estimate}"
    if guess is not None:
        beyond = estimate.low is not None and estimate.low > guess
        sentence += f", where guessing gives {text.number(guess)}" + (
            "" if beyond else " and lies inside the 95 % interval or above it: no better than guessing"
        )
    return sentence + "."


def worth(facts: Facts) -> str:
    """Return one sentence that draws the three verdicts together."""
    leaks = {
        "None found": "no leakage was found",
        "Found": "training and test are not independent, so the number is too high",
        "Not known": "leakage was not looked for",
    }
    baselines = {
        "The model is better": "the model is better than every simple baseline",
        "A baseline is better": "a simple baseline does better",
        "No clear difference": "a simple baseline does as well",
        "Not compared": "no simple baseline stands beside it",
    }
    scores = {
        "Faithful": "the bases that ALRW scores high matter to the model",
        "In part": "the bases that ALRW scores high matter to the model by one test of two",
        "Not shown": "it is not shown that the bases that ALRW scores high matter to the model",
        "Not tested": "whether the bases that ALRW scores high matter to the model was not tested",
    }
    parts = (leaks[leakage_word(facts)[0]], baselines[baseline_word(facts)[0]], scores[faithful_word(facts)[0]])
    return f"What this is worth: {'; '.join(parts)}."


def leakage_word(facts: Facts) -> tuple[str, str]:
    """Return whether related sequences lie in several splits, and the tone of that."""
    found = facts.quality.get("leakage")
    own = found.get("split") if isinstance(found, Mapping) else None
    counted = [own.get(name) for name in LEAKS] if isinstance(own, Mapping) else []
    if _groups_in_two_splits(facts) or any(counted):
        return "Found", "warn"
    return ("None found", "good") if facts.sequences.height else ("Not known", "none")


def baseline_word(facts: Facts) -> tuple[str, str]:
    """Return whether the model or the best simple baseline is better, and the tone of that."""
    run, metric = estimates.headline_run(facts.metrics), estimates.headline_metric(facts.metrics)
    best = estimates.best_baseline(facts.metrics, "test", metric)
    if run is None or best is None:
        return "Not compared", "none"
    said = _verdict(facts, run, best[0], metric)
    if said.startswith("the model is better"):
        return "The model is better", "good"
    return ("A baseline is better" if said.startswith("the baseline is better") else "No clear difference"), "warn"


def against_baselines(facts: Facts) -> str:
    """Return one sentence: the best baseline, who is better, and what length and GC content alone give."""
    run, metric = estimates.headline_run(facts.metrics), estimates.headline_metric(facts.metrics)
    best = estimates.best_baseline(facts.metrics, "test", metric)
    if run is None or best is None:
        return "The run holds no metrics of a model and of baselines on the test split."
    name = estimates.run_name(best[0], facts.settings.evaluate.kmer).lower()
    composition = estimates.find(facts.metrics, "composition", "test", metric)
    alone = f"; length and GC content alone give {composition}" if composition and best[0] != "composition" else ""
    return f"In {estimates.metric_name(metric)} the best simple baseline, {name}, gives {best[1]}: {_verdict(facts, run, best[0], metric)}{alone}."


def _verdict(facts: Facts, run: str | None, baseline: str, metric: str) -> str:
    """Return who is better, by the paired interval where there is one, else by whether the intervals overlap."""
    paired = facts.comparison.filter(run_a=run or "", run_b=baseline, split="test", metric=metric).drop_nulls(
        ["difference", "low", "high"]
    )
    if paired.height:
        difference, low, high = paired.select("difference", "low", "high").row(0)
        found = f"difference {text.interval(difference, low, high)}"
        if low > 0:
            return f"the model is better ({found})"
        return f"the baseline is better ({found})" if high < 0 else f"no clear difference ({found})"
    model, other = (
        estimates.find(facts.metrics, run, "test", metric),
        estimates.find(facts.metrics, baseline, "test", metric),
    )
    if model is None or other is None or None in (model.low, model.high, other.low, other.high):
        return "without intervals no one can say which is better"
    if model.low > other.high:  # type: ignore[operator]
        return "the model is better, the 95 % intervals do not overlap"
    if model.high < other.low:  # type: ignore[operator]
        return "the baseline is better, the 95 % intervals do not overlap"
    return "the 95 % intervals overlap, so this test set shows no clear difference"


def how_honest(facts: Facts) -> str:
    """Return one sentence: the leakage verdict, and what a random split would have claimed."""
    shared = _groups_in_two_splits(facts)
    sentences = []
    if facts.sequences.height:
        sentences.append(
            f"Of {text.plural(facts.sequences['group'].n_unique(), 'group')} of related sequences "
            + (
                "none lies in both training and test"
                if not shared
                else f"{shared} lie in more than one split, so the test is not independent"
            )
        )
    verdict, reasons = facts.quality.get("verdict"), [str(r) for r in facts.quality.get("reasons") or []]
    if verdict:
        sentences.append(
            f"the dataset's quality verdict is “{verdict}”"
            + (f" ({reasons[0].rstrip('.')})" if reasons and not good(str(verdict)) else "")
        )
    difference = _random_difference(facts)
    if difference:
        name, grouped, dealt = difference
        gain = dealt - grouped
        word = "more" if gain >= 0 else "less"
        sentences.append(
            f"a random split would have claimed {name} {text.number(dealt)}, {text.number(abs(gain))} {word} than this split"
        )
    else:
        sentences.append("no random split was trained for comparison")
    joined = "; ".join(sentences)
    return joined[0].upper() + joined[1:] + "."


def _groups_in_two_splits(facts: Facts) -> int:
    return facts.sequences.group_by("group").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height


def _random_difference(facts: Facts) -> tuple[str, float, float] | None:
    metric = estimates.headline_metric(facts.metrics)
    grouped = estimates.find(facts.metrics, estimates.headline_run(facts.metrics), "test", metric)
    dealt = estimates.find(facts.metrics, random_run(facts), "random test", metric)
    return (estimates.metric_name(metric), grouped.value, dealt.value) if grouped and dealt else None


def what_it_reads(facts: Facts) -> str:
    """Return one sentence: number of regions, the clearest motif, the clearest overlap."""
    if not facts.regions.height:
        return "No region of high ALRW was found, so it is not shown what the model reads."
    sentence = f"The model looks most at {text.plural(facts.regions.height, 'region')} in {text.plural(facts.regions['sequence_id'].n_unique(), 'sequence')}"
    found = significant(facts)
    if found.height:
        best = found.row(0, named=True)
        sentence += (
            f"; {text.plural(found['cluster'].n_unique(), 'distinct motif is', 'distinct motifs are')} enriched in them at q ≤ 0.05, the clearest {best['motif_name'] or best['motif_id']} "
            f"(odds ratio {text.interval(best['odds_ratio'], best['low'], best['high'])}, {best['case']} against {best['control']})"
        )
    elif facts.enrichment.height:
        sentence += f"; none of {text.plural(facts.enrichment['motif_id'].n_unique(), 'known motif')} is enriched in them at q ≤ 0.05"
    else:
        sentence += "; no motif was tested in them"
    return sentence + "."


def _cards(facts: Facts) -> list[tuple[str, str, str]]:
    metric, run = estimates.headline_metric(facts.metrics), estimates.headline_run(facts.metrics)
    model, best = (
        estimates.find(facts.metrics, run, "test", metric),
        estimates.best_baseline(facts.metrics, "test", metric),
    )
    cards = [
        (
            "Sequences",
            text.count(facts.sequences.height),
            f"{text.plural(len(facts.labels), 'class', 'classes')}, {text.plural(facts.sequences['group'].n_unique(), 'group')}",
        )
    ]
    if model:
        cards.append((f"{estimates.metric_name(metric)}, model", text.number(model.value), _range(model)))
    if best:
        cards.append(
            (
                f"{estimates.metric_name(metric)}, best baseline",
                text.number(best[1].value),
                estimates.run_name(best[0], facts.settings.evaluate.kmer),
            )
        )
    difference = _random_difference(facts)
    if difference:
        cards.append(
            (
                "Random split would claim",
                text.number(difference[2]),
                f"{_signed(difference[2] - difference[1])} against this split",
            )
        )
    if facts.quality.get("verdict"):
        cards.append(("Quality of the dataset", text.short(str(facts.quality["verdict"]), 18), _reasons(facts.quality)))
    cards.append(
        (
            "High-ALRW regions",
            text.count(facts.regions.height),
            f"in {text.plural(facts.regions['sequence_id'].n_unique(), 'sequence')}",
        )
    )
    if facts.enrichment.height:
        cards.append(
            (
                "Enriched motifs",
                text.count(significant(facts)["cluster"].n_unique()),
                f"distinct, of {text.count(facts.enrichment['cluster'].n_unique())} tested, q ≤ 0.05",
            )
        )
    return cards


def _range(estimate: estimates.Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"n = {text.count(estimate.n)}"
    return f"95 % interval {text.number(estimate.low)}–{text.number(estimate.high)}"


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + text.number(value)


def _reasons(quality: Mapping[str, object]) -> str:
    reasons = quality.get("reasons")
    n = len(reasons) if isinstance(reasons, list) else 0
    return f"{text.plural(n, 'remark')}, see Data" if n else "no remarks"
