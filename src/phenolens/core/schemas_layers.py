"""Tables of the hidden layers: what a simple classifier can read from each of them, and their pictures in two dimensions.

As in core/schemas.py: absent is null, never 0; a stage calls `check(table, SCHEMA)`.
"""

import polars as pl

from phenolens.core.table import Column, Schema

LAYERS = Schema(
    "LAYERS",
    {
        "state": Column(
            pl.String,
            "whose features: before (as training started), after (as it ended), change (after minus before), 6-mers (counts, no model), chance",
        ),
        "pooling": Column(
            pl.String,
            "mean (over the tokens that stand for bases) or reading (the token that the class is read from)",
            True,
        ),
        "layer": Column(pl.Int64, "0 = embeddings, then 1 .. number of layers", nullable=True),
        "metric": Column(
            pl.String,
            "balanced_accuracy and auroc_macro of a linear probe on groups that it was not fitted to; silhouette of the classes (-1 .. 1)",
        ),
        "value": Column(pl.Float64, "value; null where it cannot be measured, and note says why", nullable=True),
        "low": Column(pl.Float64, "lower end of its 95 % interval (whole groups resampled)", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "n": Column(pl.Int64, "sequences"),
        "note": Column(pl.String, "why there is no value, or what was left out", nullable=True),
    },
    key=("state", "pooling", "layer", "metric"),
)
PROJECTION = Schema(
    "PROJECTION",
    {
        "sequence_id": Column(pl.String, "sequence"),
        "space": Column(
            pl.String, "what is projected: before or after (mean over tokens of a layer), or 6-mers (counts)"
        ),
        "layer": Column(pl.Int64, "layer as in LAYERS; null for 6-mers", nullable=True),
        "method": Column(pl.String, "pca, tsne or umap; of 6-mers also svd and sparse_pca"),
        "x": Column(pl.Float64, "first coordinate"),
        "y": Column(pl.Float64, "second coordinate; 0 where there is only one"),
    },
    key=("sequence_id", "space", "layer", "method"),
)
LAYERS_TABLES = (LAYERS, PROJECTION)
