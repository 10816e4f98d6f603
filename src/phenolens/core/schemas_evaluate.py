"""Tables of the evaluation beside METRICS, CONFUSION and COMPARISON: calibration curve, several seeds, two finished runs.

As in core/schemas.py: absent is null, never 0; rows are found by id; a stage calls `check(table, SCHEMA)`.
"""

import polars as pl

from phenolens.core.table import Column, Schema

CALIBRATION = Schema(
    "CALIBRATION",
    {
        "run": Column(pl.String, "as in METRICS"),
        "split": Column(pl.String, "as in METRICS"),
        "tempered": Column(pl.Boolean, "after the run's temperature (calibration.json); false: as predicted"),
        "bin_low": Column(pl.Float64, "lower edge of the bin of confidence, not inside"),
        "bin_high": Column(pl.Float64, "upper edge, inside; bins without a sequence have no row"),
        "n": Column(pl.Int64, "sequences in the bin"),
        "confidence": Column(pl.Float64, "mean probability of the predicted class"),
        "accuracy": Column(pl.Float64, "share whose predicted class is right"),
        "low": Column(pl.Float64, "lower end of its 95 % interval (Wilson, with the number of groups as size)"),
        "high": Column(pl.Float64, "upper end of that interval"),
    },
    key=("run", "split", "tempered", "bin_low"),
)
SEEDS = Schema(
    "SEEDS",
    {
        "split": Column(pl.String, "as in METRICS"),
        "class": Column(pl.String, "class; null = over all classes", nullable=True),
        "metric": Column(pl.String, "name of the metric"),
        "mean": Column(pl.Float64, "mean over the runs that have the metric"),
        "sem": Column(pl.Float64, "standard error: standard deviation (n - 1) / root of n; null for one run", True),
        "min": Column(pl.Float64, "smallest value of a run"),
        "max": Column(pl.Float64, "largest value of a run"),
        "runs": Column(pl.Int64, "runs that have the metric"),
    },
    key=("split", "class", "metric"),
)
RUNS_COMPARED = Schema(
    "RUNS_COMPARED",
    {
        "metric": Column(pl.String, "name of the metric, over all classes"),
        "first": Column(pl.Float64, "its value in the first run folder; null where undefined", nullable=True),
        "second": Column(pl.Float64, "its value in the second run folder", nullable=True),
        "difference": Column(pl.Float64, "first minus second", nullable=True),
        "low": Column(pl.Float64, "lower end of the 95 % interval of a paired bootstrap over groups", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "p_value": Column(pl.Float64, "McNemar's exact test, for accuracy only", nullable=True),
        "n": Column(pl.Int64, "sequences that both predicted"),
    },
    key=("metric",),
)
EVALUATE_TABLES = tuple(table for table in list(globals().values()) if isinstance(table, Schema))
