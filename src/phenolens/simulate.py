"""Sequences whose truth is known: repeat families with a chosen divergence, and classes that only a planted motif tells apart."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from phenolens.core.errors import DataError

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)  # complement of code c is 3 - c
# Steps A, C, G, T after A, C, G, T: shares of dinucleotides of the human genome in percent, both strands together (CpG is rare).
STEPS = np.array([[9.8, 5.0, 7.0, 7.7], [7.3, 5.2, 1.0, 7.0], [5.9, 4.3, 5.2, 5.0], [6.6, 5.9, 7.3, 9.8]])
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


def planted(
    motifs: Mapping[str, str], n: int = 400, length: int = 200, *, mutations: int = 2, background: int = 0, seed: int
) -> pl.DataFrame:
    """Return sequences whose class is told by one short motif and nothing else: columns name, label, sequence, motif_start, motif_end, motif_strand, mutations.

    Every sequence is a random walk with the dinucleotides of the human genome. One of a class has its motif once, at a random place
    and on a random strand, with 0 to `mutations` letters changed (each number as likely). [motif_start, motif_end) is where it lies, in bases of
    the sequence; null in background, which has no motif. A motif may also arise by chance, as seldom as its length says.

    Parameters
    ----------
    motifs : class -> its motif in the letters A C G T.
    n : sequences of each class.
    length : bases of each.
    mutations : letters changed, at most.
    background : sequences without a motif, with label "background".
    seed : of the generator.

    Raises
    ------
    DataError : a motif with other letters, longer than the sequences, or shorter than the mutations.
    """
    longest = max(map(len, motifs.values()), default=0)
    strange = [word for word in motifs.values() if not word or set(word) - set("ACGT") or len(word) < mutations]
    if strange or longest > length or min(n, background, mutations) < 0:
        raise DataError(
            "planted motifs",
            f"motifs {', '.join(motifs.values())}, n {n}, length {length}, mutations {mutations}, background {background}",
            expected="motifs of A C G T, not longer than the sequences nor shorter than the mutations; numbers from 0 on",
        )
    generator = np.random.default_rng(seed)
    codes = _walks(generator, n * len(motifs) + background, length)
    rows = [
        _plant(generator, codes[row], np.searchsorted(LETTERS, np.frombuffer(word.encode(), np.uint8)), mutations)
        for row, word in enumerate(word for word in motifs.values() for _ in range(n))
    ]
    labels = [*np.repeat([*motifs], n).tolist(), *["background"] * background]
    kinds = {"motif_start": pl.Int64, "motif_end": pl.Int64, "motif_strand": pl.String, "mutations": pl.Int64}
    truth = pl.DataFrame(rows + [(None,) * 4] * background, schema=kinds, orient="row")
    return pl.DataFrame(
        {
            "name": [f"s{row + 1}" for row in range(len(codes))],
            "label": pl.Series(labels, dtype=pl.String),
            "sequence": pl.Series([_text(row) for row in codes], dtype=pl.String),
        }
    ).hstack(truth)


def _walks(generator: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Return codes int64 (n, length) of walks by STEPS."""
    ladder = np.cumsum(STEPS / STEPS.sum(axis=1, keepdims=True), axis=1)
    codes = np.empty((n, length), dtype=np.int64)
    codes[:, 0] = generator.choice(4, size=n, p=STEPS.sum(axis=1) / STEPS.sum())
    for at in range(1, length):
        codes[:, at] = (generator.random((n, 1)) > ladder[codes[:, at - 1], :3]).sum(axis=1)
    return codes


def _plant(
    generator: np.random.Generator, codes: np.ndarray, word: np.ndarray, mutations: int
) -> tuple[int, int, str, int]:
    """Put a mutated word into the codes, in place; return (start, end, strand, mutations)."""
    number = int(generator.integers(mutations + 1))
    start = int(generator.integers(len(codes) - len(word) + 1))
    strand = "+-"[int(generator.integers(2))]
    word = word.copy()
    changed = generator.choice(len(word), size=number, replace=False)
    word[changed] = (word[changed] + generator.integers(1, 4, number)) % 4
    codes[start : start + len(word)] = word if strand == "+" else 3 - word[::-1]
    return start, start + len(word), strand, number


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
