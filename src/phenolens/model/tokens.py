"""From sequences to token ids with the span of bases under every token; nobody else computes an offset.

Three kinds of token rule: overlapping k-mers (DNABERT; `ACGTAC` with k = 3 gives ACG CGT GTA TAC), done here in numpy because
Hugging Face's tokenizer turns raw DNA into one unknown token; non-overlapping k-mers and single letters (`model/blocks.py`);
and any fast Hugging Face tokenizer through its offset mapping.
Sequences are upper-cased for the model (lower case is the soft mask). All sequences are handled as one concatenated array.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from phenolens.core.kmers import LETTERS, kmer_codes
from phenolens.model.blocks import Blocks, block_tokens
from phenolens.model.chunks import chunks
from phenolens.model.cut import Pieces, pieces
from phenolens.model.offsets import offset_tokens

BLOCK_BASES = 1 << 17  # worked on at a time: what is needed on the way stays small, and in the processor's cache
_CODES = LETTERS.tobytes()


class TokenRule(NamedTuple):
    """How sequences become tokens for one model.

    kind : "kmer" (overlapping), "blocks" (non-overlapping k-mers or letters) or "tokenizer".
    vocabulary : token -> id (all of it for k-mers, empty for the others, whose tokenizer holds it).
    prefix, suffix : ids of the special tokens before and after the sequence.
    pad, unknown : ids; unknown is -1 where the tokenizer has none.
    cut : what is kept of longer sequences; see `pieces`.
    max_tokens : longest input, special tokens included.
    max_unknown : largest share of unknown tokens that `gate` lets pass.
    k : bases of a k-mer; 0 for a tokenizer.
    lookup : int32 (4^k,), id of each overlapping k-mer by its base-4 code (A C G T = 0 1 2 3); None for other kinds.
    blocks : tables of a vocabulary of blocks; None for other kinds.
    tokenizer : Hugging Face tokenizer, fast but for blocks; None for overlapping k-mers.
    upper : whether sequences are upper-cased (a tokenizer that knows only lower-case letters gets lower case).
    foreign : share of the vocabulary's words that no DNA can give; see `vocabulary.foreign_share`.
    left_out : letters that a tokenizer leaves out without counting them; see `letters_left_out`.
    """

    kind: Literal["kmer", "blocks", "tokenizer"]
    vocabulary: dict[str, int]
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    pad: int
    unknown: int
    cut: str
    max_tokens: int
    max_unknown: float
    k: int = 0
    lookup: np.ndarray | None = None
    blocks: Blocks | None = None
    tokenizer: Any = None
    upper: bool = True
    foreign: float = 0.0
    left_out: str = ""

    @property
    def room(self) -> int:
        """Tokens of a row besides the special ones, at least 1."""
        return max(self.max_tokens - len(self.prefix) - len(self.suffix), 1)


class Tokens(NamedTuple):
    """Tokens of n sequences as r rows of model input, laid end to end; those of row i are [offsets[i] : offsets[i + 1]].

    ids : int32 (t,), special tokens included.
    spans : int32 (t, 2), first base and one past the last base in the sequence; -1, -1 for special tokens.
    offsets : int64 (r + 1,).
    uncut : int64 (n,), tokens of the whole sequence before cutting, without special ones.
    owner : int64 (r,), the sequence of each row, ascending; 0 .. n - 1 unless the rule cuts into windows.
    dropped : int64 (n,), bases A C G T that a tokenizer left out, without a word, before any cutting; 0 for k-mers and blocks.
    """

    ids: np.ndarray
    spans: np.ndarray
    offsets: np.ndarray
    uncut: np.ndarray
    owner: np.ndarray
    dropped: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, special ones included, int64 (r,)."""
        lengths: np.ndarray = np.diff(self.offsets)
        return lengths


class _Whole(NamedTuple):
    """Tokens of n uncut sequences: token j of sequence i is ids[begin[i] + j]; k-mers need no spans (None), theirs is j, j + k."""

    ids: np.ndarray
    spans: np.ndarray | None
    begin: np.ndarray
    counts: np.ndarray
    dropped: np.ndarray


def encode(rule: TokenRule, sequences: Sequence[str]) -> Tokens:
    """Return the tokens of sequences, cut to the rule's longest input as `pieces` says.

    Parameters
    ----------
    rule : of the model.
    sequences : n sequences of any case; one shorter than k has no tokens but the special ones.
    """
    parts = [_encode(rule, sequences[first:last]) for first, last in chunks(sequences, bases=BLOCK_BASES)]
    if len(parts) == 1:
        return parts[0]
    ids, spans, offsets, uncut, owner, dropped = zip(*parts, _encode(rule, []), strict=True)
    ends, rows = (np.cumsum([0, *map(len, arrays)]).tolist() for arrays in (ids, uncut))
    return Tokens(
        np.concatenate(ids),
        np.concatenate(spans),
        np.concatenate([o[:-1] + end for o, end in zip(offsets, ends, strict=False)] + [ends[-1:]]),
        np.concatenate(uncut),
        np.concatenate([o + row for o, row in zip(owner, rows, strict=False)]),
        np.concatenate(dropped),
    )


def _encode(rule: TokenRule, sequences: Sequence[str]) -> Tokens:
    letters, lengths = end_to_end(sequences)
    whole = {"kmer": _overlapping, "blocks": _blocks, "tokenizer": _tokenized}[rule.kind](rule, letters, lengths)
    return _rows(rule, whole, pieces(rule.cut, whole.counts, rule.room, joins=rule.kind == "kmer"))


def end_to_end(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return (letters uint8, as written, ? for one outside ASCII; int64 (n,) letters of each sequence)."""
    letters = np.frombuffer("".join(sequences).encode("ascii", "replace"), dtype=np.uint8)
    return letters, np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))


def _overlapping(rule: TokenRule, letters: np.ndarray, lengths: np.ndarray) -> _Whole:
    assert rule.lookup is not None
    # after the last letter k times A, so that every letter has a word
    codes = np.frombuffer(letters.tobytes().translate(_CODES) + bytes(rule.k), dtype=np.uint8)
    ids = rule.lookup[kmer_codes(codes & 3, rule.k)]
    strange = np.flatnonzero(codes > 3)
    for j in range(rule.k):
        ids[np.maximum(strange - j, 0)] = rule.unknown
    counts = np.maximum(lengths - rule.k + 1, 0)
    return _Whole(ids, None, np.cumsum(lengths) - lengths, counts, np.zeros_like(counts))


def _blocks(rule: TokenRule, letters: np.ndarray, lengths: np.ndarray) -> _Whole:
    assert rule.blocks is not None
    ids, spans, counts = block_tokens(rule.blocks, letters, lengths, rule.unknown)
    return _Whole(ids, spans, np.cumsum(counts) - counts, counts, np.zeros_like(counts))


def _tokenized(rule: TokenRule, letters: np.ndarray, lengths: np.ndarray) -> _Whole:
    ids, spans, counts, dropped = offset_tokens(
        rule.tokenizer, letters, lengths, upper=rule.upper, left_out=rule.left_out
    )
    return _Whole(ids, spans, np.cumsum(counts) - counts, counts, dropped)


def _rows(rule: TokenRule, whole: _Whole, kept: Pieces) -> Tokens:
    """Return the kept tokens between the special ones."""
    before, after = len(rule.prefix), len(rule.suffix)
    lengths = kept.size.sum(axis=1) + before + after
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    # every place of the output as the token's number in its sequence; at special tokens whatever comes of it
    stretch = np.add(kept.size, (before, after))
    shift = kept.first - np.stack([offsets[:-1] + before, offsets[:-1] + before + kept.size[:, 0]], axis=1)
    number = np.arange(offsets[-1], dtype=np.int32)
    number += np.repeat(shift.astype(np.int32).ravel(), stretch.ravel())
    at = number + np.repeat(whole.begin[kept.owner], lengths)
    spans = np.empty((len(number), 2), dtype=np.int32)
    if whole.spans is None:
        spans[:, 0] = number
        spans[:, 1] = number + np.int32(rule.k)
    else:
        spans[:] = np.pad(whole.spans, ((0, 1), (0, 0))).take(at, axis=0, mode="clip")
    ids = np.append(whole.ids, np.int32(rule.pad)).take(at, mode="clip")
    for i, special in enumerate(rule.prefix):
        ids[offsets[:-1] + i], spans[offsets[:-1] + i] = special, -1
    for i, special in enumerate(reversed(rule.suffix)):
        ids[offsets[1:] - 1 - i], spans[offsets[1:] - 1 - i] = special, -1
    return Tokens(ids, spans, offsets, whole.counts, kept.owner, whole.dropped)


def padded(rule: TokenRule, tokens: Tokens, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ids, mask) int64 (B, T) and spans int32 (B, T, 2) of these rows, padded on the right to the longest of them.

    A row without any token becomes one padding token that counts as real, because attention over nothing is NaN.
    """
    lengths = np.maximum(tokens.lengths[rows], 1)
    column = np.arange(lengths.max(initial=1))
    mask = column < lengths[:, None]  # (B, T)
    real = column < tokens.lengths[rows][:, None]
    ids = np.full(mask.shape, rule.pad, dtype=np.int64)
    spans = np.full((*mask.shape, 2), -1, dtype=np.int32)
    flat = (tokens.offsets[rows][:, None] + column)[real]
    ids[real], spans[real] = tokens.ids[flat], tokens.spans[flat]
    return ids, mask.astype(np.int64), spans
