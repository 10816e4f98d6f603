"""Tables of several finished runs side by side: settings that differ, metrics, paired differences, and what they read in common.

`folder` is the short name of a run folder, unique among those compared. As in core/schemas.py: absent is null, never 0.
"""

import polars as pl

from phenolens.core.schemas import METRICS
from phenolens.core.schemas_evaluate import RUNS_COMPARED
from phenolens.core.table import Column, Schema

FOLDER = Column(pl.String, "short name of a run folder")
PAIR = {
    "folder_a": Column(pl.String, "short name of a run folder"),
    "folder_b": Column(pl.String, "short name of another one"),
}
LABEL = Column(pl.String, "class; null = all classes together", nullable=True)

SETTINGS_COMPARED = Schema(
    "SETTINGS_COMPARED",
    {
        "setting": Column(pl.String, "key of the study file, dotted; list items by their number from 0"),
        "folder": FOLDER,
        "value": Column(pl.String, "as JSON; null where the run has no such setting", nullable=True),
    },
    key=("setting", "folder"),
)
FOLDER_METRICS = Schema(
    "FOLDER_METRICS",
    {"folder": FOLDER, **METRICS.columns},
    key=("folder", *METRICS.key),
)
FOLDER_PAIRS = Schema(
    "FOLDER_PAIRS",
    {
        **PAIR,
        "shared": Column(pl.Int64, "sequences of the split with the same letters and class in both"),
        "of_a": Column(pl.Int64, "sequences of the split in folder_a"),
        "of_b": Column(pl.Int64, "sequences of the split in folder_b"),
        "a_in_training_of_b": Column(pl.Int64, "of the split of folder_a, sequences that folder_b was trained on"),
        "b_in_training_of_a": Column(pl.Int64, "of the split of folder_b, sequences that folder_a was trained on"),
        "paired": Column(pl.Boolean, "whether the two are compared sequence by sequence"),
        "reason": Column(pl.String, "why not", nullable=True),
    },
    key=("folder_a", "folder_b"),
)
FOLDER_DIFFERENCES = Schema(
    "FOLDER_DIFFERENCES",
    {
        **PAIR,
        **RUNS_COMPARED.columns,
        "p_holm": Column(pl.Float64, "p_value after Holm's correction over the pairs of folders", nullable=True),
    },
    key=("folder_a", "folder_b", "metric"),
)
SCORES_COMPARED = Schema(
    "SCORES_COMPARED",
    {
        **PAIR,
        "label": LABEL,
        "n": Column(pl.Int64, "sequences that both explained, with scores that can be ranked"),
        "correlation": Column(
            pl.Float64, "mean over sequences of the rank correlation (Spearman) of the ALRW of their bases", True
        ),
        "correlation_low": Column(pl.Float64, "lower end of its 95 % interval over groups", nullable=True),
        "correlation_high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "correlation_chance": Column(
            pl.Float64, "the same with one side's scores rotated along each sequence by a random distance", True
        ),
        "overlap": Column(
            pl.Float64, "mean share of the one's highest tenth of bases that is also in the other's", True
        ),
        "overlap_low": Column(pl.Float64, "lower end of its 95 % interval over groups", nullable=True),
        "overlap_high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "overlap_chance": Column(pl.Float64, "the same with one side rotated", nullable=True),
    },
    key=("folder_a", "folder_b", "label"),
)
REGIONS_COMPARED = Schema(
    "REGIONS_COMPARED",
    {
        **PAIR,
        "label": LABEL,
        "n": Column(pl.Int64, "sequences that both explained"),
        "bases_a": Column(pl.Int64, "their bases in regions of folder_a"),
        "bases_b": Column(pl.Int64, "their bases in regions of folder_b"),
        "bases_both": Column(pl.Int64, "their bases in regions of both"),
        "jaccard": Column(pl.Float64, "bases in both / bases in either; null where neither has a region", True),
        "low": Column(pl.Float64, "lower end of its 95 % interval over groups", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "expected": Column(
            pl.Float64, "the same if the regions of each sequence lay anywhere in it, independently", nullable=True
        ),
    },
    key=("folder_a", "folder_b", "label"),
)
MOTIFS_COMPARED = Schema(
    "MOTIFS_COMPARED",
    {
        "case": Column(pl.String, "class whose regions were tested"),
        "motif_id": Column(pl.String, "identifier in the motif file"),
        "motif_name": Column(pl.String, "name in the motif file", nullable=True),
        "folder": FOLDER,
        "enriched": Column(pl.Boolean, "against any control, as in ENRICHMENT"),
        "control": Column(pl.String, "the control against which it is clearest"),
        "odds_ratio": Column(pl.Float64, "against that one, cross-fitted where the motif was chosen", nullable=True),
        "q_value": Column(pl.Float64, "likewise", nullable=True),
        "cluster": Column(pl.String, "motif that stands for all that are nearly the same"),
    },
    key=("case", "motif_id", "folder"),
)
COMPARE_TABLES = tuple(
    table for table in list(globals().values()) if isinstance(table, Schema) and table not in (METRICS, RUNS_COMPARED)
)
