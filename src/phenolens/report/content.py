"""What the page is made of: the tables and facts of a finished run, and their tidy form."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from phenolens.core.schemas import predictions_schema
from phenolens.core.settings import StudySettings
from phenolens.core.table import Schema, check, empty
from phenolens.report.content_tables import HISTORY, SCHEMAS

AS_GIVEN = ("settings", "version", "quality", "model", "temperatures", "files", "versions", "seconds")


@dataclass(frozen=True)
class PageContent:
    """Everything the page shows; a table that is None or has no row makes its section say why nothing is shown.

    settings : the study as it ran.
    version : version of phenolens.
    sequences : SEQUENCES.
    statistics, gene_types : STATISTICS and GENE_TYPES of the sequences.
    quality : certificate of the dataset, as `dataset.quality.certificate` makes it. Any key may be missing.
    history : columns run, epoch, train_loss, validation_loss; of all runs.
    model : facts of the model, shown as they are. Known keys: name, parameters (int), tokens (text: how the tokenizer cuts),
        longest (int, bases of the longest sequence that fits uncut), task (text).
    predictions : PREDICTIONS of model and baselines.
    metrics : METRICS; runs run-0 ..., vote, and baselines; splits test, validation, random test.
    confusion : CONFUSION.
    comparison : COMPARISON.
    seeds, calibration : SEEDS and CALIBRATION.
    temperatures : run -> what `evaluate.calibration.temperatures` says of it.
    layers, projection : LAYERS and PROJECTION.
    profile, heads, edges : PROFILE, HEADS, EDGES.
    faithfulness, faithfulness_curves, sanity : FAITHFULNESS, FAITHFULNESS_CURVES, SANITY.
    agreement, completeness : AGREEMENT and COMPLETENESS.
    regions, region_genes : REGIONS and REGION_GENES.
    region_chance, token_regions, tracks : REGION_CHANCE, TOKEN_REGIONS, TRACKS.
    shown_sequences, shown_hits : SHOWN_SEQUENCES, drawn letter by letter, and the SHOWN_HITS on them.
    browsed, browsed_hits, region_scores : BROWSED of the sequence browser, SHOWN_HITS on its sequences, REGION_SCORES.
    enrichment, motif_sets, overlap, conservation : ENRICHMENT, MOTIF_SETS, OVERLAP, CONSERVATION.
    families, conserved, gene_counts, gene_sets : FAMILIES, CONSERVED, GENE_COUNTS, GENE_SET_ENRICHMENT.
    overlays, pathogenicity, pathogenic_variants, population, population_cross : the tables of these names.
    files : (path relative to the run folder with /, size in bytes, what it is) of every file of the run.
    versions : package -> version.
    seconds : stage -> wall time.
    """

    settings: StudySettings
    version: str
    sequences: pl.DataFrame | None = None
    statistics: pl.DataFrame | None = None
    gene_types: pl.DataFrame | None = None
    quality: Mapping[str, Any] = field(default_factory=dict)
    history: pl.DataFrame | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    predictions: pl.DataFrame | None = None
    metrics: pl.DataFrame | None = None
    confusion: pl.DataFrame | None = None
    comparison: pl.DataFrame | None = None
    seeds: pl.DataFrame | None = None
    calibration: pl.DataFrame | None = None
    temperatures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layers: pl.DataFrame | None = None
    projection: pl.DataFrame | None = None
    profile: pl.DataFrame | None = None
    heads: pl.DataFrame | None = None
    edges: pl.DataFrame | None = None
    faithfulness: pl.DataFrame | None = None
    faithfulness_curves: pl.DataFrame | None = None
    sanity: pl.DataFrame | None = None
    agreement: pl.DataFrame | None = None
    completeness: pl.DataFrame | None = None
    regions: pl.DataFrame | None = None
    region_chance: pl.DataFrame | None = None
    token_regions: pl.DataFrame | None = None
    tracks: pl.DataFrame | None = None
    shown_sequences: pl.DataFrame | None = None
    shown_hits: pl.DataFrame | None = None
    browsed: pl.DataFrame | None = None
    browsed_hits: pl.DataFrame | None = None
    region_scores: pl.DataFrame | None = None
    enrichment: pl.DataFrame | None = None
    motif_sets: pl.DataFrame | None = None
    overlap: pl.DataFrame | None = None
    conservation: pl.DataFrame | None = None
    conserved: pl.DataFrame | None = None
    families: pl.DataFrame | None = None
    region_genes: pl.DataFrame | None = None
    gene_counts: pl.DataFrame | None = None
    gene_sets: pl.DataFrame | None = None
    overlays: pl.DataFrame | None = None
    pathogenicity: pl.DataFrame | None = None
    pathogenic_variants: pl.DataFrame | None = None
    population: pl.DataFrame | None = None
    population_cross: pl.DataFrame | None = None
    files: Sequence[tuple[str, int, str]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The content with every table present and checked, NaN turned into null, and the classes in one order.

    Fields as in PageContent; labels : classes, in the order of the study file, then by name.
    background : labels of matched background.
    """

    settings: StudySettings
    version: str
    sequences: pl.DataFrame
    statistics: pl.DataFrame
    gene_types: pl.DataFrame
    quality: Mapping[str, Any]
    history: pl.DataFrame
    model: Mapping[str, Any]
    predictions: pl.DataFrame
    metrics: pl.DataFrame
    confusion: pl.DataFrame
    comparison: pl.DataFrame
    seeds: pl.DataFrame
    calibration: pl.DataFrame
    temperatures: Mapping[str, Mapping[str, Any]]
    layers: pl.DataFrame
    projection: pl.DataFrame
    profile: pl.DataFrame
    heads: pl.DataFrame
    edges: pl.DataFrame
    faithfulness: pl.DataFrame
    faithfulness_curves: pl.DataFrame
    sanity: pl.DataFrame
    agreement: pl.DataFrame
    completeness: pl.DataFrame
    regions: pl.DataFrame
    region_chance: pl.DataFrame
    token_regions: pl.DataFrame
    tracks: pl.DataFrame
    shown_sequences: pl.DataFrame
    shown_hits: pl.DataFrame
    browsed: pl.DataFrame
    browsed_hits: pl.DataFrame
    region_scores: pl.DataFrame
    enrichment: pl.DataFrame
    motif_sets: pl.DataFrame
    overlap: pl.DataFrame
    conservation: pl.DataFrame
    conserved: pl.DataFrame
    families: pl.DataFrame
    region_genes: pl.DataFrame
    gene_counts: pl.DataFrame
    gene_sets: pl.DataFrame
    overlays: pl.DataFrame
    pathogenicity: pl.DataFrame
    pathogenic_variants: pl.DataFrame
    population: pl.DataFrame
    population_cross: pl.DataFrame
    files: Sequence[tuple[str, int, str]]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    labels: list[str]
    background: list[str]

    @property
    def top(self) -> int:
        """Rows shown of a long table."""
        return self.settings.report.top


def tidy(content: PageContent) -> Facts:
    """Return the content with tables checked against their schemas, absent ones empty, and NaN as null.

    Raises
    ------
    DataError : a table breaks its schema.
    """
    tables = {name: _table(getattr(content, name), schema) for name, schema in SCHEMAS.items()}
    tables["history"] = _table(_as_history(content.history), HISTORY)
    tables["predictions"] = _table(content.predictions, _predictions(content.predictions))
    classes = content.settings.dataset.classes
    facts: dict[str, Any] = {name: getattr(content, name) for name in AS_GIVEN} | tables
    declared = [label for c in classes if not c.label_separator for label in (c.label, *c.deal_into)]
    return Facts(
        **facts,
        labels=_labels(declared, tables),
        background=[*dict.fromkeys(c.label for c in classes if c.is_background)],
    )


def _table(table: pl.DataFrame | None, schema: Schema) -> pl.DataFrame:
    if table is None or not table.height:
        return empty(schema)
    return check(table, schema).with_columns(pl.selectors.float().fill_nan(None))


def _as_history(table: pl.DataFrame | None) -> pl.DataFrame | None:
    if table is None or "epoch" not in table.columns:
        return table
    return table.with_columns(pl.col("epoch").cast(pl.Int64))


def _predictions(table: pl.DataFrame | None) -> Schema:
    names = [] if table is None else [name[2:] for name in table.columns if name.startswith("p_")]
    schema = predictions_schema(names)
    absent_allowed = {
        name: column._replace(nullable=True) for name, column in schema.columns.items() if name.startswith("p_")
    }
    return schema._replace(columns=schema.columns | absent_allowed, key=())


def _labels(declared: list[str], tables: Mapping[str, pl.DataFrame]) -> list[str]:
    found: set[str] = set()
    for name in (
        "sequences",
        "predictions",
        "confusion",
        "profile",
        "regions",
        "overlap",
        "conservation",
        "pathogenicity",
    ):
        found |= set(tables[name]["label"].drop_nulls().to_list())
    order = [label for label in dict.fromkeys(declared) if label in found]
    return order + sorted(found - set(order), key=_natural)


def _natural(label: str) -> list[tuple[int, str]]:
    """Sort key that puts C2 before C10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", label)]
