"""A finished run -> two folders ready for the Hugging Face hub: the model with its card, and the dataset with its card.

    FOLDER/model/     weights, configuration and tokenizer of one model of the run, phenolens.json, metrics.tsv, README.md
    FOLDER/dataset/   data/SPLIT-00000-of-00001.parquet, certificate.json, account.tsv, README.md

Nothing is sent anywhere. Names of folders on this machine do not go into the cards. Imports of the model stand in their function.
"""

import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from phenolens.contents import read_evaluation
from phenolens.core import run as folders
from phenolens.core.errors import DataError, InputError, SettingsError
from phenolens.core.schemas import SEQUENCES
from phenolens.core.schemas_faithfulness import FAITHFULNESS
from phenolens.core.settings import StudySettings
from phenolens.core.study import class_order
from phenolens.report import estimates
from phenolens.report.card_code import Reading
from phenolens.report.content import Facts, PageContent, tidy
from phenolens.report.dataset_card import SPLITS, DatasetFacts, dataset_card
from phenolens.report.model_card import ModelFacts, model_card

REPOSITORY = r"[\w.-]+/[\w.-]+"
UNKNOWN = "unknown"
CHECKED, TOLERANCE = 64, 1e-3  # test sequences that are predicted again, and how far probabilities may move
LEFT = ("history.tsv", "README.md")  # of a run's model folder, not part of the model


class Exported(NamedTuple):
    """What was made.

    model, dataset : the folders.
    run : the run's model that was taken.
    checked : (sequences, largest difference) of its probabilities and those of the run.
    """

    model: Path
    dataset: Path
    run: str
    checked: tuple[int, float]


def export(
    folder: Path, target: Path, *, repository: str | None = None, license_name: str = UNKNOWN, run: str | None = None
) -> Exported:
    """Write the model and the dataset of a run folder with their cards.

    Parameters
    ----------
    folder : run folder whose evaluate stage is done.
    target : folder to write; new or empty.
    repository : OWNER/NAME of the model on the hub; its dataset is then OWNER/NAME-sequences.
    license_name : as the hub writes it, e.g. apache-2.0.
    run : run-0 ...; None takes the one with the best headline metric on validation, which is not the test.

    Raises
    ------
    InputError : not such a run folder, or a target with something in it.
    SettingsError : no name of a repository.
    DataError : no such run, or the exported model does not give the probabilities of the run.
    WriteError : the disk is full or the place cannot be written.
    """
    if repository is not None and not re.fullmatch(REPOSITORY, repository):
        raise SettingsError("--repo", repository, "is no name of a repository", expected="OWNER/NAME")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(target, "is not empty", expected="a new or empty folder", remedy="choose another one")
    facts = _facts(folder)
    chosen = run or _best(facts)
    if not (folder / "train" / chosen / "phenolens.json").is_file():
        raise DataError(str(folder), f"has no model {chosen}", expected=f"one of {', '.join(_models(folder))} (--run)")
    names = (repository or facts.settings.name, f"{repository or facts.settings.name}-sequences")
    _copy(folder, chosen, target / "model")
    reading, checked = _check(target / "model", facts, chosen)
    baseline = ~pl.col("run").str.contains(estimates.MODEL)
    alone = _with(facts, metrics=facts.metrics.filter(baseline | (pl.col("run") == chosen)))
    about = ModelFacts(alone, chosen, *names, license_name, _base(facts), reading, checked)
    folders.write_text(model_card(about), target / "model" / "README.md")
    _write_dataset(folder, target / "dataset", facts, names[1], license_name)
    return Exported(target / "model", target / "dataset", chosen, checked)


def _facts(folder: Path) -> Facts:
    """Return what the cards say of a run, of the stages that are finished."""
    for stage in ("dataset", "train", "evaluate"):
        if not (folder / stage / "manifest.json").is_file():
            found = f"has no finished {stage} stage" if folder.is_dir() else "is no folder"
            remedy = f"run `phenolens evaluate STUDY.toml --out {folder}` first"
            raise InputError(folder, found, expected="a run folder with a model and its predictions", remedy=remedy)
    manifest = folders.read_json(folder / "train" / "manifest.json")
    path = folder / "explain" / "faithfulness.tsv"
    tested = path.is_file() and (folder / "explain" / "manifest.json").is_file()
    read, sequences = read_evaluation(folder), pl.read_parquet(folder / "dataset" / "sequences.parquet")
    settings = StudySettings.model_validate(folders.read_json(folder / "settings.json")["settings"])
    content = PageContent(
        settings=settings,
        version=manifest["versions"]["phenolens"],
        sequences=sequences,
        quality={
            key: value
            for key, value in folders.read_json(folder / "dataset" / "quality.json").items()
            if key != "notes"
        },
        model=folders.read_json(folder / "train" / "model.json"),
        predictions=read["predictions"],
        metrics=read["metrics"],
        comparison=read["comparison"],
        temperatures=read["temperatures"],
        faithfulness=folders.read_table(path, FAITHFULNESS) if tested else None,
        versions=manifest["versions"],
    )
    return _with(tidy(content), labels=class_order(settings, sequences["label"]))


def _with(facts: Facts, **changes: Any) -> Facts:
    return Facts(**(vars(facts) | changes))


def _models(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in (folder / "train").glob("run-*/phenolens.json"))


def _best(facts: Facts) -> str:
    """Return the run with the best headline metric on validation; the first one where none has it."""
    metric = estimates.headline_metric(facts.metrics, "validation")
    own = estimates.overall(facts.metrics, "validation").filter(
        pl.col("run").str.starts_with("run-") & (pl.col("metric") == metric)
    )
    return str(own.sort("value", "run", descending=[True, False])["run"][0]) if own.height else "run-0"


def _base(facts: Facts) -> str | None:
    """Return the pre-trained model's name on the hub; None for a folder, a built-in one or random weights."""
    name = facts.settings.train.model
    return (
        name
        if re.fullmatch(REPOSITORY, name) and not name.startswith(".") and facts.model.get("name") == name
        else None
    )


def _copy(folder: Path, run: str, target: Path) -> None:
    """Copy a model's files, and the run's metrics beside them."""
    for source in sorted(
        path for path in (folder / "train" / run).iterdir() if path.is_file() and path.name not in LEFT
    ):
        with folders.whole(target / source.name) as part:
            shutil.copyfile(source, part)
    described = folders.read_json(target / "phenolens.json")
    described["model"] = (
        described["model"] if re.fullmatch(REPOSITORY, described["model"]) else Path(described["model"]).name
    )
    folders.write_json(described, target / "phenolens.json")
    with folders.whole(target / "metrics.tsv") as part:
        shutil.copyfile(folder / "evaluate" / "metrics.tsv", part)


def _check(model: Path, facts: Facts, run: str) -> tuple[Reading, tuple[int, float]]:
    """Return how the exported model reads, after predicting some test sequences again.

    Raises
    ------
    DataError : other probabilities than the run's.
    """
    from phenolens.core.strands import reverse_complement
    from phenolens.model.cut import pieces
    from phenolens.model.load import load_folder
    from phenolens.model.predict import predict

    loaded = load_folder(model, trust_remote_code=facts.settings.train.trust_remote_code)
    rule = loaded.rule
    longer = pieces("head_tail", np.array([rule.room + 1]), rule.room, joins=False)
    reading = Reading(
        rule.kind, rule.k, rule.cut, rule.room, int(longer.size[0, 0]), rule.prefix, rule.suffix, rule.upper
    )
    rows = (
        facts.predictions.filter(run=run, split="test")
        .head(CHECKED)
        .join(facts.sequences.select("sequence_id", "sequence"), on="sequence_id", maintain_order="left")
    )
    texts = rows["sequence"].to_list()
    again = predict(loaded, texts)
    if facts.settings.evaluate.both_strands:
        again = (again + predict(loaded, [reverse_complement(text) for text in texts])) / 2
    before = rows.select(f"p_{label}" for label in loaded.labels).to_numpy()
    difference = float(np.abs(again - before).max(initial=0))
    if not difference <= TOLERANCE:
        raise DataError(
            str(model),
            f"gives other probabilities than the run (by {difference:.2g})",
            expected=f"at most {TOLERANCE}",
            remedy="run evaluate again",
        )
    return reading, (len(texts), difference)


def _write_dataset(folder: Path, target: Path, facts: Facts, name: str, license_name: str) -> None:
    numbers = {label: i for i, label in enumerate(facts.labels)}
    columns = [column for column in SEQUENCES.columns if column not in ("label", "split")]
    table = facts.sequences.with_columns(
        pl.col("label").alias("class"), pl.col("label").replace_strict(numbers, return_dtype=pl.Int64)
    )
    first = ["sequence_id", "sequence", "label", "class"]
    ordered = [*first, *(column for column in columns if column not in first)]
    files = {}
    for split in SPLITS:
        part = table.filter(pl.col("split") == split)
        if part.height:
            files[split] = f"data/{split}-00000-of-00001.parquet"
            folders.write_table(part.select(ordered), target / files[split])
    folders.write_json(facts.quality, target / "certificate.json")
    with folders.whole(target / "account.tsv") as copy:
        shutil.copyfile(folder / "dataset" / "account.tsv", copy)
    inputs = folders.read_json(folder / "dataset" / "manifest.json").get("inputs", [])
    sources = [(Path(i["path"]).name, int(i["size"]), str(i["sha256"])) for i in inputs]
    schema = dict(table.select(ordered).schema)
    folders.write_text(
        dataset_card(DatasetFacts(facts, name, license_name, files, schema, sources)), target / "README.md"
    )
