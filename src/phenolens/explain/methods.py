"""Every way to give bases a score, by name, all called alike and all giving `BaseScores`.

alrw is attention: never negative, the same whatever the class. The others explain one class: positive where a base speaks for it,
negative where it speaks against it (`explain/target.py` says what number they explain).
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from phenolens.core.strands import reverse_complement
from phenolens.core.types import BaseScores
from phenolens.explain.alrw import alrw
from phenolens.explain.attribution import gradient_x_input, integrated_gradients
from phenolens.explain.mutagenesis import mutagenesis
from phenolens.explain.occlusion import occlusion
from phenolens.model.load import Loaded
from phenolens.model.predict import predict_logits


class Method(Protocol):
    """What every method takes: a classifier, n names, n sequences, the class to explain of each (None: the predicted one), rows a step, a seed."""

    def __call__(
        self,
        loaded: Loaded,
        sequence_ids: Sequence[str],
        sequences: Sequence[str],
        *,
        target: np.ndarray | None = None,
        batch_size: int = 64,
        seed: int = 0,
    ) -> BaseScores:
        """Return the scores of every base, NaN where the model reads none."""


def _alrw(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    target: np.ndarray | None = None,
    seed: int = 0,
    **options: Any,
) -> BaseScores:
    """Attention knows no class and draws nothing: target and seed change nothing; further options are those of `alrw`."""
    del target, seed
    return alrw(loaded, sequence_ids, sequences, **options)


def _integrated_gradients(
    loaded: Loaded,
    sequence_ids: Sequence[str],
    sequences: Sequence[str],
    *,
    target: np.ndarray | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> BaseScores:
    """Integrated gradients without the table of what is missing to completeness; nothing is drawn."""
    del seed
    return integrated_gradients(loaded, sequence_ids, sequences, target=target, batch_size=batch_size).scores


METHODS: dict[str, Method] = {
    "alrw": _alrw,
    "integrated_gradients": _integrated_gradients,
    "gradient_x_input": gradient_x_input,
    "occlusion": occlusion,
    "mutagenesis": mutagenesis,
}


def both_strands(method: Method) -> Method:
    """Return the method on both strands: a base has the mean of its score and that of its partner in the reverse complement.

    The class that is explained is that of the mean logits of both strands unless it is given, so the scores of a sequence and
    of its reverse complement are the same, back to front.
    """

    def of_both(
        loaded: Loaded,
        sequence_ids: Sequence[str],
        sequences: Sequence[str],
        *,
        target: np.ndarray | None = None,
        batch_size: int = 64,
        seed: int = 0,
    ) -> BaseScores:
        other = [reverse_complement(text) for text in sequences]
        if target is None:
            here, there = (predict_logits(loaded, texts, batch_size=batch_size) for texts in (sequences, other))
            target = np.asarray((here + there).argmax(axis=1))
        options = {"batch_size": batch_size, "seed": seed}
        forward, backward = (
            method(loaded, sequence_ids, texts, target=target, **options) for texts in (sequences, other)
        )
        lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))[:, None]
        place = np.arange(forward.values.shape[1])
        partner = np.where(place < lengths, lengths - 1 - place, place)
        turned = np.take_along_axis(backward.values, partner, axis=1)
        return forward._replace(values=(forward.values + turned) / 2)

    return of_both
