"""What every stage of the pipeline gets: the study, the run folder, and who watches."""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core import run as folders
from phenolens.core.progress import Progress
from phenolens.core.settings import StudySettings
from phenolens.core.study import Study


class Job(NamedTuple):
    """What every stage gets: the study, the run folder, and who watches."""

    study: Study
    folder: Path
    progress: Progress

    @property
    def settings(self) -> StudySettings:
        """The study's settings."""
        return self.study.settings

    def table(self, name: str) -> pl.DataFrame:
        """Return a Parquet table of the run folder."""
        return pl.read_parquet(self.folder / name)

    def write(self, table: pl.DataFrame, name: str) -> None:
        """Write a table into the run folder, Parquet or TSV by its name."""
        folders.write_table(table, self.folder / name)
