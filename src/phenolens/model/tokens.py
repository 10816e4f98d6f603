"""From sequences to token ids with the span of bases under every token; nobody else computes an offset.

Two kinds of token rule: overlapping k-mers (DNABERT; `ACGTAC` with k = 3 gives ACG CGT GTA TAC), done here in numpy because
Hugging Face's tokenizer turns raw DNA into one unknown token; and any fast Hugging Face tokenizer through its offset mapping.
Sequences are upper-cased for the model (lower case is the soft mask). All sequences are handled as one concatenated array.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from phenolens.core.errors import DataError

PAPER_HEAD, PAPER_TAIL = 300, 212
MOST_N = 0.5
BASES = "ACGT"
_CODE = np.full(256, 4, dtype=np.uint8)  # letter -> 0-3, 5 for N, 4 for anything else
_CODE[ord("N")] = 5
_CODE[np.frombuffer(BASES.encode(), dtype=np.uint8)] = np.arange(4, dtype=np.uint8)


class TokenRule(NamedTuple):
    """How sequences become tokens for one model.

    kind : "kmer" or "tokenizer".
    vocabulary : token -> id (all of it for k-mers, empty for a tokenizer, which holds its own).
    prefix, suffix : ids of the special tokens before and after the sequence.
    pad, unknown : ids; unknown is -1 where the tokenizer has none.
    cut : what is kept of longer sequences; see `encode`.
    max_tokens : longest input, special tokens included.
    max_unknown : largest share of unknown tokens that `gate` lets pass.
    k : bases of a k-mer; 0 for a tokenizer.
    lookup : int32 (4^k,), id of each k-mer by its base-4 code (A C G T = 0 1 2 3); None for a tokenizer.
    tokenizer : Hugging Face fast tokenizer; None for k-mers.
    upper : whether sequences are upper-cased (a tokenizer that knows only lower-case letters gets lower case).
    """

    kind: Literal["kmer", "tokenizer"]
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
    tokenizer: Any = None
    upper: bool = True


class Tokens(NamedTuple):
    """Tokens of n sequences, laid end to end; those of sequence i are [offsets[i] : offsets[i + 1]].

    ids : int32 (t,), special tokens included.
    spans : int32 (t, 2), first base and one past the last base in the sequence; -1, -1 for special tokens.
    offsets : int64 (n + 1,).
    uncut : int64 (n,), tokens of the whole sequence before cutting, without special ones.
    """

    ids: np.ndarray
    spans: np.ndarray
    offsets: np.ndarray
    uncut: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence, special ones included, int64 (n,)."""
        lengths: np.ndarray = np.diff(self.offsets)
        return lengths


class TokenQuality(NamedTuple):
    """What the tokens of a set of sequences look like.

    unknown : share of tokens that the vocabulary does not have or that hold a letter other than A C G T N; those with an N not counted.
    with_n : share of tokens with an N.
    mean_tokens : mean tokens per sequence after cutting, without special ones.
    cut_off : share of all tokens that cutting removed.
    """

    unknown: float
    with_n: float
    mean_tokens: float
    cut_off: float


def encode(rule: TokenRule, sequences: Sequence[str]) -> Tokens:
    """Return the tokens of sequences, cut to the rule's longest input.

    Cutting rules, for sequences of m tokens and room for b = max_tokens - special tokens:
    head_tail keeps all when m <= b, else the first b * 300 / 512 and the last ones, without repeats; head keeps the first b;
    paper (k-mers) joins the first 300 and the last 212, repeated when m < 512, and keeps the first b of these; for other
    tokenizers the paper cuts the end, which is head.

    Parameters
    ----------
    rule : of the model.
    sequences : n sequences of any case; one shorter than k has no tokens but the special ones.
    """
    text = [(b.upper() if rule.upper else b.lower()) for b in (s.encode("ascii", "replace") for s in sequences)]
    if rule.kind == "kmer":
        starts_at, lengths, codes = _concatenate(text)
        uncut = np.maximum(lengths - rule.k + 1, 0)
        kept, within = _selection(uncut, rule)
        row = np.repeat(np.arange(len(text)), kept)
        ids = _kmer_ids(codes, starts_at[row] + within, rule)
        starts, ends = within, within + rule.k
    else:
        all_ids, all_spans, uncut = _tokenize(rule.tokenizer, [b.decode("ascii") for b in text])
        kept, within = _selection(uncut, rule)
        flat = np.repeat(np.cumsum(uncut) - uncut, kept) + within
        ids, starts, ends = all_ids[flat], all_spans[flat, 0], all_spans[flat, 1]
    return _with_specials(rule, ids, np.stack([starts, ends], axis=1), kept, uncut)


def _concatenate(text: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (start of each sequence, its length, code of every letter) of sequences laid end to end."""
    letters = np.frombuffer(b"".join(text), dtype=np.uint8)
    lengths = np.fromiter((len(s) for s in text), dtype=np.int64, count=len(text))
    return np.cumsum(lengths) - lengths, lengths, _CODE[letters]


def _kmer_ids(codes: np.ndarray, starts: np.ndarray, rule: TokenRule) -> np.ndarray:
    """Return int32 ids of the k-mers that begin at these positions of the concatenated codes; unknown where a letter is not a base."""
    assert rule.lookup is not None
    value = np.zeros(len(starts), dtype=np.int32)
    known = np.ones(len(starts), dtype=bool)
    for j in range(rule.k):
        letter = codes[starts + j]
        value = value * 4 + (letter & 3)
        known &= letter < 4
    return np.where(known, rule.lookup[value], rule.unknown).astype(np.int32)


def _selection(uncut: np.ndarray, rule: TokenRule) -> tuple[np.ndarray, np.ndarray]:
    """Return (kept, within): how many tokens of each sequence are kept (n,), and which, as an index in the sequence (sum of kept,)."""
    room = max(rule.max_tokens - len(rule.prefix) - len(rule.suffix), 1)
    if rule.cut == "paper" and rule.kind == "kmer":
        head = np.minimum(np.minimum(uncut, PAPER_HEAD), room)
        tail_from = uncut - np.minimum(uncut, PAPER_TAIL)
        kept = np.minimum(head + np.minimum(uncut, PAPER_TAIL), room)
    else:
        share = round(room * PAPER_HEAD / (PAPER_HEAD + PAPER_TAIL)) if rule.cut == "head_tail" else room
        kept = np.minimum(uncut, room)
        head = np.where(uncut > room, share, uncut)
        tail_from = uncut - (kept - head)
    position = _ranges(kept)
    in_head = position < np.repeat(head, kept)
    return kept, np.where(in_head, position, position + np.repeat(tail_from - head, kept))


def _ranges(counts: np.ndarray) -> np.ndarray:
    """Return 0 .. counts[0] - 1, 0 .. counts[1] - 1, ... in one array."""
    position: np.ndarray = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return position


def _tokenize(tokenizer: Any, text: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ids (t,), spans (t, 2), tokens of each sequence (n,)) of a Hugging Face tokenizer, without special tokens."""
    encoded = tokenizer.backend_tokenizer.encode_batch(text, add_special_tokens=False)
    counts = np.fromiter((len(e.ids) for e in encoded), dtype=np.int64, count=len(encoded))
    ids = np.fromiter((i for e in encoded for i in e.ids), dtype=np.int32, count=int(counts.sum()))
    spans = np.array([span for e in encoded for span in e.offsets], dtype=np.int32).reshape(-1, 2)
    return ids, spans, counts


def _with_specials(rule: TokenRule, ids: np.ndarray, spans: np.ndarray, kept: np.ndarray, uncut: np.ndarray) -> Tokens:
    lengths = kept + len(rule.prefix) + len(rule.suffix)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    place = np.repeat(offsets[:-1] + len(rule.prefix), kept) + _ranges(kept)
    all_ids = np.empty(int(offsets[-1]), dtype=np.int32)
    all_spans = np.full((int(offsets[-1]), 2), -1, dtype=np.int32)
    all_ids[place], all_spans[place] = ids, spans
    for i, special in enumerate(rule.prefix):
        all_ids[offsets[:-1] + i] = special
    for i, special in enumerate(reversed(rule.suffix)):
        all_ids[offsets[1:] - 1 - i] = special
    return Tokens(all_ids, all_spans, offsets, uncut)


def padded(rule: TokenRule, tokens: Tokens, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ids, mask) int64 (B, T) and spans int32 (B, T, 2) of these rows, padded on the right to the longest of them.

    A sequence without any token becomes one padding token that counts as real, because attention over nothing is NaN.
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


def quality(rule: TokenRule, tokens: Tokens, sequences: Sequence[str]) -> TokenQuality:
    """Return what the tokens look like: shares of unknown ones and of ones with an N, their number, what was cut off."""
    content = tokens.spans[:, 0] >= 0
    total = int(content.sum())
    if not total:
        return TokenQuality(0.0, 0.0, 0.0, 0.0)
    starts_at, _, codes = _concatenate([s.encode("ascii", "replace").upper() for s in sequences])
    begin = np.repeat(starts_at, tokens.lengths)[content, None] + tokens.spans[content]  # (content tokens, 2)
    with_n, foreign = (np.diff(np.cumsum(np.append(0, codes == code))[begin])[:, 0] > 0 for code in (5, 4))
    unknown = ((tokens.ids[content] == rule.unknown) | foreign) & ~with_n
    whole = int(tokens.uncut.sum())
    return TokenQuality(
        float(unknown.mean()), float(with_n.mean()), total / len(sequences), max(0.0, 1 - total / whole)
    )


def gate(rule: TokenRule, tokens: Tokens, sequences: Sequence[str]) -> TokenQuality:
    """Return the tokens' quality after making sure that the model can read them.

    Raises
    ------
    DataError : no tokens at all, more unknown tokens than the rule allows, or more than half of them with an N.
    """
    found = quality(rule, tokens, sequences)
    if len(sequences) and not found.mean_tokens:
        raise DataError(
            "sequences",
            "none gives a token",
            expected=f"at least {max(rule.k, 1)} bases",
            remedy="check the input file",
        )
    if found.unknown > rule.max_unknown:
        raise DataError(
            "sequences",
            f"{found.unknown:.1%} of their tokens are unknown to the model's tokenizer (besides those with an N)",
            expected=f"at most {rule.max_unknown:.1%} (train.max_unknown)",
            remedy="give DNA in the letters A C G T N, or a model whose tokenizer knows these letters",
        )
    if found.with_n > MOST_N:
        raise DataError(
            "sequences",
            f"{found.with_n:.1%} of their tokens contain an N",
            expected=f"at most {MOST_N:.0%}",
            remedy="leave out regions without sequence (assembly gaps)",
        )
    return found
