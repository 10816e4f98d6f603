"""ALRW, average local representation weight: how much the classifier's reading token attends to each base.

Attention of the reading token in the last layer, summed over heads; token to base; divided by its L2 norm over the sequence
(Du, Zhong, Liu, J Transl Med 22:756, 2024). Attention says where a model looks, not that the base matters.
Sequences are read block by block, each batch on one core, and the class comes out of the same pass.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from phenolens.core.errors import DataError
from phenolens.core.types import BaseScores
from phenolens.explain.alrw_bases import mean_bases, paper_bases, unit
from phenolens.explain.attention import Which, attending, read
from phenolens.model.chunks import chunks
from phenolens.model.forward import spread
from phenolens.model.gate import gate
from phenolens.model.load import Loaded
from phenolens.model.predict import CHUNK, CHUNK_BASES, STEP_TOKENS, Batch, batches, ready
from phenolens.model.tokens import TokenRule, encode

Mode = Literal["default", "paper"]
METHOD: dict[Mode, str] = {"default": "alrw", "paper": "alrw-paper"}
BLOCK_BASES = 1 << 20  # letters of a block, each sequence counted as long as the longest, unless it is one sequence


class Options(NamedTuple):
    """How sequences are read.

    mode : default or paper, see `alrw`.
    layer : index of the layer, -1 is the last; or rollout.
    batch_size : rows per step, at most; changes nothing but speed and memory.
    heads : also the scores of each head alone.
    other : also the scores of the other mode, where it is defined.
    block_bases : letters of a block, at most, BLOCK_BASES where 0; changes nothing but memory.
    """

    mode: Mode = "default"
    layer: Which = -1
    batch_size: int = 64
    heads: bool = False
    other: bool = False
    block_bases: int = 0


class Block(NamedTuple):
    """What was read of some neighbouring sequences.

    first : place of the first of them in the input.
    scores : BaseScores, as `alrw` describes them.
    logits : float32 (n, C); of a sequence read in windows the mean over them.
    heads : float32 (n, H, L), scores from one head alone, each with L2 norm 1; None where not asked for, and with rollout.
    other : BaseScores in the other mode; None where not asked for or not defined.
    """

    first: int
    scores: BaseScores
    logits: np.ndarray
    heads: np.ndarray | None
    other: BaseScores | None


def alrw(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    mode: Mode = "default",
    layer: Which = -1,
    batch_size: int = 64,
) -> BaseScores:
    """Return a score of every base, L2 norm 1 per sequence, NaN where no token covers it.

    default: every token spreads its attention evenly over the bases it covers (attention / bases of the token), and a base
    has the mean of the tokens that really cover it. Overlapping k-mers all have k bases, so this is the mean of their
    attention; uniform attention gives a flat profile. Of a sequence read in windows a base has the mean over the windows
    that cover it, each with norm 1.
    paper: the reference's arithmetic (`alrw_bases.paper_vectors`), put back on the bases; k-mer models only.

    Parameters
    ----------
    loaded : classifier; its mode and device are the same after.
    sequence_ids : n names.
    sequences : n sequences of any case.
    layer : index of the layer, -1 is the last; or rollout through all of them.
    batch_size : rows per step; changes nothing but speed and memory.

    Raises
    ------
    DataError : a model whose attention cannot be read (`attention.check_layer`); paper with a model that has no k-mers; unknown letters.
    """
    values = np.full((len(sequences), max(map(len, sequences), default=0)), np.nan, dtype=np.float32)
    for block in alrw_blocks(loaded, sequence_ids, sequences, Options(mode, layer, batch_size)):
        found = block.scores.values
        values[block.first : block.first + len(found), : found.shape[1]] = found
    return BaseScores(list(sequence_ids), values, METHOD[mode])


def alrw_blocks(
    loaded: Loaded, sequence_ids: Sequence[str], sequences: Sequence[str], options: Options
) -> Iterator[Block]:
    """Yield the scores of all sequences in order, block by block; nothing that is held grows with their number.

    Parameters and errors as in `alrw`.
    """
    rule = loaded.rule
    _check_mode(options.mode, rule)
    if options.other and not _has_paper(rule):
        options = options._replace(other=False)
    for first, last in chunks(sequences, bases=CHUNK_BASES, most=CHUNK):
        gate(rule, encode(rule, sequences[first:last]), sequences[first:last])
    bounds = _bounds(list(map(len, sequences)), options.block_bases or BLOCK_BASES)
    with ready(loaded.model) as model, attending(model, options.layer):
        on_processor = model.device.type == "cpu"
        most = STEP_TOKENS if on_processor else None
        work = (
            (number, batch)
            for number, (first, last) in enumerate(bounds)
            for batch in batches(loaded, sequences[first:last], options.batch_size, most_tokens=most, gated=False)
        )
        step = _step(model, rule, options)
        done = spread(step, work) if on_processor else ((item, torch.inference_mode()(step)(item)) for item in work)
        at, sums = -1, None
        for (number, batch), found in done:
            if number != at:
                if sums is not None:
                    yield _block(sequence_ids, bounds[at], sums, options)
                at, (first, last) = number, bounds[number]
                sums = _Sums(last - first, max(map(len, sequences[first:last])), rule.cut == "windows")
            assert sums is not None
            sums.add(batch.rows, *found)
        if sums is not None:
            yield _block(sequence_ids, bounds[at], sums, options)


def _check_mode(mode: Mode, rule: TokenRule) -> None:
    if mode == "default" or _has_paper(rule):
        return
    found = "defined for k-mer models only" if rule.kind != "kmer" else "not defined for sequences read in windows"
    setting = "" if rule.kind != "kmer" else " (train.cut = windows)"
    raise DataError("explain.mode", f"paper is {found}{setting}", remedy="use explain.mode = default with this model")


def _has_paper(rule: TokenRule) -> bool:
    return rule.kind == "kmer" and rule.cut != "windows"


def _bounds(lengths: list[int], bases: int) -> list[tuple[int, int]]:
    """Return (first, one past the last) of neighbouring sequences whose number times the longest is at most `bases`, or of one."""
    found, first, longest = [], 0, 0
    for i, length in enumerate(lengths):
        if i > first and max(longest, length) * (i + 1 - first) > bases:
            found.append((first, i))
            first, longest = i, 0
        longest = max(longest, length)
    return [*found, (first, len(lengths))] if lengths else []


def _step(
    model: Any, rule: TokenRule, options: Options
) -> Callable[[tuple[int, Batch]], tuple[np.ndarray, np.ndarray]]:
    """Return the work on a batch: -> (scores (B, K, W), logits (B, C)); K = the sum over heads, then each head, then the other mode's sum."""
    places = {"default": mean_bases, "paper": paper_bases}
    place = places.pop(options.mode)
    (other,) = places.values()

    def step(item: tuple[int, Batch]) -> tuple[np.ndarray, np.ndarray]:
        batch = item[1]
        reading = read(model, batch.ids.to(model.device), batch.mask.to(model.device), options.layer)
        each = reading.weights.double().cpu().numpy()  # (B, H, T)
        total = each.sum(axis=1, keepdims=True)
        with_heads = options.heads and options.layer != "rollout"
        found = [place(np.concatenate([total, each], axis=1) if with_heads else total, batch.spans, rule)]
        found += [other(total, batch.spans, rule)] if options.other else []
        return np.concatenate(found, axis=1), reading.logits.float().cpu().numpy()

    return step


class _Sums:
    """Scores and logits of a block as they come in, row by row; a sequence read in windows has several rows."""

    def __init__(self, n: int, width: int, windows: bool) -> None:
        self.n, self.width, self.windows = n, width, windows
        self.values, self.logits = np.empty((n, 0, width), dtype=np.float32), np.empty((n, 0), dtype=np.float32)
        self.seen = np.zeros((n, width if windows else 0), dtype=np.uint32)
        self.rows = np.zeros(n, dtype=np.uint32)

    def add(self, rows: np.ndarray, scores: np.ndarray, logits: np.ndarray) -> None:
        if not self.logits.shape[1]:
            nothing = 0.0 if self.windows else np.nan
            self.values = np.full((self.n, scores.shape[1], self.width), nothing, dtype=np.float32)
            self.logits = np.zeros((self.n, logits.shape[1]), dtype=np.float32)
        scores, width = scores[..., : self.width], min(scores.shape[2], self.width)
        np.add.at(self.logits, rows, logits)
        np.add.at(self.rows, rows, 1)
        if self.windows:
            np.add.at(self.values[..., :width], rows, np.nan_to_num(scores, nan=0.0))
            np.add.at(self.seen[:, :width], rows, ~np.isnan(scores[:, 0]))
        else:
            self.values[rows, :, :width] = scores

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (scores (n, K, L), logits (n, C)), float32."""
        if self.windows:
            mean = np.divide(self.values, self.seen[:, None], out=self.values, where=self.seen[:, None] > 0)
            mean[np.broadcast_to(self.seen[:, None] == 0, mean.shape)] = np.nan
            self.values = unit(mean)
        return self.values, self.logits / np.maximum(self.rows, 1)[:, None]


def _block(sequence_ids: Sequence[str], bounds: tuple[int, int], sums: _Sums, options: Options) -> Block:
    values, logits = sums.result()
    names = list(sequence_ids[slice(*bounds)])
    other: BaseScores | None = None
    if options.other:
        mode: Mode = "paper" if options.mode == "default" else "default"
        other, values = BaseScores(names, values[:, -1], METHOD[mode]), values[:, :-1]
    heads = values[:, 1:] if values.shape[1] > 1 else None
    return Block(bounds[0], BaseScores(names, values[:, 0], METHOD[options.mode]), logits, heads, other)
