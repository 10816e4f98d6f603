import numpy as np
import polars as pl
import pytest
from scipy.stats import sem

from phenolens.core.schemas import METRICS
from phenolens.evaluate.seeds import seeds_table

VALUES = [0.81, 0.84, 0.9]


def metrics(rows: list[tuple]) -> pl.DataFrame:
    full = [
        (run, split, label, where, metric, value, None, None, 9) for run, split, label, where, metric, value in rows
    ]
    return pl.DataFrame(full, schema={name: column.dtype for name, column in METRICS.columns.items()}, orient="row")


def test_mean_and_error_are_scipys_and_only_runs_of_the_model_count() -> None:
    rows = [(f"run-{i}", "test", None, None, "mcc", v) for i, v in enumerate(VALUES)]
    rows += [(f"run-{i}", "test", "a", None, "auroc", v / 2) for i, v in enumerate(VALUES)]
    rows += [("vote", "test", None, None, "mcc", 0.99), ("composition", "test", None, None, "mcc", 0.1)]
    rows += [(f"run-{i}", "test", None, "100-200", "mcc", 0.3) for i in range(3)]
    rows += [("run-0", "random test", None, None, "mcc", 0.7)]
    found = seeds_table(metrics(rows))
    assert found["split"].unique().to_list() == ["test"]
    overall = found.filter(pl.col("class").is_null()).row(0, named=True)
    assert overall["mean"] == pytest.approx(np.mean(VALUES))
    assert overall["sem"] == pytest.approx(sem(VALUES))
    assert (overall["min"], overall["max"], overall["runs"]) == (0.81, 0.9, 3)
    assert found.filter(pl.col("class") == "a")["sem"].item() == pytest.approx(sem(VALUES) / 2)


def test_a_metric_that_one_run_lacks_says_how_many_it_has() -> None:
    rows = [("run-0", "test", "a", None, "precision", 0.5), ("run-1", "test", "a", None, "precision", None)]
    found = seeds_table(metrics(rows)).row(0, named=True)
    assert (found["mean"], found["sem"], found["runs"]) == (0.5, None, 1)


def test_one_run_has_no_table() -> None:
    assert seeds_table(metrics([("run-0", "test", None, None, "mcc", 0.5)])).is_empty()
    assert seeds_table(metrics([])).is_empty()
