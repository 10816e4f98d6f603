"""Tables of what the regions are: overlap with features, families, conserved regions, gene sets.

As in core/schemas.py: absent is null, never 0; a stage calls `check(table, SCHEMA)`.
"""

import polars as pl

from phenolens.core.schemas import BESIDE_CONTROLS, CHROM, END, START
from phenolens.core.table import Column, Schema

OVERLAP = Schema(
    "OVERLAP",
    {
        "label": Column(pl.String, "class whose regions are tested"),
        "feature": Column(pl.String, "feature set, e.g. gene, exon, or a BED file's name"),
        "null": Column(
            pl.String,
            "where the expected share is from: matched (same sequence, random place), circular (all regions moved on together by one random distance along the class's sequences laid end to end; those that come to lie across two do not count), shuffled (each region at a random place of any of the class's sequences)",
        ),
        "regions": Column(pl.Int64, "regions with genome coordinates"),
        "universe_sequences": Column(
            pl.Int64, "explained sequences of the class with coordinates: where regions could lie"
        ),
        "universe_bases": Column(pl.Int64, "bases of the genome that they cover"),
        "universe_share": Column(pl.Float64, "share of these bases that lie in the feature", nullable=True),
        "observed": Column(
            pl.Float64, "share of the regions that overlap the feature by at least one base", nullable=True
        ),
        "expected": Column(pl.Float64, "mean share under the null", nullable=True),
        "low": Column(pl.Float64, "2.5 % quantile under the null", nullable=True),
        "high": Column(pl.Float64, "97.5 % quantile under the null", nullable=True),
        "ratio": Column(pl.Float64, "observed / expected; null where none is expected", nullable=True),
        "log2_ratio": Column(pl.Float64, "its binary logarithm; null where observed or expected is 0", nullable=True),
        "p_value": BESIDE_CONTROLS["p_value"],
        "q_value": Column(pl.Float64, "Benjamini-Hochberg over the rows of the same null", nullable=True),
    },
    key=("label", "feature", "null"),
)
FAMILIES = Schema(
    "FAMILIES",
    {
        "family": Column(pl.String, "family of the sequences"),
        "class_a": Column(pl.String, "class"),
        "class_b": Column(pl.String, "class that it is compared with"),
        "sequences_a": Column(pl.Int64, "sequences of class_a in the family"),
        "total_a": Column(pl.Int64, "sequences of class_a that have a family"),
        "sequences_b": Column(pl.Int64, "sequences of class_b in the family"),
        "total_b": Column(pl.Int64, "sequences of class_b that have a family"),
        "loci_a": Column(pl.Int64, "loci of class_a in the family; windows of one locus are not independent"),
        "loci_b": Column(pl.Int64, "loci of class_b in the family"),
        "ratio": Column(
            pl.Float64,
            "relative enrichment: share in class_a / share in class_b; null where class_b has none",
            nullable=True,
        ),
        "low": Column(pl.Float64, "lower end of its 95 % interval; null where a class has none", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "p_value": Column(pl.Float64, "Fisher's exact test of the loci, two-sided"),
        "q_value": Column(pl.Float64, "Benjamini-Hochberg over the families of these two classes"),
    },
    key=("family", "class_a", "class_b"),
)
CONSERVED = Schema(
    "CONSERVED",
    {
        "list": Column(pl.String, "highly or hardly (conserved)"),
        "signal": Column(pl.String, "name of the signal"),
        "region_id": Column(pl.String, "region"),
        "label": Column(pl.String, "class of the region"),
        "chrom": CHROM,
        "start": START,
        "end": END,
        "mean": Column(pl.Float64, "mean signal over its covered bases"),
        "covered": Column(pl.Float64, "share of its bases that carry a value"),
        "genes": Column(pl.String, "genes that it overlaps, else the nearest one", nullable=True),
        "distance": Column(pl.Int64, "bases to them; 0 = overlap", nullable=True),
    },
    key=("list", "signal", "region_id"),
)
GENE_SETS = Schema(
    "GENE_SETS",
    {
        "set_name": Column(pl.String, "name of the set, e.g. a pathway, a trait, a disease"),
        "description": Column(pl.String, "what the file says of it", nullable=True),
        "gene": Column(pl.String, "symbol or identifier of one of its genes"),
    },
    key=("set_name", "gene"),
)
GENE_SET_ENRICHMENT = Schema(
    "GENE_SET_ENRICHMENT",
    {
        "label": Column(pl.String, "class whose regions are tested"),
        "collection": Column(pl.String, "name of the file of sets in the study"),
        "set_name": Column(pl.String, "gene set"),
        "hit": Column(pl.Int64, "genes of the set that a region hits"),
        "hit_all": Column(pl.Int64, "genes that a region hits, in a set or not"),
        "set_size": Column(pl.Int64, "genes of the set in the universe"),
        "universe": Column(pl.Int64, "genes that a region of this class could have hit"),
        "expected": Column(pl.Float64, "hit genes of the set if every gene were as easy to hit"),
        "ratio": Column(pl.Float64, "hit / expected; null where none is expected", nullable=True),
        "p_value": Column(pl.Float64, "hypergeometric, upper tail: genes of all lengths alike"),
        "q_value": Column(pl.Float64, "Benjamini-Hochberg over the sets of this class and collection"),
        "control_expected": Column(pl.Float64, "mean number of hit genes of the set over matched control regions"),
        "control_ratio": Column(pl.Float64, "hit / control_expected; null where none is expected", nullable=True),
        "control_p_value": Column(pl.Float64, "(b + 1) / (n + 1): control sets with as many genes or more"),
        "control_q_value": Column(pl.Float64, "Benjamini-Hochberg over the sets of this class and collection"),
        "genes": Column(pl.String, "hit genes of the set", nullable=True),
    },
    key=("label", "collection", "set_name"),
)
BIOLOGY_TABLES = (OVERLAP, FAMILIES, CONSERVED, GENE_SETS, GENE_SET_ENRICHMENT)
