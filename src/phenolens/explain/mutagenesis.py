"""In-silico mutagenesis: what each base is worth, by putting the three other letters in its place and asking the model again.

score of a base = F(sequence) - mean over the three substitutions of F(changed sequence)

F is the explained score (`explain/target.py`). It is exact and asks nothing of the model's inside, at 3 predictions a base.
"""

from collections.abc import Sequence

import numpy as np

from phenolens.core.kmers import LETTERS
from phenolens.core.types import BaseScores
from phenolens.explain.bases import covered
from phenolens.explain.replacement import packed, unpacked
from phenolens.explain.target import explained, targets
from phenolens.model.load import Loaded

BASES_AT_ONCE = 1 << 12  # three changed sequences each
_ACGT = np.frombuffer(b"ACGT", dtype=np.uint8)


def mutagenesis(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    target: np.ndarray | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> BaseScores:
    """Return the mean fall of the explained score when a base is replaced; nothing is drawn.

    NaN where the model reads no token (such a base is not asked about), and where the letter is none of A C G T.

    Parameters
    ----------
    loaded : classifier; its mode and device are the same after.
    sequence_ids : n names.
    sequences : n sequences of any case.
    target : int (n,), class to explain as a column of loaded.labels; None for the predicted one.
    batch_size : rows per step; changes nothing but speed and memory.

    Raises
    ------
    DataError : tokens that the model cannot read, or targets that do not fit.
    """
    del seed
    chosen = targets(loaded, sequences, target, batch_size=batch_size)
    whole = explained(loaded, sequences, chosen, batch_size=batch_size)
    letters = packed(sequences)
    code = LETTERS[letters]
    values = np.full(letters.shape, np.nan, dtype=np.float32)
    row, place = np.nonzero(covered(loaded.rule, sequences) & (code < 4))
    for at in range(0, len(row), BASES_AT_ONCE):
        r, p = (np.repeat(x[at : at + BASES_AT_ONCE], 3) for x in (row, place))
        changed = letters[r]
        changed[np.arange(len(r)), p] = _ACGT[(code[r, p] + np.tile([1, 2, 3], len(r) // 3)) % 4]
        found = explained(loaded, unpacked(changed), chosen[r], batch_size=batch_size)
        values[r[::3], p[::3]] = whole[r[::3]] - found.reshape(-1, 3).mean(axis=1)
    return BaseScores(list(sequence_ids), values, "mutagenesis")
