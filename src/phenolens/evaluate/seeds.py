"""Several runs that differ in their seed only: how much a metric varies from training to training."""

import polars as pl

from phenolens.core.schemas import METRICS
from phenolens.core.schemas_evaluate import SEEDS
from phenolens.core.table import check


def seeds_table(metrics: pl.DataFrame) -> pl.DataFrame:
    """Return SEEDS: mean, standard error and range of every metric over run-0, run-1 ...; no row for a split with one run.

    The standard error of the mean, s / sqrt(n) with s the standard deviation (n - 1 in its denominator), is about the seed alone:
    all runs saw the same sequences, so it says nothing of other sequences; that is what the bootstrap interval of METRICS does.

    Parameters
    ----------
    metrics : METRICS; rows of length bins and of other runs (vote, baselines) are left out.
    """
    check(metrics, METRICS)
    own = metrics.filter(pl.col("run").str.contains(r"^run-\d+$") & pl.col("bin").is_null())
    several = own.group_by("split").agg(pl.col("run").n_unique().alias("of")).filter(pl.col("of") > 1)
    value = pl.col("value")
    table = (
        own.join(several, on="split", maintain_order="left")
        .drop_nulls("value")
        .group_by("split", "class", "metric", maintain_order=True)
        .agg(
            value.mean().alias("mean"),
            (value.std() / value.len().sqrt()).alias("sem"),
            value.min().alias("min"),
            value.max().alias("max"),
            value.len().cast(pl.Int64).alias("runs"),
        )
    )
    return check(table, SEEDS)
