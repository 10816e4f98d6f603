"""Scan sequences for motifs on both strands, with FIMO's exact p-values.

`prepare` turns motifs into integer score tables and look-up tables, once; `scan_blocks` reads any number of sequences block by block. All
sequences of a block lie end to end with a gap between them, and every place is asked once for 64 motifs whether one of them can be
there (`prefilter`). Only what can be a hit is scored.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.null_sample import NullSample, at_least, name_key
from phenolens.annotate.prefilter import WORD, Found, Group, Matrix, groups, search, word_codes
from phenolens.annotate.pvalues import (
    LETTERS,
    OTHER,
    ScoreTable,
    check_background,
    encode,
    q_values,
    score_table,
    true_null_share,
)
from phenolens.core.errors import DataError
from phenolens.core.schemas_motifs import HITS
from phenolens.core.table import empty
from phenolens.core.types import Motif

CHUNK = 2**18  # places searched at once
LETTERS_AT_ONCE = 2**16  # hits whose letters are written out at once

NOTHING = Found(*(np.empty(0, dtype=kind) for kind in (np.int64, np.int64, bool, np.int64)))

Block = tuple[Sequence[str], Sequence[str]]


class Prepared(NamedTuple):
    """Motifs ready to be scanned for: their score tables, and the look-ups of all that can reach the p-value threshold."""

    motifs: Sequence[Motif]
    tables: list[ScoreTable]
    groups: list[Group]
    both_strands: bool

    @property
    def reach(self) -> int:
        """Places that must follow the last one searched: as many as the look-ups of the widest motif may read."""
        return WORD * (-(-max(len(table.matrix) for table in self.tables) // WORD) + 1)


class _Text(NamedTuple):
    """The sequences of a block end to end: codes uint8 (N,), a gap code after each and `reach` of them at the end; starts int64 (n,)."""

    codes: np.ndarray
    starts: np.ndarray
    size: int


def prepare(
    motifs: Sequence[Motif], *, background: np.ndarray, p_threshold: float = 1e-4, both_strands: bool = True
) -> Prepared:
    """Return motifs ready to be scanned for.

    Parameters
    ----------
    motifs : motifs with unique ids.
    background : float64 (4,), frequencies of A, C, G, T; see `pvalues.background`. With both strands it is averaged over
        them, as FIMO does: a p-value may not depend on the strand that a file happens to hold.
    p_threshold : largest p-value of a hit.
    both_strands : also look for the reverse complement.

    Raises
    ------
    DataError : a motif id is not unique, or the background is not one.
    """
    _check_names("motifs", [motif.motif_id for motif in motifs])
    frequencies = check_background(background)
    if both_strands:
        frequencies = (frequencies + frequencies[::-1]) / 2
    tables = [score_table(motif, frequencies) for motif in motifs]
    matrices = []
    for index, table in enumerate(tables):
        lowest = _lowest_score(table.p_values, p_threshold)
        for scores in (table.matrix, table.matrix[::-1, ::-1])[: 1 + both_strands]:
            matrices.append(Matrix(index, scores is not table.matrix, scores, lowest))
    return Prepared(motifs, tables, groups(matrices), both_strands)


def scan(
    motifs: Sequence[Motif],
    sequences: Sequence[str],
    ids: Sequence[str],
    *,
    background: np.ndarray,
    p_threshold: float = 1e-4,
    both_strands: bool = True,
    chunk: int = CHUNK,
) -> pl.DataFrame:
    """Return HITS of motifs in sequences, as `scan_blocks` after `prepare`.

    Parameters
    ----------
    motifs, background, p_threshold, both_strands : as `prepare`.
    sequences, ids : n strings of bases with their n unique names.
    chunk : places searched at once; changes memory, never the result.

    Raises
    ------
    DataError : as `prepare`; ids and sequences differ in number, or an id is not unique.
    """
    _check_names("sequences to scan", list(ids))
    if len(ids) != len(sequences):
        raise DataError("sequences to scan", f"{len(sequences)} sequences", expected=f"one for each of {len(ids)} ids")
    prepared = prepare(motifs, background=background, p_threshold=p_threshold, both_strands=both_strands)
    return scan_blocks(prepared, [(ids, sequences)], chunk=chunk)


def scan_blocks(
    prepared: Prepared, blocks: Iterable[Block], *, shares: Sequence[float] | None = None, chunk: int = CHUNK
) -> pl.DataFrame:
    """Return HITS: every window of every sequence whose p-value is at most the threshold.

    Rows are in the order of the motifs, then the sequences, then start, + before -. `matched` is in upper case and in the
    motif's direction: a - hit's letters are the reverse complement of the sequence's. Windows with a letter other than
    ACGT (either case) are not tested. q-values count every window tested for the motif, on both strands. Memory grows with the
    largest block and the hits, not with the number of blocks.

    Parameters
    ----------
    prepared : see `prepare`.
    blocks : (n names, n strings of bases) each; the names of all blocks are unique.
    shares : of true nulls among the tests of each motif, for the q-values; estimated from a sample of the windows where not given.
    chunk : places searched at once; changes memory, never the result.
    """
    if not prepared.motifs:
        return empty(HITS)
    widths = np.array([len(table.matrix) for table in prepared.tables])
    sample, tests, parts = NullSample(int(widths.max())), np.zeros(len(widths), dtype=np.int64), []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for ids, sequences in blocks:
            text = _join(sequences, prepared.reach)
            keys = np.array([name_key(name) for name in ids], dtype=np.uint64)
            found = list(_search(prepared, text, keys, sample, (pool, chunk)))
            tests += _windows(text, widths) * (1 + prepared.both_strands)
            parts.append(_rows(text, ids, widths, found))
    if shares is None:
        windows = {width: sample.whole(width) for width in np.unique(widths).tolist()}
        counts = [at_least(table, windows[len(table.matrix)], prepared.both_strands) for table in prepared.tables]
        shares = [true_null_share(above, sampled) for above, sampled in counts]
    return _table(prepared, parts, tests, shares)


def _check_names(subject: str, names: list[str]) -> None:
    """Raise DataError when a name occurs twice."""
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DataError(subject, f"the name {name} occurs more than once", expected="unique names")


def _join(sequences: Sequence[str], reach: int) -> _Text:
    lengths = np.array([len(sequence) + 1 for sequence in sequences], dtype=np.int64)
    size = int(lengths.sum())
    starts = np.cumsum(lengths) - lengths
    codes = np.full(size + reach, OTHER, dtype=np.uint8)
    for start, sequence in zip(starts.tolist(), sequences, strict=True):
        codes[start : start + len(sequence)] = encode(sequence)
    return _Text(codes, starts, size)


def _search(
    prepared: Prepared, text: _Text, keys: np.ndarray, sample: NullSample, how: tuple[ThreadPoolExecutor, int]
) -> Iterator[Found]:
    """Yield what is found in each chunk, by all groups of motifs, and put each chunk's places into the sample."""
    pool, chunk = how
    for first in range(0, text.size, chunk):
        size = min(chunk, text.size - first)
        letters = text.codes[first : first + size + prepared.reach]
        row = np.zeros(size, dtype=np.int64)
        begun = text.starts[(text.starts > first) & (text.starts < first + size)] - first
        row[begun] = 1
        row = np.cumsum(row) + np.searchsorted(text.starts, first, side="right") - 1
        sample.add(letters, size, keys[row], np.arange(first, first + size) - text.starts[row])
        codes = word_codes(letters)
        for found in pool.map(partial(search, codes=codes, letters=letters, size=size), prepared.groups):
            yield found._replace(position=found.position + first)


def _windows(text: _Text, widths: np.ndarray) -> np.ndarray:
    """Return int64, how many windows of each width hold A, C, G and T only."""
    gaps = np.flatnonzero(text.codes == OTHER)
    runs, times = np.unique(np.diff(gaps, prepend=-1) - 1, return_counts=True)
    distinct, of_motif = np.unique(widths, return_inverse=True)
    windows = np.array([(times * np.maximum(runs - width + 1, 0)).sum() for width in distinct], dtype=np.int64)
    return windows[of_motif]


def _lowest_score(p_values: np.ndarray, p_threshold: float) -> int:
    """Return the lowest score whose p-value is at most the threshold; one more than the highest where there is none."""
    return len(p_values) - int(np.searchsorted(p_values[::-1], p_threshold, side="right"))


def _rows(text: _Text, ids: Sequence[str], widths: np.ndarray, found: list[Found]) -> pl.DataFrame:
    """Return the hits of a block in the order of HITS: motif (its index), sequence_id, start, reverse, score (integer), matched."""
    hits = Found(*(np.concatenate(parts) for parts in zip(*found, strict=True))) if found else NOTHING
    order = np.lexsort((hits.reverse, hits.position, hits.motif))
    motif, position, reverse, score = (column[order] for column in hits)
    row = np.searchsorted(text.starts, position, side="right") - 1
    return pl.DataFrame(
        {
            "motif": motif,
            "sequence_id": pl.Series(ids, dtype=pl.String).gather(row),
            "start": position - text.starts[row],
            "reverse": reverse,
            "score": score,
            "matched": _matched(text.codes, position, widths[motif], reverse),
        }
    )


def _matched(codes: np.ndarray, position: np.ndarray, width: np.ndarray, reverse: np.ndarray) -> pl.Series:
    """Return String (m,), the letters under each hit in the motif's direction."""
    parts = [pl.Series([], dtype=pl.Binary)]
    for first in range(0, len(position), LETTERS_AT_ONCE):
        some = slice(first, first + LETTERS_AT_ONCE)
        column, last = np.arange(width[some].max()), width[some, None] - 1
        back = np.maximum(last - column, 0)
        place = np.where(reverse[some, None], back, np.minimum(column, last))
        letters = codes[position[some, None] + place]
        letters = LETTERS[np.where(reverse[some, None], 3 - letters, letters)]
        letters[column > last] = 0  # numpy takes zeros at the end as none
        parts.append(pl.Series(letters.view(f"S{len(column)}").ravel().tolist(), dtype=pl.Binary))
    return pl.concat(parts).cast(pl.String)


def _table(prepared: Prepared, parts: list[pl.DataFrame], tests: np.ndarray, shares: Sequence[float]) -> pl.DataFrame:
    """Return HITS of all blocks; a motif's q-values need all its hits, its number of tests and its share of true nulls."""
    if not parts:
        return empty(HITS)
    rows = pl.concat(parts).sort("motif", maintain_order=True)
    motif, score = rows["motif"].to_numpy(), rows["score"].to_numpy()
    p_value, q_value, bits = (np.empty(len(score)) for _ in range(3))
    widths = np.array([len(table.matrix) for table in prepared.tables])
    edges = np.searchsorted(motif, np.arange(len(widths) + 1))
    for index, table in enumerate(prepared.tables):
        own = slice(edges[index], edges[index + 1])
        p_value[own] = table.p_values[score[own]]
        q_value[own] = q_values(p_value[own], int(tests[index]), shares[index])
        bits[own] = score[own] / table.scale + widths[index] * table.offset
    ids = pl.Series("motif_id", [m.motif_id for m in prepared.motifs], dtype=pl.String)
    names = pl.Series("motif_name", [m.name for m in prepared.motifs], dtype=pl.String)
    return rows.select(
        ids.gather(motif),
        names.gather(motif),
        "sequence_id",
        "start",
        (pl.col("start") + pl.Series(widths[motif])).alias("end"),
        pl.when("reverse").then(pl.lit("-")).otherwise(pl.lit("+")).alias("strand"),
        pl.Series("score", bits),
        pl.Series("p_value", p_value),
        pl.Series("q_value", q_value),
        "matched",
    )
