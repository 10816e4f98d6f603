"""Sequences that come chunk by chunk, through one model or the average of several; a sequence that cannot be read gets no number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phenolens.model.gate import TokenCounts, count, refuse, summary
from phenolens.model.load import Loaded
from phenolens.model.predict import Precision, predict
from phenolens.model.tokens import TokenRule, encode


class Seen(NamedTuple):
    """What was read so far.

    sequences : their number.
    unreadable : how many of them got no probabilities.
    counts : sums over the readable ones, as arrays of one element.
    """

    sequences: int
    unreadable: int
    counts: TokenCounts


NOTHING = Seen(0, 0, TokenCounts(*(np.zeros(1, dtype=np.int64) for _ in TokenCounts._fields)))


class Answer(NamedTuple):
    """What the models say about a chunk.

    probabilities : float64 (n, C), columns as the labels; NaN in the rows of sequences that cannot be read.
    seen : this chunk and all before it.
    """

    probabilities: np.ndarray
    seen: Seen


def answer(
    models: Sequence[Loaded],
    readings: Sequence[Sequence[str]],
    seen: Seen,
    *,
    batch_size: int = 64,
    precision: Precision = "fp32",
) -> Answer:
    """Return the mean probabilities over models and readings of one chunk of sequences.

    Parameters
    ----------
    models : with the same labels and tokens.
    readings, seen : as in `look`.
    batch_size, precision : as in predict.

    Raises
    ------
    DataError : the tokenizer does not fit what was read so far.
    """
    readable, known = look(models[0].rule, readings, seen)
    probabilities = np.full((len(readable), len(models[0].labels)), np.nan)
    if readable.any():
        kept = [[text for text, read in zip(texts, readable, strict=True) if read] for texts in readings]
        probabilities[readable] = mean_probabilities(models, kept, batch_size=batch_size, precision=precision)
    return Answer(probabilities, known)


def look(rule: TokenRule, readings: Sequence[Sequence[str]], seen: Seen) -> tuple[np.ndarray, Seen]:
    """Return (which sequences of a chunk can be read, bool (n,); what was read with them).

    A sequence is read when it has tokens of which at most half hold an N or are unknown, in every reading.

    Parameters
    ----------
    rule : how sequences become tokens.
    readings : one list of n sequences, or two: the sequences and their other strands.
    seen : of the chunks before; NOTHING before the first.

    Raises
    ------
    DataError : the tokenizer does not fit what was read so far.
    """
    counted = [count(rule, encode(rule, texts), texts) for texts in readings]
    readable = np.logical_and.reduce([counts.readable for counts in counted])
    sums = zip(seen.counts, *counted, strict=True)
    added = TokenCounts(*(total + sum(part[readable].sum() for part in parts) for total, *parts in sums))
    known = Seen(seen.sequences + len(readable), seen.unreadable + int((~readable).sum()), added)
    refuse(rule, summary(added, known.sequences))
    return readable, known


def mean_probabilities(
    models: Sequence[Loaded],
    readings: Sequence[Sequence[str]],
    *,
    batch_size: int = 64,
    precision: Precision = "fp32",
) -> np.ndarray:
    """Return the mean probabilities over models and readings of sequences that can be read, float64 (n, C).

    Parameters
    ----------
    models, readings, batch_size, precision : as in `answer`.
    """
    ways = [(model, texts) for model in models for texts in readings]
    each = [predict(*way, batch_size=batch_size, gated=False, precision=precision) for way in ways]
    return np.asarray(np.mean(each, axis=0, dtype=np.float64))
