"""Finished run folders -> a folder with the paper's main figures and tables, for `--paper-figures`.

FOLDER/1-datasets.svg, .pdf, .tsv ...    each figure as two drawings and its numbers; of several runs, most lie in run-1/, run-2/ ...
FOLDER/contents.tsv                      what each shows in the paper, of which run, and why it is missing where it is
FOLDER/captions.md                       a caption for each figure
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.comparing_many import short_names
from phenolens.contents import page_content
from phenolens.core import run as folders
from phenolens.core.errors import InputError
from phenolens.core.settings import StudySettings
from phenolens.report.content import Facts, tidy
from phenolens.report.downloads import tsv
from phenolens.report.paper import Sheet, paper_files, sheets

STAGES = ("dataset", "train", "evaluate", "explain", "annotate")


class Published(NamedTuple):
    """What was written.

    folder : of the figures.
    written : names of figures and tables.
    missing : (name, reason) of the others.
    """

    folder: Path
    written: list[str]
    missing: list[tuple[str, str]]


def publish(runs: Sequence[Path], target: Path) -> Published:
    """Write the paper's figures and tables of one or more runs.

    Parameters
    ----------
    runs : run folders, all stages before the report done.
    target : folder to write; files of these names in it are replaced.

    Raises
    ------
    InputError : a folder that is not such a run.
    WriteError : the disk is full or the place cannot be written.
    """
    facts = {name: _facts(folder) for name, folder in zip(short_names(runs), runs, strict=True)}
    drawings, made = paper_files(sheets(facts))
    for name, content in drawings.items():
        folders.write_bytes(content, target / name)
    for sheet in made:
        if sheet.missing is None and sheet.table is not None:
            folders.write_text(tsv(sheet.table), target / f"{sheet.name}.tsv")
    rows = [(sheet.name, sheet.shows, sheet.run, sheet.missing is None, sheet.missing) for sheet in made]
    shape = {"name": pl.String, "shows": pl.String, "run": pl.String, "written": pl.Boolean, "missing": pl.String}
    folders.write_text(tsv(pl.DataFrame(rows, schema=shape, orient="row")), target / "contents.tsv")
    folders.write_text("\n".join(_captions(made)), target / "captions.md")
    missing = [(sheet.name, sheet.missing) for sheet in made if sheet.missing is not None]
    return Published(target, [sheet.name for sheet in made if sheet.missing is None], missing)


def lines(published: Published) -> list[str]:
    """Return what was written and what is missing as text."""
    written = f"paper figures: {published.folder} ({len(published.written)} of {len(published.written) + len(published.missing)})"
    return [written, *(f"  not {name}: {reason}" for name, reason in published.missing)]


def _captions(made: Sequence[Sheet]) -> list[str]:
    lines = ["# Captions", ""]
    for sheet in made:
        if sheet.figure is not None and sheet.missing is None:
            lines += [f"**{sheet.name}** ({sheet.run}). {sheet.figure.label}. {sheet.figure.caption}", ""]
    return lines


def _facts(folder: Path) -> Facts:
    for stage in STAGES:
        if not (folder / stage / "manifest.json").is_file():
            found = f"has no finished {stage} stage" if folder.is_dir() else "is no folder"
            remedy = f"run `phenolens annotate STUDY.toml --out {folder}` first"
            raise InputError(folder, found, expected="a finished run folder", remedy=remedy)
    settings = folders.read_json(folder / "settings.json")["settings"]
    return tidy(page_content(StudySettings.model_validate(settings), folder))
