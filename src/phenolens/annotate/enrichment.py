"""Motifs found in more of the case's sequences than of the control's: Fisher's exact test, odds ratio, hits per kb.

Tested is whether a sequence has a hit, not how many: the hits of one repeat-rich sequence are not independent. A region
picked because of its sequence must be compared with sequences that were picked in the same way.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import stats

from phenolens.core.errors import DataError
from phenolens.core.schemas import ENRICHMENT, HITS
from phenolens.core.stats import benjamini_hochberg
from phenolens.core.table import check, empty
from phenolens.core.types import Motif

SCANNED = {"sequence_id": pl.String, "label": pl.String, "length": pl.Int64}


def enrichment(
    hits: pl.DataFrame, scanned: pl.DataFrame, motifs: Sequence[Motif], *, case: str, control: str
) -> pl.DataFrame:
    """Return ENRICHMENT of one case against one control: every motif, the smallest p-value first.

    p = P(X >= case_hits) with X hypergeometric: `case_total` sequences drawn of all, of which case_hits + control_hits
    have a hit (Fisher's exact test, one-sided). With 1/2 added to each cell of the 2 x 2 table a b / c d (Haldane 1956,
    Anscombe 1956), the odds ratio is a d / (b c) and its 95 % interval exp(log odds ratio +- 1.96 sqrt(1/a + 1/b + 1/c +
    1/d)) (Woolf 1955). Motifs without a hit have 0 and p = 1. Without sequences on one side the table is empty.

    Parameters
    ----------
    hits : HITS; rows of sequences that are not in `scanned` do not count.
    scanned : what was scanned, with or without a hit: sequence_id (unique), label, length in bases.
    motifs : the motifs that were scanned for, so that those without a hit appear too.
    case, control : two labels of `scanned`.

    Raises
    ------
    DataError : a table is not as declared, or case and control are the same.
    """
    hits = check(hits, HITS)
    _check_scanned(scanned)
    if case == control:
        raise DataError("motif enrichment", f"case and control are both {case}", expected="two different labels")
    totals = {label: scanned.filter(pl.col("label") == label) for label in (case, control)}
    if any(sequences.is_empty() for sequences in totals.values()) or not motifs:
        return empty(ENRICHMENT)
    table = pl.DataFrame({"motif_id": [m.motif_id for m in motifs], "motif_name": [m.name for m in motifs]}, schema_overrides={"motif_name": pl.String})  # fmt: skip
    for side, sequences in (("case", totals[case]), ("control", totals[control])):
        bases = int(sequences["length"].sum())
        counts = (
            hits.join(sequences.select("sequence_id"), on="sequence_id", how="semi")
            .group_by("motif_id")
            .agg(
                pl.col("sequence_id").n_unique().cast(pl.Int64).alias(f"{side}_hits"),
                (1000 * pl.len() / bases if bases else pl.lit(None, pl.Float64)).alias(f"{side}_per_kb"),
            )
        )
        nothing = pl.lit(0.0) if bases else pl.lit(None, pl.Float64)
        table = table.join(counts, on="motif_id", how="left", maintain_order="left").with_columns(
            pl.col(f"{side}_hits").fill_null(0),
            pl.col(f"{side}_per_kb").fill_null(nothing),
            pl.lit(sequences.height, pl.Int64).alias(f"{side}_total"),
        )
    tests = _fisher(*(table[name].to_numpy() for name in ("case_hits", "case_total", "control_hits", "control_total")))
    table = table.with_columns(pl.lit(case).alias("case"), pl.lit(control).alias("control"), *tests)
    return check(table.sort("p_value", maintain_order=True), ENRICHMENT)


def _check_scanned(scanned: pl.DataFrame) -> None:
    """Raise DataError unless the table has the columns of `SCANNED` and each sequence once."""
    for name, dtype in SCANNED.items():
        found = scanned.schema.get(name, "missing")
        if found != dtype:
            raise DataError(f"table of scanned sequences, column {name}", f"is {found}", expected=str(dtype))
    if scanned["sequence_id"].is_duplicated().any():
        raise DataError("table of scanned sequences", "a sequence_id occurs more than once", expected="one row each")


def _fisher(
    case_hits: np.ndarray, case_total: np.ndarray, control_hits: np.ndarray, control_total: np.ndarray
) -> list[pl.Series]:
    """Return columns odds_ratio, low, high, p_value, q_value of 2 x 2 tables given as four int64 (m,) arrays."""
    # At least as many hits among the case's draws: the survival function just below the observed count.
    p_values = stats.hypergeom.sf(case_hits - 1, case_total + control_total, case_hits + control_hits, case_total)
    p_values = np.clip(p_values, 0.0, 1.0)
    cells = np.stack([case_hits, case_total - case_hits, control_hits, control_total - control_hits]) + 0.5
    log_ratio = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    half_width = stats.norm.ppf(0.975) * np.sqrt((1 / cells).sum(axis=0))
    return [
        pl.Series("odds_ratio", np.exp(log_ratio)),
        pl.Series("low", np.exp(log_ratio - half_width)),
        pl.Series("high", np.exp(log_ratio + half_width)),
        pl.Series("p_value", p_values),
        pl.Series("q_value", benjamini_hochberg(p_values)),
    ]
