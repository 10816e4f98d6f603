"""What the tokens look like, and a stop before any training where the tokenizer does not fit: Hugging Face says nothing then."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from phenolens.core.errors import DataError
from phenolens.core.kmers import LETTERS
from phenolens.model.tokens import TokenRule, Tokens, end_to_end

MOST_N = 0.5
MOST_FOREIGN = 0.5
_N = np.frombuffer(b"Nn", dtype=np.uint8)


class TokenQuality(NamedTuple):
    """What the tokens of a set of sequences look like.

    unknown : share of tokens that the vocabulary does not have or that hold a letter other than A C G T N; those with an N not counted.
    with_n : share of tokens with an N.
    mean_tokens : mean tokens per sequence after cutting, without special ones; with windows those of all of them.
    cut_off : share of all tokens that cutting removed.
    dropped : share of the bases A C G T that the tokenizer left out, before any cutting.
    """

    unknown: float
    with_n: float
    mean_tokens: float
    cut_off: float
    dropped: float

    @property
    def note(self) -> str:
        """The tokens in one line for people."""
        lost = f", {self.cut_off:.0%} of all tokens cut off" if self.cut_off else ""
        return f"{self.mean_tokens:.0f} tokens per sequence{lost}"


class TokenCounts(NamedTuple):
    """What the kept tokens of n sequences are, int64 (n,) each.

    tokens : without special ones; with windows those of all of them.
    with_n : tokens with an N.
    unknown : other tokens that the vocabulary does not have or that hold a letter other than A C G T.
    uncut : tokens of the whole sequence.
    bases : letters A C G T of the whole sequence.
    dropped : those that the tokenizer left out, before any cutting.
    """

    tokens: np.ndarray
    with_n: np.ndarray
    unknown: np.ndarray
    uncut: np.ndarray
    bases: np.ndarray
    dropped: np.ndarray

    @property
    def readable(self) -> np.ndarray:
        """Whether a sequence has tokens and at most half of them hold an N or are unknown, bool (n,)."""
        readable: np.ndarray = (self.tokens > 0) & (2 * (self.with_n + self.unknown) <= self.tokens)
        return readable


def count(rule: TokenRule, tokens: Tokens, sequences: Sequence[str]) -> TokenCounts:
    """Return what the tokens of each sequence are."""
    letters, lengths = end_to_end(sequences)
    base, is_n = LETTERS[letters] < 4, np.isin(letters, _N)
    content = tokens.spans[:, 0] >= 0
    heads = np.cumsum(lengths) - lengths
    owner = np.repeat(tokens.owner, tokens.lengths)[content]
    place = heads[owner, None] + tokens.spans[content]  # (content tokens, 2)
    with_n, foreign = (np.diff(np.cumsum(np.append(0, letter))[place])[:, 0] > 0 for letter in (is_n, ~(base | is_n)))
    unknown = ((tokens.ids[content] == rule.unknown) | foreign) & ~with_n
    kept, of_n, strange = (
        np.bincount(chosen, minlength=len(lengths)) for chosen in (owner, owner[with_n], owner[unknown])
    )
    bases = np.cumsum(np.append(0, base))
    return TokenCounts(kept, of_n, strange, tokens.uncut, bases[heads + lengths] - bases[heads], tokens.dropped)


def summary(counts: TokenCounts, n: int) -> TokenQuality:
    """Return the quality of the tokens of n sequences, from the counts of each or from sums of them."""
    tokens, with_n, unknown, uncut, bases, dropped = (int(column.sum()) for column in counts)
    lost = dropped / max(1, bases)
    if not tokens:
        return TokenQuality(0.0, 0.0, 0.0, 0.0, lost)
    return TokenQuality(unknown / tokens, with_n / tokens, tokens / n, max(0.0, 1 - tokens / uncut), lost)


def quality(rule: TokenRule, tokens: Tokens, sequences: Sequence[str]) -> TokenQuality:
    """Return what the tokens look like: shares of unknown ones and of ones with an N, their number, what was cut off or dropped."""
    return summary(count(rule, tokens, sequences), len(sequences))


def gate(rule: TokenRule, tokens: Tokens, sequences: Sequence[str]) -> TokenQuality:
    """Return the tokens' quality after making sure that the model can read them.

    Raises
    ------
    DataError : as `refuse`; no tokens at all; more than half of them with an N.
    """
    found = quality(rule, tokens, sequences)
    refuse(rule, found)
    if len(sequences) and not found.mean_tokens:
        raise DataError(
            "sequences",
            "none gives a token",
            expected=f"at least {max(rule.k, 1)} bases",
            remedy="check the input file",
        )
    if found.with_n > MOST_N:
        raise DataError(
            "sequences",
            f"{found.with_n:.1%} of their tokens contain an N",
            expected=f"at most {MOST_N:.0%}",
            remedy="leave out regions without sequence (assembly gaps)",
        )
    return found


def refuse(rule: TokenRule, found: TokenQuality) -> None:
    """Return nothing when the tokenizer fits.

    Raises
    ------
    DataError : a vocabulary that is not of DNA; bases without any token, or unknown tokens, above what the rule allows.
    """
    if rule.foreign > max(MOST_FOREIGN, rule.max_unknown):
        raise DataError(
            "tokenizer",
            f"made for other text than DNA: {rule.foreign:.1%} of its words have letters that no DNA has",
            expected=f"at most {MOST_FOREIGN:.0%}",
            remedy="choose a model of DNA, or set train.max_unknown = 1 if this one is meant",
        )
    if found.dropped > rule.max_unknown:
        raise DataError(
            "sequences",
            f"the model's tokenizer leaves out {found.dropped:.1%} of their bases without a token",
            expected=f"at most {rule.max_unknown:.1%} (train.max_unknown)",
            remedy="choose a model whose tokenizer knows the letters A C G T",
        )
    if found.unknown > rule.max_unknown:
        raise DataError(
            "sequences",
            f"{found.unknown:.1%} of their tokens are unknown to the model's tokenizer (besides those with an N)",
            expected=f"at most {rule.max_unknown:.1%} (train.max_unknown)",
            remedy="give DNA in the letters A C G T N, or a model whose tokenizer knows these letters",
        )
