"""The table that `phenolens predict` writes.

As in core/schemas.py: absent is null, never 0.
"""

import polars as pl

from phenolens.core.table import Column, Schema


def classes_schema(labels: list[str]) -> Schema:
    """Return CLASSES for these classes: sequence_id, predicted, and p_<label> of each."""
    return Schema(
        "CLASSES",
        {
            "sequence_id": Column(pl.String, "name of the FASTA record, or chrom:start-end(strand); may come twice"),
            "predicted": Column(pl.String, "most probable class; null where the model cannot read the sequence", True),
            **{
                f"p_{label}": Column(
                    pl.Float64, f"probability of {label}, six significant digits; null as predicted", True
                )
                for label in labels
            },
        },
    )
