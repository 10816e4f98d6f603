"""Motifs found in more of the case's sequences than of the control's: Fisher's exact test, odds ratio, hits per kb.

Tested is whether a sequence has a hit, not how many: the hits of one repeat-rich sequence are not independent. A region
picked because of its sequence must be compared with sequences that were picked in the same way. The paper's test, which counts
hits, is there to be compared with.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats

from phenolens.core.errors import DataError
from phenolens.core.schemas_motifs import HITS, TESTED
from phenolens.core.stats import benjamini_hochberg
from phenolens.core.table import Column, Schema, check
from phenolens.core.types import Motif

Test = Literal["sequences", "paper"]
SCANNED = {"sequence_id": pl.String, "label": pl.String, "length": pl.Int64}
SIGNIFICANT = 0.05
PAPER_RATE, PAPER_HITS = 0.5, 10  # the paper shows a case rate of at least, and more hits than
COMPARED = Schema(
    "COMPARED",
    {
        "motif_id": Column(pl.String, "identifier"),
        "motif_name": Column(pl.String, "name", nullable=True),
        **TESTED,
    },
    key=("motif_id",),
)


def compare(
    hits: pl.DataFrame,
    scanned: pl.DataFrame,
    motifs: Sequence[Motif],
    *,
    case: str,
    control: str,
    test: Test = "sequences",
) -> pl.DataFrame | None:
    """Return COMPARED of one case against one control, motifs in their order; None without sequences on one side.

    test = "sequences": a = case sequences with a hit, b = control sequences with one, of n_a and n_b sequences. test = "paper": hits with
    a q-value of at most 0.05, a = those of the motif in the case, n_a = those of all motifs there, b and n_b in the control. p = P(X >= a), X
    hypergeometric: n_a draws of n_a + n_b, of which a + b count (Fisher's exact test, one-sided). With 1/2 added to each cell of the 2 x 2 table a,
    c = n_a - a, b, d = n_b - b (Haldane 1956, Anscombe 1956), the odds ratio is a d / (b c) and its 95 % interval
    exp(log odds ratio +- 1.96 sqrt(1/a + 1/b + 1/c + 1/d)) (Woolf 1955). Motifs without a hit have 0 and p = 1.

    Parameters
    ----------
    hits : HITS; rows of sequences that are not in `scanned` do not count.
    scanned : what was scanned, with or without a hit: sequence_id (unique), label, length in bases.
    motifs : the motifs that were scanned for, so that those without a hit appear too.
    case, control : two labels of `scanned`.
    test : see above.

    Raises
    ------
    DataError : a table is not as declared, or case and control are the same.
    """
    hits = check(hits, HITS)
    _check_scanned(scanned)
    if case == control:
        raise DataError("motif enrichment", f"case and control are both {case}", expected="two different labels")
    if test == "paper":
        hits = hits.filter(pl.col("q_value") <= SIGNIFICANT)
    table = pl.DataFrame(
        {"motif_id": [m.motif_id for m in motifs], "motif_name": [m.name for m in motifs]},
        schema={"motif_id": pl.String, "motif_name": pl.String},
    )
    for side, label in (("case", case), ("control", control)):
        sequences = scanned.filter(pl.col("label") == label)
        if sequences.is_empty():
            return None
        table = _count(table, hits, sequences, side, test)
    cells = ("case_hits", "case_total", "control_hits", "control_total")
    return check(table.with_columns(_fisher(*(table[name].to_numpy() for name in cells))), COMPARED)


def _count(table: pl.DataFrame, hits: pl.DataFrame, sequences: pl.DataFrame, side: str, test: Test) -> pl.DataFrame:
    """Return the table with the columns hits, total and per_kb of one side."""
    bases = int(sequences["length"].sum())
    inside = hits.join(sequences.select("sequence_id"), on="sequence_id", how="semi")
    counted = pl.col("sequence_id").n_unique() if test == "sequences" else pl.len()
    counts = inside.group_by("motif_id").agg(
        counted.cast(pl.Int64).alias(f"{side}_hits"), (1000 * pl.len() / bases).alias(f"{side}_per_kb")
    )
    nothing = pl.lit(0.0 if bases else None, pl.Float64)
    return table.join(counts, on="motif_id", how="left", maintain_order="left").with_columns(
        pl.col(f"{side}_hits").fill_null(0),
        pl.col(f"{side}_per_kb").fill_null(nothing),
        pl.lit(sequences.height if test == "sequences" else inside.height, pl.Int64).alias(f"{side}_total"),
    )


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
    """Return columns case_rate, odds_ratio, low, high, p_value, q_value of 2 x 2 tables given as four int64 (m,) arrays."""
    # At least as many hits among the case's draws: the survival function just below the observed count.
    p_values = stats.hypergeom.sf(case_hits - 1, case_total + control_total, case_hits + control_hits, case_total)
    p_values = np.clip(p_values, 0.0, 1.0)
    shares = [hits / np.maximum(total, 1) for hits, total in ((case_hits, case_total), (control_hits, control_total))]
    both = shares[0] + shares[1]
    rate = np.divide(shares[0], both, out=np.full(len(both), np.nan), where=both > 0)
    ratio = odds_ratio(case_hits, case_total, control_hits, control_total)
    return [
        pl.Series("case_rate", rate, nan_to_null=True),
        *(pl.Series(name, values) for name, values in zip(("odds_ratio", "low", "high"), ratio, strict=True)),
        pl.Series("p_value", p_values),
        pl.Series("q_value", benjamini_hochberg(p_values)),
    ]


def odds_ratio(
    case_hits: np.ndarray, case_total: np.ndarray, control_hits: np.ndarray, control_total: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (odds ratio, low, high), float64 (m,) each, as `compare` says, of 2 x 2 tables given as four int64 (m,) arrays."""
    cells = np.stack([case_hits, case_total - case_hits, control_hits, control_total - control_hits]) + 0.5
    log_ratio = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    half_width = stats.norm.ppf(0.975) * np.sqrt((1 / cells).sum(axis=0))
    return np.exp(log_ratio), np.exp(log_ratio - half_width), np.exp(log_ratio + half_width)
