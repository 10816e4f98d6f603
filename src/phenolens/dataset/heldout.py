"""Which bases of a genome are the same as those of held-out sequences: what a model that is later tested on these must not have read.

Any 32 bases that a held-out sequence has too, on either strand, are taken out, with gaps of up to 32 bases between such
stretches (a variant between the two builds or people breaks 32 words in a row). Distant relatives stay: this removes the
sequence itself, not its family.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from phenolens.core.kmers import LETTERS, kmer_codes

WORD = 32
CHUNK_BASES = 1 << 22


def heldout_words(sequences: Sequence[str]) -> np.ndarray:
    """Return the distinct 32-mers of these sequences and of their reverse complements, sorted uint64.

    Parameters
    ----------
    sequences : any letters and case; 32-mers with a letter other than A C G T are left out, shorter sequences have none.
    """
    letters = LETTERS[np.frombuffer("|".join([*sequences, ""]).encode("ascii", "replace"), dtype=np.uint8)]
    turned = np.where(letters < 4, 3 - letters, letters)[::-1].astype(np.uint8)
    found = [codes[whole] for strand in (letters, turned) for codes, whole in [_codes(strand)]]
    return np.unique(np.concatenate(found))


def heldout_mask(letters: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return bool (L,): the base is in 32 bases that `words` holds, or in a gap of at most 32 bases between two such.

    Parameters
    ----------
    letters : uint8 (L,), ASCII.
    words : of `heldout_words`.
    """
    covered = np.zeros(len(letters) + 1, dtype=np.int32)
    for first in range(0, max(len(letters) - WORD + 1, 0), CHUNK_BASES):
        codes, whole = _codes(LETTERS[letters[first : first + CHUNK_BASES + WORD - 1]])
        place = np.flatnonzero(whole)
        if len(words):
            near = np.minimum(np.searchsorted(words, codes[place]), len(words) - 1)
            place = place[words[near] == codes[place]]
            np.add.at(covered, first + place, 1)
            np.add.at(covered, first + place + WORD, -1)
    inside = np.cumsum(covered[:-1]) > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    for begin, end in zip(edges[1:-1:2], edges[2::2], strict=True):
        if end - begin <= WORD:
            inside[begin:end] = True
    return inside


def pieces(letters: np.ndarray, left_out: np.ndarray, min_length: int) -> Iterator[str]:
    """Yield the stretches of A C G T (upper case) between what is left out, those of at least min_length bases, in order.

    Parameters
    ----------
    letters : uint8 (L,), ASCII of either case.
    left_out : bool (L,).
    """
    kept = (LETTERS[letters] < 4) & ~left_out
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= min_length:
            yield letters[begin:end].tobytes().decode("ascii").upper()


def _codes(letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (codes of all 32-mers (n - 31,), whether each has bases only)."""
    if len(letters) < WORD:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=bool)
    foreign = np.concatenate([[0], np.cumsum(letters > 3)])
    return kmer_codes(letters & 3, WORD), foreign[WORD:] == foreign[:-WORD]
