"""Scores, sequences and settings for tests of the regions."""

import numpy as np
import polars as pl
from tiny import random_sequences

from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.types import BaseScores


def explain(**changes):
    return ExplainSettings.model_validate(changes)


def table_of(lengths, **columns):
    sequences = [s[:n] for s, n in zip(random_sequences(len(lengths), max(lengths), 1), lengths, strict=True)]
    table = pl.DataFrame({"sequence_id": [f"s{i}" for i in range(len(lengths))], "sequence": sequences, "label": "a"})
    kinds = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "strand": pl.String}
    kinds |= {"allele": pl.String, "cigar": pl.String}
    return table.with_columns(
        pl.Series(n, columns[n], dtype=k) if n in columns else pl.lit(None, dtype=k).alias(n) for n, k in kinds.items()
    )


def scores_of(rows, width):
    values = np.full((len(rows), width), np.nan, dtype=np.float32)
    for i, row in enumerate(rows):
        values[i, : len(row)] = row
    return BaseScores([f"s{i}" for i in range(len(rows))], values, "alrw")
