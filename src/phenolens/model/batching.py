"""Which sequences stand in a batch together: of similar length, each once an epoch, in an order drawn anew in every epoch.

An epoch has the same number of batches whatever its draw, because the schedule of the learning rate is laid out in advance.
A batch is the batch of all processes together: each of them reads its share of it, so that their number changes nothing.
"""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

POOL = 50  # batches that are sorted by length together
PER_DOUBLING = 8  # classes of length between n and 2 n: at most 9 % of a batch is padding because of them
ABSENT = -1


def by_rows(cost: np.ndarray, size: int, random: np.random.Generator | None, together: int = 1) -> list[np.ndarray]:
    """Return batches of `size` sequences of similar length; those of one step of `together` batches are alike as well.

    Parameters
    ----------
    cost : int (n,), tokens of each sequence.
    size : sequences of a batch; the last one may have fewer.
    random : draws the order; None sorts by length.
    together : batches of one step; the short step, where n does not divide, comes last.
    """
    n, step = len(cost), size * together
    order = np.argsort(-cost, kind="stable")
    if random is not None:
        pool = step * max(1, min(n // (4 * step), POOL))
        drawn = random.permutation(n)
        pools = [drawn[i : i + pool] for i in range(0, n, pool)]
        order = np.concatenate([p[np.argsort(-cost[p], kind="stable")] for p in pools])
    steps = [order[i : i + step] for i in range(0, n, step)]
    if random is not None:
        whole = n // step
        steps = [*(steps[i] for i in random.permutation(whole)), *steps[whole:]]
    return [rows[i : i + size] for rows in steps for i in range(0, len(rows), size)]


def by_tokens(cost: np.ndarray, budget: int, random: np.random.Generator | None) -> list[np.ndarray]:
    """Return batches of as many sequences of similar length as fit: sequences x longest <= budget.

    Sequences of one class of length are exchangeable; classes are laid out from the longest, and the size of each batch follows from
    the longest sequence of its first class. So sizes and number of the batches do not depend on the draw.

    Parameters
    ----------
    cost : int (n,), tokens of each sequence, special ones included; one above the budget stands alone.
    budget : tokens of a batch, padding included.
    random : draws the order; None sorts by length.
    """
    classes, group = np.unique(-np.ceil(PER_DOUBLING * np.log2(np.maximum(cost, 1))), return_inverse=True)
    longest = np.zeros(len(classes), dtype=np.int64)
    np.maximum.at(longest, group, cost)
    drawn = np.argsort(-cost, kind="stable") if random is None else random.permutation(len(cost))
    order = drawn[np.argsort(group[drawn], kind="stable")]
    batches, at = [], 0
    while at < len(order):
        size = max(1, budget // max(1, int(longest[group[order[at]]])))
        batches.append(order[at : at + size])
        at += size
    return batches if random is None else [batches[i] for i in random.permutation(len(batches))]


class Batches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, row) of this process; the order of an epoch is drawn from (seed, epoch) alone.

    Parameters
    ----------
    cost : int (n,), tokens of each sequence.
    rows, tokens : size of a batch in sequences, or where given in tokens.
    together : batches of one step.
    seed : of the order.
    share : (number of this process, number of processes); a process without a sequence of a small batch gets row ABSENT.
    """

    def __init__(
        self, cost: np.ndarray, rows: int, tokens: int | None, together: int, seed: int, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.cost, self.rows, self.tokens, self.together, self.seed, self.share = (
            cost,
            rows,
            tokens,
            together,
            seed,
            share,
        )
        self.epoch = 0
        self.length = len(self.whole())

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch from now on."""
        self.epoch = epoch

    def whole(self) -> list[np.ndarray]:
        """Return the epoch's batches of all processes together."""
        random = np.random.default_rng((self.seed, self.epoch))
        if self.tokens is None:
            return by_rows(self.cost, self.rows, random, self.together)
        return by_tokens(self.cost, self.tokens, random)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield this process's share of each batch of the epoch."""
        first, of = self.share
        for rows in self.whole():
            mine = rows[first::of]
            yield [(self.epoch, int(row)) for row in (mine if len(mine) else [ABSENT])]
