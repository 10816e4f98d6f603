"""Which checkpoint an interrupted training goes on from: the last whole one of the same settings and data."""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from safetensors import SafetensorError, safe_open

from phenolens.core.run import read_json, write_json
from phenolens.core.section import Section
from phenolens.core.settings_learn import TrainSettings

_NAME = re.compile(r"checkpoint-(\d+)")
_MARK = "training.json"


def fingerprint(sequences: pl.DataFrame, labels: tuple[str, ...], settings: TrainSettings, seed: int) -> str:
    """Return SHA-256 over all that determines a training: sequences in order, labels, splits, settings, seed."""
    rows = sequences.select("sequence", "label", "split").hash_rows(seed=0).to_numpy().tobytes()
    described = settings.model_dump(mode="json", exclude=set(settings.WITHOUT_EFFECT))
    content = json.dumps([list(labels), described, seed], sort_keys=True).encode()
    return hashlib.sha256(rows + content).hexdigest()


def digest(texts: Iterable[str], settings: Section, seed: int) -> str:
    """Return SHA-256 over all that determines a pre-training: texts in order, settings, seed."""
    digest = hashlib.sha256(json.dumps([settings.model_dump(mode="json"), seed], sort_keys=True).encode())
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()


def claim(folder: Path, wanted: str) -> None:
    """Keep the folder's checkpoints when they belong to this fingerprint, remove them otherwise, and mark it as this training's."""
    if read_json(folder / _MARK) != {"fingerprint": wanted}:
        shutil.rmtree(folder, ignore_errors=True)
        write_json({"fingerprint": wanted}, folder / _MARK)


def last_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end, None where there is none; half-written newer ones are removed."""
    found = [(int(match[1]), path) for path in folder.glob("checkpoint-*") if (match := _NAME.fullmatch(path.name))]
    for step, path in sorted(found, reverse=True):
        if is_whole(path, step):
            _rebase(path)
            return path
        shutil.rmtree(path)
    return None


def _rebase(checkpoint: Path) -> None:
    """Let the state's best checkpoint lie beside this one: the run folder may have been moved since."""
    state = read_json(checkpoint / "trainer_state.json")
    if state["best_model_checkpoint"]:
        best = checkpoint.parent / Path(state["best_model_checkpoint"]).name
        write_json(state | {"best_model_checkpoint": str(best)}, checkpoint / "trainer_state.json")


def stopped_after(checkpoint: Path, patience: int) -> int | None:
    """Return the epoch after which this training had stopped early, None when it goes on after the checkpoint."""
    state = read_json(checkpoint / "trainer_state.json")
    waited = state["stateful_callbacks"]["EarlyStoppingCallback"]["attributes"]["early_stopping_patience_counter"]
    return round(state["epoch"]) if waited >= patience else None


def is_whole(checkpoint: Path, step: int) -> bool:
    """Return whether every file of a checkpoint is there to its last byte.

    The Trainer writes weights, optimizer, scheduler, random state, and trainer_state.json last, none of them atomically.
    """
    state = read_json(checkpoint / "trainer_state.json")
    if not isinstance(state, dict) or state.get("global_step") != step:
        return False
    states = list(checkpoint.glob("rng_state*.pth"))  # one of each process
    if not states or not all(
        map(zipfile.is_zipfile, [*states, checkpoint / "optimizer.pt", checkpoint / "scheduler.pt"])
    ):
        return False
    try:
        with safe_open(checkpoint / "model.safetensors", framework="pt"):
            return True
    except (OSError, SafetensorError):
        return False
