"""Which schema each table of a run folder has; for the name under which Python users ask for it.

A table's name is that of its file without ending: `metrics` is evaluate/metrics.tsv.
"""

from pathlib import PurePath

import polars as pl

from phenolens.core.schemas import GENE_COUNTS, TABLES, predictions_schema
from phenolens.core.schemas_alrw import ALRW_TABLES
from phenolens.core.schemas_attribution import ATTRIBUTION_TABLES
from phenolens.core.schemas_biology import BIOLOGY_TABLES, GENE_SET_ENRICHMENT
from phenolens.core.schemas_browser import BROWSER_TABLES
from phenolens.core.schemas_evaluate import EVALUATE_TABLES
from phenolens.core.schemas_faithfulness import FAITHFULNESS_TABLES
from phenolens.core.schemas_layers import LAYERS_TABLES
from phenolens.core.schemas_motifs import MOTIF_TABLES
from phenolens.core.schemas_regions import REGION_TABLES
from phenolens.core.schemas_variants import VARIANT_TABLES
from phenolens.core.table import Column, Schema

_SCORES = Column(pl.List(pl.Float32), "score of every base of the sequence; NaN where it has none")
ACCOUNT = Schema(
    "ACCOUNT",
    {
        "label": Column(pl.String, "class; null = all classes", nullable=True),
        "kind": Column(pl.String, "step (what is left after it), or why something was left out"),
        "reason": Column(pl.String, "the step or the reason"),
        "n": Column(pl.Int64, "intervals or sequences"),
        "bases": Column(pl.Int64, "their bases", nullable=True),
    },
)
ALRW = Schema(
    "ALRW",
    {
        "sequence_id": Column(pl.String, "sequence"),
        "label": Column(pl.String, "its class"),
        "split": Column(pl.String, "its split"),
        "scores": _SCORES,
    },
    key=("sequence_id",),
)
SCORES = Schema(
    "SCORES",
    {
        "sequence_id": Column(pl.String, "sequence"),
        "label": Column(pl.String, "its class"),
        "method": Column(pl.String, "alrw, integrated_gradients, ..."),
        "scores": _SCORES,
    },
    key=("sequence_id", "method"),
)
HISTORY = Schema(
    "HISTORY",
    {
        "epoch": Column(pl.Int64, "epoch, from 1"),
        "train_loss": Column(pl.Float64, "mean loss on the training sequences", nullable=True),
        "validation_loss": Column(pl.Float64, "loss on the validation sequences", nullable=True),
        "validation_accuracy": Column(pl.Float64, "accuracy on the validation sequences", nullable=True),
    },
    key=("epoch",),
)
RUN_TABLES = (
    *TABLES,
    *ALRW_TABLES,
    *BIOLOGY_TABLES,
    *EVALUATE_TABLES,
    *ATTRIBUTION_TABLES,
    *FAITHFULNESS_TABLES,
    *REGION_TABLES,
    *BROWSER_TABLES,
    *LAYERS_TABLES,
    *MOTIF_TABLES,
    *VARIANT_TABLES,
    ACCOUNT,
    ALRW,
    SCORES,
    HISTORY,
)
_BY_NAME = {schema.name.lower(): schema for schema in RUN_TABLES}
_BY_NAME |= {"genes": GENE_COUNTS, "gene_sets": GENE_SET_ENRICHMENT}


def schema_of(file: str, labels: list[str]) -> Schema:
    """Return the schema of a table of the run folder, e.g. of `evaluate/metrics.tsv`.

    Parameters
    ----------
    file : its path in the run folder.
    labels : classes, for the columns of probabilities.

    Raises
    ------
    KeyError : the file is none of a run's tables.
    """
    name = PurePath(file).stem
    return predictions_schema(labels) if name == "predictions" else _BY_NAME[name]
