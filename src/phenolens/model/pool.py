"""One row of logits per sequence from those of its windows."""

import torch


def pool(logits: torch.Tensor, owner: torch.Tensor, n: int) -> torch.Tensor:
    """Return the mean logits over the rows of each sequence, (n, C); gradients pass.

    Parameters
    ----------
    logits : (r, C).
    owner : int64 (r,), the sequence of each row; each of 0 .. n - 1 has at least one.
    n : number of sequences.
    """
    total = logits.new_zeros((n, logits.shape[1])).index_add(0, owner, logits)
    rows = logits.new_zeros(n).index_add(0, owner, logits.new_ones(len(owner)))
    return total / rows[:, None]
