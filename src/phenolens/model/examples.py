"""Training and validation sequences as tokens, and how some of them become one batch.

Training sequences can be read from either strand and with some tokens hidden, drawn anew in each epoch from (seed, epoch, row) alone:
whatever the batches, the processes or an interruption, a row looks the same in the same epoch. Of overlapping k-mers a hidden one can
be read off its neighbours; hiding single ones is dropout on the input.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
import torch

from phenolens.core.errors import DataError
from phenolens.core.settings_learn import TrainSettings
from phenolens.core.strands import reverse_complement
from phenolens.model.batching import ABSENT
from phenolens.model.gate import gate
from phenolens.model.load import Loaded
from phenolens.model.tokens import TokenRule, encode

NOT_COUNTED = -100  # Hugging Face's label of a row that does not count


class Inputs(NamedTuple):
    """Token rows of n sequences, without spans; a sequence has one row, or one for each of its windows.

    ids : int32 (t,); those of row i are [offsets[i] : offsets[i + 1]].
    offsets : int64 (rows + 1,).
    first : int64 (n + 1,); sequence s has the rows first[s] .. first[s + 1] - 1.
    """

    ids: np.ndarray
    offsets: np.ndarray
    first: np.ndarray


class Examples(NamedTuple):
    """Sequences of one split.

    strands : their tokens, and where either strand can be read those of the reverse complements.
    classes : int64 (n,), class numbers.
    rule : how they became tokens.
    mask_tokens : share of the tokens that is hidden.
    seed : of strand and hidden tokens.
    """

    strands: tuple[Inputs, ...]
    classes: np.ndarray
    rule: TokenRule
    mask_tokens: float
    seed: int

    def __len__(self) -> int:
        """Return the number of sequences, n."""
        return len(self.classes)

    @property
    def cost(self) -> np.ndarray:
        """Tokens that each sequence takes in a batch at most, int64 (n,): its own, or of windows all that they can hold."""
        costs = []
        for _, offsets, first in self.strands:
            rows = np.diff(first)
            own = np.diff(offsets)[first[:-1]]
            costs.append(np.where(rows == 1, own, rows * self.rule.max_tokens))
        cost: np.ndarray = np.maximum(np.max(costs, axis=0), 1)
        return cost


def read_examples(
    loaded: Loaded, sequences: pl.DataFrame, settings: TrainSettings, seed: int
) -> tuple[Examples, Examples]:
    """Return the examples of train and of validation; only those of train are read from either strand and with tokens hidden.

    Raises
    ------
    DataError : a class without training sequences or unknown to the model, no validation sequences, or letters the tokenizer does not know.
    """
    number = {label: i for i, label in enumerate(loaded.labels)}
    strange = sorted(set(sequences["label"]) - set(number))
    if strange:
        found = f"class {', '.join(strange)} is not one of the model's"
        raise DataError("dataset", found, expected=", ".join(loaded.labels))
    parts = []
    for split in ("train", "validation"):
        rows = sequences.filter(pl.col("split") == split)
        missing = sorted(set(loaded.labels) - set(rows["label"]))
        if not rows.height or (missing and split == "train"):
            found = f"split {split} has no sequence of class {', '.join(missing)}"
            remedy = "add sequences or groups of this class, or change the shares of the splits"
            raise DataError("dataset", found, remedy=remedy)
        text, training = rows["sequence"].to_list(), split == "train"
        strands = [_inputs(loaded.rule, text)]
        if training and settings.reverse_complement:
            strands.append(_inputs(loaded.rule, [reverse_complement(s) for s in text]))
        classes = np.array([number[label] for label in rows["label"]], dtype=np.int64)
        hidden = settings.mask_tokens if training else 0.0
        parts.append(Examples(tuple(strands), classes, loaded.rule, hidden, seed))
    return parts[0], parts[1]


def _inputs(rule: TokenRule, text: Sequence[str]) -> Inputs:
    tokens = encode(rule, text)
    gate(rule, tokens, text)
    return Inputs(tokens.ids, tokens.offsets, np.searchsorted(tokens.owner, np.arange(len(text) + 1)))


def collate(examples: Examples, items: Sequence[tuple[int, int]]) -> dict[str, torch.Tensor]:
    """Return the tensors of a batch: input_ids and attention_mask (rows, T), labels (B,), and owner (rows,), the sequence of each row.

    Parameters
    ----------
    examples : of a split.
    items : B pairs (epoch, row); row ABSENT stands for a sequence that does not count.
    """
    parts, owner = [], []
    for place, (epoch, row) in enumerate(items):
        random = np.random.default_rng((examples.seed, epoch, max(row, 0)))
        strand = examples.strands[random.integers(len(examples.strands))]
        for i in range(strand.first[max(row, 0)], strand.first[max(row, 0) + 1]):
            ids = strand.ids[strand.offsets[i] : strand.offsets[i + 1]]
            parts.append(_hide(examples, ids, random) if examples.mask_tokens else ids)
            owner.append(place)
    lengths = np.maximum(
        [len(ids) for ids in parts], 1
    )  # attention over nothing is NaN: an empty row reads one padding token
    matrix = np.full((len(parts), lengths.max()), examples.rule.pad, dtype=np.int64)
    for i, ids in enumerate(parts):
        matrix[i, : len(ids)] = ids
    rows = np.array([row for _, row in items])
    arrays = {
        "input_ids": matrix,
        "attention_mask": (np.arange(matrix.shape[1]) < lengths[:, None]).astype(np.int64),
        "labels": np.where(rows == ABSENT, NOT_COUNTED, examples.classes[np.maximum(rows, 0)]),
        "owner": np.array(owner, dtype=np.int64),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _hide(examples: Examples, ids: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the ids with a share of those that are not special replaced by the mask, else the unknown token, else by random ones."""
    rule, hidden = examples.rule, random.random(len(ids)) < examples.mask_tokens
    hidden[: len(rule.prefix)] = False
    hidden[len(ids) - len(rule.suffix) :] = False
    stand_in = hidden_token(rule)
    if stand_in < 0:
        other = random.integers(rule.tokenizer.vocab_size, size=len(ids))
        return np.where(hidden & (other != rule.pad), other, ids)
    return np.where(hidden, stand_in, ids)


def hidden_token(rule: TokenRule) -> int:
    """Return the token that stands for a hidden one: the tokenizer's mask, else its unknown token; -1 where it has neither."""
    mask = rule.vocabulary.get("[MASK]", rule.vocabulary.get("<mask>"))
    if rule.tokenizer is not None:
        mask = rule.tokenizer.mask_token_id
    return rule.unknown if mask is None else int(mask)
