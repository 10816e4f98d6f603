"""The stage annotate of the pipeline: from high-score regions to motifs, features, conservation, genes and variants.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

import polars as pl

from phenolens.core.study import class_order
from phenolens.inputs import open_inputs, read_study_motifs
from phenolens.job import Job
from phenolens.surroundings import annotate_surroundings
from phenolens.variation import annotate_variants


def annotate(job: Job) -> None:
    """Regions -> motif hits, enrichment, overlap with features, conservation, genes, single variants."""
    settings = job.settings.annotate
    sequences, regions = job.table("dataset/sequences.parquet"), job.table("explain/regions.parquet")
    with open_inputs(job.study) as inputs:
        if settings.motifs:
            hits, enriched = _motifs(job, sequences, regions)
            job.write(hits, "annotate/hits.tsv")
            job.write(enriched, "annotate/enrichment.tsv")
        near = annotate_surroundings(job, inputs, regions, sequences)
        annotate_variants(job, inputs, regions, sequences, near)


def _motifs(job: Job, sequences: pl.DataFrame, regions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (HITS in the regions, ENRICHMENT of each class that is not matched background)."""
    from phenolens.annotate.contrasts import motif_enrichment
    from phenolens.annotate.pvalues import background

    settings = job.settings.annotate
    motifs = read_study_motifs(job.study)
    matched = set(job.settings.dataset.background)
    labels = class_order(job.settings, sequences["label"])
    control = sequences.filter(pl.col("label").is_in(matched)) if matched else sequences
    explained = sequences.filter(pl.col("split").is_in(job.settings.explain.splits))
    job.progress.step(0, 1, f"motifs: {len(motifs)} in {regions.height} regions")
    return motif_enrichment(
        motifs,
        regions,
        explained,
        cases=[label for label in labels if label not in matched],
        background=background(control["sequence"]),
        p_threshold=settings.motif_p,
        seed=job.settings.seed,
    )
