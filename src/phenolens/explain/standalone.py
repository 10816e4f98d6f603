"""`phenolens.explain`: scores of bases from any classifier, without a study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phenolens.core.errors import DataError
from phenolens.core.types import BaseScores
from phenolens.explain.methods import METHODS
from phenolens.model.classifier import classifier


def explain(
    model: str | Path | Any,
    sequences: Sequence[str],
    *,
    method: str = "alrw",
    tokenizer: Any = None,
    sequence_ids: Sequence[str] | None = None,
    cut: str = "head_tail",
    **options: Any,
) -> BaseScores:
    """Return a score of every base of every sequence, float32 (n, L), NaN where the model reads no token.

    Parameters
    ----------
    model : a run folder of phenolens (its first run), the Hugging Face folder of a sequence classifier, or such a model of
        transformers in memory.
    sequences : n sequences of any case.
    method : alrw, integrated_gradients, gradient_x_input, occlusion or mutagenesis.
    tokenizer : of a model in memory; Hugging Face's, also one that reads k-mers joined by blanks.
    sequence_ids : n names; "0", "1", ... where not given.
    cut : head_tail, head or windows: what is read of sequences longer than the model's input (a folder that phenolens wrote has its own).
    options : of the method: batch_size; alrw also layer (index or "rollout") and mode ("default", "paper"); the others target,
        the class that is explained of each sequence, and seed.

    Raises
    ------
    DataError : no such method; one string in place of several; a model that the method cannot read.
    InputError : a folder without a trained classifier.
    """
    if method not in METHODS:
        raise DataError("explain", f"no method is called {method!r}", expected=", ".join(METHODS))
    if isinstance(sequences, str):
        raise DataError("explain", "one string", expected="a list of sequences", remedy="put it into a list")
    texts = list(sequences)
    names = [str(i) for i in range(len(texts))] if sequence_ids is None else list(sequence_ids)
    if len(names) != len(texts):
        raise DataError("explain", f"{len(names)} names for {len(texts)} sequences", expected="one for each")
    with classifier(model, tokenizer, cut=cut) as loaded:
        return METHODS[method](loaded, names, texts, **options)
