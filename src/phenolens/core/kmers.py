"""k-mers of many sequences as numbers, and their canonical counts: a k-mer and its reverse complement are one feature."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array, vstack

BLOCK_BASES = 1 << 19  # bases counted at a time
LETTERS = np.full(256, 4, dtype=np.uint8)  # 4 = not a base
for _code, _pair in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")):
    LETTERS[list(_pair)] = _code


@cache
def canonical_kmers(k: int) -> np.ndarray:
    """Return int32 (4^k,): feature of every k-mer (A C G T = 0 1 2 3, first base most significant), 0 .. F-1.

    A k-mer and its reverse complement share a feature; features are numbered by the smaller of the two codes, so that
    F = (4^k + p) / 2 with p = 4^(k/2) palindromes for even k, none for odd k.
    """
    codes = np.arange(4**k)
    reverse = np.zeros_like(codes)
    rest = codes.copy()
    for _ in range(k):
        reverse = reverse * 4 + (3 - rest % 4)
        rest //= 4
    _, feature = np.unique(np.minimum(codes, reverse), return_inverse=True)
    feature = feature.astype(np.int32)
    feature.setflags(write=False)
    return feature


def kmer_counts(sequences: pl.Series, k: int) -> csr_array:
    """Return canonical k-mer counts, sparse float32 (n, F); all 0 for a sequence without a k-mer.

    k-mers with a letter other than A C G T (either case) are skipped.

    Parameters
    ----------
    sequences : strings (n,).
    k : length of the k-mers, 1 .. 8.
    """
    features = canonical_kmers(k)
    blocks = [
        _block_counts(sequences[first:last].to_list(), k, features)
        for first, last in row_blocks(sequences, BLOCK_BASES)
    ]
    return (
        csr_array(vstack(blocks, format="csr")) if blocks else csr_array((0, int(features.max()) + 1), dtype=np.float32)
    )


def row_blocks(sequences: pl.Series, bases: int) -> Iterator[tuple[int, int]]:
    """Yield (first row, one past the last) of blocks of whole sequences, each of about so many bases or of one longer sequence.

    Parameters
    ----------
    sequences : String (n,).
    bases : wanted size.
    """
    ends = np.cumsum(sequences.str.len_bytes().to_numpy(), dtype=np.int64)
    yield from pairwise(np.flatnonzero(np.diff(ends // bases, prepend=-1, append=-1)).tolist())


def kmer_codes(bases: np.ndarray, k: int) -> np.ndarray:
    """Return the code of every k-mer (n - k + 1,), first base most significant, in the smallest unsigned type that holds it.

    Parameters
    ----------
    bases : uint8 (n,), 0 .. 3.
    k : 1 .. 32, at most n.
    """
    if k == 1:
        return bases
    half = k // 2
    parts = kmer_codes(bases, half)
    wide = parts.astype(np.min_scalar_type(4**k - 1), copy=False)
    codes = wide[:-half] << wide.dtype.type(2 * half) | parts[half:]
    if k % 2:
        codes = codes[:-1] << wide.dtype.type(2) | bases[k - 1 :]
    return np.asarray(codes)


def _block_counts(sequences: list[str], k: int, features: np.ndarray) -> csr_array:
    # the separator is no base, so that no k-mer spans two sequences
    text = LETTERS[np.frombuffer("|".join(sequences).encode("ascii", "replace") + b"|" * k, dtype=np.uint8)]
    count = len(text) - k + 1
    unknown = text > 3
    gap = unknown[:count].copy()
    for offset in range(1, k):
        gap |= unknown[offset : offset + count]
    whole = np.flatnonzero(~gap)
    width = int(features.max()) + 1
    # sorted numbers of (sequence, feature) are quicker to count than a sparse matrix with repeats
    kind: Any = np.uint32 if len(sequences) * width < 1 << 32 else np.uint64
    row = np.repeat(np.arange(len(sequences), dtype=kind), [len(sequence) + 1 for sequence in sequences])
    cell = row[whole] * kind(width) + features[kmer_codes(text & 3, k)[whole]].astype(kind)
    cell.sort()
    new = np.flatnonzero(np.append(True, cell[1:] != cell[:-1])[: len(cell)])
    number = np.diff(new, append=len(cell)).astype(np.float32)
    owner, feature = np.divmod(cell[new], kind(width))
    heads = np.searchsorted(owner, np.arange(len(sequences) + 1))
    return csr_array((number, feature.astype(np.int32), heads.astype(np.int32)), shape=(len(sequences), width))
