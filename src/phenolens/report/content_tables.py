"""The tables of the page by the name of their field: what each of them must be."""

import polars as pl

from phenolens.core.schemas import (
    COMPARISON,
    CONFUSION,
    CONSERVATION,
    GENE_COUNTS,
    GENE_TYPES,
    METRICS,
    PROFILE,
    REGION_GENES,
    REGION_SCORES,
    REGIONS,
    SEQUENCES,
    STATISTICS,
)
from phenolens.core.schemas_alrw import EDGES, HEADS
from phenolens.core.schemas_attribution import AGREEMENT, COMPLETENESS
from phenolens.core.schemas_biology import CONSERVED, FAMILIES, GENE_SET_ENRICHMENT, OVERLAP
from phenolens.core.schemas_browser import BROWSED
from phenolens.core.schemas_evaluate import CALIBRATION, SEEDS
from phenolens.core.schemas_faithfulness import FAITHFULNESS, FAITHFULNESS_CURVES, SANITY
from phenolens.core.schemas_layers import LAYERS, PROJECTION
from phenolens.core.schemas_motifs import ENRICHMENT, MOTIF_SETS
from phenolens.core.schemas_regions import REGION_CHANCE, SHOWN_HITS, SHOWN_SEQUENCES, TOKEN_REGIONS, TRACKS
from phenolens.core.schemas_variants import (
    OVERLAYS,
    PATHOGENIC_VARIANTS,
    PATHOGENICITY,
    POPULATION,
    POPULATION_CROSS,
)
from phenolens.core.table import Column, Schema

HISTORY = Schema(
    "HISTORY",
    {
        "run": Column(pl.String, "run-0, run-1 ..."),
        "epoch": Column(pl.Int64, "pass over the training sequences, 1-based"),
        "train_loss": Column(pl.Float64, "mean training loss of the epoch", nullable=True),
        "validation_loss": Column(pl.Float64, "loss on the validation sequences after it", nullable=True),
    },
)
SCHEMAS = {
    "sequences": SEQUENCES,
    "statistics": STATISTICS,
    "gene_types": GENE_TYPES,
    "metrics": METRICS,
    "confusion": CONFUSION,
    "comparison": COMPARISON,
    "seeds": SEEDS,
    "calibration": CALIBRATION,
    "layers": LAYERS,
    "projection": PROJECTION,
    "profile": PROFILE,
    "heads": HEADS,
    "edges": EDGES,
    "faithfulness": FAITHFULNESS,
    "faithfulness_curves": FAITHFULNESS_CURVES,
    "sanity": SANITY,
    "agreement": AGREEMENT,
    "completeness": COMPLETENESS,
    "regions": REGIONS,
    "region_chance": REGION_CHANCE,
    "token_regions": TOKEN_REGIONS,
    "tracks": TRACKS,
    "shown_sequences": SHOWN_SEQUENCES,
    "shown_hits": SHOWN_HITS,
    "browsed": BROWSED,
    "browsed_hits": SHOWN_HITS,
    "region_scores": REGION_SCORES,
    "enrichment": ENRICHMENT,
    "motif_sets": MOTIF_SETS,
    "overlap": OVERLAP,
    "conservation": CONSERVATION,
    "conserved": CONSERVED,
    "families": FAMILIES,
    "region_genes": REGION_GENES,
    "gene_counts": GENE_COUNTS,
    "gene_sets": GENE_SET_ENRICHMENT,
    "overlays": OVERLAYS,
    "pathogenicity": PATHOGENICITY,
    "pathogenic_variants": PATHOGENIC_VARIANTS,
    "population": POPULATION,
    "population_cross": POPULATION_CROSS,
}
