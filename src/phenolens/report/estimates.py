"""Finding numbers in METRICS and naming them: which run stands for the model, which are baselines, what each metric is called."""

from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.report import text

NAMES = {
    "auroc_macro": "AUROC",
    "auprc_macro": "AUPRC",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "MCC",
    "f1_macro": "F1 (macro)",
    "accuracy": "Accuracy",
    "f1_weighted": "F1 (weighted)",
    "precision_weighted": "Precision (weighted)",
    "recall_weighted": "Recall (weighted)",
    "auroc_weighted": "AUROC (weighted)",
    "auprc_weighted": "AUPRC (weighted)",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "ece": "Calibration error",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auroc": "AUROC",
    "auprc": "AUPRC",
}
MAIN = ("auroc_macro", "auprc_macro", "balanced_accuracy", "mcc")
HEADLINES = ("auroc_macro", "balanced_accuracy", "accuracy")
MODEL = r"^(vote|run-\d+)$"


class Estimate(NamedTuple):
    """A metric's value with its 95 % interval (None where absent) and the number of sequences."""

    value: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        """Return value and interval as the page writes them."""
        return text.interval(self.value, self.low, self.high)


def metric_name(metric: str) -> str:
    """Return the metric's name as a reader knows it."""
    return NAMES.get(metric, metric.replace("_", " "))


def run_name(run: str, kmer: int = 6) -> str:
    """Return what a run is, in words.

    >>> run_name("vote"), run_name("run-1"), run_name("k-mer logistic")
    ('Model, mean of the runs', 'Model, run 1', '6-mer logistic regression')
    """
    if run.startswith("run-") and run[4:].isdigit():
        return f"Model, run {run[4:]}"
    known = {
        "vote": "Model, mean of the runs",
        "k-mer logistic": f"{kmer}-mer logistic regression",
        "nearest neighbour": "Nearest neighbour",
        "composition": "Length and GC content only",
        "length": "Length only",
    }
    return known.get(run, run)


def overall(metrics: pl.DataFrame, split: str) -> pl.DataFrame:
    """Return the rows of METRICS over all classes and lengths of one split that have a value."""
    return metrics.filter(
        (pl.col("split") == split) & pl.col("class").is_null() & pl.col("bin").is_null() & pl.col("value").is_not_null()
    )


def runs(metrics: pl.DataFrame, split: str) -> list[str]:
    """Return the runs of a split: the vote, the single runs, then the baselines from best to worst by the headline metric."""
    table = overall(metrics, split)
    names = table["run"].unique().sort().to_list()
    model = [
        name for name in ("vote", *sorted((n for n in names if n.startswith("run-")), key=_run_number)) if name in names
    ]
    metric = headline_metric(metrics, split)
    best = dict(table.filter(pl.col("metric") == metric).select("run", "value").iter_rows())
    return model + sorted((n for n in names if n not in model), key=lambda n: (-best.get(n, -np.inf), n))


def _run_number(run: str) -> tuple[int, str]:
    return (int(run[4:]), "") if run[4:].isdigit() else (10**9, run)


def headline_run(metrics: pl.DataFrame, split: str = "test") -> str | None:
    """Return the run that stands for the model: the vote, or the first single run; None without one."""
    names = [name for name in runs(metrics, split) if name == "vote" or name.startswith("run-")]
    return names[0] if names else None


def headline_metric(metrics: pl.DataFrame, split: str = "test") -> str:
    """Return the metric that the summary speaks of: AUROC where it is defined, else balanced accuracy or accuracy."""
    present = set(overall(metrics, split)["metric"].to_list())
    return next((metric for metric in HEADLINES if metric in present), HEADLINES[0])


def find(metrics: pl.DataFrame, run: str | None, split: str, metric: str) -> Estimate | None:
    """Return the estimate of a run over all classes and lengths; None where it is not there."""
    rows = overall(metrics, split).filter((pl.col("run") == (run or "")) & (pl.col("metric") == metric))
    return Estimate(*rows.select("value", "low", "high", "n").row(0)) if rows.height else None


def best_baseline(metrics: pl.DataFrame, split: str, metric: str) -> tuple[str, Estimate] | None:
    """Return (run, estimate) of the baseline with the highest value; None without baselines."""
    rows = overall(metrics, split).filter((pl.col("metric") == metric) & ~pl.col("run").str.contains(MODEL))
    if not rows.height:
        return None
    best = rows.sort(["value", "run"], descending=[True, False]).row(0, named=True)
    return best["run"], Estimate(best["value"], best["low"], best["high"], best["n"])


def chance(metric: str, classes: int) -> float | None:
    """Return what guessing without looking scores; None where that depends on the class sizes."""
    if metric.startswith("auroc"):
        return 0.5
    if metric == "mcc":
        return 0.0
    return 1 / classes if metric == "balanced_accuracy" and classes else None


def roc_curve(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (false positive rate, true positive rate), from (0, 0) to (1, 1); tied scores make one step.

    Parameters
    ----------
    positive : bool (n,), with at least one of each kind.
    score : float (n,), higher = more likely positive.
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # the last row of each run of ties
    hits = np.cumsum(positive[order])[last]
    misses = last + 1 - hits
    return np.append(0, misses / (~positive).sum()), np.append(0, hits / positive.sum())


def bin_edges(name: str) -> tuple[float, float] | None:
    """Return (low, high) of a length bin's name; None where it has no two numbers.

    >>> bin_edges("150-300"), bin_edges("long")
    ((150.0, 300.0), None)
    """
    parts = name.split("-")
    if len(parts) != 2 or not all(part.strip().replace(".", "", 1).isdigit() for part in parts):
        return None
    low, high = float(parts[0]), float(parts[1])
    return (low, high) if 0 < low < high else None
