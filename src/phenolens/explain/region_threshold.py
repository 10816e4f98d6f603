"""Which scores a region must exceed so that shuffled sequences seldom have one: the calibrated rule, and what any rule finds by chance.

The paper's rule asks for scores above the sequence's mean. Half of all scores are, whatever the sequence, so runs of eight turn up
in any. Here the rule is applied to copies with the same dinucleotides in random order, and the threshold is put where a stated share of the
copies still has a region.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from phenolens.core.schemas_regions import REGION_CHANCE
from phenolens.core.shuffle import shuffled
from phenolens.core.stats import wilson
from phenolens.core.table import check
from phenolens.explain.regions import relative


def shuffled_copies(sequences: Sequence[str], copies: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Return (sequence of each copy, int64 (copies,); the copies): the same dinucleotides and ends in random order.

    Sequences are drawn without replacement, all of them again when there are fewer than copies.

    Parameters
    ----------
    sequences : n sequences.
    copies : wanted; none are made of no sequence.
    seed : of the draw and the shuffles.
    """
    generator = np.random.default_rng(seed)
    rounds = -(-copies // max(len(sequences), 1))
    order = [generator.permutation(len(sequences)) for _ in range(rounds)]
    chosen = np.concatenate([*order, np.zeros(0, dtype=np.int64)])[:copies]
    texts = pl.Series("sequence", [sequences[i] for i in chosen], dtype=pl.String)
    return chosen, shuffled(texts, generator).to_list()


def peaks(values: np.ndarray, min_run: int, times_min: float = 0.0) -> np.ndarray:
    """Return float64 (n,): the largest number that some run of min_run neighbouring relative scores reaches, -inf without a run.

    The rule finds a region in a sequence exactly when its threshold is lower than this.

    Parameters
    ----------
    values : scores (n, L), NaN where undefined.
    min_run, times_min : of the rule.
    """
    if values.shape[1] < min_run:
        return np.full(len(values), -np.inf)
    scaled = relative(values, times_min)
    least = scaled[:, : values.shape[1] - min_run + 1].copy()
    for shift in range(1, min_run):
        np.minimum(least, scaled[:, shift : shift + least.shape[1]], out=least)
    highest: np.ndarray = least.max(axis=1)
    return highest


def threshold_of(peaks: np.ndarray, rate: float) -> float:
    """Return the threshold that at most a share `rate` of new sequences of the same kind exceeds, inf where too few were seen.

    The ceil((n + 1) (1 - rate))-th smallest of n peaks: for exchangeable sequences the chance that a new one's peak exceeds it is at most
    `rate`, and more than rate - 1 / (n + 1) without ties (Vovk, Gammerman & Shafer 2005, conformal prediction).

    Parameters
    ----------
    peaks : float (n,), of shuffled sequences.
    rate : wanted share, 0 < rate < 1.
    """
    rank = math.ceil((len(peaks) + 1) * (1 - rate) - 1e-9)
    return float(np.sort(peaks)[rank - 1]) if rank <= len(peaks) else math.inf


def chance_table(
    thresholds: dict[str, float], real: tuple[np.ndarray, np.ndarray], copies: tuple[np.ndarray, np.ndarray]
) -> pl.DataFrame:
    """Return REGION_CHANCE: under each rule, the share of sequences and of shuffled copies with a region.

    Parameters
    ----------
    thresholds : rule -> threshold.
    real : (labels, peaks) of the n explained sequences.
    copies : (labels, peaks) of the shuffled copies.
    """
    labels, found = real
    of, by_chance = copies
    rows = []
    for rule, threshold in thresholds.items():
        for label in (None, *sorted(set(labels.tolist()))):
            here = np.ones(len(labels), dtype=bool) if label is None else labels == label
            there = np.ones(len(of), dtype=bool) if label is None else of == label
            n, k = int(there.sum()), int((by_chance[there] > threshold).sum())
            rows.append(
                {
                    "rule": rule,
                    "label": label,
                    "threshold": threshold if math.isfinite(threshold) else None,
                    "sequences": int(here.sum()),
                    "found": float((found[here] > threshold).mean()) if here.any() else 0.0,
                    "shuffled": n,
                    "by_chance": k / n if n else None,
                    "low": wilson(k / n, n)[0] if n else None,
                    "high": wilson(k / n, n)[1] if n else None,
                }
            )
    schema = {name: column.dtype for name, column in REGION_CHANCE.columns.items()}
    return check(pl.DataFrame(rows, schema=schema), REGION_CHANCE)
