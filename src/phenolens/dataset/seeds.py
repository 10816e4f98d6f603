"""Where two sequences may be alike: equal spaced words on either strand, then a quick look at the 64 bases around them.

Spaced words (Ma, Tromp & Li, Bioinformatics 2002) are read through a pattern that is its own reverse, so that the smaller of a
word and its reverse complement stands for both strands. Patterns: the best of 25 random ones of every odd span in a simulation of
6,000 regions of 100 bases with 68 % identity; they are hit 1.2 (weight 8) to 2.6 (weight 19) times as often as contiguous words.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from phenolens.dataset.packed import ONE, PAIRS_LOW, WORD, Packed, fetch, scrambled

PATTERNS = {
    8: "111001000100111",
    9: "111010010010111",
    10: "1101100010100011011",
    11: "1101100011100011011",
    12: "11011000101010100011011",
    13: "11001110100100101110011",
    14: "1010111000110110001110101",
    15: "1110011010101010101100111",
    16: "110111010001101100010111011",
    17: "11001101101010101010110110011",
    18: "10111010110011011001101011101",
    19: "11101111000110101100011110111",
}
CHANCE_PAIRS = 1 << 23  # of equal words between unrelated sequences that are affordable
CHUNK_WORDS = 1 << 12
CHUNK_PAIRS = 1 << 16
CHUNK_KEYS = 1 << 17
CHANCE_WINDOW = 1e-3  # share of chance seeds that the quick look lets pass


class Seeds(NamedTuple):
    """Equal words of two sequences: parallel arrays (m,).

    first, second : int64, sequences; first is the shorter one, or the earlier of two as long.
    first_cell : int64, forward cell where the word begins in the first one.
    second_cell : int64, cell where it begins in the second one, on either strand.
    matches : uint8, equal bases of the 64 around it.
    """

    first: np.ndarray
    second: np.ndarray
    first_cell: np.ndarray
    second_cell: np.ndarray
    matches: np.ndarray


class Keys(NamedTuple):
    """Sorted words and where they lie in each: code, forward cell, strand in one number.

    values : uint64 (m,), ascending.
    cell_bits : bits of the cell; the lowest bit is the strand on which the word is the smaller one.
    span, weight : bases of the pattern, and those of them that must be equal.
    """

    values: np.ndarray
    cell_bits: int
    span: int
    weight: int


def weight_for(bases: int) -> int:
    """Return how many bases a word should have, so that unrelated bases give at most CHANCE_PAIRS equal words.

    Among N random bases and 4^k / 2 words (strands pooled) N^2 / 4^k pairs are equal by chance.

    Parameters
    ----------
    bases : N, letters of all sequences.
    """
    weight = math.ceil(math.log(max(bases, 1) ** 2 / CHANCE_PAIRS, 4)) if bases else 0
    return min(max(weight, min(PATTERNS)), max(PATTERNS))


def beginnings(packed: Packed, weight: int) -> np.ndarray:
    """Return uint64 (cells / 32,), 01 at every forward cell where a spaced word begins: no base of its span is masked.

    Parameters
    ----------
    packed : the sequences.
    weight : bases of a word, one of PATTERNS.
    """
    span = len(PATTERNS[weight])
    blocked, reach = packed.masked[: len(packed.owner)], 1
    while reach < span:
        step = min(reach, span - reach)
        blocked = blocked | _ahead(blocked, step)
        reach += step
    return ~blocked & PAIRS_LOW


def keys(packed: Packed, begin_at: np.ndarray, weight: int, part: int, parts: int) -> Keys:
    """Return the words of one part of all words, sorted.

    Parameters
    ----------
    packed : the sequences.
    begin_at : of `beginnings`.
    weight : bases of a word, one of PATTERNS.
    part, parts : which of how many parts; 1, 2, 4, 8 or 16 parts of about the same size, a word and its reverse complement in one.
    """
    pattern = PATTERNS[weight]
    cell_bits = max(packed.cells - 1, 1).bit_length()
    care = np.uint64(int("".join("11" if x == "1" else "00" for x in pattern.ljust(WORD, "0")), 2))
    found = []
    # the last word is padding and has no next one
    for begin in range(0, len(packed.owner) - 1, CHUNK_WORDS):
        chunk = slice(begin, min(begin + CHUNK_WORDS, len(packed.owner) - 1) + 1)
        plane = begin_at[chunk] & _members(packed.words[chunk], pattern, part, parts)
        octets = _compact(plane[:-1]).astype(">u4").view(np.uint8)
        cell = np.flatnonzero(np.unpackbits(octets).view(bool)) + begin * WORD
        ahead = fetch(packed.words, cell) & care
        behind = fetch(packed.words, 2 * packed.cells - len(pattern) - cell) & care
        value = scrambled(np.minimum(ahead, behind)) & ~((ONE << np.uint64(cell_bits + 1)) - ONE)
        value |= cell.view(np.uint64) << ONE
        value |= behind < ahead
        found.append(value)
    values = np.concatenate(found)
    del found
    values.sort()
    return Keys(values, cell_bits, len(pattern), weight)


def _members(words: np.ndarray, pattern: str, part: int, parts: int) -> np.ndarray:
    """Return uint64, whose lower bit of each cell says whether its spaced word belongs to the part; wrong in the last machine word.

    The part is read off pairs of bases that lie opposite each other in the pattern: whether one of the two is A or T and the
    other C or G, which the reverse complement does not change.
    """
    strong = words ^ (words >> ONE)
    chosen = np.full(len(words), ~np.uint64(0))
    for bit, at in enumerate([i for i, x in enumerate(pattern) if x == "1"][: (parts - 1).bit_length()]):
        mixed = _ahead(strong, at) ^ _ahead(strong, len(pattern) - 1 - at)
        chosen &= mixed if part >> bit & 1 else ~mixed
    return chosen


def _ahead(plane: np.ndarray, bases: int) -> np.ndarray:
    """Return what each cell's place in the plane holds this many cells further on."""
    if bases == 0:
        return plane
    result = plane << np.uint64(2 * bases)
    result[:-1] |= plane[1:] >> np.uint64(64 - 2 * bases)
    return result


def _compact(plane: np.ndarray) -> np.ndarray:
    """Return uint64: the lower bits of the 32 pairs of bits, side by side in the lower half."""
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
        (16, 0x00000000FFFFFFFF),
    ):
        plane = (plane | plane >> np.uint64(shift)) & np.uint64(mask)
    return plane


def seeds(packed: Packed, found: Keys, component: np.ndarray, few: int, budget: int) -> Iterator[Seeds]:
    """Yield pairs of equal words in different components that look alike around them, in chunks; the order is always the same.

    A word counts once in a sequence. Words with up to `few` members give all their pairs; of larger ones each member is paired with
    the first few^2 / members (at least one) members alone, so that the cost is linear in repeats. First means lowest in the order
    of `pack`, which is random but fixed: the same few sequences are the hubs of a repeat in all of its words.

    Parameters
    ----------
    packed : the sequences.
    found : words of a part.
    component : int64 (n,), sequences already known to belong together.
    few : see above, 1 or more.
    budget : `few` is halved until the pairs are not more than this; where they are at 1 too, a random share of the words is used.
    """
    shared = _shared(packed, found, component)
    rank = np.arange(len(shared.values)) - shared.begin
    partners = np.minimum(rank, np.clip(few * few // shared.size, 1, few))
    while few > 1 and partners.sum() > budget:
        few //= 2
        partners = np.minimum(rank, np.clip(few * few // shared.size, 1, few))
    ends = np.cumsum(partners)
    # words are ordered by a hash: the first ones are a random share
    last = int(np.searchsorted(ends, budget, side="right"))
    thresholds = _thresholds(found.weight)
    begin = 0
    while begin < last:
        before = int(ends[begin - 1]) if begin else 0
        end = min(max(begin + 1, int(np.searchsorted(ends, before + CHUNK_PAIRS))), last)
        count = partners[begin:end]
        later = np.repeat(np.arange(begin, end), count)
        earlier = np.arange(len(later)) + np.repeat(shared.begin[begin:end] - np.cumsum(count) + count, count)
        apart = shared.component[earlier] != shared.component[later]
        chunk = _looked_at(packed, found, shared, (earlier[apart], later[apart]), thresholds)
        begin = end
        if len(chunk.first):
            yield chunk


class Shared(NamedTuple):
    """Words that several components share: parallel arrays (m,), those of one word follow each other.

    values : uint64, the keys.
    owner, component : sequence and component of each.
    begin, size : where its word begins in these arrays, and how many members it has.
    """

    values: np.ndarray
    owner: np.ndarray
    component: np.ndarray
    begin: np.ndarray
    size: np.ndarray


def _shared(packed: Packed, found: Keys, component: np.ndarray) -> Shared:
    """Return the words that several components share."""
    values, shift = found.values, np.uint64(found.cell_bits + 1)
    same = np.zeros(len(values) + 1, dtype=bool)
    for at in range(1, len(values), CHUNK_KEYS):
        block = values[at - 1 : at + CHUNK_KEYS]
        same[at : at + len(block) - 1] = (block[1:] ^ block[:-1]) < ONE << shift
    values = values[same[:-1] | same[1:]]
    word = (values >> np.uint64(6)) & np.uint64((1 << max(found.cell_bits - 5, 0)) - 1)
    owner = packed.owner[word.view(np.int64)]
    once = _starts(values >> shift) | _starts(owner)
    values, owner = values[once], owner[once]
    begins = np.flatnonzero(_starts(values >> shift))
    if not len(begins):
        return Shared(values, owner, owner, begins, begins)
    sizes, member = np.diff(np.append(begins, len(values))), component[owner]
    several = np.minimum.reduceat(member, begins) != np.maximum.reduceat(member, begins)
    kept, sizes = np.repeat(several, sizes), sizes[several]
    begin, size = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
    return Shared(values[kept], owner[kept], member[kept], begin, size)


def _starts(values: np.ndarray) -> np.ndarray:
    """Return bool (m,): where a value differs from the one before it."""
    starts = np.ones(len(values), dtype=bool)
    starts[1:] = values[1:] != values[:-1]
    return starts


def _looked_at(
    packed: Packed,
    found: Keys,
    shared: Shared,
    pair: tuple[np.ndarray, np.ndarray],
    thresholds: tuple[int, int],
) -> Seeds:
    """Return those pairs of rows of `shared` whose bases around the word agree more often than chance would have it."""
    first, second = (shared.owner[x] for x in pair)
    a, b = (shared.values[x] for x in pair)
    a_cell, b_cell = (((x >> ONE) & np.uint64((1 << found.cell_bits) - 1)).view(np.int64) for x in (a, b))
    b_cell = np.where((a ^ b) & ONE == 0, b_cell, 2 * packed.cells - found.span - b_cell)
    middle = found.span // 2
    left, right = (
        _equal(fetch(packed.words, a_cell + at), fetch(packed.words, b_cell + at)) for at in (middle - WORD, middle)
    )
    both, half = thresholds
    alike = np.flatnonzero((left + right >= both) | (np.maximum(left, right) >= half))
    first, second, a_cell, b_cell = (x[alike].astype(np.int64) for x in (first, second, a_cell, b_cell))
    longer = packed.lengths[first] > packed.lengths[second]
    end = 2 * packed.cells - found.span
    turned = b_cell >= packed.cells
    shorter_cell = np.where(longer, np.where(turned, end - b_cell, b_cell), a_cell)
    longer_cell = np.where(longer, np.where(turned, end - a_cell, a_cell), b_cell)
    pair = np.where(longer, second, first), np.where(longer, first, second)
    return Seeds(*pair, shorter_cell, longer_cell, (left + right)[alike])


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return uint8 (m,): how many of the 32 bases of two words are equal."""
    other = a ^ b
    equal: np.ndarray = np.uint8(WORD) - np.bitwise_count((other | (other >> ONE)) & PAIRS_LOW)
    return equal


def _thresholds(weight: int) -> tuple[int, int]:
    """Return how many equal bases of the 64 around a word, and of 32 with half of it, unrelated bases reach in CHANCE_WINDOW of cases."""
    return weight + _chance_count(2 * WORD - weight), (weight + 1) // 2 + _chance_count(WORD - (weight + 1) // 2)


def _chance_count(bases: int) -> int:
    """Return the smallest count that as many random bases reach or exceed with a chance of at most CHANCE_WINDOW."""
    tail = 0.0
    for count in range(bases, -1, -1):
        tail += math.comb(bases, count) * 3 ** (bases - count) / 4**bases
        if tail > CHANCE_WINDOW:
            return count + 1
    return 0
