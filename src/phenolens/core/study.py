"""Reading a study file: TOML to settings, with the nearest key for every typo, and where its paths point."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from phenolens.core.errors import InputError, SettingsError
from phenolens.core.settings import StudySettings

DEMO = Path(__file__).parent.parent / "demo"
STUDIES = Path(__file__).parent.parent / "studies"


class Study(NamedTuple):
    """A study file that was read: its settings, and the folder that its paths start from."""

    settings: StudySettings
    source: Path

    def path(self, name: str) -> Path:
        """Return the file that a setting names: `demo:NAME` is built in, anything else is relative to the study file.

        Of `FILE#FEATURE` it is FILE.
        """
        name = name.partition("#")[0]
        if name.startswith("demo:"):
            return DEMO / name.removeprefix("demo:")
        return self.source.parent / Path(name).expanduser()

    @property
    def model(self) -> str:
        """The model that is fine-tuned: the path of a local folder, else the name as it is written."""
        local = self.path(self.settings.train.model)
        return str(local) if local.is_dir() else self.settings.train.model


def load_study(source: Path, overrides: Sequence[str] = ()) -> Study:
    """Return the study that a TOML file describes.

    Parameters
    ----------
    source : the study file.
    overrides : `stage.key=value`, value in TOML or bare text; they win over the file.

    Raises
    ------
    InputError : no such file, or not TOML (with the line).
    SettingsError : an unknown key (with the nearest known one), a wrong type or value.
    """
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            source, "no such file", expected="a study file", remedy="phenolens init > study.toml makes one"
        ) from None
    except IsADirectoryError:
        raise InputError(source, "is a folder", expected="a study file (TOML)") from None
    except UnicodeDecodeError:
        raise InputError(source, "is not text in UTF-8", expected="a study file (TOML)") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(source, f"is not valid TOML: {error}", remedy="see docs/settings.md for an example") from None
    return study_of(raw, source, overrides)


def study_of(content: Mapping[str, Any], source: Path, overrides: Sequence[str] = ()) -> Study:
    """Return the study that a dictionary describes, as a study file would.

    Parameters
    ----------
    content : sections and settings; left as it is.
    source : what errors call it; paths in it are relative to the folder of that name.
    overrides : as in load_study.

    Raises
    ------
    SettingsError : as load_study.
    """
    raw = _copy(content)
    for override in overrides:
        _override(raw, override)
    try:
        settings = StudySettings.model_validate(raw)
    except ValidationError as error:
        raise _explain(source, error) from None
    return Study(settings, source)


def _copy(value: Any) -> Any:
    """Return a copy of settings as TOML would give them: paths as text, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def assignment(text: str) -> tuple[str, Any]:
    """Return (key, value) of `key=value`, the value in TOML or bare text.

    Raises
    ------
    SettingsError : no assignment.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError("--set", text, "is not an assignment", expected="stage.key=value, e.g. train.epochs=5")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def _override(raw: dict[str, Any], text: str) -> None:
    key, parsed = assignment(text)
    *sections, last = key.split(".")
    for section in sections:
        raw = raw.setdefault(section, {})
        if not isinstance(raw, dict):
            raise SettingsError(
                "--set", text, f"{section} is not a section", expected="stage.key=value, e.g. train.epochs=5"
            )
    raw[last] = parsed


def _explain(source: Path, error: ValidationError) -> SettingsError:
    """Return the first problem of a pydantic error in one sentence."""
    first = error.errors(include_url=False)[0]
    *parents, key = first["loc"] or ("",)
    dotted = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted(_fields(parents))
        near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else "known keys: " + ", ".join(known)
        return SettingsError(source, dotted, "unknown key", remedy=remedy)
    if first["type"] == "missing":
        return SettingsError(source, dotted, "is missing", expected=f"a value for {key}")
    return SettingsError(
        source, dotted, first["msg"].removeprefix("Value error, "), remedy=f"found {str(first['input'])[:80]!r}"
    )


def _fields(parents: Sequence[str | int]) -> set[str]:
    """Return the keys of the settings section at this place of the study."""
    model: type[BaseModel] = StudySettings
    for part in parents:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_of(model.model_fields[part].annotation) or model
    return set(model.model_fields)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_of(part))), None)


def presets() -> list[str]:
    """Return the names of the studies that come with phenolens, sorted."""
    return sorted(path.stem for path in STUDIES.glob("*.toml") if path.stem != "sources")


def template(name: str, preset: str | None = None) -> str:
    """Return the text of a study file to begin with: every choice explained beside it, or one of the presets under this name.

    Raises
    ------
    SettingsError : no such preset.
    """
    if preset is None:
        text = (Path(__file__).parent / "template.toml").read_text(encoding="utf-8")
        return text.replace("NAME", json.dumps(name))
    if preset not in presets():
        near = difflib.get_close_matches(preset, presets(), n=1, cutoff=0.5)
        raise SettingsError(
            "--preset",
            preset,
            "is no preset",
            expected=f"one of {', '.join(presets())}",
            remedy=f"did you mean {near[0]}?" if near else None,
        )
    text = (STUDIES / f"{preset}.toml").read_text(encoding="utf-8")
    return text.replace(f'name = "{preset}"', f"name = {json.dumps(name)}", 1)


def class_order(settings: StudySettings, labels: Iterable[str]) -> list[str]:
    """Return the classes found, in the order of the study file; those read from sequence names follow, sorted."""
    found = set(labels)
    declared = dict.fromkeys(label for c in settings.dataset.classes for label in (c.label, *c.deal_into))
    return [label for label in declared if label in found] + sorted(found - set(declared))


def training_runs(settings: StudySettings) -> list[tuple[str, str, int]]:
    """Return (run, split column, seed) of every model that is trained."""
    runs = [(f"run-{i}", "split", settings.seed + i) for i in range(settings.train.runs)]
    return [*runs, ("random-split", "random_split", settings.seed)] if settings.train.random_split else runs


def file_name(label: str) -> str:
    """Return a class name as part of a file name: letters, digits, dot, dash; anything else becomes an underscore."""
    return re.sub(r"[^\w.-]", "_", label)


def file_names(labels: Sequence[str]) -> dict[str, str]:
    """Return class -> part of a file name, as `file_name`; where two would be one file, also without case, a number follows."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        name, number = file_name(label), 1
        while name.lower() in taken:
            number += 1
            name = f"{file_name(label)}-{number}"
        taken.add(name.lower())
        names[label] = name
    return names


def demo_study(overrides: Sequence[str] = ()) -> Study:
    """Return the study on the built-in data, with overrides as in load_study."""
    return load_study(DEMO / "study.toml", overrides)
