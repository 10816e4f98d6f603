"""The one number per sequence that every method explains: the logit of a class minus the mean logit of the others.

With two classes this is the log-odds. It is linear in the logits, so the score of a sequence read in windows is the mean of
the windows' scores, and attributions of windows add up to that of the sequence.
"""

from collections.abc import Sequence

import numpy as np
import torch

from phenolens.core.errors import DataError
from phenolens.model.load import Loaded
from phenolens.model.predict import predict_logits


def contrast(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the explained score (n,): logit of the target minus the mean of the other logits; gradients pass.

    Parameters
    ----------
    logits : (n, C), C >= 2.
    target : int64 (n,), column of each row.
    """
    own = logits.gather(1, target[:, None])[:, 0]
    return own - (logits.sum(dim=1) - own) / (logits.shape[1] - 1)


def explained(loaded: Loaded, sequences: Sequence[str], target: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Return the explained score of sequences, float64 (n,); tokens are not gated.

    Parameters
    ----------
    loaded : classifier.
    sequences : n sequences.
    target : int64 (n,), column of loaded.labels for each.
    batch_size : rows per step.
    """
    logits = predict_logits(loaded, sequences, batch_size=batch_size, gated=False)
    return contrast(torch.from_numpy(logits).double(), torch.from_numpy(target)).numpy()


def targets(
    loaded: Loaded, sequences: Sequence[str], target: np.ndarray | None = None, *, batch_size: int = 64
) -> np.ndarray:
    """Return the class that is explained of each sequence, int64 (n,): the given one, else the predicted one.

    Raises
    ------
    DataError : not one class for each sequence, or a class that the model does not have; tokens that the model cannot read.
    """
    if target is None:
        found: np.ndarray = predict_logits(loaded, sequences, batch_size=batch_size).argmax(axis=1)
        return found
    given = np.asarray(target, dtype=np.int64)
    if given.shape != (len(sequences),) or (len(given) and not 0 <= given.min() <= given.max() < len(loaded.labels)):
        raise DataError(
            "explain",
            f"target {np.array2string(given, threshold=6)} for {len(sequences)} sequences",
            expected=f"one number from 0 to {len(loaded.labels) - 1} for each sequence",
            remedy="give the place of a class in the model's labels",
        )
    return given
