"""Tables beside the per-base scores: every attention head alone, and the paper's arithmetic beside the default near the ends."""

import polars as pl

from phenolens.core.schemas import PROFILE
from phenolens.core.table import Column, Schema

HEADS = Schema(
    "HEADS",
    {
        "method": PROFILE.columns["method"],
        "label": PROFILE.columns["label"],
        "head": Column(pl.Int64, "attention head of the layer, from 0; each scaled on its own"),
        **{name: PROFILE.columns[name] for name in ("position", "mean", "low", "high", "n")},
    },
    key=("method", "label", "head", "position"),
)
EDGES = Schema(
    "EDGES",
    {
        "label": Column(pl.String, "class"),
        "edge": Column(pl.String, "start or end of the sequence"),
        "distance": Column(pl.Int64, "bases from that edge; 0 = first or last base"),
        "default": Column(pl.Float64, "mean default score, 1 = attention spread evenly over the sequence"),
        "paper": Column(pl.Float64, "the same by the paper's arithmetic"),
        "n": Column(pl.Int64, "sequences with a score there"),
    },
    {"edge is start or end": lambda: pl.col("edge").is_in(["start", "end"])},
    key=("label", "edge", "distance"),
)
ALRW_TABLES = (HEADS, EDGES)
