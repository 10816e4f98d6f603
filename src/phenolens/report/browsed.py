"""Which sequences the page's browser holds: as many as fit, evenly over classes and over right and wrong predictions."""

import numpy as np
import polars as pl

from phenolens.core.schemas_browser import BROWSED
from phenolens.core.table import check, empty
from phenolens.report import estimates

MOST_VALUES = 5_000_000  # letters and per-base values in a page; about 6 MB of it


def browsed(
    sequences: pl.DataFrame,
    scores: pl.LazyFrame,
    predictions: pl.DataFrame | None,
    number: int,
    seed: int,
    values: int = MOST_VALUES,
) -> pl.DataFrame:
    """Return BROWSED of the chosen sequences: classes, and right, wrong and unknown predictions in each, take turns.

    Of one class and outcome, sequences with values on most tracks come first, then those of the test split, then at random. Taken are
    the first `number` of them, as far as their letters and values are at most `values`; one that alone has more is passed over.

    Parameters
    ----------
    sequences : SEQUENCES.
    scores : BROWSED of all explained sequences; only the chosen rows are read.
    predictions : PREDICTIONS of the runs; None where there are none.
    number : most sequences.
    seed : of the order within a class and outcome.
    values : most letters and per-base values.
    """
    tracks = scores.group_by("sequence_id").agg(tracks=pl.len()).collect()
    rows = sequences.select("sequence_id", "label", "split", size=pl.col("sequence").str.len_bytes().cast(pl.Int64))
    rows = rows.join(tracks, on="sequence_id").sort("sequence_id")
    drawn = rows[np.random.default_rng(seed).permutation(rows.height)]
    turns = (
        drawn.join(outcomes(predictions).select("sequence_id", "right"), on="sequence_id", how="left")
        .with_columns(size=pl.col("size") * (1 + pl.col("tracks").cast(pl.Int64)))
        .filter(pl.col("size") <= values)
        .sort(pl.col("tracks"), pl.col("split") == "test", descending=True, maintain_order=True)
        .with_columns(turn=pl.int_range(pl.len()).over("label", "right"))
        .sort("turn", "label", "right", maintain_order=True)
    )
    chosen = turns.filter(pl.col("size").cum_sum() <= values).head(number)
    if not chosen.height:
        return empty(BROWSED)
    return check(scores.filter(pl.col("sequence_id").is_in(chosen["sequence_id"].to_list())).collect(), BROWSED)


def outcomes(predictions: pl.DataFrame | None) -> pl.DataFrame:
    """Return sequence_id, run, predicted, right: the most probable class by the vote or the first run; without a row where nothing was predicted.

    Parameters
    ----------
    predictions : PREDICTIONS of the runs and baselines, on any split.
    """
    none = pl.DataFrame(
        schema={"sequence_id": pl.String, "run": pl.String, "predicted": pl.String, "right": pl.Boolean}
    )
    rows = of_model(predictions)
    names = [name for name in rows.columns if name.startswith("p_")]
    if not rows.height or not names:
        return none
    filled = rows.with_columns(pl.col(names).fill_null(-1.0).fill_nan(-1.0))
    place = filled.select(pl.concat_list(names).list.arg_max()).to_series()
    predicted = pl.Series("predicted", [name[2:] for name in names])[place]
    known = filled.with_columns(predicted).filter(pl.max_horizontal(names) >= 0)
    return known.select("sequence_id", "run", "predicted", right=pl.col("predicted") == pl.col("label"))


def of_model(predictions: pl.DataFrame | None) -> pl.DataFrame:
    """Return the rows of PREDICTIONS that the page shows of single sequences: each sequence's once, of the vote or the first run."""
    if predictions is None or not predictions.height:
        return pl.DataFrame(schema={"sequence_id": pl.String, "run": pl.String, "label": pl.String})
    own = pl.col("run").str.contains(estimates.MODEL) & pl.col("split").is_in(["train", "validation", "test"])
    rows = predictions.filter(own).sort(pl.col("run") != "vote", "run", maintain_order=True)
    return rows.unique("sequence_id", keep="first", maintain_order=True)
