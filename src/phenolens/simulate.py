"""Sequences whose truth is known: repeat families with a chosen divergence, and unrelated background like them."""

import numpy as np
import polars as pl

from phenolens.core.errors import DataError

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)  # complement of code c is 3 - c
SHARES = (0.295, 0.205, 0.205, 0.295)  # A, C, G, T: 41 % GC, as in the human genome


def families(
    n_families: int = 20,
    copies: int = 60,
    length: int = 380,
    *,
    divergence: float = 0.1,
    indels: float = 0.0,
    background: int = 1200,
    seed: int,
) -> pl.DataFrame:
    """Return simulated copies of repeat families and background: columns name, family, label, sequence, one row a sequence.

    Each family has a random consensus. A base of a copy is changed with probability `divergence`; a share `indels` of
    the changes are insertions of one base or deletions, half of each, the others substitutions by one of the three other bases. So
    two copies are equal in about (1 - d)^2 + d^2 / 3 of their columns: 0.90, 0.81, 0.73, 0.65 at 5, 10, 15, 20 %. Half of the copies
    are reverse-complemented. Background sequences are random, with the lengths and the GC share of copies.
    Label is "family" or "background"; family is null for background.

    Parameters
    ----------
    n_families : number of families.
    copies : copies of each.
    length : bases of a consensus.
    divergence : changes per base of a copy from its consensus, 0 to 1.
    indels : share of changes that are insertions or deletions, 0 to 1.
    background : number of background sequences.
    seed : of the generator.

    Raises
    ------
    DataError : a number is negative, or a share is not within 0 and 1.
    """
    if min(n_families, copies, length, background) < 0 or not (0 <= divergence <= 1 and 0 <= indels <= 1):
        raise DataError(
            "simulated families",
            f"n_families {n_families}, copies {copies}, length {length}, background {background}, divergence {divergence}, indels {indels}",
            expected="numbers from 0 on, divergence and indels between 0 and 1",
        )
    generator = np.random.default_rng(seed)
    family = np.repeat(np.arange(n_families), copies)
    consensus = generator.choice(4, size=(n_families, length), p=SHARES)
    texts = [_copy(generator, consensus[number], divergence, indels) for number in family]
    lengths = generator.permutation(np.resize([len(text) for text in texts] or [length], background))
    texts += [_text(generator.choice(4, size=n, p=SHARES)) for n in lengths]
    names = [f"family{number + 1}" for number in family]
    return pl.DataFrame(
        {
            "name": [f"s{row + 1}" for row in range(len(texts))],
            "family": pl.Series([*names, *[None] * background], dtype=pl.String),
            "label": ["family"] * len(family) + ["background"] * background,
            "sequence": pl.Series(texts, dtype=pl.String),
        }
    )


def _copy(generator: np.random.Generator, consensus: np.ndarray, divergence: float, indels: float) -> str:
    """Return the text of a copy, on a random strand."""
    codes = consensus.copy()
    kind = generator.random(len(codes)) / divergence if divergence else np.ones(len(codes))
    substituted = kind < 1 - indels
    codes[substituted] = (codes[substituted] + generator.integers(1, 4, substituted.sum())) % 4
    changed = (kind < 1) & ~substituted
    deleted = changed & (kind < 1 - indels / 2)
    inserted = np.flatnonzero(changed & ~deleted)
    codes = np.insert(codes, inserted, generator.choice(4, size=len(inserted), p=SHARES))
    codes = np.delete(codes, np.flatnonzero(deleted) + np.searchsorted(inserted, np.flatnonzero(deleted), side="right"))
    return _text(codes if generator.random() < 0.5 else 3 - codes[::-1])


def _text(codes: np.ndarray) -> str:
    text: bytes = LETTERS[codes].tobytes()
    return text.decode()
