"""The tables of the page's sequence browser: values base by base of the sequences that it holds, and of signals along them.

As in core/schemas.py: absent is null or NaN, never 0; rows are found by id.
"""

import polars as pl

from phenolens.core.table import Column, Schema

BROWSED = Schema(
    "BROWSED",
    {
        "sequence_id": Column(pl.String, "sequence that the page's browser holds"),
        "track": Column(pl.String, "method of the scores, or name of the signal"),
        "kind": Column(pl.String, "score: per-base score of a method; signal: e.g. conservation"),
        "values": Column(pl.List(pl.Float32), "of each letter, in reading direction; NaN where undefined"),
    },
    {"kind is score or signal": lambda: pl.col("kind").is_in(["score", "signal"])},
    key=("sequence_id", "track", "kind"),
)
SIGNALS = Schema(
    "SIGNALS",
    {
        "sequence_id": Column(pl.String, "explained sequence with a region, on the reference"),
        "signal": Column(pl.String, "name of the bigWig or of what an alignment says"),
        "values": Column(pl.List(pl.Float32), "of each letter, in reading direction; NaN where undefined"),
    },
    key=("sequence_id", "signal"),
)
BROWSER_TABLES = (BROWSED, SIGNALS)
