"""The part of the annotate stage on where the regions lie: features, families, conservation, genes and gene sets.

Imports of a stage stand in its functions, so that a finished run answers at once.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from phenolens.core.schemas import CONSERVATION, REGION_SCORES
from phenolens.core.schemas_browser import SIGNALS
from phenolens.core.study import class_order
from phenolens.core.table import empty
from phenolens.inputs import Inputs
from phenolens.job import Job

MOST_BASES = 20_000_000  # of the sequences whose signals are kept base by base, for the page's browser


def annotate_surroundings(job: Job, inputs: Inputs, regions: pl.DataFrame, sequences: pl.DataFrame) -> pl.DataFrame:
    """Write the tables of overlap, families, conservation, genes and gene sets; return REGION_GENES.

    Parameters
    ----------
    job, inputs : the run, and the study's files.
    regions, sequences : REGIONS and SEQUENCES.
    """
    from phenolens.annotate.families import families_of, relative_enrichment
    from phenolens.annotate.gene_sets import Sizes, gene_set_enrichment
    from phenolens.annotate.genes import genes_with_regions, region_genes
    from phenolens.annotate.overlap import overlap
    from phenolens.dataset.statistics import overlap_with_types

    settings, genes = job.settings.annotate, inputs.genes()
    searched = sequences.filter(pl.col("split").is_in(job.settings.explain.splits))
    job.progress.step(0, 1, f"features of {regions.height} regions, and of controls")
    job.write(overlap(regions, searched, inputs.features(), **_chance(job)), "annotate/overlap.tsv")
    members = families_of(sequences, inputs.families())
    job.write(relative_enrichment(members, class_order(job.settings, members["label"])), "annotate/families.tsv")
    near = region_genes(regions, genes)
    _conservation(job, inputs, regions, searched, near)
    job.write(overlap_with_types(sequences, genes), "annotate/gene_types.tsv")
    job.write(near, "annotate/region_genes.tsv")
    job.write(genes_with_regions(near, regions, least=settings.gene_bases), "annotate/genes.tsv")
    sizes = Sizes(*settings.gene_set_sizes, settings.gene_reach)
    tested = gene_set_enrichment(regions, searched, genes, inputs.gene_sets(), sizes, **_chance(job))
    job.write(tested, "annotate/gene_sets.tsv")
    return near


def _conservation(job: Job, inputs: Inputs, regions: pl.DataFrame, sequences: pl.DataFrame, near: pl.DataFrame) -> None:
    """Write the tables of every signal: class means, region means, and the regions at both ends."""
    from phenolens.annotate.conservation import conservation
    from phenolens.annotate.conserved import conserved

    holders = sequences.filter(pl.col("sequence_id").is_in(regions["sequence_id"].unique().implode()))
    kept = _kept(holders, job.settings.seed)
    found, along = [], [empty(SIGNALS)]
    for name, values in _signals(job, inputs, holders):
        found.append(conservation(regions, sequences, values, signal=name, **_chance(job)))
        along.append(_along(name, values, kept))
    job.write(pl.concat(along), "annotate/signals.parquet")
    scores = pl.concat([empty(REGION_SCORES), *(scores for _, scores in found)])
    job.write(pl.concat([empty(CONSERVATION), *(table for table, _ in found)]), "annotate/conservation.tsv")
    job.write(scores, "annotate/region_scores.tsv")
    limits = job.settings.annotate
    ends = {"highly": limits.highly_conserved, "hardly": limits.conserved, "covered": limits.conserved_covered}
    job.write(conserved(scores, regions, near, **ends), "annotate/conserved.tsv")


def _kept(holders: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return sequence_id, strand of all holders, or of as many at random as stay within 20,000,000 bases."""
    ordered = holders.sort("sequence_id")
    drawn = ordered[np.random.default_rng(seed).permutation(ordered.height)]
    bases = pl.col("sequence").str.len_bytes().cast(pl.Int64).cum_sum()
    return drawn.filter(bases <= MOST_BASES).select("sequence_id", "strand").sort("sequence_id")


def _along(name: str, values: Mapping[str, np.ndarray], kept: pl.DataFrame) -> pl.DataFrame:
    """Return SIGNALS of one signal: its values turned from genome direction into that of each sequence."""
    there = kept.filter(pl.col("sequence_id").is_in(list(values)))
    turned = [
        pl.Series(values[sequence_id][:: -1 if strand == "-" else 1]) for sequence_id, strand in there.iter_rows()
    ]
    return there.select(
        "sequence_id",
        pl.lit(name).alias("signal"),
        pl.Series("values", turned, dtype=pl.List(pl.Float32)),
    )


def _signals(job: Job, inputs: Inputs, sequences: pl.DataFrame) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Yield (name, sequence_id -> values) of the study's bigWig files, then of its alignments."""
    for name, path in job.settings.annotate.signals.items():
        yield name, inputs.signal_along(path, sequences)
    for name, path in job.settings.annotate.alignments.items():
        job.progress.step(0, 1, f"alignment {name}")
        for what, values in inputs.alignment_along(path, sequences).items():
            yield f"{name}: {what}", values


def _chance(job: Job) -> dict[str, int]:
    return {"controls": job.settings.annotate.controls, "seed": job.settings.seed}
