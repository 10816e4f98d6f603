"""Attributions from gradients at the embedding layer: how much each token adds to the explained score, and from there each base.

Integrated gradients (Sundararajan, Taly & Yan, ICML 2017): with the embeddings x of the tokens and those b of a baseline,

    score of token t = sum over d of (x - b)[t, d] * integral over a in [0, 1] of dF(b + a (x - b)) / dx[t, d]

Special tokens stand in the baseline as they are, so the scores of the content tokens add up to F(x) - F(b) (completeness); what is
missing comes of the quadrature alone and is given for every sequence. Gradient x input is the gradient at x times x.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
import torch

from phenolens.core.schemas_attribution import COMPLETENESS
from phenolens.core.table import check
from phenolens.core.types import BaseScores
from phenolens.explain.bases import Sums
from phenolens.explain.gradients import Gradient, embedding_gradients
from phenolens.explain.target import targets
from phenolens.model.forward import spread
from phenolens.model.load import Loaded
from phenolens.model.predict import STEP_TOKENS, Batch, batches, evaluating
from phenolens.model.tokens import TokenRule

STEPS, MOST_STEPS = 16, 256  # of the quadrature
TOLERANCE, LEAST = (
    0.02,
    0.5,
)  # a row whose gap is a larger share of its difference, or of so many logits, takes twice the steps

Baseline = Literal["mask", "padding"]
Step = Callable[[Batch], tuple[np.ndarray, ...]]


class Attributed(NamedTuple):
    """Scores of the bases, and COMPLETENESS: what they add up to beside what they should."""

    scores: BaseScores
    completeness: pl.DataFrame


def integrated_gradients(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    target: np.ndarray | None = None,
    batch_size: int = 64,
    baseline: Baseline = "mask",
) -> Attributed:
    """Return integrated gradients of every base; over a sequence they add up to its score minus that of the baseline.

    The integral is a Gauss-Legendre sum over 16 points, twice as many as long as a row's gap exceeds 2 % of its difference, at most 256.
    A sequence read in windows has the mean over its windows, each beside its own baseline.

    Parameters
    ----------
    loaded : classifier; its mode and device are the same after.
    sequence_ids : n names.
    sequences : n sequences of any case.
    target : int (n,), class to explain as a column of loaded.labels; None for the predicted one.
    batch_size : rows per step; changes nothing but speed and memory.
    baseline : what stands for the content tokens: the mask token (the unknown one where there is none, else padding), or padding.

    Raises
    ------
    DataError : tokens that the model cannot read, or targets that do not fit.
    """
    chosen = targets(loaded, sequences, target, batch_size=batch_size)
    absent = loaded.rule.pad if baseline == "padding" else mask_token(loaded.rule)
    with embedding_gradients(loaded.model) as gradient:

        def step(batch: Batch) -> tuple[np.ndarray, ...]:
            ids, mask, content, wanted = _tensors(batch, chosen, loaded.model.device)
            embed = loaded.model.get_input_embeddings()
            here, there = embed(ids).detach(), embed(torch.where(content, absent, ids)).detach()
            return _integrated(gradient, (ids, mask, wanted), here, there)

        values, ends = _of_bases(loaded, sequences, batch_size, step)
    score, nothing, total = ends
    table = pl.DataFrame(
        {
            "sequence_id": list(sequence_ids),
            "target": [loaded.labels[c] for c in chosen],
            "baseline": [baseline] * len(chosen),
            "score": score,
            "baseline_score": nothing,
            "sum": total,
            "gap": score - nothing - total,
        },
        schema={name: column.dtype for name, column in COMPLETENESS.columns.items()},
    )
    return Attributed(BaseScores(list(sequence_ids), values, "integrated_gradients"), check(table, COMPLETENESS))


def gradient_x_input(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    target: np.ndarray | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> BaseScores:
    """Return gradient x input of every base: the gradient at each token's embedding times the embedding; nothing is drawn.

    Parameters and errors as in `integrated_gradients`.
    """
    del seed
    chosen = targets(loaded, sequences, target, batch_size=batch_size)
    with embedding_gradients(loaded.model) as gradient:

        def step(batch: Batch) -> tuple[np.ndarray, ...]:
            ids, mask, _, wanted = _tensors(batch, chosen, loaded.model.device)
            here = loaded.model.get_input_embeddings()(ids).detach()
            score, found = gradient(ids, mask, wanted, here)
            return _numbers((found * here).sum(dim=2), score, score)

        values, _ = _of_bases(loaded, sequences, batch_size, step)
    return BaseScores(list(sequence_ids), values, "gradient_x_input")


def mask_token(rule: TokenRule) -> int:
    """Return the id that says "a token was here": that of the mask, else of the unknown token, else of the padding."""
    names = (rule.vocabulary.get("[MASK]"), getattr(rule.tokenizer, "mask_token_id", None), rule.unknown)
    return next((int(found) for found in names if found is not None and found >= 0), rule.pad)


def _tensors(batch: Batch, chosen: np.ndarray, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Return (ids, mask, content, target) on the device."""
    content = torch.from_numpy(batch.spans[..., 0] >= 0)
    found = (batch.ids, batch.mask, content, torch.from_numpy(chosen[batch.rows]))
    return tuple(tensor.to(device) for tensor in found)


def _integrated(
    gradient: Gradient, given: tuple[torch.Tensor, ...], here: torch.Tensor, there: torch.Tensor
) -> tuple[np.ndarray, ...]:
    """Return (scores of tokens (B, T), score (B,), score of the baseline (B,)).

    Parameters
    ----------
    given : ids, mask and target of `gradient`.
    here, there : embeddings (B, T, D) of the tokens and of the baseline.
    """
    score, nothing = gradient(*given, here)[0], gradient(*given, there)[0]
    tokens, steps = torch.zeros(here.shape[:2], dtype=torch.float64, device=here.device), STEPS
    left = torch.arange(len(here), device=here.device)
    while len(left) and steps <= MOST_STEPS:
        some = tuple(tensor[left] for tensor in given)
        total = _along(gradient, some, here[left], there[left], steps)
        tokens[left] = (total * (here - there)[left]).sum(dim=2).double()
        difference = (score - nothing)[left]
        gap = (difference - tokens[left].sum(dim=1)).abs()
        left = left[gap > TOLERANCE * difference.abs().clamp(min=LEAST)]
        steps *= 2
    return _numbers(tokens, score, nothing)


def _along(
    gradient: Gradient, given: tuple[torch.Tensor, ...], here: torch.Tensor, there: torch.Tensor, steps: int
) -> torch.Tensor:
    """Return the mean gradient (B, T, D) on the way from `there` to `here`; as many points at once as fit a step."""
    points, weights = (torch.from_numpy(x).to(here) for x in np.polynomial.legendre.leggauss(steps))
    total, at_once = torch.zeros_like(here), max(1, STEP_TOKENS // max(1, here.shape[0] * here.shape[1]))
    for at in range(0, steps, at_once):
        share = (points[at : at + at_once, None, None, None] + 1) / 2
        between = (there + share * (here - there)).flatten(0, 1)  # (points x B, T, D)
        some = (tensor.repeat(len(share), *[1] * (tensor.ndim - 1)) for tensor in given)
        found = gradient(*some, between)[1].reshape(len(share), *here.shape)
        total += torch.einsum("p,pbtd->btd", weights[at : at + at_once] / 2, found)
    return total


def _numbers(*tensors: torch.Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.double().cpu().numpy() for tensor in tensors)


def _of_bases(loaded: Loaded, sequences: Sequence[str], batch_size: int, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of bases float32 (n, L), and float64 (3, n): score, score of the baseline, sum over the bases.

    Parameters
    ----------
    step : batch -> scores of tokens (B, T), score (B,), score of the baseline (B,).
    """
    sums = Sums(len(sequences), max(map(len, sequences), default=0))
    ends, windows = np.zeros((2, len(sequences))), np.zeros(len(sequences))
    with evaluating(loaded.model) as model:
        on_processor = model.device.type == "cpu"
        work = batches(loaded, sequences, batch_size, most_tokens=STEP_TOKENS if on_processor else None, gated=False)
        for batch, (tokens, *both) in spread(step, work) if on_processor else ((b, step(b)) for b in work):
            sums.add(batch.rows, tokens, batch.spans)
            np.add.at(windows, batch.rows, 1)
            for column, numbers in zip(ends, both, strict=True):
                np.add.at(column, batch.rows, numbers)
    values = sums.result(windows)
    return values, np.vstack([ends / windows, np.nansum(values, axis=1, dtype=np.float64)])
