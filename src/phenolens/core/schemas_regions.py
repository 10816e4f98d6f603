"""The tables that the regions, and the stretches of tokens, are made into.

As in core/schemas.py: coordinates are 0-based and half-open, absent is null, never 0.
"""

import polars as pl

from phenolens.core.table import Column, Schema

TOKEN_REGIONS = Schema(
    "TOKEN_REGIONS",
    {
        "label": Column(pl.String, "class"),
        "coordinates": Column(
            pl.String,
            "tokens: stretches of the model's input, special tokens not counted; sequence: fifths of the sequence",
        ),
        "stretch": Column(pl.String, "tokens 0-50, 50-150, ...; per cent of the sequence 0-20, 20-40, ..."),
        "measure": Column(
            pl.String,
            "gc: share of G and C; distinct_6mers: different 6-mers / 6-mers; entropy: of the letters, in bits; cpg: observed / expected CpG",
        ),
        "mean": Column(pl.Float64, "mean over the sequences in which it is defined"),
        "low": Column(pl.Float64, "lower end of the 95 % bootstrap interval over groups", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "n": Column(pl.Int64, "sequences in which it is defined"),
    },
    key=("label", "coordinates", "stretch", "measure"),
)
REGION_CHANCE = Schema(
    "REGION_CHANCE",
    {
        "rule": Column(pl.String, "paper: above the mean; calibrated: above the threshold from shuffled sequences"),
        "label": Column(pl.String, "class; null = all classes", nullable=True),
        "threshold": Column(
            pl.Float64,
            "a region's scores exceed mean + threshold x mean absolute score of their sequence; null: no finite one keeps the rate",
            nullable=True,
        ),
        "sequences": Column(pl.Int64, "explained sequences"),
        "found": Column(pl.Float64, "share of them with at least one region"),
        "shuffled": Column(pl.Int64, "dinucleotide-shuffled copies of them that were scored too"),
        "by_chance": Column(pl.Float64, "share of the copies with at least one region", nullable=True),
        "low": Column(pl.Float64, "lower end of its 95 % interval (Wilson)", nullable=True),
        "high": Column(pl.Float64, "upper end of its 95 % interval", nullable=True),
    },
    key=("rule", "label"),
)
TRACKS = Schema(
    "TRACKS",
    {
        "file": Column(pl.String, "bigWig file in explain/"),
        "method": Column(pl.String, "alrw, or another per-base score"),
        "label": Column(pl.String, "class"),
        "bases": Column(pl.Int64, "bases of the genome that have a value"),
        "several": Column(
            pl.Int64, "those in more than one sequence: their value is the mean of the sequences' scores"
        ),
    },
    key=("file",),
)
SHOWN_SEQUENCES = Schema(
    "SHOWN_SEQUENCES",
    {
        "sequence_id": Column(pl.String, "sequence that the page draws"),
        "label": Column(pl.String, "its class"),
        "probability": Column(
            pl.Float64, "that the model gives its class; null where it was not predicted", nullable=True
        ),
        "chrom": Column(pl.String, "chromosome", nullable=True),
        "start": Column(pl.Int64, "first base, 0-based", nullable=True),
        "end": Column(pl.Int64, "one past the last base", nullable=True),
        "strand": Column(pl.String, "+ or -; . where unknown", nullable=True),
        "sequence": Column(pl.String, "its letters in reading direction"),
        "scores": Column(pl.List(pl.Float32), "ALRW of each letter; NaN where no token covers it"),
    },
    key=("sequence_id",),
)
SHOWN_HITS = Schema(
    "SHOWN_HITS",
    {
        "sequence_id": Column(pl.String, "sequence that the page draws"),
        "motif_id": Column(pl.String, "identifier in the motif file"),
        "motif_name": Column(pl.String, "name in the motif file", nullable=True),
        "start": Column(pl.Int64, "first base within the sequence, 0-based"),
        "end": Column(pl.Int64, "one past the last base within the sequence"),
        "strand": Column(pl.String, "+ or -"),
        "p_value": Column(pl.Float64, "chance of such a score at one position of background"),
    },
)
REGION_TABLES = (TOKEN_REGIONS, REGION_CHANCE, TRACKS)
