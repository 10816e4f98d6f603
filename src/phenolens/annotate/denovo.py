"""Motifs that no collection knows: per-base scores as the arrays that TF-MoDISco (modisco-lite) reads.

    modisco motifs -s one_hot.npz -a attributions.npz -n 2000 -o modisco.h5

For attributions of single bases, not for ALRW: attention has no sign and says nothing about letters that are not there. Each score stands at the letter that is
there, and 0 at the other three: contributions, not hypothetical ones.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.pvalues import OTHER, encode


class Arrays(NamedTuple):
    """n sequences of up to L bases: one_hot int8 (n, 4, L) and attributions float32 (n, 4, L), letters A C G T, zeros beyond a sequence's end."""

    one_hot: np.ndarray
    attributions: np.ndarray


def modisco_arrays(sequences: list[str], scores: pl.Series) -> Arrays:
    """Return the arrays of sequences and their per-base scores.

    Letters other than A C G T, and bases without a score, are zeros.

    Parameters
    ----------
    sequences : n strings of bases.
    scores : List(Float32) (n,), one number a base of each.
    """
    length = max(map(len, sequences), default=0)
    one_hot = np.zeros((len(sequences), 4, length), dtype=np.int8)
    attributions = np.zeros((len(sequences), 4, length), dtype=np.float32)
    for row, (sequence, values) in enumerate(zip(sequences, scores, strict=True)):
        letters = encode(sequence)
        places = np.flatnonzero(letters != OTHER)
        one_hot[row, letters[places], places] = 1
        attributions[row, letters[places], places] = np.nan_to_num(values.to_numpy()[places])
    return Arrays(one_hot, attributions)
