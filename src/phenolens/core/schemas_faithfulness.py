"""Tables of faithfulness: do the bases with high scores matter to the model more than others?

As in core/schemas.py: absent is null, never 0; a stage calls `check(table, SCHEMA)`.
"""

import polars as pl

from phenolens.core.table import Column, Schema

FAITHFULNESS = Schema(
    "FAITHFULNESS",
    {
        "method": Column(pl.String, "method of the scores, e.g. alrw"),
        "curve": Column(
            pl.String,
            "deletion: bases of the sequence replaced by those of a shuffled copy; insertion: bases put back into the copy",
        ),
        "control": Column(
            pl.String,
            "what the scores are compared with: shift, gc, random, another method, or the same method on another model (random weights, permuted labels)",
        ),
        "label": Column(pl.String, "class; null = over all classes", nullable=True),
        "n": Column(pl.Int64, "sequences"),
        "area": Column(
            pl.Float64,
            "mean distance between the two curves, in probability of the predicted class; positive: the scores are better than the control",
        ),
        "low": Column(
            pl.Float64,
            "lower end of its 95 % interval (whole groups resampled; for random weights, whole draws of a model)",
            nullable=True,
        ),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "p_value": Column(pl.Float64, "two-sided, signs of whole groups (draws) flipped"),
        "q_value": Column(pl.Float64, "Benjamini and Hochberg, over all rows of the table"),
        "model": Column(
            pl.String,
            "the model that the scores are of: trained, random weights, permuted labels; curves are always of the trained model",
        ),
    },
    key=("model", "method", "curve", "control", "label"),
)
FAITHFULNESS_CURVES = Schema(
    "FAITHFULNESS_CURVES",
    {
        "model": Column(pl.String, "as in FAITHFULNESS"),
        "method": Column(pl.String, "as in FAITHFULNESS"),
        "curve": Column(pl.String, "deletion or insertion"),
        "control": Column(pl.String, "shift, gc or random; null = the scores themselves", nullable=True),
        "share": Column(pl.Float64, "share of the bases with a score that are replaced (or put back), highest first"),
        "mean": Column(pl.Float64, "mean probability of the class that is predicted for the whole sequence"),
        "low": Column(pl.Float64, "lower end of its 95 % interval (whole groups resampled)", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "n": Column(pl.Int64, "sequences"),
    },
    key=("model", "method", "curve", "control", "share"),
)
SANITY = Schema(
    "SANITY",
    {
        "method": Column(pl.String, "as in FAITHFULNESS"),
        "model": Column(pl.String, "random weights or permuted labels"),
        "n": Column(pl.Int64, "sequences whose scores are not constant"),
        "correlation": Column(
            pl.Float64,
            "mean over sequences of Spearman's correlation of its scores with the trained model's",
            nullable=True,
        ),
        "low": Column(pl.Float64, "lower end of its 95 % interval (whole groups resampled)", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
    },
    key=("method", "model"),
)
FAITHFULNESS_TABLES = (FAITHFULNESS, FAITHFULNESS_CURVES, SANITY)
