"""Section: how good the model is, beside baselines and a random split."""

from functools import partial

import polars as pl

from phenolens.report import estimates, text
from phenolens.report.blocks import (
    Block,
    Column,
    Figure,
    Paragraph,
    Section,
    Table,
    counts,
    intervals,
    numbers,
    p_values,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_performance import (
    FEW,
    confusion_figure,
    loss_figure,
    metrics_figure,
    roc_figure,
)

NO_TEST = "The run holds no metrics of the test split, so nothing is shown; evaluate fills this section."


def performance(facts: Facts) -> Section:
    """Return the section on metrics of model and baselines, ROC, confusion, random split and loss."""
    metrics, kmer = facts.metrics, facts.settings.evaluate.kmer
    title = "How good the model is"
    run = estimates.headline_run(metrics)
    blocks: list[Block] = []
    if estimates.overall(metrics, "test").height:
        blocks += [
            _by_run(
                "metrics",
                "Model and baselines on the test sequences, with 95 % intervals (groups of related sequences resampled).",
                facts,
                estimates.MAIN,
            ),
            Figure(
                "metrics-plot",
                "Test metrics of the model and the baselines with 95 % intervals",
                "Blue: the model; grey: baselines that see only simple properties of the same sequences. Lines: 95 % intervals; dashed: guessing.",
                partial(metrics_figure, metrics, classes=len(facts.labels), kmer=kmer),
                "No metric is defined on the test sequences.",
                data=estimates.overall(facts.metrics, "test"),
            ),
            _by_run("all-metrics", "All metrics of all runs on the test sequences.", facts, None),
            *_by_class(facts, run),
            *_seeds(facts),
            *_comparison(facts),
        ]
    blocks += [*_confusion(facts, run), *_roc(facts, run), *_random(facts, run), *_loss(facts)]
    return Section("performance", title, _lead(facts, run), blocks)


def _lead(facts: Facts, run: str | None) -> str:
    metric = estimates.headline_metric(facts.metrics)
    estimate = estimates.find(facts.metrics, run, "test", metric)
    if estimate is None:
        return NO_TEST
    sentence = f"On {text.plural(estimate.n, 'test sequence')} that it never saw, the model reaches {estimates.metric_name(metric)} {estimate}"
    best = estimates.best_baseline(facts.metrics, "test", metric)
    if best is None:
        return sentence + "; no baseline was run."
    return f"{sentence}; the best baseline ({estimates.run_name(best[0], facts.settings.evaluate.kmer)}) reaches {best[1]}."


def _by_run(name: str, caption: str, facts: Facts, metrics: tuple[str, ...] | None) -> Table:
    """Return a table with a row per run and an interval per metric; without `metrics` all of them, folded."""
    table = estimates.overall(facts.metrics, "test")
    present = [m for m in estimates.NAMES if m in table["metric"]] + sorted(set(table["metric"]) - set(estimates.NAMES))
    chosen = [m for m in (metrics or present) if m in present] or present
    rows = []
    for run in estimates.runs(facts.metrics, "test"):
        row: dict[str, str | float | None] = {"run": run, "name": estimates.run_name(run, facts.settings.evaluate.kmer)}
        for metric in chosen:
            found = estimates.find(facts.metrics, run, "test", metric)
            row |= {
                metric: found.value if found else None,
                f"{metric}_low": found.low if found else None,
                f"{metric}_high": found.high if found else None,
            }
        rows.append(row)
    shape = {"run": pl.String, "name": pl.String} | {
        f"{m}{end}": pl.Float64 for m in chosen for end in ("", "_low", "_high")
    }
    columns = [words("Run", "name"), *(intervals(estimates.metric_name(m), m, f"{m}_low", f"{m}_high") for m in chosen)]
    return Table(name, caption, pl.DataFrame(rows, schema=shape), tuple(columns), folded=metrics is None)


def _by_class(facts: Facts, run: str | None) -> list[Block]:
    table = facts.metrics.filter(
        (pl.col("run") == (run or ""))
        & (pl.col("split") == "test")
        & pl.col("class").is_not_null()
        & pl.col("bin").is_null()
    )
    if not table.height:
        return []
    present = [m for m in estimates.NAMES if m in table["metric"]] + sorted(set(table["metric"]) - set(estimates.NAMES))
    rows = []
    for label in [*facts.labels, *sorted(set(table["class"]) - set(facts.labels))]:
        part = table.filter(pl.col("class") == label)
        if not part.height:
            continue
        row: dict[str, str | float | int | None] = {"class": label, "n": part["n"].max()}  # type: ignore[dict-item]
        for metric, value, low, high in part.select("metric", "value", "low", "high").iter_rows():
            row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row)
    shape: dict[str, type[pl.DataType]] = {"class": pl.String, "n": pl.Int64} | {
        f"{m}{e}": pl.Float64 for m in present for e in ("", "_low", "_high")
    }
    columns = (
        words("Class", "class"),
        counts("Test sequences", "n"),
        *(intervals(estimates.metric_name(m), m, f"{m}_low", f"{m}_high") for m in present),
    )
    return [
        Table(
            "metrics-by-class",
            "The model on each class against all others, test sequences.",
            pl.DataFrame(rows, schema=shape),
            columns,
        )
    ]


def _seeds(facts: Facts) -> list[Block]:
    """Return the table of mean and standard error over the runs of the model; nothing where there is one run."""
    table = facts.seeds.filter((pl.col("split") == "test") & pl.col("class").is_null())
    present = [m for m in estimates.NAMES if m in table["metric"]] + sorted(set(table["metric"]) - set(estimates.NAMES))
    if not present:
        return []
    rows = pl.concat([table.filter(metric=metric) for metric in present])
    columns = (
        Column("Metric", lambda row: estimates.metric_name(row["metric"])),
        numbers("Mean", "mean"),
        numbers("Standard error", "sem"),
        numbers("Lowest", "min"),
        numbers("Highest", "max"),
        counts("Runs", "runs"),
    )
    caption = (
        "How much the test metrics vary from run to run. The runs differ in their seed only and saw the same sequences: "
        "this is the chance of training, the 95 % intervals above are the chance of the sequences."
    )
    return [Table("seeds", caption, rows, columns, folded=len(rows) > 8)]


def _comparison(facts: Facts) -> list[Block]:
    kmer = facts.settings.evaluate.kmer
    table = facts.comparison.filter(pl.col("metric").is_in((*estimates.MAIN, "accuracy")))
    if not table.height:
        return []
    columns = (
        Column("Run", lambda row: estimates.run_name(row["run_a"], kmer)),
        Column("Minus", lambda row: estimates.run_name(row["run_b"], kmer)),
        words("Sequences of", "split"),
        Column("Metric", lambda row: estimates.metric_name(row["metric"])),
        intervals("Difference (95 % interval)", "difference", "low", "high"),
        p_values("p (McNemar)", "p_value"),
    )
    caption = "Differences between two runs on the same sequences. An interval that does not hold 0 is a clear difference. McNemar's exact test is for accuracy only."
    return [Table("comparison", caption, table, columns, shown=max(facts.top, 12))]


def _confusion(facts: Facts, run: str | None) -> list[Block]:
    table = facts.confusion.filter((pl.col("run") == (run or "")) & (pl.col("split") == "test"))
    return [
        Figure(
            "confusion",
            "Confusion matrix of the model on the test sequences",
            "Rows: true class; columns: class with the highest probability. Numbers: sequences, with the share of the row; "
            "deeper colour = larger share. A perfect model fills the diagonal only.",
            partial(confusion_figure, table, facts.labels),
            "The run holds no confusion matrix of the model on the test sequences.",
            data=table,
            half=len(facts.labels) <= FEW,
        )
    ]


def _roc(facts: Facts, run: str | None) -> list[Block]:
    return [
        Figure(
            "roc",
            "ROC curves of the model on the test sequences",
            "For every threshold on the model's probability: the share of the class that is found (up) against the share of the other "
            "sequences wrongly called (right). Dashed: guessing.",
            partial(roc_figure, facts.predictions, facts.labels, run=run or "", background=facts.background),
            "The test split holds no predictions of both a class and the rest, so no ROC curve is drawn.",
            data=facts.predictions.filter(run=run or "", split="test"),
            classes=facts.labels,
            half=True,
        )
    ]


def random_run(facts: Facts) -> str | None:
    """Return the run that stands for the model on the random split; None where none was trained."""
    return estimates.headline_run(facts.metrics, "random test")


def random_table(facts: Facts, run: str | None) -> pl.DataFrame:
    """Return metric, grouped and random estimate with intervals, and random minus grouped, for the main metrics."""
    rows = []
    for metric in estimates.MAIN:
        grouped = estimates.find(facts.metrics, run, "test", metric)
        dealt = estimates.find(facts.metrics, random_run(facts), "random test", metric)
        if grouped and dealt:
            rows.append((estimates.metric_name(metric), *grouped[:3], *dealt[:3], dealt.value - grouped.value))
    names = ("metric", "grouped", "grouped_low", "grouped_high", "random", "random_low", "random_high", "difference")
    return pl.DataFrame(rows, schema={n: pl.String if n == "metric" else pl.Float64 for n in names}, orient="row")


def _random(facts: Facts, run: str | None) -> list[Block]:
    table = random_table(facts, run)
    if not table.height:
        return [
            Paragraph(
                "No model was trained on a random split (setting train.random_split), so what leakage would claim is not shown.",
                "none",
            )
        ]
    columns: tuple[Column, ...] = (
        words("Metric", "metric"),
        intervals("This study's split", "grouped", "grouped_low", "grouped_high"),
        intervals("Random split", "random", "random_low", "random_high"),
        numbers("Difference", "difference"),
    )
    caption = (
        "The same model trained and tested on a random split, where relatives of a test sequence may be in training. "
        "A positive difference is what such a split would claim too much."
    )
    return [Table("random-split", caption, table, columns)]


def _loss(facts: Facts) -> list[Block]:
    own = facts.history.filter(pl.col("run").str.contains(estimates.MODEL))
    history = own if own.height else facts.history
    return [
        Figure(
            "loss",
            "Training and validation loss by epoch",
            "Loss after each pass over the training sequences (lower is better). Validation loss that rises while training loss falls means "
            "that the model learns by heart; the epoch with the lowest validation loss is kept. Several runs differ in the style of their lines.",
            partial(loss_figure, history),
            "The run holds no training history.",
            data=history,
        )
    ]
