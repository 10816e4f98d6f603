"""phenolens from Python: a study in, its run as tables and figures out. The same stages and files as the command line.

study = phenolens.Study("study.toml", {"train.epochs": 5})
run = study.run("my-run")
run["metrics"]; run.figure("profile"); run.report
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from phenolens.contents import MEANING, page_content
from phenolens.core import run as folders
from phenolens.core.errors import DataError, InputError
from phenolens.core.progress import Progress
from phenolens.core.schemas_files import schema_of
from phenolens.core.settings import StudySettings
from phenolens.core.study import Study as Read
from phenolens.core.study import demo_study, load_study, study_of
from phenolens.core.table import Schema

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from phenolens.report import blocks


class Study:
    """A study: what `phenolens run study.toml` does, from Python.

    Parameters
    ----------
    source : a study file (TOML), or its content as a dictionary; "demo" is the study on the built-in data.
    overrides : settings by their dotted keys, e.g. {"train.epochs": 5}; they win over the source.
    folder : what paths in a dictionary are relative to; the present folder when None.

    Raises
    ------
    InputError : no such file, or not TOML.
    SettingsError : an unknown key (with the nearest known one), a wrong type or value.
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
        *,
        folder: str | Path | None = None,
    ) -> None:
        changes = [f"{key}={_toml(value)}" for key, value in (overrides or {}).items()]
        if isinstance(source, Mapping):
            self._read: Read = study_of(source, Path(folder or ".") / "study", changes)
        else:
            self._read = demo_study(changes) if source == "demo" else load_study(Path(source), changes)

    @property
    def settings(self) -> StudySettings:
        """Every setting, as the study has it or by default; see docs/settings.md."""
        return self._read.settings

    def check(self, out: str | Path | None = None, *, strict: bool = False) -> list[str]:
        """Return what `phenolens check` says: what the inputs hold and what a run would do; changes nothing.

        Parameters
        ----------
        out : run folder, for what is done there already; NAME-run when None.
        strict : whether a certificate that fails is an error.

        Raises
        ------
        CertificateError : strict, and a check of the certificate fails.
        PhenolensError : the first problem, as a run would report it.
        """
        from phenolens.check import check

        return list(check(self._read, Path(out) if out else None, strict=strict))

    def run(
        self, out: str | Path | None = None, *, last: str = "report", progress: Progress | None = None
    ) -> "Results":
        """Run the stages up to `last`; what is done and unchanged is skipped, what was killed goes on.

        Parameters
        ----------
        out : run folder; NAME-run in the present folder when None.
        last : dataset, train, evaluate, explain, annotate or report.
        progress : receiver of progress (`phenolens.core.progress`); silent when None.

        Returns
        -------
        What the run folder holds.

        Raises
        ------
        PhenolensError : one sentence that says what is wrong and what to do; finished stages are kept.
        """
        from phenolens.pipeline import STAGES, run

        if last not in STAGES:
            raise DataError("last", f"{last!r} is no stage", expected=f"one of {', '.join(STAGES)}")
        folder = Path(out) if out else Path(f"{self.settings.name}-run")
        run(self._read, folder, last=last, progress=progress)
        return Results(folder)


class Results(Mapping[str, pl.DataFrame]):
    """What a run folder holds: tables by name (`results["metrics"]`), figures by name, the page.

    A table's name is that of its file without ending: `metrics` is evaluate/metrics.tsv, `history` that of the first model. Tables
    are read when they are asked for.

    Parameters
    ----------
    folder : a run folder, finished or with some stages done.

    Raises
    ------
    InputError : not a run folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        settings = (folders.read_json(self.folder / "settings.json") or {}).get("settings")
        if not settings:
            raise InputError(
                self.folder,
                "is not a run of phenolens",
                expected="settings.json in it",
                remedy="Study(...).run(out) makes one",
            )
        self.settings = StudySettings.model_validate(settings)
        named = [*MEANING, "train/run-0/history.tsv"]
        tables = [file for file in named if file.endswith((".tsv", ".parquet")) and (self.folder / file).is_file()]
        self._files = {Path(file).stem: file for file in tables}

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Return a table with the columns of its schema; DataError names those that there are."""
        path = self.folder / self._file(name)
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return folders.read_table(path, self.schema(name))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the tables, in the order of the stages."""
        return iter(self._files)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        """Return whether the run has this table."""
        return name in self._files

    def schema(self, name: str) -> Schema:
        """Return what each column of a table is: `columns[...]` with dtype, meaning and whether null may occur; `key`; `rules`."""
        file = self._file(name)
        labels = []
        if name == "predictions":
            columns = pl.read_parquet_schema(self.folder / file)
            labels = [column.removeprefix("p_") for column in columns if column.startswith("p_")]
        return schema_of(file, labels)

    @property
    def figures(self) -> dict[str, str]:
        """Name -> caption of every figure of the page, in its order."""
        return {name: figure.caption for name, figure in self._figures.items()}

    def figure(self, name: str) -> "Figure":
        """Return a figure of the page as an object of matplotlib, e.g. for `savefig`.

        Raises
        ------
        DataError : no such figure (those that there are are named), or nothing to draw (why is said).
        """
        from matplotlib.figure import Figure

        if name not in self._figures:
            raise DataError("figure", f"there is no {name!r}", expected=f"one of {', '.join(self._figures)}")
        drawn = self._figures[name].draw()
        if drawn is None:
            raise DataError(f"figure {name}", self._figures[name].absent)
        if not isinstance(drawn, Figure):
            raise DataError(f"figure {name}", "is text that only a browser lays out", remedy=f"see {self.report}")
        return drawn

    @property
    def report(self) -> Path:
        """The page; InputError when that stage is not done."""
        page = self.folder / "report" / "index.html"
        if not page.is_file():
            raise InputError(page, "is not there yet", remedy="run the study up to the stage report")
        return page

    @cached_property
    def _figures(self) -> "dict[str, blocks.Figure]":
        from phenolens.report.blocks import Figure
        from phenolens.report.content import tidy
        from phenolens.report.page import sections

        if not (self.folder / "annotate" / "manifest.json").is_file():
            raise InputError(self.folder, "has no figures yet", remedy="run the study up to the stage annotate")
        found = sections(tidy(page_content(self.settings, self.folder)))
        return {block.name: block for section in found for block in section.blocks if isinstance(block, Figure)}

    def _file(self, name: str) -> str:
        if name not in self._files:
            raise DataError(f"table {name!r}", f"is not in {self.folder}", expected=f"one of {', '.join(self._files)}")
        return self._files[name]


def as_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as the text of a study file; None is left out."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items() if value is not None)


def _toml(value: Any) -> str:
    """Return a value as TOML writes it: numbers, booleans, texts, lists and tables."""
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{json.dumps(str(key))} = {_toml(item)}" for key, item in value.items() if item is not None)
            + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
