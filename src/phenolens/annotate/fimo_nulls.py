"""The share of true nulls as FIMO 5 itself draws it, so that its printed q-values come out digit by digit.

FIMO never seeds its generator, so its random numbers are the same in every run: a Mersenne Twister from seed 4357. It keeps 10,000
p-values of a motif (reservoir sampling in the order window by window, + before -), and picks lambda on 100 samples of 1,000 of these. The numbers go
on from motif to motif: a motif's q-values depend on those before it in the file. For comparison with FIMO's tables only: it scores every
window, and moves with the order of motifs and sequences. Storey, J R Stat Soc B 64:479 (2002); Vitter, ACM TOMS 11:37 (1985).
"""

from collections.abc import Sequence

import numpy as np

from phenolens.annotate.pvalues import FEWEST_TESTS, LAMBDAS, OTHER, ScoreTable, encode

SEED, MULTIPLIER, STATE = 4357, 69069, 624  # Matsumoto and Nishimura's first way of seeding
RESERVOIR = 10_000
BOOTSTRAPS, BOOTSTRAP_SIZE = 100, 1000


class Twister:
    """FIMO's random numbers, in its order."""

    def __init__(self) -> None:
        words = [SEED]
        while len(words) < STATE:
            words.append(MULTIPLIER * words[-1] % 2**32)
        self._bits = np.random.MT19937()
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(words, dtype=np.uint32), "pos": STATE},
        }

    def draw(self, n: int) -> np.ndarray:
        """Return float64 (n,) in [0, 1): 64 bits each, the first of two words on top."""
        words = self._bits.random_raw(2 * n)
        return np.asarray((words[::2] << np.uint64(32) | words[1::2]).astype(float) / 2.0**64)


def fimo_shares(tables: Sequence[ScoreTable], sequences: Sequence[str], *, both_strands: bool = True) -> list[float]:
    """Return FIMO's share of true nulls of each motif, in order.

    Parameters
    ----------
    tables : score tables of all motifs that FIMO was given, in its order.
    sequences : n strings of bases, all of them, in its order.
    both_strands : whether it read both.
    """
    twister, codes = Twister(), [encode(sequence) for sequence in sequences]
    shares = []
    for table in tables:
        p_values = [np.empty(0), *(_p_values(table, letters, both_strands) for letters in codes)]
        shares.append(_share(_reservoir(np.concatenate(p_values), twister), twister))
    return shares


def _p_values(table: ScoreTable, letters: np.ndarray, both_strands: bool) -> np.ndarray:
    """Return float64, the p-value of every window of A, C, G, T in turn, + before -."""
    width = len(table.matrix)
    if len(letters) < width:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(letters, width)
    windows = windows[(windows != OTHER).all(axis=1)] + 4 * np.arange(width)
    directions = (table.matrix, table.matrix[::-1, ::-1])[: 1 + both_strands]
    scores = [np.ascontiguousarray(matrix).take(windows).sum(axis=1) for matrix in directions]
    return np.asarray(table.p_values[np.stack(scores, axis=1).ravel()])


def _reservoir(p_values: np.ndarray, twister: Twister) -> np.ndarray:
    """Return up to 10,000 of the p-values: the n-th takes the place floor(n u) of an earlier one where there is such a place."""
    sample, seen = p_values[:RESERVOIR].copy(), np.arange(RESERVOIR + 1, len(p_values) + 1)
    places = (seen * twister.draw(len(seen))).astype(np.int64)
    kept = np.flatnonzero(places < RESERVOIR)
    last = (
        len(kept) - 1 - np.unique(places[kept][::-1], return_index=True)[1]
    )  # of several for one place the last one stays
    sample[places[kept[last]]] = p_values[RESERVOIR + kept[last]]
    return sample


def _share(sample: np.ndarray, twister: Twister) -> float:
    """Return the share of true nulls at the lambda whose estimates in the bootstrap are nearest to the smallest of the whole sample."""
    if len(sample) <= FEWEST_TESTS:
        return 1.0
    sample = np.sort(sample)
    whole = _estimates(sample)
    drawn = (twister.draw(BOOTSTRAPS * BOOTSTRAP_SIZE) * len(sample)).astype(np.int64).reshape(BOOTSTRAPS, -1)
    error = sum((_estimates(np.sort(sample[rows])) - whole.min()) ** 2 for rows in drawn)
    return min(1.0, float(whole[np.argmin(error)]))


def _estimates(ordered: np.ndarray) -> np.ndarray:
    """Return Storey's estimate at each of `LAMBDAS` from p-values in order; infinite where none is as large."""
    above = len(ordered) - np.searchsorted(ordered, LAMBDAS, side="left")
    return np.where(above == 0, np.inf, above / ((1 - LAMBDAS) * len(ordered)))
