"""Tables of the attributions: what they add up to, and whether methods agree.

As in core/schemas.py: absent is null, never 0; rows are found by id; a stage calls `check(table, SCHEMA)`.
"""

import polars as pl

from phenolens.core.table import Column, Schema

COMPLETENESS = Schema(
    "COMPLETENESS",
    {
        "sequence_id": Column(pl.String, "as in SEQUENCES"),
        "target": Column(pl.String, "class that is explained"),
        "baseline": Column(pl.String, "what stood for the tokens: mask, padding or shuffled"),
        "score": Column(pl.Float64, "explained score of the sequence: logit of the class minus mean of the others"),
        "baseline_score": Column(pl.Float64, "the same of the baseline"),
        "sum": Column(pl.Float64, "sum of the scores of its bases"),
        "gap": Column(pl.Float64, "score - baseline_score - sum: what the quadrature missed"),
    },
    key=("sequence_id", "baseline"),
)
AGREEMENT = Schema(
    "AGREEMENT",
    {
        "first": Column(pl.String, "a method"),
        "second": Column(pl.String, "another one"),
        "label": Column(pl.String, "class; null = all classes together", nullable=True),
        "signed": Column(
            pl.Boolean,
            "scores are compared with their signs; false: by their size, where one of the methods has no sign",
        ),
        "n": Column(pl.Int64, "sequences on which they can be compared"),
        "correlation": Column(
            pl.Float64, "mean over sequences of the rank correlation (Spearman) of the scores of their bases", True
        ),
        "correlation_low": Column(pl.Float64, "lower end of its 95 % interval over groups", nullable=True),
        "correlation_high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "overlap": Column(
            pl.Float64,
            "mean share of the one method's highest tenth of bases that is also in the other's; 0.1 by chance",
            True,
        ),
        "overlap_low": Column(pl.Float64, "lower end of its 95 % interval over groups", nullable=True),
        "overlap_high": Column(pl.Float64, "upper end of that interval", nullable=True),
    },
    key=("first", "second", "label"),
)
ATTRIBUTION_TABLES = tuple(table for table in list(globals().values()) if isinstance(table, Schema))
