"""Mean score per position of the sequence, class by class, with a bootstrap band over groups, from scores that come block by block.

A resample gives each group a weight, Poisson with mean 1, drawn from the seed and the group's name alone: what the number of times it
is drawn with replacement tends to when groups are many. So a group may come in several blocks, in any order, and only sums per
resample, class and position are kept.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl

from phenolens.core.schemas import PROFILE
from phenolens.core.table import check
from phenolens.core.types import BaseScores

CELLS = 1 << 24  # sums of resamples, over all classes and positions: with more positions there are fewer resamples
ROWS = 1024  # sequences added at once: each may be a group, which has a weight in every resample
FEWEST = 100  # resamples; where there is no room for them there is no band


class Profile:
    """Sums of scores as they grow, for K kinds of score of the same sequences (1, or one for each attention head)."""

    def __init__(
        self, labels: Sequence[str], width: int, *, resamples: int = 1000, seed: int = 0, kinds: int = 1
    ) -> None:
        """Start with no score.

        Parameters
        ----------
        labels : all classes, of any number of sequences.
        width : positions; later ones are left out.
        resamples : bootstrap resamples, fewer where there are many positions; 0 gives no band.
        seed : of the resamples.
        kinds : K.
        """
        self.labels = sorted(set(labels))
        shape = (len(self.labels), kinds, width)
        room = CELLS // max(int(np.prod(shape)), 1)
        self.resamples, self.seed = min(resamples, room if room >= FEWEST else 0), seed
        self.sums, self.counts = np.zeros(shape), np.zeros((shape[0], width), dtype=np.int64)
        self.drawn = np.zeros((shape[0], self.resamples, kinds, width), dtype=np.float32)
        self.reached = np.zeros((shape[0], self.resamples, width), dtype=np.float32)
        # lowest and highest group that reaches a position, by the number that its name gives: whether there is more than one
        self.lowest = np.full((shape[0], width), np.iinfo(np.uint64).max, dtype=np.uint64)
        self.highest = np.zeros((shape[0], width), dtype=np.uint64)

    def add(self, values: np.ndarray, labels: Sequence[str], groups: Sequence[str]) -> None:
        """Add the scores of some sequences.

        Parameters
        ----------
        values : float (n, L) or (n, K, L), NaN where there is none, the same bases for all K.
        labels, groups : n classes and groups.
        """
        values = values.reshape(len(values), self.sums.shape[1], -1)[..., : self.sums.shape[2]]
        for at in range(0, len(values), ROWS):
            here = slice(at, at + ROWS)
            self._add(values[here], labels[here], groups[here])

    def _add(self, values: np.ndarray, labels: Sequence[str], groups: Sequence[str]) -> None:
        names, code = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
        keys = np.array([_key(name) for name in names.tolist()], dtype=np.uint64)
        weights = self._weights(keys)  # (R, G)
        place, width = np.searchsorted(self.labels, np.asarray(labels, dtype=object).astype(str)), values.shape[2]
        for number in np.unique(place):
            chosen = np.flatnonzero(place == number)
            there, sums, counts = _group_sums(values[chosen], code[chosen])
            self.sums[number, :, :width] += sums.sum(axis=0)
            self.counts[number, :width] += counts.sum(axis=0)
            some = weights[:, there]
            self.drawn[number, ..., :width] += np.tensordot(some, sums.astype(np.float32), axes=1)
            self.reached[number, :, :width] += some @ counts.astype(np.float32)
            reach, of = counts > 0, keys[there][:, None]
            low = np.where(reach, of, np.iinfo(np.uint64).max).min(axis=0)
            self.lowest[number, :width] = np.minimum(self.lowest[number, :width], low)
            self.highest[number, :width] = np.maximum(self.highest[number, :width], np.where(reach, of, 0).max(axis=0))

    def _weights(self, keys: np.ndarray) -> np.ndarray:
        """Return float32 (R, G), the weight of each group in each resample."""
        drawn = np.empty((len(keys), self.resamples), dtype=np.float32)
        for row, key in zip(drawn, keys.tolist(), strict=True):
            row[:] = np.random.Generator(np.random.Philox(key=[self.seed, key])).poisson(1.0, self.resamples)
        return drawn.T

    def table(self, method: str, kind: int = 0) -> pl.DataFrame:
        """Return PROFILE: mean over the sequences of a class that reach a position, with the 95 % percentile interval over whole groups.

        A resample's mean is the weighted sum of the groups' scores divided by the weighted number of scores in them, so near-copies
        of one locus do not narrow the band. Positions that nothing reaches are left out; the band is null where fewer than two groups,
        or in over half of the resamples none, reach the position.

        Parameters
        ----------
        method : name of the score.
        kind : which of the K.
        """
        classes, at = np.nonzero(self.counts)
        bands = [self._band(number, kind, at[classes == number]) for number in range(len(self.labels))]
        low, high = np.concatenate([np.empty((2, 0)), *bands], axis=1)
        columns = {
            "method": [method] * len(at),
            "label": [self.labels[number] for number in classes],
            "position": at,
            "mean": self.sums[classes, kind, at] / self.counts[classes, at],
            "low": low,
            "high": high,
            "n": self.counts[classes, at],
        }
        table = pl.DataFrame(columns, schema={name: column.dtype for name, column in PROFILE.columns.items()})
        return check(table.with_columns(pl.col("low", "high").fill_nan(None)), PROFILE)

    def _band(self, number: int, kind: int, at: np.ndarray) -> np.ndarray:
        """Return (low, high) of a class at some positions, float64 (2, P), NaN where undefined."""
        reached, band = self.reached[number][:, at], np.full((2, len(at)), np.nan)
        drawn = self.drawn[number, :, kind][:, at]
        means = np.divide(drawn, reached, out=np.full(drawn.shape, np.nan, dtype=np.float32), where=reached > 0)
        enough = (self.lowest[number, at] < self.highest[number, at]) & (
            2 * (~np.isnan(means)).sum(axis=0) >= self.resamples
        )
        if self.resamples and enough.any():
            band[:, enough] = np.nanpercentile(means[:, enough], [2.5, 97.5], axis=0)
        return band


def profile(
    scores: BaseScores, labels: Sequence[str], groups: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """Return PROFILE of scores that are all at hand, as `Profile.table`.

    Parameters
    ----------
    scores : n sequences; values (n, L).
    labels, groups : n classes and groups, in the same order.
    resamples, seed : as in `Profile`.
    """
    sums = Profile(labels, scores.values.shape[1], resamples=resamples, seed=seed)
    if len(scores.values):
        sums.add(scores.values, labels, groups)
    return sums.table(scores.method)


def _key(group: str) -> int:
    """Return 64 bits that stand for a group's name."""
    return int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest())


def _group_sums(values: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (codes of the groups that are there (G,), sums of scores float64 (G, K, L), numbers of scores int64 (G, L))."""
    there, inverse = np.unique(code, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    first = np.searchsorted(inverse[order], np.arange(len(there)))
    ordered = values[order]
    sums = np.add.reduceat(np.nan_to_num(ordered, nan=0.0).astype(np.float64), first, axis=0)
    return there, sums, np.add.reduceat((~np.isnan(ordered[:, 0])).astype(np.int64), first, axis=0)
