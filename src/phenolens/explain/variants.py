"""What the model makes of single-base substitutions: each is put into its sequence, and the change of the explained score is read.

The score is that of every other method (`explain/target.py`): with two classes, the log-odds of the class. The change is 0 where the base
lies outside what the model reads of a long sequence.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phenolens.explain.target import explained
from phenolens.model.load import Loaded

AT_ONCE = 1 << 14  # changed sequences in memory


class Substitution(NamedTuple):
    """One base of a sequence put in place of another.

    sequence : row in the list of sequences. position : base in it, 0-based, in reading direction. letter : the new base, in reading direction.
    """

    sequence: int
    position: int
    letter: str


def score_changes(
    loaded: Loaded,
    sequences: Sequence[str],
    target: np.ndarray,
    substitutions: Sequence[Substitution],
    *,
    batch_size: int = 64,
) -> np.ndarray:
    """Return float64 (m,): explained score with the substitution minus without it, in the order of the substitutions.

    Parameters
    ----------
    loaded : the classifier.
    sequences : n sequences, in reading direction; each that is used is read once as it is.
    target : int64 (n,), class that is explained of each, as a column of loaded.labels.
    substitutions : m of them.
    batch_size : rows per step; changes nothing but speed and memory.
    """
    used = np.unique(np.array([one.sequence for one in substitutions], dtype=np.int64))
    whole = explained(loaded, [sequences[i] for i in used], target[used], batch_size=batch_size)
    changes = np.empty(len(substitutions))
    for at in range(0, len(substitutions), AT_ONCE):
        some = substitutions[at : at + AT_ONCE]
        rows = np.array([one.sequence for one in some])
        texts = [_put(sequences[one.sequence], one.position, one.letter) for one in some]
        before = whole[np.searchsorted(used, rows)]
        changes[at : at + len(some)] = explained(loaded, texts, target[rows], batch_size=batch_size) - before
    return changes


def _put(sequence: str, position: int, letter: str) -> str:
    return sequence[:position] + letter + sequence[position + 1 :]
