"""What the paper's arithmetic does to the ends of sequences, seen on the sequences themselves: both modes by distance from either end."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from phenolens.core.schemas_alrw import EDGES
from phenolens.core.table import check
from phenolens.core.types import BaseScores

NEAREST = 30  # bases from an end that are looked at
_ENDS = ("start", "end")


class Edges:
    """Sums of scores near the ends as they grow, in units of what evenly spread attention would give."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Start with no score; `labels` are those of any number of sequences."""
        self.labels = sorted(set(labels))
        self.sums = np.zeros((len(self.labels), len(_ENDS), NEAREST, 2))
        self.counts = np.zeros(self.sums.shape[:3], dtype=np.int64)

    def add(self, default: BaseScores, paper: BaseScores, labels: Sequence[str], lengths: np.ndarray) -> None:
        """Add some sequences, their scores in both modes, their classes and int64 (n,) lengths."""
        place = np.searchsorted(self.labels, np.asarray(labels, dtype=object).astype(str))
        values = np.stack([default.values, paper.values], axis=-1).astype(np.float64)  # (n, L, 2)
        values *= np.sqrt((~np.isnan(values)).sum(axis=1, keepdims=True))
        near = np.arange(NEAREST)
        for end, at in enumerate((near + np.zeros_like(lengths)[:, None], lengths[:, None] - 1 - near)):
            there = (at >= 0) & (at < lengths[:, None])
            found = values[np.arange(len(values))[:, None], np.where(there, at, 0)]
            there &= ~np.isnan(found).any(axis=-1)
            np.add.at(self.sums[:, end], place, np.where(there[..., None], found, 0.0))
            np.add.at(self.counts[:, end], place, there)

    def table(self) -> pl.DataFrame:
        """Return EDGES."""
        label, end, distance = np.nonzero(self.counts)
        n = self.counts[label, end, distance]
        mean = self.sums[label, end, distance] / n[:, None]
        columns = {
            "label": [self.labels[i] for i in label],
            "edge": [_ENDS[i] for i in end],
            "distance": distance,
            "default": mean[:, 0],
            "paper": mean[:, 1],
            "n": n,
        }
        return check(pl.DataFrame(columns, schema={name: c.dtype for name, c in EDGES.columns.items()}), EDGES)
