"""What the bases under each stretch of tokens are like: GC, distinct 6-mers, entropy and CpG, per class (METHOD 5).

The reference cuts the model's input at tokens 0, 50, 150, 250, 350, 450, 512. A token is not a place of the sequence (a long one
is cut, a BPE token has 1 to 20 bases), so the same is computed for fifths of the sequence too.
All sequences are laid end to end; a stretch is a mask over their bases.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.kmers import LETTERS, kmer_codes
from phenolens.core.schemas_regions import TOKEN_REGIONS
from phenolens.core.stats import group_bootstrap_weights
from phenolens.core.table import check, empty
from phenolens.model.chunks import chunks
from phenolens.model.tokens import TokenRule, encode, end_to_end

EDGES = (0, 50, 150, 250, 350, 450, 512)
FIFTHS = (0, 20, 40, 60, 80, 100)
MEASURES = ("gc", "distinct_6mers", "entropy", "cpg")
CHUNK, CHUNK_BASES = 2048, 1 << 20  # sequences, and bases, worked on at once
K = 6


class _Text(NamedTuple):
    """Sequences end to end.

    base : uint8 (t,), A C G T = 0 1 2 3, 4 another letter.
    owner : int64 (t,), sequence of each base.
    begin, lengths : int64 (n,), where each sequence starts, and its letters.
    """

    base: np.ndarray
    owner: np.ndarray
    begin: np.ndarray
    lengths: np.ndarray


def token_regions(
    rule: TokenRule,
    sequences: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Return TOKEN_REGIONS: means per class of four measures, by stretch of tokens and by fifth of the sequence.

    Per sequence and stretch, over the bases A C G T in it: gc = (G + C) / (A + C + G + T); distinct_6mers = different 6-mers / 6-mers
    that lie wholly inside; entropy = - sum p log2 p over the four letters; cpg = CpG (A + C + G + T) / (C G), Gardiner-Garden & Frommer
    (J Mol Biol 1987). Undefined without a base, a 6-mer, or both C and G. The bases of a stretch of tokens are all that its tokens
    cover, of a sequence read in windows those of any window; tokens count from 0 without the special ones. An input longer than
    512 tokens has one more stretch. Intervals: percentiles of a bootstrap of whole groups.

    Parameters
    ----------
    rule : of the model.
    sequences, labels, groups : of n sequences.
    resamples : bootstrap resamples; 0 gives no interval.
    seed : of the resamples.
    """
    names = [("tokens", name) for name in stretches(rule.room)] + [
        ("sequence", f"{a}-{b} %") for a, b in pairwise(FIFTHS)
    ]
    values = np.full((len(sequences), len(names), len(MEASURES)), np.nan, dtype=np.float32)
    for first, last in chunks(sequences, bases=CHUNK_BASES, most=CHUNK):
        chunk = sequences[first:last]
        text = _text(chunk)
        for place, mask in enumerate([*_token_masks(rule, chunk, text), *_fifth_masks(text)]):
            values[first:last, place] = _measures(text, mask)
    return _table(values, names, np.asarray(labels), np.asarray(groups), (resamples, seed))


def stretches(room: int) -> list[str]:
    """Return the names of the stretches of an input with room for so many tokens: the reference's, and what lies beyond."""
    edges = _edges(room)
    return [f"{a}-{b}" for a, b in pairwise(edges)]


def _edges(room: int) -> list[int]:
    inside = [edge for edge in EDGES if edge < room]
    # a BERT of 512 has room for 510 tokens besides its special ones; the reference's last stretch keeps its name
    return [*inside, EDGES[len(inside)] if len(inside) < len(EDGES) else room]


def _text(sequences: Sequence[str]) -> _Text:
    letters, lengths = end_to_end(sequences)
    return _Text(LETTERS[letters], np.repeat(np.arange(len(lengths)), lengths), np.cumsum(lengths) - lengths, lengths)


def _token_masks(rule: TokenRule, sequences: Sequence[str], text: _Text) -> list[np.ndarray]:
    """Return bool (t,) for each stretch: the bases that its tokens cover."""
    tokens = encode(rule, sequences)
    number = np.arange(len(tokens.ids)) - np.repeat(tokens.offsets[:-1] + len(rule.prefix), tokens.lengths)
    start = tokens.spans + np.repeat(text.begin[tokens.owner], tokens.lengths)[:, None]
    real = tokens.spans[:, 1] > tokens.spans[:, 0]
    edges, masks = _edges(rule.room), []
    for low, high in pairwise(edges):
        chosen = start[real & (number >= low) & (number < high)]
        step = np.bincount(chosen[:, 0], minlength=len(text.base) + 1).astype(np.int64)
        step -= np.bincount(chosen[:, 1], minlength=len(text.base) + 1)
        masks.append(np.cumsum(step[: len(text.base)]) > 0)
    return masks


def _fifth_masks(text: _Text) -> list[np.ndarray]:
    """Return bool (t,) for each fifth: the bases whose middle lies in it."""
    share = (np.arange(len(text.base)) - text.begin[text.owner] + 0.5) / text.lengths[text.owner]
    fifth = np.minimum((share * 5).astype(np.int64), 4)
    return [fifth == i for i in range(5)]


def _measures(text: _Text, mask: np.ndarray) -> np.ndarray:
    """Return float64 (n, 4), the measures of the masked bases of each sequence, NaN where undefined."""
    n = len(text.lengths)
    known = mask & (text.base < 4)
    letters = np.bincount(4 * text.owner[known] + text.base[known], minlength=4 * n).reshape(n, 4)
    total = letters.sum(axis=1)
    together = known[:-1] & known[1:] & (text.owner[:-1] == text.owner[1:])
    pairs = together & (text.base[:-1] == 1) & (text.base[1:] == 2)
    cpg = np.bincount(text.owner[:-1][pairs], minlength=n)
    share = letters / np.maximum(total, 1)[:, None]
    entropy = -np.sum(share * np.log2(share, out=np.zeros_like(share), where=share > 0), axis=1)
    different, words = _words(text, known, n)
    columns = (
        (letters[:, 1] + letters[:, 2], total),
        (different, words),
        (entropy * total, total),
        (cpg * total, letters[:, 1] * letters[:, 2]),
    )
    return np.stack([np.divide(a, b, out=np.full(n, np.nan), where=b > 0) for a, b in columns], axis=1)


def _words(text: _Text, known: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (different 6-mers, 6-mers) that lie wholly inside the mask, int64 (n,) each."""
    if len(known) < K:
        return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    count = np.cumsum(np.append(0, known))
    whole = (count[K:] - count[:-K] == K) & (text.owner[: len(known) - K + 1] == text.owner[K - 1 :])
    owner = text.owner[: len(whole)][whole]
    seen = np.zeros((n, 4**K), dtype=bool)  # much quicker than finding the different ones among many by sorting
    seen[owner, kmer_codes(text.base & 3, K)[whole]] = True
    return np.count_nonzero(seen, axis=1), np.bincount(owner, minlength=n)


def _table(
    values: np.ndarray,
    names: list[tuple[str, str]],
    labels: np.ndarray,
    groups: np.ndarray,
    chance: tuple[int, int],
) -> pl.DataFrame:
    """Return the means of (n, stretches, measures) per class with bootstrap intervals; rows without a sequence are left out."""
    tables = [empty(TOKEN_REGIONS)]
    for number, label in enumerate(sorted(set(labels.tolist()))):
        chosen = labels == label
        part = values[chosen].reshape(chosen.sum(), -1).astype(np.float64)
        defined = ~np.isnan(part)
        count = defined.sum(axis=0)
        mean = np.nansum(part, axis=0) / np.maximum(count, 1)
        low, high = _interval(np.nan_to_num(part), defined, groups[chosen], (chance[0], chance[1] + number))
        rows = [(label, *name, measure) for name in names for measure in MEASURES]
        table = pl.DataFrame(rows, schema=["label", "coordinates", "stretch", "measure"], orient="row").with_columns(
            mean=pl.Series(mean),
            low=pl.Series(low).fill_nan(None),
            high=pl.Series(high).fill_nan(None),
            n=pl.Series(count.astype(np.int64)),
        )
        tables.append(table.filter(pl.col("n") > 0))
    return check(pl.concat(tables), TOKEN_REGIONS)


def _interval(
    part: np.ndarray, defined: np.ndarray, groups: np.ndarray, chance: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high) of the means of columns (n, m) over their defined values; NaN with fewer than two groups."""
    _, code = np.unique(groups, return_inverse=True)
    undefined = np.full(part.shape[1], np.nan)
    if code.max(initial=0) < 1 or not chance[0]:
        return undefined, undefined
    sums, counts = (np.zeros((code.max() + 1, part.shape[1])) for _ in range(2))
    np.add.at(sums, code, part)
    np.add.at(counts, code, defined)
    resampled = []
    for weights in group_bootstrap_weights(groups, *chance):
        reached = weights @ counts
        resampled.append(np.divide(weights @ sums, reached, out=np.full(reached.shape, np.nan), where=reached > 0))
    means = np.concatenate(resampled)
    enough = ((counts > 0).sum(axis=0) >= 2) & (2 * (~np.isnan(means)).sum(axis=0) >= chance[0])
    low, high = undefined.copy(), undefined.copy()
    if enough.any():
        low[enough], high[enough] = np.nanpercentile(means[:, enough], [2.5, 97.5], axis=0)
    return low, high
