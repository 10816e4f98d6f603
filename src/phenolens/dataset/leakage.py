"""What two splits share letter for letter: whole sequences, reverse complements, stretches of 40 bases, groups and loci."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.core.kmers import kmer_codes, row_blocks
from phenolens.core.strands import IUPAC
from phenolens.dataset.packed import CODES, reverse_complement, scrambled

PAIRS = (("test", "train"), ("validation", "train"), ("test", "validation"))
WORD = 40  # bases in a row that two sequences without common origin hardly ever share
HALF = 32  # bases of a machine word
QUERY_BASES = 6_000_000  # bases of test and validation sequences whose words are looked for
BLOCK_BASES = 1 << 18  # bases turned into words at a time
TABLE_BITS = (16, 27)  # of the first, coarse look-up: one byte each
COMPLEMENT = np.arange(256, dtype=np.uint8)
COMPLEMENT[list(IUPAC)] = list(IUPAC.values())


def leakage(sequences: pl.DataFrame, columns: Sequence[str], *, seed: int) -> dict[str, dict[str, Any]]:
    """Return for each split column what lies on both sides, ready for JSON.

    duplicates, twins : sequences with an equal one (twins: only a reverse-complement equal one) in another split; case is ignored.
    groups_on_both_sides, loci_on_both_sides : groups and loci in more than one split.
    pairs : for test and train, validation and train, test and validation: `of` and `among`, sequences of the first; how many of
        them have at least one equal sequence (`copies`) or a reverse-complement equal one (`twins`; a sequence may have both,
        `either`) in the second, and how many different sequences these copies are (`distinct_copies`); `words`: how many of
        `words_of` share 40 bases in a row with at least one of the second, on either strand. words_of is fewer than sequences
        where test and validation have more than six million bases: then they are drawn at random.

    Parameters
    ----------
    sequences : SEQUENCES.
    columns : names of the split columns, at most four.
    seed : of that draw.
    """
    forward, reverse = strand_hashes(sequences["sequence"])
    table = sequences.select(
        *columns, "group", "locus", pl.Series("forward", forward), pl.Series("either", np.minimum(forward, reverse))
    )
    drawn, flags = _shared_with(sequences, columns, seed)
    facts = {}
    for column in columns:
        split = sequences[column].to_numpy()
        pairs: list[dict[str, Any]] = []
        for of, among in PAIRS:
            found = _copies(forward, reverse, split == of, split == among)
            asked = split[drawn] == of
            bit = _bit(columns, column, among)
            words = {"words": int(((flags & bit) > 0)[asked].sum()), "words_of": int(asked.sum())}
            pairs.append({"of": of, "among": among, **found, **words})
        facts[column] = _on_both_sides(table, column) | {"pairs": pairs}
    return facts


def strand_hashes(sequences: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return uint64 (n,) twice: a hash of each sequence's upper-cased letters, and of those of its reverse complement.

    Parameters
    ----------
    sequences : String (n,); ambiguity codes have their complements.
    """
    hashes: list[tuple[np.ndarray, np.ndarray]] = [(np.zeros(0, np.uint64), np.zeros(0, np.uint64))]
    for first, last in row_blocks(sequences, 4 * BLOCK_BASES):
        upper = sequences[first:last].str.to_uppercase()
        text = np.frombuffer("\n".join(upper).encode("ascii", "replace"), dtype=np.uint8)
        # the reverse of all of them together is the reverse of each, last one first
        turned = pl.Series(COMPLEMENT[text][::-1].tobytes().decode().split("\n")[::-1], dtype=pl.String)
        hashes.append((upper.hash().to_numpy(), turned.hash().to_numpy()))
    forward, reverse = zip(*hashes, strict=True)
    return np.concatenate(forward), np.concatenate(reverse)


def shared_words(
    queries: pl.Series, others: pl.Series, flags: np.ndarray, *, word: int = WORD, both_strands: bool = True
) -> np.ndarray:
    """Return uint8 (n,): the bits of all `others` that share a stretch of `word` bases with each query.

    Stretches with a letter other than A C G T (either case) are no one's. Words are compared by 64-bit hashes: of 10^7 words
    looked for among 10^9, less than one in a thousand searches has one false match.

    Parameters
    ----------
    queries : String (n,).
    others : String (m,).
    flags : uint8 (m,), bits of each; those with 0 are not looked at.
    word : bases in a row, 32 to 63.
    both_strands : whether a stretch may be the reverse complement of the other.
    """
    kept = np.flatnonzero(flags)
    others, flags = others[kept], flags[kept]
    result = np.zeros(len(queries), dtype=np.uint8)
    index = _index(queries, word, both_strands)
    if not len(index.wanted):
        return result
    seen = np.zeros(len(index.wanted), dtype=np.uint8)

    def matches(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        stretch = _stretch(texts)
        step = word - HALF + 1
        # a shared word holds a half that begins at a multiple of the step
        at = np.arange(0, len(stretch.row), step)
        likely = at[index.seeds[_place(_halves(stretch, at, both_strands), index.seeds)]]
        at = (likely[:, None] - np.arange(step)[::-1]).ravel()
        words, at = _words(stretch, at[at >= 0], word, both_strands)
        # sorted keys are found many times faster
        order = np.argsort(words)
        place = np.minimum(np.searchsorted(index.wanted, words[order]), len(index.wanted) - 1)
        right = index.wanted[place] == words[order]
        return place[right], stretch.row[at[order[right]]]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (first, last), (place, row) in _each(pool, matches, others):
            bits = flags[first:last][row]
            for bit in range(8):
                one = np.uint8(1 << bit)
                seen[place[(bits & one) > 0]] |= one
    np.bitwise_or.at(result, index.row, seen[index.place])
    return result


class _Index(NamedTuple):
    """The words of the queries."""

    seeds: np.ndarray  # bool (2^b,), which leading b bits the hash of some half has
    wanted: np.ndarray  # uint64 (w,), distinct hashes, sorted
    place: np.ndarray  # int32 (p,), where in `wanted` each word of each query is
    row: np.ndarray  # int32 (p,), its query


def _index(queries: pl.Series, word: int, both_strands: bool) -> _Index:
    low, high = TABLE_BITS
    size = int(queries.str.len_bytes().sum()).bit_length() + 4
    seeds = np.zeros(1 << min(high, max(low, size)), dtype=bool)

    def words_of(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        stretch = _stretch(texts)
        at = np.arange(len(stretch.row))
        # bits are only ever set, so that threads do not disturb each other
        seeds[_place(_halves(stretch, at, both_strands), seeds)] = True
        words, at = _words(stretch, at, word, both_strands)
        return words, stretch.row[at]

    words, rows = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int32)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (first, _), (found, row) in _each(pool, words_of, queries):
            words.append(found)
            rows.append(row + np.int32(first))
    every = np.concatenate(words)
    words.clear()
    order = np.argsort(every)
    every = every[order]
    new = np.append(True, every[1:] != every[:-1])[: len(every)]
    place = np.empty(len(every), dtype=np.int32)
    place[order] = np.cumsum(new, dtype=np.int32) - 1
    return _Index(seeds, every[new], place, np.concatenate(rows))


class _Stretch(NamedTuple):
    """Sequences one after another, with no base between them and 64 times none at the end."""

    gaps: np.ndarray  # int32 (p + 1,), letters before each place that are no base
    sixteens: np.ndarray  # uint32 (p - 15,), 16 bases from each place
    row: np.ndarray  # int32, sequence


def _stretch(texts: list[str]) -> _Stretch:
    codes = CODES[np.frombuffer("|".join([*texts, "|" * 2 * HALF]).encode("ascii", "replace"), dtype=np.uint8)]
    gaps = np.zeros(len(codes) + 1, dtype=np.int32)
    np.cumsum(codes > 3, out=gaps[1:])
    row = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) + 1 for text in texts])
    return _Stretch(gaps, kmer_codes(codes & 3, HALF // 2), row)


def _thirty_two(stretch: _Stretch, at: np.ndarray) -> np.ndarray:
    head, tail = stretch.sixteens[at].astype(np.uint64), stretch.sixteens[at + HALF // 2]
    return np.asarray(head << np.uint64(HALF) | tail)


def _halves(stretch: _Stretch, at: np.ndarray, both_strands: bool) -> np.ndarray:
    """Return uint64: a hash of the 32 bases from each place, of either strand the same; letters that are no base count as A."""
    halves = _thirty_two(stretch, at)
    return scrambled(np.minimum(halves, reverse_complement(halves)) if both_strands else halves)


def _words(stretch: _Stretch, at: np.ndarray, word: int, both_strands: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return (uint64 hash of the `word` bases from each place, of either strand the same; the places without a gap)."""
    at = at[stretch.gaps[at + word] == stretch.gaps[at]]
    # its first and its last 32 bases are the whole of a word of fewer than 64
    heads, tails = _thirty_two(stretch, at), _thirty_two(stretch, at + word - HALF)
    hashes = scrambled(heads ^ scrambled(tails))
    if both_strands:
        heads, tails = reverse_complement(tails), reverse_complement(heads)
        hashes = np.minimum(hashes, scrambled(heads ^ scrambled(tails)))
    return hashes, at


def _each(pool: ThreadPoolExecutor, work: Callable[[list[str]], Any], sequences: pl.Series) -> Iterator[Any]:
    """Yield (row range, work of these rows) for every block."""
    spans = list(row_blocks(sequences, BLOCK_BASES))
    yield from zip(spans, pool.map(lambda span: work(sequences[slice(*span)].to_list()), spans), strict=True)


def _place(hashes: np.ndarray, table: np.ndarray) -> np.ndarray:
    return hashes >> np.uint64(65 - len(table).bit_length())


def _shared_with(sequences: pl.DataFrame, columns: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows of test and validation that were looked at, the bits of what each shares words with)."""
    bits = np.zeros(sequences.height, dtype=np.uint8)
    for column, split in product(columns, ("train", "validation")):
        bits[(sequences[column] == split).to_numpy()] |= _bit(columns, column, split)
    held_out = np.flatnonzero(sequences.select(pl.any_horizontal(pl.col(columns) != "train")).to_series().to_numpy())
    order = np.random.default_rng(seed).permutation(held_out)
    ends = np.cumsum(sequences["sequence"].str.len_bytes().to_numpy()[order], dtype=np.int64)
    drawn = np.sort(order[: max(1, np.searchsorted(ends, QUERY_BASES, side="right"))])
    return drawn, shared_words(sequences["sequence"][drawn], sequences["sequence"], bits)


def _bit(columns: Sequence[str], column: str, split: str) -> np.uint8:
    return np.uint8(1 << (2 * list(columns).index(column) + (split == "validation")))


def _copies(forward: np.ndarray, reverse: np.ndarray, of: np.ndarray, among: np.ndarray) -> dict[str, int]:
    """Return how many sequences of the first rows have equal ones, on which strand, among the second rows."""
    second = np.unique(forward[among])
    same, turned = np.isin(forward[of], second), np.isin(reverse[of], second)
    return {
        "sequences": int(of.sum()),
        "copies": int(same.sum()),
        "distinct_copies": len(np.unique(forward[of][same])),
        "twins": int(turned.sum()),
        "either": int((same | turned).sum()),
    }


def _on_both_sides(table: pl.DataFrame, column: str) -> dict[str, int]:
    """Return counts of sequences with an equal, or only a reverse-complement equal, one in another split, and of groups and loci in several."""
    same, either = (table.select(pl.col(column).n_unique().over(key) > 1).to_series() for key in ("forward", "either"))
    several = pl.col(column).n_unique() > 1
    groups, loci = (int(table.group_by(key).agg(several)[column].sum()) for key in ("group", "locus"))
    return {
        "duplicates": int(same.sum()),
        "twins": int((either & ~same).sum()),
        "groups_on_both_sides": groups,
        "loci_on_both_sides": loci,
    }
