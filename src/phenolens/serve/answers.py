"""What the model says to sequences, as `phenolens predict` and `phenolens.explain` say it, and as JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.classify import DIGITS, Told, classes_table, model_folders, run_temperature, unreadable_because
from phenolens.core.calibration import tempered
from phenolens.core.errors import DataError, InputError
from phenolens.core.strands import reverse_complement
from phenolens.explain.methods import METHODS
from phenolens.explain.target import targets
from phenolens.model.classifier import open_classifier
from phenolens.model.gate import gate
from phenolens.model.load import Loaded
from phenolens.model.stream import NOTHING, look, mean_probabilities
from phenolens.model.tokens import encode
from phenolens.serve.desk import Piece

PIECE_BASES = 1 << 12  # of a piece for class probabilities, unless it is one sequence


class Served(NamedTuple):
    """A model that is asked.

    models : one, or the runs whose probabilities are averaged; base scores are those of the first.
    temperature : of the calibration of its run; None where there is none.
    name : of its folder.
    notes : sentences that the user should read.
    """

    models: tuple[Loaded, ...]
    temperature: float | None
    name: str
    notes: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The C classes."""
        return self.models[0].labels


class Predict(NamedTuple):
    """Asking for class probabilities, of one strand or the mean of both."""

    both_strands: bool


class Explain(NamedTuple):
    """Asking for base scores by a method, of a class as its place in the labels, or of the predicted one."""

    method: str
    target: int | None


class Explained(NamedTuple):
    """Base scores of one sequence, float32 (L,), and the class that they explain; None where the method knows none."""

    scores: np.ndarray
    target: int | None


def open_model(folder: Path, note: Callable[[str], None]) -> Served:
    """Return the model of a run folder (the average of its runs), of one run, or of any Hugging Face folder of a classifier.

    Parameters
    ----------
    folder : as `phenolens.classify.classify_file` takes it, or any Hugging Face folder.
    note : told a sentence where the run has no calibration.

    Raises
    ------
    InputError : no such folder, no trained classifier in it, or runs with different classes.
    """
    folders = model_folders(folder)
    models = tuple(open_classifier(path) for path in folders)
    if any(model.labels != models[0].labels for model in models):
        raise InputError(folder, "its runs have different classes", remedy="give one of them, e.g. train/run-0")
    notes = dict.fromkeys(sentence for model in models for sentence in model.notes)
    return Served(models, run_temperature(folder, folders, Told(note=note)), folder.resolve().name, tuple(notes))


def readable(served: Served, way: Predict, sequences: list[str]) -> np.ndarray:
    """Return which sequences the model can read, bool (n,).

    Raises
    ------
    DataError : the tokenizer does not fit the sequences, or none of them can be read.
    """
    rule = served.models[0].rule
    mask, _ = look(rule, _readings(way, sequences), NOTHING)
    if not mask.any():
        raise DataError("sequences", f"none can be read by the model: {unreadable_because(rule.k)}")
    return mask


def check_tokens(served: Served, sequences: list[str]) -> None:
    """Make sure that all sequences together can be explained: what `phenolens.explain` asks of them.

    Raises
    ------
    DataError : tokens that the model cannot read.
    """
    rule = served.models[0].rule
    gate(rule, encode(rule, sequences), sequences)


def in_pieces(sequences: list[str]) -> list[Piece]:
    """Return neighbouring sequences in lists of PIECE_BASES bases at most, or of one sequence."""
    pieces: list[Piece] = []
    room = 0
    for text in sequences:
        if not pieces or len(text) > room:
            pieces.append([])
            room = PIECE_BASES
        pieces[-1].append(text)
        room -= len(text)
    return pieces


def work(served: Served, way: Predict | Explain, pieces: list[Piece]) -> list[Any]:
    """Return the answer to each piece: float64 (n, C) for Predict, a list of n Explained for Explain.

    Every piece was found readable before: what is read here stops at no token.
    """
    texts = [text for piece in pieces for text in piece]
    ends = np.cumsum([len(piece) for piece in pieces])
    if isinstance(way, Predict):
        return np.split(mean_probabilities(served.models, _readings(way, texts)), ends[:-1])
    explained = _explain(served.models[0], way, texts)
    return [explained[end - len(piece) : end] for piece, end in zip(pieces, ends, strict=True)]


def _readings(way: Predict, sequences: Sequence[str]) -> list[list[str]]:
    readings = [list(sequences)]
    return [*readings, [reverse_complement(text) for text in sequences]] if way.both_strands else readings


def _explain(model: Loaded, way: Explain, texts: list[str]) -> list[Explained]:
    names, chosen = [str(i) for i in range(len(texts))], None
    if way.method != "alrw":
        given = None if way.target is None else np.full(len(texts), way.target)
        chosen = targets(model, texts, given)
    values = METHODS[way.method](model, names, texts, target=chosen).values
    classes = [None] * len(texts) if chosen is None else chosen.tolist()
    # copies, because a view would keep the scores of all
    return [Explained(row[: len(text)].copy(), c) for row, text, c in zip(values, texts, classes, strict=True)]


def predicted(
    served: Served, names: list[str], mask: np.ndarray, found: list[np.ndarray], *, raw: bool
) -> dict[str, Any]:
    """Return the answer of POST /api/predict.

    Parameters
    ----------
    served : the model.
    names : of n sequences.
    mask : bool (n,), which of them can be read.
    found : float64 (m, C) of some of those at a time, in order.
    raw : whether probabilities stay as the model gives them.
    """
    probabilities = np.full((len(names), len(served.labels)), np.nan)
    probabilities[mask] = np.concatenate(found)
    scaled = tempered(probabilities, 1.0 if raw else served.temperature or 1.0)
    table = classes_table(pl.Series("sequence_id", names, pl.String), scaled, served.labels)
    rows = [
        {"sequence_id": name, "predicted": best, "probabilities": dict(zip(served.labels, row, strict=True))}
        for name, best, *row in table.iter_rows()
    ]
    notes = []
    if n := int((~mask).sum()):
        notes.append(
            f"{n:,} of {len(names):,} sequences have no prediction (null): {unreadable_because(served.models[0].rule.k)}"
        )
    return {"calibrated": not raw and served.temperature is not None, "sequences": rows, "notes": notes}


def explained(served: Served, method: str, names: list[str], found: list[Explained]) -> dict[str, Any]:
    """Return the answer of POST /api/explain; scores have six significant digits, null where the model reads no token."""
    rows = [
        {
            "sequence_id": name,
            "explains": None if one.target is None else served.labels[one.target],
            "scores": pl.Series(one.scores, nan_to_null=True).cast(pl.Float64).round_sig_figs(DIGITS).to_list(),
        }
        for name, one in zip(names, found, strict=True)
    ]
    return {"method": method, "sequences": rows}
