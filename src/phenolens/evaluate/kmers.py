"""Canonical k-mer counts of many sequences, both strands pooled: a k-mer and its reverse complement are one feature."""

from itertools import accumulate, pairwise

import numpy as np
import polars as pl
from scipy.sparse import coo_array, csr_array, vstack

BLOCK_BASES = 1 << 21  # bases counted at a time
LETTERS = np.full(256, 4, dtype=np.int32)  # 4 = not a base
for _code, _pair in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")):
    LETTERS[list(_pair)] = _code


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
    return feature.astype(np.int32)


def kmer_counts(sequences: pl.Series, k: int) -> csr_array:
    """Return canonical k-mer counts, sparse float32 (n, F); all 0 for a sequence without a k-mer.

    k-mers with a letter other than A C G T (either case) are skipped.

    Parameters
    ----------
    sequences : strings (n,).
    k : length of the k-mers, 1 .. 8.
    """
    features = canonical_kmers(k)
    # a sequence belongs to the block in which it begins
    begins = (
        np.concatenate([[0], np.cumsum(sequences.str.len_bytes().to_numpy())[:-1]]) if len(sequences) else np.zeros(0)
    )
    cuts = np.append(np.flatnonzero(np.diff(begins // BLOCK_BASES, prepend=-1)), len(sequences))
    blocks = [_block_counts(sequences[a:b].to_list(), k, features) for a, b in pairwise(cuts.tolist())]
    return (
        csr_array(vstack(blocks, format="csr")) if blocks else csr_array((0, int(features.max()) + 1), dtype=np.float32)
    )


def _block_counts(sequences: list[str], k: int, features: np.ndarray) -> csr_array:
    # the separator is no base, so that no k-mer spans two sequences
    text = LETTERS[np.frombuffer("|".join(sequences).encode("ascii", "replace") + b"|" * k, dtype=np.uint8)]
    count = len(text) - k + 1
    codes = np.zeros(count, dtype=np.int32)
    valid = np.ones(count, dtype=bool)
    for offset in range(k):
        letter = text[offset : offset + count]
        codes = codes * 4 + letter
        valid &= letter < 4
    ends = np.fromiter(accumulate(len(sequence) + 1 for sequence in sequences), dtype=np.int64, count=len(sequences))
    place = np.flatnonzero(valid)
    row = np.searchsorted(ends, place, side="right")
    shape = (len(sequences), int(features.max()) + 1)
    counts = coo_array((np.ones(len(place), dtype=np.float32), (row, features[codes[place]])), shape=shape)
    return csr_array(counts.tocsr())
