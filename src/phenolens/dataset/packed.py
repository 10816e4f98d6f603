"""Many sequences as one array of 2-bit bases on both strands, so that any 32 bases of any of them are one machine word away.

A *cell* is the place of a base in that array. The first `cells` cells hold the sequences one after another, each at the start
of a word of 32 bases and followed by at least 32 cells of padding; the next `cells` hold the reverse complement of all of
it: the base at cell c lies, complemented, at cell 2 cells - 1 - c.
Letters other than A C G T (either case) and padding are masked; their two bits are random, so that they match by chance only.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

WORD = 32  # bases of a word, the first one in the highest bits
CHUNK_BASES = 1 << 21  # letters turned into words at a time
PAIRS_LOW = np.uint64(0x5555555555555555)  # the lower bit of each base
ONE = np.uint64(1)
CODES = np.full(256, 4, dtype=np.uint8)  # 4 = not a base; complement = 3 - code
for _code, _letters in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")):
    CODES[list(_letters)] = _code


class Packed(NamedTuple):
    """n sequences as words of 32 bases.

    words : uint64, both strands, two bits a base (A C G T = 0 1 2 3).
    masked : uint64, the same layout, 01 where there is no base.
    owner : int32 (cells / 32,), sequence of each forward word; -1 before the first.
    starts : int64 (n,), forward cell of the first base.
    lengths : int64 (n,), letters.
    """

    words: np.ndarray
    masked: np.ndarray
    owner: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @property
    def cells(self) -> int:
        """Cells of one strand."""
        return WORD * len(self.owner)


def pack(sequences: pl.Series) -> tuple[Packed, np.ndarray]:
    """Return (the distinct sequences, int64 (n,): which of them each row is).

    A sequence, the same in other case and its reverse complement are one. They are ordered by a hash of their bases, so that
    nothing depends on the order of rows.

    Parameters
    ----------
    sequences : String (n,), any letters.
    """
    chunks = list(_chunks(sequences))
    words, masked, counts, lengths, first, second, turned = (np.concatenate(x) for x in zip(*chunks, strict=True))
    del chunks
    heads = np.cumsum(counts) - counts
    order = np.lexsort((turned, second, first))
    differs = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
    new = np.concatenate([[True], differs])
    member = np.empty(len(order), dtype=np.int64)
    member[order] = np.cumsum(new) - 1
    chosen = order[new]
    # a word of padding before the first sequence and after the last one
    taken = _runs(heads[chosen], counts[chosen])
    edge = np.zeros(1, dtype=np.uint64)
    letters = np.concatenate([edge, words[taken], edge])
    holes = np.concatenate([edge + PAIRS_LOW, masked[taken], edge + PAIRS_LOW])
    filler = scrambled(np.arange(len(letters), dtype=np.uint64))
    letters = (letters & ~(holes * np.uint64(3))) | (filler & (holes * np.uint64(3)))
    owner = np.concatenate([[-1], np.repeat(np.arange(len(chosen)), counts[chosen]), [-1]]).astype(np.int32)
    starts = WORD * (1 + np.cumsum(counts[chosen]) - counts[chosen])
    both = np.concatenate([letters, reverse_complement(letters)[::-1]])
    holes = np.concatenate([holes, (_reversed_pairs(holes) & PAIRS_LOW)[::-1]])
    return Packed(both, holes, owner, starts, lengths[chosen]), member


def reverse_complement(words: np.ndarray) -> np.ndarray:
    """Return each word's 32 bases complemented and in reverse."""
    return _reversed_pairs(~words)


def fetch(words: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return uint64 (n,): the 32 bases that begin at each cell, int64 (n,); no cell lies in the last word."""
    index = cell >> 5
    shift = (cell.view(np.uint64) & np.uint64(31)) << ONE
    bases: np.ndarray = words[index] << shift
    index += 1
    following = words[index]
    # two shifts: by 64 bits at once is undefined
    following >>= ONE
    following >>= np.uint64(63) - shift
    bases |= following
    return bases


def running_counts(packed: Packed) -> np.ndarray:
    """Return int32 (cells / 32, 4): how many A, C, G, T lie before each forward word, masked bases left out."""
    forward = len(packed.owner)
    counts = np.zeros((forward, 4), dtype=np.int32)
    for base, bits in enumerate(_bases(packed.words[: forward - 1], packed.masked[: forward - 1])):
        np.cumsum(np.bitwise_count(bits), out=counts[1:, base])
    return counts


def counts_before(packed: Packed, running: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return int64 (m, 4): how many A, C, G, T lie before each forward cell, masked bases left out.

    Parameters
    ----------
    packed : the sequences.
    running : of `running_counts`.
    cell : int64 (m,), 0 .. cells - 1.
    """
    word = cell >> 5
    ahead = ~(~np.uint64(0) >> ((cell & 31) << 1).astype(np.uint64))
    inside = np.stack([np.bitwise_count(x & ahead) for x in _bases(packed.words[word], packed.masked[word])], axis=1)
    counts: np.ndarray = running[word] + inside.astype(np.int64)
    return counts


def _bases(words: np.ndarray, masked: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where A, C, G, T are: words with 01 at each place."""
    present = ~masked & PAIRS_LOW
    low, high = words & present, (words >> ONE) & present
    return present & ~low & ~high, low & ~high, high & ~low, low & high


def _chunks(sequences: pl.Series) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield (words, masked, words of each row, letters of each row, and the three of `_hashes`) of rows one after another.

    After each row there is at least a word of padding.
    """
    lengths = sequences.str.len_chars().cast(pl.Int64).to_numpy()
    counts = -(-lengths // WORD) + 1
    ends, row = np.cumsum(counts) * WORD, 0
    while row < len(sequences):
        before = int(ends[row - 1]) if row else 0
        last = max(row + 1, int(np.searchsorted(ends, before + CHUNK_BASES)))
        padded = pl.DataFrame({"text": sequences[row:last], "wanted": counts[row:last] * WORD}).select(
            pl.col("text").str.pad_end(pl.col("wanted"), "-")
        )["text"]
        codes = CODES[np.frombuffer("".join(padded.to_list()).encode("ascii", "replace"), dtype=np.uint8)]
        words, masked = _two_bits(codes & 3), _two_bits(codes >> 2)
        shape = counts[row:last], lengths[row:last]
        yield words, masked, *shape, *_hashes(words, masked, *shape)
        row = last


def _two_bits(codes: np.ndarray) -> np.ndarray:
    """Return uint64 (m / 32,) of m codes 0 .. 3."""
    four = codes.reshape(-1, 4)
    octets: np.ndarray = four[:, 0] << 6 | four[:, 1] << 4 | four[:, 2] << 2 | four[:, 3]
    return octets.view(">u8").astype(np.uint64)


def _reversed_pairs(words: np.ndarray) -> np.ndarray:
    """Return words with their 32 two-bit fields in reverse."""
    words = words.byteswap()
    for shift, mask in ((np.uint64(4), np.uint64(0x0F0F0F0F0F0F0F0F)), (np.uint64(2), np.uint64(0x3333333333333333))):
        words = ((words >> shift) & mask) | ((words & mask) << shift)
    return words


def _hashes(
    words: np.ndarray, masked: np.ndarray, counts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two uint64 (n,) that together (128 bits) stand for a sequence or its reverse complement, and whether for the latter."""
    heads = np.cumsum(counts) - counts
    place = _runs(np.zeros_like(heads), counts).astype(np.uint64)
    strands = []
    for letters, holes in ((words, masked), _turned(words, masked, counts, lengths)):
        mixed = scrambled(scrambled(letters ^ scrambled(place)) + holes)
        strands.append(
            [np.add.reduceat(x, heads) + scrambled(lengths.astype(np.uint64)) for x in (mixed, scrambled(mixed))]
        )
    (a, b), (c, d) = strands
    forward = (a < c) | ((a == c) & (b <= d))
    return np.where(forward, a, c), np.where(forward, b, d), ~forward


def _turned(
    words: np.ndarray, masked: np.ndarray, counts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return words and masked of the reverse complement of each row, in the same layout, padding as in `_words`."""
    heads = np.cumsum(counts) - counts
    place = _runs(np.zeros_like(heads), counts)
    back = np.repeat(heads + counts - 1, counts) - place
    gap = counts * WORD - lengths
    source = np.concatenate([reverse_complement(words)[back], np.zeros(3, dtype=np.uint64)])
    holes = np.concatenate([(_reversed_pairs(masked) & PAIRS_LOW)[back], np.zeros(3, dtype=np.uint64)])
    cell = WORD * np.arange(len(words)) + np.repeat(gap, counts)
    inside = np.clip(np.repeat(lengths, counts) - WORD * place, 0, WORD).astype(np.uint64)
    # the bits of the bases that the sequence still has
    kept = ~((~np.uint64(0) >> inside) >> inside)
    empty = PAIRS_LOW & ~kept
    letters, mask = fetch(source, cell) & kept, (fetch(holes, cell) & kept) | empty
    return letters & ~(mask * np.uint64(3)), mask


def _runs(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return int64: first, first + 1, ... counts times, for every row."""
    numbers: np.ndarray = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    return numbers


def scrambled(values: np.ndarray) -> np.ndarray:
    """Return uint64 values whose every bit depends on every bit of the input (SplitMix64's finaliser, Steele et al. 2014)."""
    values = (values + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
    result: np.ndarray = values ^ (values >> np.uint64(31))
    return result
