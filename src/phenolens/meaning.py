"""The stage annotate of the pipeline: from high-score regions to motifs, features, conservation, genes and variants.

Imports of a stage stand in its function, so that a finished run answers at once.
"""

import polars as pl

from phenolens.core.run import whole
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
            _motifs(job, sequences, regions)
        if settings.denovo:
            _denovo(job, sequences, settings.denovo)
        near = annotate_surroundings(job, inputs, regions, sequences)
        annotate_variants(job, inputs, regions, sequences, near)


def _motifs(job: Job, sequences: pl.DataFrame, regions: pl.DataFrame) -> None:
    """Write HITS in the regions, ENRICHMENT of each class that is not matched background, the sets of motifs and their places."""
    from phenolens.annotate.contrasts import Contrast, motif_enrichment
    from phenolens.annotate.motif_sets import motif_regions, motif_sets
    from phenolens.annotate.pvalues import NRDB, background

    settings = job.settings.annotate
    motifs = read_study_motifs(job.study)
    matched = set(job.settings.dataset.background)
    labels = class_order(job.settings, sequences["label"])
    control = sequences.filter(pl.col("label").is_in(matched)) if matched else sequences
    explained = sequences.filter(pl.col("split").is_in(job.settings.explain.splits))
    job.progress.step(0, 1, f"motifs: {len(motifs)} in {regions.height} regions")
    letters = NRDB if settings.motif_background == "nrdb" else background(control["sequence"])
    hits, enriched = motif_enrichment(
        motifs,
        regions,
        explained,
        cases=[label for label in labels if label not in matched],
        how=Contrast(letters, settings.motif_p, settings.motif_test, job.settings.seed),
    )
    job.write(hits, "annotate/hits.tsv")
    job.write(enriched, "annotate/enrichment.tsv")
    job.write(motif_sets(enriched), "annotate/motif_sets.tsv")
    job.write(motif_regions(hits, regions, enriched), "annotate/motif_regions.tsv")


def _denovo(job: Job, sequences: pl.DataFrame, method: str) -> None:
    """Write the sequences and scores of one method as modisco-lite reads them."""
    import numpy as np

    from phenolens.annotate.denovo import modisco_arrays

    scores = job.table("explain/scores.parquet").filter(pl.col("method") == method)
    both = scores.join(sequences.select("sequence_id", "sequence"), on="sequence_id", how="left", maintain_order="left")
    arrays = modisco_arrays(both["sequence"].to_list(), both["scores"])
    for name, array in arrays._asdict().items():
        with whole(job.folder / "annotate" / "modisco" / f"{name}.npz") as part, part.open("wb") as file:
            np.savez_compressed(file, array)
