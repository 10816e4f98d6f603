"""What `phenolens check` does: read every input of a study as a run would, say what is wrong first, change nothing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from phenolens.core import run as folders
from phenolens.core.errors import CertificateError
from phenolens.core.study import Study, class_order
from phenolens.dataset.build import build
from phenolens.dataset.quality import certificate
from phenolens.inputs import Inputs, open_inputs, read_annotation
from phenolens.overlays import check_overlays
from phenolens.pipeline import plan


def check(study: Study, out: Path | None, *, strict: bool = False) -> Iterator[str]:
    """Yield lines that say what the study's inputs hold and what a run would do.

    The dataset is built in memory, so everything that could stop a run before training is found here.

    Parameters
    ----------
    study : from load_study.
    out : run folder, for what is already done there; NAME-run when None.
    strict : whether a certificate that fails is an error.

    Raises
    ------
    CertificateError : strict, and a check of the certificate fails.
    PhenolensError : the first problem, as a run would report it.
    """
    settings = study.settings
    with open_inputs(study) as inputs:
        yield from read_annotation(inputs)
        yield from check_overlays(inputs)
        made = build(settings.dataset, inputs.genome, inputs, settings.seed)
        yield from inputs.notes
        yield from _signals(study, inputs, made.sequences)
    counts = made.sequences.group_by("label", "split").agg(pl.len(), pl.col("group").n_unique().alias("groups"))
    for label in class_order(settings, made.sequences["label"]):
        parts = [
            f"{n} {split} ({groups} groups)"
            for _, split, n, groups in counts.filter(label=label).sort("split", descending=True).rows()
        ]
        yield f"class {label}: " + ", ".join(parts)
    quality = certificate(made.sequences, made.account, seed=settings.seed, background=settings.dataset.background)
    yield f"dataset: {quality['verdict']}"
    yield from (f"  {reason}" for reason in quality["reasons"])
    yield _model(study, made.sequences)
    folder = out or Path(f"{settings.name}-run")
    for name, stage in plan(study, folder).items():
        yield f"{name}: {'done and unchanged' if folders.is_done(stage) else 'would run'}"
    failed = [problem["sentence"] for problem in quality["problems"] if problem["severity"] == "fail"]
    if strict and failed:
        raise CertificateError(failed)


def _signals(study: Study, inputs: Inputs, sequences: pl.DataFrame) -> Iterator[str]:
    """Read every signal along the sequences, and say how much of them it covers."""
    for name, path in study.settings.annotate.signals.items():
        values = list(inputs.signal_along(path, sequences).values())
        known = sum(int((~np.isnan(value)).sum()) for value in values)
        yield f"signal {name}: covers {known / max(1, sum(map(len, values))):.0%} of the bases with coordinates"


def _model(study: Study, sequences: pl.DataFrame) -> str:
    """Load the model as a run would, when it is here already, and put its tokens through the gate."""
    from phenolens.model.gate import gate
    from phenolens.model.load import load
    from phenolens.model.registry import REGISTRY
    from phenolens.model.tokens import encode

    settings = study.settings.train
    row = REGISTRY.get(settings.model)
    if not Path(study.model).is_dir() and (row is None or not row.built_in) and "/" in settings.model:
        return f"model {settings.model}: comes from the Hugging Face hub when the run begins"
    texts = sequences.filter(pl.col("split") == "train")["sequence"].to_list()
    loaded = load(
        study.model,
        class_order(study.settings, sequences["label"]),
        settings,
        study.settings.seed,
        texts,
    )
    found = gate(loaded.rule, encode(loaded.rule, texts), texts)
    return f"model {settings.model}: {sum(p.numel() for p in loaded.model.parameters()):,} parameters; {found.note}"
