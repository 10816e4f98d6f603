"""Which bases are replaced, in which order, and by what: the ground that faithfulness is measured on.

A base is replaced by the letter that stands at its place in a copy of the same sequence with shuffled dinucleotides, so that
what is lost is the order of letters and not the composition that the model knows. Bases go in the order of their rank.
A control is the same set of ranks laid on other bases:

    random  any bases
    gc      bases of the same kind (G or C, A or T), so that at every step as many of each kind are replaced
    shift   the whole row of ranks rotated, so that runs of high scores stay runs of the same lengths (the strictest control:
            a contiguous block destroys more k-mers, or fewer, than as many scattered bases)
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from phenolens.core.kmers import LETTERS
from phenolens.core.shuffle import shuffled

Control = Literal["random", "gc", "shift"]
_KIND = np.array([1, 0, 0, 1, 2])  # G or C 0, A or T 1, other 2; by the code of the letter


def packed(sequences: Sequence[str]) -> np.ndarray:
    """Return uint8 (n, L): upper-case letters of n sequences, 0 beyond each one's end."""
    width = max(map(len, sequences), default=0)
    joined = b"".join(text.upper().encode("ascii").ljust(width, b"\0") for text in sequences)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(sequences), width)


def unpacked(letters: np.ndarray) -> list[str]:
    """Return the n texts of a uint8 (n, L) array."""
    return [row.tobytes().rstrip(b"\0").decode("ascii") for row in letters]


def shuffled_copies(letters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return uint8 (n, L): each sequence with shuffled dinucleotides; where either letter is none of A C G T, the sequence's own.

    Parameters
    ----------
    letters : uint8 (n, L), upper case, 0 beyond each sequence's end.
    generator : random numbers.
    """
    copies = packed(shuffled(pl.Series(unpacked(letters), dtype=pl.String), generator).to_list())
    return np.where((LETTERS[letters] < 4) & (LETTERS[copies] < 4), copies, letters)


def ranking(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return int32 (n, L): 0 for the highest score of a row, 1 for the next, ...; L where there is no score. Ties are in random order.

    Parameters
    ----------
    values : float (n, L), NaN where there is no score.
    generator : random numbers.
    """
    n, width = values.shape
    falling = np.where(np.isnan(values), np.inf, -values)
    order = np.lexsort((generator.random((n, width)), falling), axis=1)
    ranks = np.empty((n, width), dtype=np.int32)
    np.put_along_axis(ranks, order, np.arange(width, dtype=np.int32)[None, :], axis=1)
    ranks[np.isnan(values)] = width
    return ranks


def control_ranking(
    ranks: np.ndarray, letters: np.ndarray, control: Control, generator: np.random.Generator
) -> np.ndarray:
    """Return int32 (n, L): the ranks of each row on other bases of those that have one.

    Parameters
    ----------
    ranks : int32 (n, L) of `ranking`.
    letters : uint8 (n, L) of the sequences.
    control : random: any order. gc: ranks change places only within G and C, within A and T, and within other letters.
        shift: rotated by a random number of bases, from 1 to all but one.
    generator : random numbers; the random control depends on them and on where ranks are, not on the ranks.
    """
    n, width = ranks.shape
    absent = ranks == width
    if control == "random":
        return ranking(np.where(absent, np.nan, generator.random((n, width))), generator)
    if control == "gc":
        kind = np.where(absent, 3, _KIND[LETTERS[letters]])
        source, target = (np.argsort(kind + key, axis=1) for key in (0.0, generator.random((n, width))))
    else:
        source = np.argsort(absent, axis=1, kind="stable")  # places with a rank first, in order
        count = (~absent).sum(axis=1, keepdims=True)
        steps = 1 + (generator.random((n, 1)) * np.maximum(count - 1, 0)).astype(np.int64)
        place = np.broadcast_to(np.arange(width), (n, width))
        rotated = np.where(place < count, (place + steps) % np.maximum(count, 1), place)
        target = np.take_along_axis(source, rotated, axis=1)
    moved = np.empty_like(ranks)
    np.put_along_axis(moved, target, np.take_along_axis(ranks, source, axis=1), axis=1)
    return moved


def replaced(letters: np.ndarray, others: np.ndarray, ranks: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return uint8 (n, L): `letters` with those of `others` at the first `number` (n,) bases of each row's ranking."""
    return np.where(ranks < number[:, None], others, letters)
