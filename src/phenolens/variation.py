"""The part of the annotate stage on single variants: how harmful they are, what the model makes of them, and how the regions vary in people.

Imports of a stage stand in its functions, so that a finished run answers at once.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from phenolens.core.schemas_variants import (
    OVERLAYS,
    PATHOGENIC_VARIANTS,
    PATHOGENICITY,
    POPULATION_CROSS,
    REGION_PATHOGENICITY,
)
from phenolens.core.strands import reverse_complement
from phenolens.core.table import check, empty
from phenolens.inputs import Inputs
from phenolens.job import Job

if TYPE_CHECKING:
    from phenolens.annotate.measures import Placed
    from phenolens.annotate.population import Population

INDEXES = "indexes"  # folder of the run; an index that was made is used again by a later run


def annotate_variants(
    job: Job, inputs: Inputs, regions: pl.DataFrame, sequences: pl.DataFrame, near: pl.DataFrame
) -> None:
    """Write what files of scores, frequencies and depth say of the regions.

    Parameters
    ----------
    job, inputs : the run, and the study's files.
    regions, sequences : REGIONS and SEQUENCES.
    near : REGION_GENES, for the genes that regions overlap.
    """
    from phenolens.annotate.measures import placed

    here = placed(regions, sequences)
    genes = (
        near.filter(pl.col("distance") == 0)
        .group_by("region_id")
        .agg(genes=pl.coalesce("gene_name", "gene_id").unique().sort().str.join(", "))
    )
    account: list[dict[str, Any]] = []
    harm = _pathogenicity(job, inputs, here, account)
    variants = harm["pathogenic_variants"].join(genes, on="region_id", how="left", maintain_order="left")
    variants = variants.with_columns(gene=pl.coalesce("gene", "genes")).select(*PATHOGENIC_VARIANTS.columns)
    harm["pathogenic_variants"] = check(_models_view(job, sequences, variants), PATHOGENIC_VARIANTS)
    people = _population(job, inputs, here, sequences, account)
    cross = people.cross.drop("genes").join(genes, on="region_id", how="left", maintain_order="left")
    tables = harm | {"population": people.classes, "region_population": people.regions}
    tables |= {"population_cross": cross.select(*POPULATION_CROSS.columns)}
    columns = {name: column.dtype for name, column in OVERLAYS.columns.items()}
    tables |= {"overlays": check(pl.DataFrame(account, schema=columns, orient="row"), OVERLAYS)}
    for name, table in tables.items():
        job.write(table, f"annotate/{name}.tsv")


def _pathogenicity(job: Job, inputs: Inputs, here: "Placed", account: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """Return the tables of all files of scores, and add the files to the account."""
    from phenolens.annotate.pathogenicity import pathogenicity
    from phenolens.overlays import open_scores

    found = []
    for name, asked in job.settings.annotate.scored.items():
        job.progress.step(0, 1, f"scores of substitutions: {name}")
        overlay, rows = open_scores(inputs, name, asked, here.ground, job.folder / INDEXES)
        found.append(pathogenicity(here, rows, scores=name, threshold=overlay.threshold, **_chance(job)))
        account.append(overlay.account(here.ground))
    return {
        "pathogenicity": pl.concat([empty(PATHOGENICITY), *(one.classes for one in found)]),
        "region_pathogenicity": pl.concat([empty(REGION_PATHOGENICITY), *(one.regions for one in found)]),
        "pathogenic_variants": pl.concat([empty(PATHOGENIC_VARIANTS), *(one.variants for one in found)]),
    }


def _models_view(job: Job, sequences: pl.DataFrame, variants: pl.DataFrame) -> pl.DataFrame:
    """Return PATHOGENIC_VARIANTS with the model's own view of the first ones of each file of scores."""
    from phenolens.explain.variants import Substitution, score_changes
    from phenolens.model.load import load_folder

    most = job.settings.annotate.model_variants
    place = ["sequence_id", "start", "alt"]
    asked = variants.unique([*place, "scores"], maintain_order=True).group_by("scores", maintain_order=True).head(most)
    asked = asked.select(*place).unique(maintain_order=True)
    if asked.is_empty():
        return variants
    job.progress.step(0, 1, f"the model's view of {asked.height} substitutions")
    model = load_folder(job.folder / "train" / "run-0", trust_remote_code=job.settings.train.trust_remote_code)
    homes = sequences.filter(pl.col("sequence_id").is_in(asked["sequence_id"].unique().implode()))
    row = {name: i for i, name in enumerate(homes["sequence_id"])}
    spans = homes.select("start", "end", "strand").rows()
    substitutions = []
    for name, start, alt in asked.iter_rows():
        first, end, strand = spans[row[name]]
        position = end - 1 - start if strand == "-" else start - first
        substitutions.append(Substitution(row[name], position, reverse_complement(alt) if strand == "-" else alt))
    target = np.array([model.labels.index(label) for label in homes["label"]], dtype=np.int64)
    size = job.settings.explain.batch_size
    changes = score_changes(model, homes["sequence"].to_list(), target, substitutions, batch_size=size)
    viewed = asked.with_columns(pl.Series("model_change", changes))
    return variants.drop("model_change").join(viewed, on=place, how="left", maintain_order="left")


def _population(
    job: Job, inputs: Inputs, here: "Placed", sequences: pl.DataFrame, account: list[dict[str, Any]]
) -> "Population":
    """Return what is known of the regions in people, and add the files to the account."""
    from phenolens.annotate.population import (
        KEYS,
        Cross,
        Tracks,
        depth_track,
        frequency_tracks,
        population,
        signal_track,
    )
    from phenolens.overlays import open_depth, open_variants

    settings, tracks = job.settings.annotate, Tracks({}, {})
    chroms: dict[str, None] = {}

    def frequencies() -> Iterator[pl.DataFrame]:
        for file in settings.variants:
            job.progress.step(0, 1, f"variants in people: {file}")
            overlay, rows = open_variants(inputs, file, here.ground)
            yield from rows
            chroms.update(overlay.chroms)
            account.append(overlay.account(here.ground))

    if settings.variants:
        tracks.measures.update(frequency_tracks(here, frequencies(), chroms))
    if settings.depth is not None:
        overlay, depths = open_depth(inputs, settings.depth, settings.depth_paths, here.ground)
        tracks.measures.update(depth_track(here, depths))
        account.append(overlay.account(here.ground))
    if tracks.measures:
        inside = sequences.filter(pl.col("sequence_id").is_in(here.classes.table["sequence_id"].unique().implode()))
        for name, path in settings.signals.items():
            tracks.signals[name] = signal_track(here, inputs.signal_along(path, inside))
    cross = Cross({KEYS[key]: value for key, value in settings.variable.items()}, settings.conserved)
    return population(here, tracks, cross, **_chance(job))


def _chance(job: Job) -> dict[str, int]:
    return {"controls": job.settings.annotate.controls, "seed": job.settings.seed}
