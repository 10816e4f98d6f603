"""Non-overlapping k-mers: `ACGTACGTAC` with k = 3 gives ACG TAC GTA C; single letters where no k-mer fits.

This is what Hugging Face's EsmTokenizer makes of a vocabulary with all k-mers and single letters (Nucleotide Transformer): from
the left, the longest word at each place. Each stretch of A C G T is cut into k-mers from its own beginning, its rest into letters;
any other letter of the vocabulary (N) is a token; what the vocabulary does not have is unknown. k = 1 is a letter-level tokenizer.
"""

import itertools
from typing import NamedTuple

import numpy as np

from phenolens.core.kmers import LETTERS, kmer_codes
from phenolens.model.cut import ranges

BASES = "ACGT"
MOST_BASES = 8  # of a block: its table of 4^k ids stays small


class Blocks(NamedTuple):
    """A vocabulary of k-mers and letters as tables.

    k : bases of a k-mer; 1 where there are letters only.
    words : int32 (4^k,), id of each k-mer by its base-4 code (A C G T = 0 1 2 3).
    letters : int32 (256,), id of each single letter, of either case; -1 where there is none.
    joins : whether a run of letters without a token is one unknown token, or each letter its own.
    """

    k: int
    words: np.ndarray
    letters: np.ndarray
    joins: bool


def block_table(words: dict[str, int], *, joins: bool) -> Blocks | None:
    """Return the tables of a vocabulary that has the letters A C G T, and all k-mers of one length or none; None for any other.

    Parameters
    ----------
    words : word -> id, without special tokens. Of upper and lower case the upper one counts where it has the four letters.
        Longer words with other characters than letters are passed over.
    joins : as in `Blocks`.
    """
    plain = {word: i for word, i in words.items() if word.isascii() and (len(word) == 1 or word.isalpha())}
    for case in (str.upper, str.lower):
        ids = {word.upper(): i for word, i in plain.items() if case(word) == word}
        longer = {word for word in ids if len(word) > 1}
        k = max(map(len, longer), default=1)
        if set(BASES) <= ids.keys() and k <= MOST_BASES:
            kmers = ["".join(word) for word in itertools.product(BASES, repeat=k)]
            if longer == (set(kmers) if k > 1 else set()):
                letters = np.full(256, -1, dtype=np.int32)
                for letter in ids.keys() - longer:
                    letters[[ord(letter), ord(letter.lower())]] = ids[letter]
                return Blocks(k, np.array([ids[kmer] for kmer in kmers], dtype=np.int32), letters, joins)
    return None


def block_tokens(
    table: Blocks, letters: np.ndarray, lengths: np.ndarray, unknown: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ids int32 (t,), spans int32 (t, 2) in each sequence, tokens of each sequence int64 (n,)).

    Parameters
    ----------
    table : of the vocabulary.
    letters : uint8 (sum of lengths,), sequences laid end to end.
    lengths : int64 (n,).
    unknown : id of a letter without a token.
    """
    heads = np.cumsum(lengths) - lengths
    codes, single = LETTERS[letters], table.letters[letters]
    # runs of one kind: 0 bases, 1 other letters with a token, 2 letters without
    kind = np.where(codes < 4, 0, np.where(single >= 0, 1, 2)).astype(np.int8)
    new = np.diff(kind, prepend=-1) != 0
    new[heads[lengths > 0]] = True
    run = np.flatnonzero(new)
    size = np.diff(run, append=len(letters))
    whole = np.where(kind[run] == 0, size // table.k * table.k, np.where((kind[run] == 2) & table.joins, size, 0))
    step = np.where(kind[run] == 0, table.k, np.maximum(whole, 1))
    within = ranges(size)
    whole, step = np.repeat(whole, size), np.repeat(step, size)
    starts = np.flatnonzero((within >= whole) | (within % step == 0))
    ends = np.append(starts, len(letters))[1:]
    ids = np.where(single[starts] >= 0, single[starts], unknown)
    block = starts[(kind[starts] == 0) & (ends - starts == table.k)]
    padded = np.pad(codes & 3, (0, table.k))
    ids[np.searchsorted(starts, block)] = table.words[kmer_codes(padded, table.k)[block]]
    before = np.searchsorted(starts, np.append(heads, len(letters)))
    counts = np.diff(before)
    spans = np.stack([starts, ends], axis=1) - np.repeat(heads, counts)[:, None]
    return ids.astype(np.int32), spans.astype(np.int32), counts
