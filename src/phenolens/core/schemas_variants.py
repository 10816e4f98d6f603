"""Tables of what is known of single variants inside the regions: pathogenicity scores, frequencies in people, depth over a pangenome."""

import polars as pl

from phenolens.core.schemas import BESIDE_CONTROLS, CHROM
from phenolens.core.table import Column, Schema

POSITION = Column(pl.Int64, "base, 0-based")
REGION = Column(pl.String, "region")
SCORES = Column(pl.String, "name of the scores, as in the study file")

SCORED = Schema(
    "SCORED",
    {
        "chrom": Column(pl.String, "chromosome name as in the genome file"),
        "start": POSITION,
        "ref": Column(pl.String, "base of the reference, upper case"),
        "alt": Column(pl.String, "base in its place, upper case"),
        "score": Column(pl.Float64, "higher = more harmful"),
        "kind": Column(pl.String, "class that the provider gives, e.g. likely_pathogenic", nullable=True),
        "gene": Column(pl.String, "symbol", nullable=True),
        "protein": Column(pl.String, "protein or transcript", nullable=True),
        "change": Column(
            pl.String, "amino acid, place, amino acid: V2L; V?L where the file gives no place", nullable=True
        ),
    },
)
FREQUENCIES = Schema(
    "FREQUENCIES",
    {
        "chrom": Column(pl.String, "chromosome name as in the genome file"),
        "start": Column(pl.Int64, "first base of the reference allele, 0-based"),
        "ref": Column(pl.String, "reference allele, upper case"),
        "alt": Column(pl.String, "alternative allele, upper case"),
        "frequency": Column(pl.Float64, "share of the chromosomes that carry it"),
    },
)
DEPTHS = Schema(
    "DEPTHS",
    {
        "chrom": Column(pl.String, "chromosome name as in the genome file"),
        "start": Column(pl.Int64, "first base, 0-based"),
        "end": Column(pl.Int64, "one past the last base"),
        "depth": Column(pl.Float64, "mean number of paths of the graph that run through its bases"),
    },
)
BESIDE = {
    "regions": Column(pl.Int64, "regions that have a value"),
    "observed": Column(pl.Float64, "mean over the regions", nullable=True),
    "expected": Column(pl.Float64, "the same over matched controls", nullable=True),
    **BESIDE_CONTROLS,
}
LABEL = Column(pl.String, "class whose regions are tested")
PATHOGENICITY = Schema(
    "PATHOGENICITY",
    {
        "label": LABEL,
        "scores": SCORES,
        "measure": Column(
            pl.String,
            "mean score: mean over the scored substitutions of a region; harmful regions: share of regions whose mean reaches the threshold; "
            "covered bases: share of bases with a scored substitution; covered substitutions: share of the three a base",
        ),
        **BESIDE,
    },
    key=("label", "scores", "measure"),
)
REGION_PATHOGENICITY = Schema(
    "REGION_PATHOGENICITY",
    {
        "region_id": REGION,
        "scores": SCORES,
        "mean": Column(pl.Float64, "mean over its scored substitutions; null without one", nullable=True),
        "highest": Column(pl.Float64, "highest of them", nullable=True),
        "substitutions": Column(pl.Int64, "scored substitutions"),
        "covered": Column(pl.Float64, "share of its bases with a scored substitution"),
        "harmful": Column(pl.Boolean, "mean reaches the threshold; null without mean or threshold", nullable=True),
    },
    key=("region_id", "scores"),
)
PATHOGENIC_VARIANTS = Schema(
    "PATHOGENIC_VARIANTS",
    {
        "region_id": REGION,
        "sequence_id": Column(pl.String, "sequence it lies in"),
        "label": Column(pl.String, "class of that sequence"),
        "scores": SCORES,
        **SCORED.columns,
        "model_change": Column(
            pl.Float64,
            "the model's own view: explained score of the sequence's class (its logit minus the mean of the others') with the base minus without it; null where it was not asked",
            nullable=True,
        ),
    },
)
POPULATION = Schema(
    "POPULATION",
    {
        "label": LABEL,
        "measure": Column(
            pl.String,
            "variants per kb; mean frequency: of the alternative bases; diversity: expected share of pairs that differ at a base; depth: "
            "paths of the pangenome; or a cross of one of them with a conservation signal: share of regions",
        ),
        **BESIDE,
    },
    key=("label", "measure"),
)
REGION_POPULATION = Schema(
    "REGION_POPULATION",
    {
        "region_id": REGION,
        "measure": Column(pl.String, "as in POPULATION"),
        "value": Column(pl.Float64, "of the region; null where absent", nullable=True),
    },
    key=("region_id", "measure"),
)
POPULATION_CROSS = Schema(
    "POPULATION_CROSS",
    {
        "region_id": REGION,
        "label": Column(pl.String, "class"),
        "chrom": CHROM,
        "start": Column(pl.Int64, "first base, 0-based", nullable=True),
        "end": Column(pl.Int64, "one past the last base", nullable=True),
        "measure": Column(pl.String, "measure that calls it variable in people"),
        "value": Column(pl.Float64, "of that measure"),
        "signal": Column(pl.String, "name of the conservation signal"),
        "conservation": Column(pl.Float64, "mean of the signal over the region"),
        "genes": Column(pl.String, "genes that the region overlaps", nullable=True),
    },
    key=("region_id", "measure", "signal"),
)
OVERLAYS = Schema(
    "OVERLAYS",
    {
        "name": Column(pl.String, "name of the scores, variants, or depth"),
        "kind": Column(pl.String, "scores, variants or depth"),
        "file": Column(pl.String, "file name"),
        "format": Column(pl.String, "how it was read"),
        "threshold": Column(pl.Float64, "score from which a substitution is called harmful", nullable=True),
        "rows": Column(pl.Int64, "rows used"),
        "bases": Column(pl.Int64, "bases of the regions' sequences, where regions and their controls lie"),
        "note": Column(pl.String, "what was left out, how it was read, why nothing was found", nullable=True),
    },
    key=("name",),
)
VARIANT_TABLES = (
    OVERLAYS,
    PATHOGENICITY,
    REGION_PATHOGENICITY,
    PATHOGENIC_VARIANTS,
    POPULATION,
    REGION_POPULATION,
    POPULATION_CROSS,
)
