"""Batches for pre-training: windows of DNA, and which of their tokens a BERT has to fill in.

BERT reads overlapping k-mers. A single hidden k-mer can be read off its neighbours, so stretches of k and more tokens are
hidden together (DNABERT, Ji et al., Bioinformatics 2021); every one of them becomes [MASK], because one that stayed, or a
wrong one in its place, would spell or blur the others.

Batch number i is drawn from (seed, i) alone: an interrupted pre-training goes on with the batches that it would have seen.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from phenolens.core.settings_learn import PretrainSettings
from phenolens.model.tokens import TokenRule, encode, padded

BASES_PER_BPE_TOKEN = 8  # more than a vocabulary of some thousand reaches, so that a window fills the input
IGNORED = -100  # Hugging Face's label of a token that does not count
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


class Window(NamedTuple):
    """Windows of one length: tokens with the special ones, and the bases that these take."""

    tokens: int
    bases: int


class Batches(Dataset):
    """Whole batches by number: input_ids, attention_mask, labels and, for a BERT, words, int64 (B, T).

    labels are -100 but for what is to be predicted; words are all tokens before any was hidden, -100 for special ones.

    Parameters
    ----------
    pieces : stretches of A C G T.
    rule : of the model's tokens.
    settings : windows and masking.
    seed : of all batches.
    count : batches in all.
    """

    def __init__(self, pieces: Sequence[str], rule: TokenRule, settings: PretrainSettings, seed: int, count: int):
        self.pieces = [np.frombuffer(piece.encode("ascii"), dtype=np.uint8) for piece in pieces]
        self.ends = np.cumsum([len(piece) for piece in pieces])
        self.rule, self.settings, self.seed, self.count = rule, settings, seed, count

    def __len__(self) -> int:
        """Return the number of batches."""
        return self.count

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """Return a batch."""
        random = np.random.default_rng((self.seed, number))
        texts = self._windows(random)
        tokens = encode(self.rule, texts)
        ids, mask, spans = padded(self.rule, tokens, np.arange(len(texts)))
        content = spans[..., 1] > spans[..., 0]
        if self.rule.kind == "kmer":
            hidden, words = hidden_tokens(content, self.settings, random), np.where(content, ids, IGNORED)
            labels = np.where(hidden, ids, IGNORED)
            ids = np.where(hidden, self.rule.vocabulary["[MASK]"], ids)
            arrays = {"input_ids": ids, "attention_mask": mask, "labels": labels, "words": words}
        else:
            arrays = {"input_ids": ids, "attention_mask": mask, "labels": np.where(content, ids, IGNORED)}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _windows(self, random: np.random.Generator) -> list[str]:
        """Return windows at random places and strands, all of one length, cut where a piece ends."""
        window = windows(self.rule, self.settings)[random.integers(len(self.settings.lengths))]
        texts = []
        for place in random.integers(self.ends[-1], size=max(1, self.settings.batch_tokens // window.tokens)):
            number = int(np.searchsorted(self.ends, place, side="right"))
            piece = self.pieces[number]
            last = max(0, len(piece) - window.bases)
            start = min(int(place - self.ends[number] + len(piece)), last)
            texts.append(piece[start : start + window.bases].tobytes().decode("ascii"))
        turned = random.random(len(texts)) < 0.5
        return [t.translate(_COMPLEMENT)[::-1] if turn else t for t, turn in zip(texts, turned, strict=True)]


def windows(rule: TokenRule, settings: PretrainSettings) -> list[Window]:
    """Return the window of each of the settings' lengths."""
    special = len(rule.prefix) + len(rule.suffix)
    if rule.kind == "kmer":
        return [Window(tokens, tokens - special + rule.k - 1) for tokens in settings.lengths]
    return [Window(tokens, tokens * BASES_PER_BPE_TOKEN) for tokens in settings.lengths]


def hidden_tokens(content: np.ndarray, settings: PretrainSettings, random: np.random.Generator) -> np.ndarray:
    """Return bool (B, T): the tokens to be hidden, in stretches of span_min to span_max tokens, at least one token a row.

    A stretch begins at each content token with the chance that makes `masked` the expected share of hidden tokens when
    stretches overlap: 1 - (1 - p)^m = masked, with m the mean length of a stretch.

    Parameters
    ----------
    content : bool (B, T), tokens that are not special ones or padding.
    """
    mean = (settings.span_min + settings.span_max) / 2
    chance = 1 - (1 - settings.masked) ** (1 / mean)
    begins = (random.random(content.shape) < chance) & content
    row, column = np.nonzero(begins)
    empty = np.flatnonzero(~begins.any(axis=1) & content.any(axis=1))
    row = np.concatenate([row, empty])
    column = np.concatenate([column, content[empty].argmax(axis=1)])
    length = random.integers(settings.span_min, settings.span_max + 1, size=len(row))
    edges = np.zeros((len(content), content.shape[1] + 1), dtype=np.int32)
    np.add.at(edges, (row, column), 1)
    np.add.at(edges, (row, np.minimum(column + length, content.shape[1])), -1)
    return np.asarray((np.cumsum(edges[:, :-1], axis=1) > 0) & content)
