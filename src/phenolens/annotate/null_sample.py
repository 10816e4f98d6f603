"""A sample of the windows that were scanned, from which the share of tests without a motif is estimated, as FIMO does.

FIMO keeps 10,000 p-values of a motif at random, so that two runs over the same DNA in another order differ. Here a place is in the sample
when the hash of its sequence's name and its position is among the 10,000 lowest: as random, but the same in any order and any chunks, and of
the same places for every motif. Fewer places than that are taken all.
"""

from zlib import crc32

import numpy as np

from phenolens.annotate.pvalues import LAMBDAS, OTHER, ScoreTable

PLACES = 10_000  # FIMO's reservoir


class NullSample:
    """The sampled places: keys uint64 (n,), letters uint8 (n, reach) from the place on, n at most `PLACES`."""

    def __init__(self, reach: int) -> None:
        self.keys = np.empty(0, dtype=np.uint64)
        self.letters = np.empty((0, reach), dtype=np.uint8)

    def add(self, letters: np.ndarray, size: int, name_keys: np.ndarray, offsets: np.ndarray) -> None:
        """Take in the first `size` places of a text.

        Parameters
        ----------
        letters : uint8, the text, at least `reach` places longer than `size`.
        size : number of places.
        name_keys : uint64 (size,), of the sequence of each place, see `name_key`.
        offsets : int64 (size,), position of each place in its sequence.
        """
        keys = _mixed(name_keys + offsets.astype(np.uint64))
        wanted = letters[:size] != OTHER
        if len(self.keys) == PLACES:
            wanted &= keys < self.keys.max()
        places = np.flatnonzero(wanted)
        keys = np.concatenate([self.keys, keys[places]])
        lowest = np.argpartition(keys, PLACES - 1)[:PLACES] if len(keys) > PLACES else np.arange(len(keys))
        old, new = lowest[lowest < len(self.keys)], lowest[lowest >= len(self.keys)] - len(self.keys)
        columns = np.arange(self.letters.shape[1])
        self.letters = np.concatenate([self.letters[old], letters[places[new, None] + columns]])
        self.keys = np.concatenate([keys[old], keys[new + len(self.keys)]])

    def whole(self, width: int) -> np.ndarray:
        """Return int64 (width, m), cell (4 x column + letter) of each letter of the sampled windows of this width that hold A, C, G and T only."""
        letters = self.letters[:, :width]
        kept = letters[(letters != OTHER).all(axis=1)].T
        return np.ascontiguousarray(kept + 4 * np.arange(width)[:, None])


def at_least(table: ScoreTable, windows: np.ndarray, both_strands: bool) -> tuple[np.ndarray, int]:
    """Return (int64 (100,), how many sampled tests have a p-value of at least each of `LAMBDAS`; how many tests were sampled).

    Parameters
    ----------
    table : a motif.
    windows : int64 (w, m), as `NullSample.whole`.
    both_strands : each window is tested on both strands.
    """
    counts = np.bincount(_scores(table.matrix, windows), minlength=len(table.p_values))
    if both_strands:
        counts += np.bincount(_scores(table.matrix[::-1, ::-1], windows), minlength=len(table.p_values))
    up_to = np.cumsum(counts)
    return up_to[len(counts) - np.searchsorted(table.p_values[::-1], LAMBDAS, side="left") - 1], int(up_to[-1])


def name_key(name: str) -> int:
    """Return the number that stands for a sequence's name: its CRC-32 in the upper half."""
    return crc32(name.encode()) << 32


def _scores(matrix: np.ndarray, cells: np.ndarray) -> np.ndarray:
    scores: np.ndarray = np.ascontiguousarray(matrix).take(cells, mode="clip").sum(axis=0)
    return scores


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Return the keys with every bit depending on every bit (the finalizer of splitmix64; Steele, Lea & Flood, OOPSLA 2014)."""
    keys = (keys ^ keys >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ keys >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(keys ^ keys >> np.uint64(31))
