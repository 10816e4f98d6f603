"""The model card of a run's model: how to use it, how good it is beside baselines, the certificate, and what it is not good for."""

from typing import Any, NamedTuple

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.card_code import Reading, code
from phenolens.report.cards import PAPER, TAGS, card, certificate, plain, table
from phenolens.report.content import Facts
from phenolens.report.sections_faithfulness import faithful
from phenolens.report.summary import how_good, how_honest

HUB_METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "f1",
    "f1_weighted": "f1",
    "precision_weighted": "precision",
    "recall_weighted": "recall",
    "auroc_macro": "roc_auc",
    "mcc": "matthews_correlation",
    "brier": "brier_score",
}
CUTS = {
    "head_tail": "the middle of longer ones is not read",
    "head": "what lies beyond the beginning of longer ones is not read",
    "paper": "of longer ones the first 300 and the last 212 tokens are read",
    "windows": "longer ones are read in windows whose logits are averaged",
}
TRAINING = (
    "model", "from_scratch", "adapt", "epochs", "batch_size", "accumulate", "learning_rate", "weight_decay", "warmup", "patience", "class_weights",
    "reverse_complement", "mask_tokens", "dropout", "max_tokens", "cut", "precision",
)  # fmt: skip


class ModelFacts(NamedTuple):
    """What the card of one model says.

    facts : of the run, its metrics those of this model and of the baselines alone.
    run : run-0 ...
    name : of the model on the hub: OWNER/NAME, or the study's name.
    dataset : of its dataset, likewise.
    license : as the hub writes it.
    base : hub name of the pre-trained model; None for another one.
    reading : how it reads sequences.
    checked : (sequences, largest difference) of a comparison of the exported folder with the run's predictions.
    """

    facts: Facts
    run: str
    name: str
    dataset: str
    license: str
    base: str | None
    reading: Reading
    checked: tuple[int, float]


def model_card(about: ModelFacts) -> str:
    """Return README.md of a model folder.

    Parameters
    ----------
    about : the model.
    """
    facts = about.facts
    classes = text.listing(f"“{plain(label)}”" for label in facts.labels)
    base = plain(about.base or _base_name(str(facts.model.get("name") or facts.settings.train.model)))
    lines = [
        f"# {plain(about.name)}",
        "",
        f"A classifier of DNA sequences that tells {classes} apart, fine-tuned from {base} with phenolens {plain(facts.version)}.",
        *([plain(facts.settings.report.question)] if facts.settings.report.question else []),
        "",
        "## Use",
        "",
        *_use(about),
        "",
        "## How good it is",
        "",
        *_quality(about),
        "",
        "## Certificate",
        "",
        *certificate(facts.quality),
        "",
        f"- Leakage: {plain(how_honest(facts))}",
        f"- Faithfulness: {plain(faithful(facts))}",
        "",
        "## Limits",
        "",
        *_limits(about),
        "",
        "## Training",
        "",
        *_training(about),
        "",
        "## Cite",
        "",
        f"The method: {PAPER}",
    ]
    return card(_metadata(about), lines)


def _metadata(about: ModelFacts) -> dict[str, Any]:
    facts = about.facts
    family = str(facts.model.get("family") or "")
    rows = [_hub_metric(row) for row in _own(about).iter_rows(named=True)]
    dataset = {"name": facts.settings.name, "type": about.dataset, "split": "test"}
    result = {
        "task": {"type": "text-classification", "name": "DNA sequence classification"},
        "dataset": dataset,
        "metrics": rows,
    }
    data: dict[str, Any] = {
        "license": about.license,
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": [*TAGS, *([family] if family else [])],
        "datasets": [about.dataset],
    }
    if about.base:
        data["base_model"] = about.base
    data["metrics"] = sorted({row["type"] for row in rows} & set(HUB_METRICS.values()))
    return data | {"model-index": [{"name": about.name, "results": [result]}]}


def _own(about: ModelFacts) -> pl.DataFrame:
    """Return the metrics of this model over all classes and lengths on test."""
    return estimates.overall(about.facts.metrics, "test").filter(pl.col("run") == about.run)


def _hub_metric(row: dict[str, Any]) -> dict[str, Any]:
    name, args = estimates.metric_name(row["metric"]), {"metric": row["metric"], "n": row["n"]}
    if row["low"] is not None and row["high"] is not None:
        name += f" (95 % interval {text.number(row['low'])} to {text.number(row['high'])})"
        args |= {"low": row["low"], "high": row["high"]}
    return {"type": HUB_METRICS.get(row["metric"], row["metric"]), "value": row["value"], "name": name, "args": args}


def _use(about: ModelFacts) -> list[str]:
    reading, facts = about.reading, about.facts
    tokens = (
        "Its tokenizer alone reads no raw DNA: it wants overlapping k-mers, which the lines below make. "
        if reading.kind == "kmer"
        else ""
    )
    n, difference = about.checked
    moved = f"with differences of at most {difference:.1e}" if difference else "to the last digit"
    lines = [
        f"{tokens}These lines give the probabilities of the run; `phenolens predict` gives them for FASTA and BED files.",
        "",
        "```python",
        code(reading, about.name).rstrip(),
        "```",
        "",
        f"Checked while it was exported: on {text.plural(n, 'test sequence')} this folder gives the probabilities of the run, {moved}.",
    ]
    temperature = facts.temperatures.get(about.run, {}).get("temperature")
    if temperature is not None and temperature != 1:
        lines.append(
            f"Divide the logits by {temperature:.4g} (fitted on validation) for probabilities that can be believed as such; the predicted class stays."
        )
    if facts.settings.evaluate.both_strands:
        lines.append(
            "The metrics below are of the mean over a sequence and its reverse complement; the lines above read one strand."
        )
    return lines


def _quality(about: ModelFacts) -> list[str]:
    facts, metric = about.facts, estimates.headline_metric(about.facts.metrics)
    rows = [
        (estimates.metric_name(row["metric"]), text.number(row["value"]), _between(row), text.count(row["n"]))
        for row in _own(about).iter_rows(named=True)
    ]
    lines = [plain(how_good(facts)), "", *table(("Metric, test", "Value", "95 % interval", "Sequences"), rows)]
    simple = estimates.overall(facts.metrics, "test").filter(
        ~pl.col("run").str.contains(estimates.MODEL) & (pl.col("metric") == metric)
    )
    if simple.height:
        beside = [
            (estimates.run_name(row["run"], facts.settings.evaluate.kmer), text.number(row["value"]), _between(row))
            for row in simple.sort("value", "run", descending=[True, False]).iter_rows(named=True)
        ]
        lines += [
            "",
            "Simple baselines on the same sequences:",
            "",
            *table(("Baseline", estimates.metric_name(metric), "95 % interval"), beside),
        ]
    return [*lines, "", "Intervals: whole groups of related sequences drawn with replacement."]


def _between(row: dict[str, Any]) -> str | None:
    return None if row["low"] is None else f"{text.number(row['low'])} to {text.number(row['high'])}"


def _limits(about: ModelFacts) -> list[str]:
    facts, settings = about.facts, about.facts.settings
    lengths = facts.sequences["sequence"].str.len_bytes()
    ends = dict.fromkeys(text.count(lengths.quantile(q, "nearest")) for q in (0.05, 0.95))
    genome = (settings.dataset.genome or "").replace("\\", "/").rpartition("/")[2].removeprefix("demo:")
    where = f" from {plain(genome)}" if genome else ""
    background = (
        f" Its background is {text.listing(f'“{plain(label)}”' for label in facts.background)}, matched to the other classes as the study says: against other background it may do worse."
        if facts.background
        else ""
    )
    return [
        f"- It was trained and tested on sequences of mostly {' to '.join(ends)} bases{where}; other lengths, species and builds were not tested.",
        f"- It reads at most {text.count(about.reading.room)} tokens; {CUTS[about.reading.cut]}.",
        f"- Every sequence gets one of its classes, also one that is none of them.{background}",
        "- What it pays attention to is not by itself the cause of its answer; see faithfulness above.",
        "- For research; not for diagnosis.",
        *(
            ["- The licence was not stated when it was exported: `unknown` above is for its owner to replace."]
            if about.license == "unknown"
            else []
        ),
    ]


def _training(about: ModelFacts) -> list[str]:
    facts, settings = about.facts, about.facts.settings
    learned = facts.sequences.filter(pl.col("split") == "train")
    values = settings.train.model_dump(mode="json")
    rows = [(name, _base_name(str(values[name]))) for name in TRAINING if name in values]
    seed = settings.seed + int(about.run.removeprefix("run-"))
    parameters = facts.model.get("parameters")
    facts_of = [
        ("seed", seed),
        ("training sequences", text.count(learned.height)),
        ("bases", text.count(int(learned["sequence"].str.len_bytes().sum()))),
    ]
    facts_of += [("parameters", text.count(parameters))] if isinstance(parameters, int) else []
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return [*table(("Setting", "Value"), [*rows, *facts_of]), "", f"Made with {plain(versions)}."]


def _base_name(value: str) -> str:
    """Return a value without the folders of a path on someone's machine: those of owner/name on the hub stay."""
    return (
        value.replace("\\", "/").rpartition("/")[2]
        if value.startswith((".", "/", "~")) or value.count("/") > 1
        else value
    )
