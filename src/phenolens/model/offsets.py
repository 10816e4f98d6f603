"""Tokens of a fast Hugging Face tokenizer, and the bases under each by its offsets."""

import string
from itertools import pairwise
from typing import Any

import numpy as np

from phenolens.core.kmers import LETTERS


def offset_tokens(
    tokenizer: Any, letters: np.ndarray, lengths: np.ndarray, *, upper: bool, left_out: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (ids int32 (t,), spans int32 (t, 2), tokens of each sequence (n,), bases A C G T of each under no token (n,)).

    Parameters
    ----------
    tokenizer : fast.
    letters : uint8 (sum of lengths,), sequences laid end to end.
    lengths : int64 (n,).
    upper : whether the tokenizer gets upper case, else lower case.
    left_out : letters that it leaves out without counting them, from `letters_left_out`.
    """
    text = letters.tobytes().upper() if upper else letters.tobytes().lower()
    keep = ~np.isin(np.frombuffer(text, dtype=np.uint8), list(left_out.encode()))
    heads = np.concatenate([[0], np.cumsum(lengths)])
    kept = np.append(np.flatnonzero(keep), len(letters))
    place = np.searchsorted(kept, heads)
    clean = text.translate(None, left_out.encode()).decode("ascii")
    parts = [clean[start:end] for start, end in pairwise(place.tolist())]
    # a tokenizer.json may hold both, and a call may leave them on: it would cut or fill up without a word
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    encoded = tokenizer.backend_tokenizer.encode_batch(parts, add_special_tokens=False)
    counts = np.fromiter((len(e.ids) for e in encoded), dtype=np.int64, count=len(encoded))
    ids = np.fromiter((i for e in encoded for i in e.ids), dtype=np.int32, count=int(counts.sum()))
    owner = np.repeat(np.arange(len(counts)), counts)
    start, end = np.array([span for e in encoded for span in e.offsets], dtype=np.int64).reshape(-1, 2).T + place[owner]
    # from places among the kept letters to places among all; a token may lie on both sides of letters that were left out
    spans = np.stack([kept[start], np.where(end > start, kept[end - 1] + 1, kept[start])], axis=1)
    base = LETTERS[letters] < 4
    seen = np.diff(np.cumsum(np.append(0, base & keep))[spans])[:, 0]
    covered = np.bincount(owner, seen, minlength=len(counts)).astype(np.int64)
    dropped = np.diff(np.cumsum(np.append(0, base))[heads]) - covered
    return ids, (spans - heads[owner, None]).astype(np.int32), counts, dropped


def letters_left_out(tokenizer: Any, probe: str) -> str:
    """Return the letters, of the probe's case, that a tokenizer leaves out without counting them in its offsets.

    A BPE model without an unknown token does so: `ANGCT` becomes AC T with the offsets 0-2, 2-3. Spans are right only if the caller
    takes these letters out beforehand.

    Parameters
    ----------
    tokenizer : fast.
    probe : letters A C G T, of the case that the tokenizer knows.
    """
    inner, case = tokenizer.backend_tokenizer, str.upper if probe.isupper() else str.lower
    lost = ""
    for letter in map(case, string.ascii_uppercase + "?"):
        mixed = inner.encode(letter.join(probe), add_special_tokens=False)
        silent = mixed.ids == inner.encode(probe.replace(letter, ""), add_special_tokens=False).ids
        if silent and mixed.offsets and mixed.offsets[-1][1] < 2 * len(probe) - 1:
            lost += letter
    return lost
