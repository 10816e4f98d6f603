"""Oracle: a dictionary count of our own, one k-mer at a time."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.kmers import canonical_kmers, kmer_counts

COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


def reverse_complement(sequence: str) -> str:
    return sequence.translate(COMPLEMENT)[::-1]


def slow_counts(sequence: str, k: int) -> Counter:
    kmers = [sequence[i : i + k].upper() for i in range(len(sequence) - k + 1)]
    return Counter(min(kmer, reverse_complement(kmer)) for kmer in kmers if set(kmer) <= set("ACGT"))


def slow_matrix(sequences: list[str], k: int) -> np.ndarray:
    words = [""]
    for _ in range(k):
        words = [word + base for word in words for base in "ACGT"]
    columns = sorted(word for word in words if word <= reverse_complement(word))
    counts = [slow_counts(sequence, k) for sequence in sequences]
    return np.array([[count[word] for word in columns] for count in counts]).reshape(len(sequences), len(columns))


@settings(max_examples=60)
@given(st.lists(st.text("ACGTacgtNR", max_size=30), min_size=1, max_size=6), st.integers(1, 4))
def test_counts_equal_a_slow_count(sequences: list[str], k: int) -> None:
    np.testing.assert_array_equal(kmer_counts(pl.Series(sequences), k).toarray(), slow_matrix(sequences, k))


@given(st.lists(st.text("ACGTN", max_size=40), min_size=1, max_size=5), st.integers(1, 8))
def test_counts_are_those_of_the_reverse_complement(sequences: list[str], k: int) -> None:
    other = [reverse_complement(sequence) for sequence in sequences]
    found, expected = (kmer_counts(pl.Series(s), k) for s in (sequences, other))
    np.testing.assert_array_equal(found.toarray(), expected.toarray())


@pytest.mark.parametrize(("k", "features"), [(1, 2), (2, 10), (3, 32), (4, 136), (6, 2080), (7, 8192), (8, 32896)])
def test_number_of_features_is_that_of_the_formula(k: int, features: int) -> None:
    palindromes = 4 ** (k // 2) if k % 2 == 0 else 0
    assert features == (4**k + palindromes) // 2
    assert len(np.unique(canonical_kmers(k))) == features == canonical_kmers(k).max() + 1


def test_counts_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    sequences = ["".join(generator.choice(list("ACGTN"), length)) for length in (5, 0, 70, 1, 33, 6, 200)]
    whole = kmer_counts(pl.Series(sequences), 6).toarray()
    for block in (1, 7, 64):
        monkeypatch.setattr("phenolens.core.kmers.BLOCK_BASES", block)
        np.testing.assert_array_equal(kmer_counts(pl.Series(sequences), 6).toarray(), whole)


@pytest.mark.parametrize("sequences", [[], [""], ["ACG", "NNNNNNNNNN", "ACGTN"]])
def test_nothing_to_count_is_zero(sequences: list[str]) -> None:
    counts = kmer_counts(pl.Series(sequences, dtype=pl.String), 6)
    assert counts.shape == (len(sequences), 2080)
    assert counts.nnz == 0
