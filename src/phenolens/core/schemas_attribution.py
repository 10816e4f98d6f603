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
ATTRIBUTION_TABLES = tuple(table for table in list(globals().values()) if isinstance(table, Schema))
