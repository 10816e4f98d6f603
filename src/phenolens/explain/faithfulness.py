"""Faithfulness: does the model's answer hang on the bases with high scores more than on others?

Deletion: the highest-scoring 2, 5, 10, 20, 30, 50 % of a sequence's bases are replaced by those of a copy with shuffled dinucleotides,
and the probability of the class that the model predicts for the whole sequence falls; the faster, the better the scores.
Insertion: the same bases are put back into the copy, and it rises (Petsiuk, Das & Saenko, BMVC 2018). The measure is the area between a curve and that of a
control (see explain/replacement.py), of another method, or of the same method on a model that has learned nothing
(Adebayo et al., NeurIPS 2018), divided by the range of shares: the mean difference in probability, positive where the scores are better.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas_faithfulness import FAITHFULNESS, FAITHFULNESS_CURVES, SANITY
from phenolens.core.table import empty
from phenolens.core.types import BaseScores
from phenolens.explain.faithfulness_tables import (
    RANDOM_WEIGHTS,
    SHARES,
    TRAINED,
    Key,
    area_table,
    curve_table,
    sanity_table,
)
from phenolens.explain.replacement import Control, control_ranking, packed, ranking, replaced, shuffled_copies, unpacked
from phenolens.model.load import Loaded
from phenolens.model.predict import predict

CONTROLS: tuple[Control, ...] = ("shift", "gc", "random")
SANITY_CONTROLS: tuple[Control, ...] = ("shift", "random")


class Faithfulness(NamedTuple):
    """Tables FAITHFULNESS, FAITHFULNESS_CURVES and SANITY."""

    areas: pl.DataFrame
    curves: pl.DataFrame
    sanity: pl.DataFrame


def faithfulness(
    loaded: Loaded,
    sequences: pl.DataFrame,
    scores: Mapping[str, Sequence[BaseScores]],
    *,
    shuffles: int = 3,
    resamples: int = 1000,
    batch_size: int = 64,
    seed: int = 0,
) -> Faithfulness:
    """Return areas between curves with intervals and p-values, the mean curves, and how alike scores of other models are.

    Sequences in which a method has no score at all are left out. Rows are handled in the order of their ids, so theirs in the table does not matter.

    Parameters
    ----------
    loaded : the trained classifier, of which all curves are.
    sequences : columns sequence_id, sequence, label, group; and draw, which model with random weights scored it, where there are several.
    scores : model -> its scores, one BaseScores a method, of the same sequences in any order; "trained" has those of `loaded`, others are sanity controls.
    shuffles : shuffled copies of each sequence; curves are averaged over them, and each has its own controls.
    resamples : of the bootstrap; 0 gives no intervals.
    batch_size : sequences per step; changes nothing but speed and memory.
    seed : of shuffles, controls, ties and resamples.

    Raises
    ------
    DataError : scores of other sequences.
    """
    rows = sequences.sort("sequence_id")
    found = {(model, s.method): _aligned(s, rows) for model, several in scores.items() for s in several}
    scored = np.all([~np.isnan(v).all(axis=1) for v in found.values()] or np.zeros((1, rows.height), bool), axis=0)
    rows, found = rows.filter(pl.Series(scored)), {key: values[scored] for key, values in found.items()}
    if not rows.height:
        return Faithfulness(empty(FAITHFULNESS), empty(FAITHFULNESS_CURVES), empty(SANITY))
    curves = measured(loaded, rows["sequence"].to_list(), found, shuffles=shuffles, batch_size=batch_size, seed=seed)
    chance = {"resamples": resamples, "seed": seed}
    units = dict.fromkeys(scores, rows["group"].to_numpy())
    if RANDOM_WEIGHTS in scores and "draw" in rows.columns:
        units[RANDOM_WEIGHTS] = rows["draw"].to_numpy()
    return Faithfulness(
        area_table(curves, rows["label"].to_numpy(), units, chance),
        curve_table(curves, units, chance),
        sanity_table(found, units, chance),
    )


def measured(
    loaded: Loaded,
    sequences: Sequence[str],
    scores: Mapping[tuple[str, str], np.ndarray],
    *,
    shuffles: int,
    batch_size: int,
    seed: int,
) -> dict[Key, np.ndarray]:
    """Return float64 (2, n, F) for every key: probability of the predicted class along the deletion and the insertion curve.

    Parameters
    ----------
    loaded, shuffles, batch_size, seed : as in `faithfulness`.
    sequences : n sequences.
    scores : (model, method) -> float (n, L).
    """
    letters, rows = packed(sequences), np.arange(len(sequences))
    whole = predict(loaded, unpacked(letters), batch_size=batch_size)
    target = whole.argmax(axis=1)

    def probability(changed: np.ndarray) -> np.ndarray:
        # the gate has passed the whole sequences, and no other letters come in
        found = predict(loaded, unpacked(changed), batch_size=batch_size, gated=False)
        return np.asarray(found[rows, target])

    def pair(copies: np.ndarray, nothing: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        count = (ranks < ranks.shape[1]).sum(axis=1)
        numbers = [np.rint(share * count).astype(np.int64) for share in SHARES[1:]]
        deletion = [whole[rows, target], *(probability(replaced(letters, copies, ranks, k)) for k in numbers)]
        insertion = [nothing, *(probability(replaced(copies, letters, ranks, k)) for k in numbers)]
        return np.stack([np.stack(deletion, axis=1), np.stack(insertion, axis=1)]).astype(np.float64)

    total: dict[Key, np.ndarray] = {}
    for shuffle in range(shuffles):
        copies = shuffled_copies(letters, np.random.default_rng([seed, shuffle]))
        nothing = probability(copies)
        known: dict[bytes, np.ndarray] = {}  # random positions are the same for all methods that score the same bases
        for (model, method), values in scores.items():
            ranks = ranking(values, np.random.default_rng([seed, shuffle, 1 + len(CONTROLS)]))
            for control in (None, *(CONTROLS if model == TRAINED else SANITY_CONTROLS)):
                placed = ranks
                if control is not None:
                    generator = np.random.default_rng([seed, shuffle, 1 + CONTROLS.index(control)])
                    placed = control_ranking(ranks, letters, control, generator)
                digest = sha256(placed.tobytes()).digest()
                if digest not in known:
                    known[digest] = pair(copies, nothing, placed)
                key = Key(model, method, control)
                total[key] = total.get(key, 0) + known[digest] / shuffles
    return total


def _aligned(scores: BaseScores, rows: pl.DataFrame) -> np.ndarray:
    """Return float32 (n, L), the scores in the order of the rows, as wide as the longest sequence."""
    place = {name: row for row, name in enumerate(scores.sequence_ids)}
    absent = [name for name in rows["sequence_id"] if name not in place]
    if absent:
        found = f"{len(absent)} sequences have no scores of {scores.method}, the first {absent[0]}"
        raise DataError("faithfulness", found, remedy="give scores of the same sequences for every method")
    width = int(rows["sequence"].str.len_bytes().max() or 0)  # type: ignore[arg-type]
    values = np.full((rows.height, width), np.nan, dtype=np.float32)
    kept = scores.values[[place[name] for name in rows["sequence_id"]], :width]
    values[:, : kept.shape[1]] = kept
    return values
