"""What the page of several runs is made of: the facts of each run, and the tables that set them side by side."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl


class ComparedRun(NamedTuple):
    """One run of the comparison.

    name : short, unique.
    folder : as the user gave it.
    run : vote, run-0 ...: which of its models stands for it.
    labels : its classes.
    statistics : STATISTICS; None where the run has none.
    quality : the dataset's certificate.
    model : facts of the model, as in PageContent.
    comparison : COMPARISON of the model with its baselines; None without.
    calibration : CALIBRATION; None without.
    temperatures : run -> what `evaluate.calibration.temperatures` says of it.
    faithfulness : FAITHFULNESS; None without.
    versions : package -> version it ran with.
    explained : whether its explain stage is finished.
    """

    name: str
    folder: str
    run: str
    labels: Sequence[str]
    statistics: pl.DataFrame | None
    quality: Mapping[str, Any]
    model: Mapping[str, Any]
    comparison: pl.DataFrame | None
    calibration: pl.DataFrame | None
    temperatures: Mapping[str, Mapping[str, Any]]
    faithfulness: pl.DataFrame | None
    versions: Mapping[str, str]
    explained: bool


class CompareContent(NamedTuple):
    """Everything the page of several runs shows.

    version : of phenolens.
    split : validation, test ...: what the runs are compared on.
    kmer : k of the k-mer baselines, for their name.
    runs : in the order given.
    settings, metrics, pairs, differences : SETTINGS_COMPARED, FOLDER_METRICS, FOLDER_PAIRS, FOLDER_DIFFERENCES.
    scores, regions, motifs : SCORES_COMPARED, REGIONS_COMPARED, MOTIFS_COMPARED.
    motif_sets : MOTIF_SETS whose sets are the runs, one comparison a class.
    """

    version: str
    split: str
    kmer: int
    runs: Sequence[ComparedRun]
    settings: pl.DataFrame
    metrics: pl.DataFrame
    pairs: pl.DataFrame
    differences: pl.DataFrame
    scores: pl.DataFrame
    regions: pl.DataFrame
    motifs: pl.DataFrame
    motif_sets: pl.DataFrame

    @property
    def names(self) -> list[str]:
        """Short names of the runs, in order."""
        return [run.name for run in self.runs]

    @property
    def own(self) -> pl.DataFrame:
        """FOLDER_METRICS of the models, without baselines and without undefined values."""
        runs = {run.name: run.run for run in self.runs}
        model = pl.col("run") == pl.col("folder").replace_strict(runs, return_dtype=pl.String)
        return self.metrics.filter(model).drop_nulls("value")

    @property
    def overall(self) -> pl.DataFrame:
        """The rows of `own` over all classes and lengths."""
        return self.own.filter(pl.col("class").is_null() & pl.col("bin").is_null())
