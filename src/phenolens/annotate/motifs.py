"""Scan sequences for motifs on both strands, with FIMO's exact p-values, as sums of a few table look-ups a position.

All sequences lie end to end with a gap between them. A chunk's letters become overlapping 6-mer codes once; a motif of
13 positions is then three look-ups in tables of 4,096 sums. Windows with a letter other than ACGT are left out before.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.pvalues import (
    LAMBDAS,
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
from phenolens.core.schemas import HITS
from phenolens.core.table import empty
from phenolens.core.types import Motif

WORD = 6  # letters looked up at once: 4^6 sums of 8 bytes stay in the processor's nearest cache
CHUNK = 2**18  # windows scored at once


class _Text(NamedTuple):
    """All sequences end to end: codes uint8 (N,), a gap code after each sequence; starts int64 (n,), first base of each."""

    codes: np.ndarray
    starts: np.ndarray


class _Found(NamedTuple):
    """Hits of one motif on one strand in one chunk: position int64 (m,) in the text, score int64 (m,), reverse strand or not."""

    position: np.ndarray
    score: np.ndarray
    reverse: bool


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
    """Return HITS: every window of every sequence whose p-value is at most the threshold.

    Rows are in the order of the motifs, then the sequences, then start, + before -. `matched` is in upper case and in the
    motif's direction: a - hit's letters are the reverse complement of the sequence's. Windows with a letter other than
    ACGT (either case) are not tested. q-values count every window tested for the motif, on both strands.

    Parameters
    ----------
    motifs : motifs with unique ids.
    sequences, ids : n strings of bases with their n unique names.
    background : float64 (4,), frequencies of A, C, G, T; see `pvalues.background`. With both strands it is averaged over
        them, as FIMO does: a p-value may not depend on the strand that a file happens to hold.
    p_threshold : largest p-value of a hit.
    both_strands : also test the reverse complement.
    chunk : windows scored at once; changes memory, never the result.

    Raises
    ------
    DataError : ids and sequences differ in number, an id is not unique, or the background is not one.
    """
    _check_names("motifs", [motif.motif_id for motif in motifs])
    _check_names("sequences to scan", list(ids))
    if len(ids) != len(sequences):
        raise DataError("sequences to scan", f"{len(sequences)} sequences", expected=f"one for each of {len(ids)} ids")
    frequencies = check_background(background)
    if both_strands:
        frequencies = (frequencies + frequencies[::-1]) / 2
    if not motifs or not sequences:
        return empty(HITS)
    text = _join(sequences)
    tables = [score_table(motif, frequencies) for motif in motifs]
    found: list[list[_Found]] = [[] for _ in motifs]
    at_least, tests = np.zeros((len(motifs), len(LAMBDAS)), dtype=np.int64), np.zeros(len(motifs), dtype=np.int64)
    for index, first, valid, words in _windows(text, [len(table.matrix) for table in tables], chunk):
        for strand in range(1 + both_strands):
            scores = _scores(tables[index].matrix[::-1, ::-1] if strand else tables[index].matrix, words)
            at_least[index] += _count_at_least(scores, tables[index].p_values)
            tests[index] += len(scores)
            hits = np.flatnonzero(scores >= _lowest_score(tables[index].p_values, p_threshold))
            if len(hits):
                found[index].append(_Found(first + valid[hits], scores[hits], bool(strand)))
    return pl.concat(
        [empty(HITS)]
        + [
            _table(motif, table, text, ids, hits, (int(count), true_null_share(above, int(count))))
            for motif, table, hits, count, above in zip(motifs, tables, found, tests, at_least, strict=True)
            if hits
        ]
    )


def _check_names(subject: str, names: list[str]) -> None:
    """Raise DataError when a name occurs twice."""
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DataError(subject, f"the name {name} occurs more than once", expected="unique names")


def _join(sequences: Sequence[str]) -> _Text:
    """Return all sequences as one text."""
    lengths = np.array([len(sequence) + 1 for sequence in sequences])
    codes = encode("\n".join(sequences) + "\n")
    return _Text(codes, np.cumsum(lengths) - lengths)


def _windows(text: _Text, widths: list[int], chunk: int) -> Iterator[tuple[int, int, np.ndarray, list[np.ndarray]]]:
    """Yield, chunk by chunk and motif by motif: motif index, first position, valid window starts in the chunk, their words.

    words : for each stretch of WORD motif positions, int64 (m,) codes of the letters under it. The last stretch may reach
    beyond the window; the motif's scores are 0 there.
    """
    reach = -(-max(widths) // WORD) * WORD
    by_width: dict[int, list[int]] = {}
    for index, width in enumerate(widths):
        by_width.setdefault(width, []).append(index)
    for first in range(0, len(text.codes), chunk):
        codes = text.codes[first : first + chunk + reach]
        size = min(chunk, len(text.codes) - first)
        codes = np.pad(codes, (0, size + reach + WORD - len(codes)), constant_values=OTHER)
        others = np.concatenate([[0], np.cumsum(codes == OTHER)])
        letters = np.where(codes == OTHER, 0, codes).astype(np.int64)
        words = np.zeros(size + reach, dtype=np.int64)
        for shift in range(WORD):
            words = words * 4 + letters[shift : shift + size + reach]
        for width, members in by_width.items():
            valid = np.flatnonzero(others[width : width + size] == others[:size])
            stretches = [words[valid + shift] for shift in range(0, width, WORD)]
            for index in members:
                yield index, first, valid, stretches


def _scores(matrix: np.ndarray, words: list[np.ndarray]) -> np.ndarray:
    """Return int64 (m,), the score of each window, from the matrix (w, 4) and the windows' words."""
    padded = np.zeros((len(words) * WORD, 4), dtype=np.int64)
    padded[: len(matrix)] = matrix
    rows = padded.reshape(len(words), WORD, 4)
    sums = rows[:, 0]
    for shift in range(1, WORD):
        sums = (sums[:, :, None] + rows[:, shift, None, :]).reshape(len(words), -1)  # (stretches, 4^(shift + 1))
    # mode="clip" skips numpy's bounds check; the codes are in range by construction
    scores: np.ndarray = sums[0].take(words[0], mode="clip")
    for table, codes in zip(sums[1:], words[1:], strict=True):
        scores += table.take(codes, mode="clip")
    return scores


def _lowest_score(p_values: np.ndarray, p_threshold: float) -> int:
    """Return the lowest score whose p-value is at most the threshold; one more than the highest where there is none."""
    return len(p_values) - int(np.searchsorted(p_values[::-1], p_threshold, side="right"))


def _count_at_least(scores: np.ndarray, p_values: np.ndarray) -> np.ndarray:
    """Return int64 (100,), how many scores have a p-value of at least each of `LAMBDAS`."""
    up_to = np.cumsum(np.bincount(scores, minlength=len(p_values)))
    return up_to[len(p_values) - np.searchsorted(p_values[::-1], LAMBDAS, side="left") - 1]


def _table(
    motif: Motif, table: ScoreTable, text: _Text, ids: Sequence[str], found: list[_Found], tested: tuple[int, float]
) -> pl.DataFrame:
    """Return the HITS of one motif; tested = (number of windows tested, share of true nulls among them)."""
    width = len(table.matrix)
    position = np.concatenate([part.position for part in found])
    score = np.concatenate([part.score for part in found])
    reverse = np.repeat([part.reverse for part in found], [len(part.position) for part in found])
    order = np.lexsort((reverse, position))
    position, score, reverse = position[order], score[order], reverse[order]
    row = np.searchsorted(text.starts, position, side="right") - 1
    start = position - text.starts[row]
    codes = text.codes[position[:, None] + np.arange(width)]  # (m, w)
    codes = np.where(reverse[:, None], 3 - codes[:, ::-1], codes)
    p_values = table.p_values[score]
    return pl.DataFrame(
        {
            "motif_id": pl.repeat(motif.motif_id, len(row), dtype=pl.String, eager=True),
            "motif_name": pl.repeat(motif.name, len(row), dtype=pl.String, eager=True),
            "sequence_id": pl.Series(ids, dtype=pl.String)[row],
            "start": start,
            "end": start + width,
            "strand": pl.Series(reverse).replace_strict({False: "+", True: "-"}, return_dtype=pl.String),
            "score": score / table.scale + width * table.offset,
            "p_value": p_values,
            "q_value": q_values(p_values, *tested),
            "matched": pl.Series(np.ascontiguousarray(LETTERS[codes]).view(f"S{width}").ravel().astype(str)),
        }
    )
