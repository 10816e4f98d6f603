"""Cross-fitting: the regions of one half of the data choose motifs, the other half tests them, and the other way round.

Among a thousand motifs the best ones look better than they are, and regions picked by a model hold what it looks for by construction. Whole groups of
related sequences lie in one half, so nothing that chose is tested again, not even a near-copy.
"""

from zlib import crc32

import numpy as np
import polars as pl

from phenolens.annotate.enrichment import SIGNIFICANT, odds_ratio
from phenolens.core.stats import benjamini_hochberg

CELLS = ("case_hits", "case_total", "control_hits", "control_total")


def halves(sequences: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return sequence_id, half (0 or 1): whole groups, each into the half in which its classes are behind.

    Groups go by number of sequences, the largest first, those of one size in an order drawn from the seed and the group's name.

    Parameters
    ----------
    sequences : sequence_id, label, group.
    seed : of the order.
    """
    counts = sequences.group_by("group", "label").len()
    sizes = counts.group_by("group").agg(pl.col("len").sum())
    order = sorted(sizes.iter_rows(), key=lambda row: (-row[1], crc32(f"{seed} {row[0]}".encode()), row[0]))
    labels = dict(counts.group_by("group"))
    ahead: dict[str, int] = {}  # sequences of each class in half 0 less those in half 1
    half: dict[str, int] = {}
    for group, _ in order:
        own = [(label, n) for _, label, n in labels[group,].iter_rows()]
        half[group] = int(sum(np.sign(ahead.get(label, 0)) * n for label, n in own) > 0)
        for label, n in own:
            ahead[label] = ahead.get(label, 0) + (n if half[group] == 0 else -n)
    chosen = pl.DataFrame(
        {"group": list(half), "half": list(half.values())}, schema={"group": pl.String, "half": pl.Int64}
    )
    return sequences.join(chosen, on="group", how="left", maintain_order="left").select("sequence_id", "half")


def choices(tested: list[pl.DataFrame | None]) -> list[np.ndarray] | None:
    """Return for each half bool (m,), which motifs it chooses: q <= 0.05 there; None when a half could not be tested.

    Parameters
    ----------
    tested : COMPARED of the two halves, the same motifs in the same order.
    """
    if any(table is None for table in tested):
        return None
    return [table["q_value"].to_numpy() <= SIGNIFICANT for table in tested if table is not None]


def cross_fitted(chosen: list[np.ndarray] | None, tested: list[pl.DataFrame | None], motifs: int) -> list[pl.Series]:
    """Return the columns chosen, crossfit_odds_ratio, crossfit_low, crossfit_high, crossfit_q, motifs in the order of the tables.

    A half that chooses a motif leaves its test to the other one. q_h = Benjamini-Hochberg over the motifs that half h chose, of their p-values in the
    other half; crossfit_q = min(1, 2 min over h q_h), which keeps the false discovery rate of both halves' findings together (the sum of two rates
    of half the level). The odds ratio is of the tables of all halves that tested the motif, added up.

    Parameters
    ----------
    chosen : as `choices`; None gives null everywhere.
    tested : COMPARED of the two halves.
    motifs : number of motifs.
    """
    names = ("crossfit_odds_ratio", "crossfit_low", "crossfit_high", "crossfit_q")
    tables = [table for table in tested if table is not None]
    if chosen is None or len(tables) < 2:
        return [
            pl.Series("chosen", [None] * motifs, dtype=pl.Int64),
            *(pl.Series(name, [None] * motifs, dtype=pl.Float64) for name in names),
        ]
    times = chosen[0].astype(np.int64) + chosen[1]
    q_value, cells = np.full(len(times), np.inf), np.zeros((4, len(times)), dtype=np.int64)
    for by, table in ((chosen[0], tables[1]), (chosen[1], tables[0])):
        p_values = np.where(by, table["p_value"].to_numpy(), np.nan)
        q_value = np.fmin(q_value, benjamini_hochberg(p_values))
        cells += np.where(by, np.stack([table[name].to_numpy() for name in CELLS]), 0)
    columns = [*odds_ratio(*cells), np.minimum(2 * q_value, 1.0)]
    return [
        pl.Series("chosen", times),
        *(
            pl.Series(name, np.where(times > 0, values, np.nan), nan_to_null=True)
            for name, values in zip(names, columns, strict=True)
        ),
    ]
