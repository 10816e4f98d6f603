"""Which sequences' motifs are compared with which: regions of one class against those of the others, and against random stretches.

Regions of the other classes answer "what does the model weigh more in this class than in the others?", and may be few.
Random stretches of the other classes, as long and as many per sequence as the regions, answer "what do the regions hold
that such DNA does not?", and are always there.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from phenolens.annotate.enrichment import enrichment
from phenolens.annotate.motifs import prepare, scan_blocks
from phenolens.core.schemas import ENRICHMENT
from phenolens.core.table import empty
from phenolens.core.types import Motif

OTHERS = "all other classes"
STRETCHES = ", random stretches"


def motif_enrichment(
    motifs: Sequence[Motif],
    regions: pl.DataFrame,
    sequences: pl.DataFrame,
    *,
    cases: Sequence[str],
    background: np.ndarray,
    p_threshold: float,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (HITS in the regions, ENRICHMENT of each case against both controls); a sequence counts once, with all its regions.

    Parameters
    ----------
    motifs : the motifs to scan for.
    regions : REGIONS.
    sequences : SEQUENCES that were explained, with a region or not.
    cases : classes to test, in this order; those without a region are left out.
    background : float (4,), letter frequencies.
    p_threshold : largest p-value of a hit.
    seed : of the random stretches.
    """
    prepared = prepare(motifs, background=background, p_threshold=p_threshold)

    def scanned(table: pl.DataFrame) -> pl.DataFrame:
        return scan_blocks(prepared, [(table["region_id"].to_list(), table["sequence"].to_list())])

    hits = scanned(regions)
    tables = [empty(ENRICHMENT)]
    for case in (case for case in cases if case in regions["label"]):
        inside, elsewhere = regions.filter(label=case), sequences.filter(pl.col("label") != case)
        others = elsewhere["label"].unique().to_list()
        name = others[0] if len(others) == 1 else OTHERS
        stretches = random_stretches(inside, elsewhere, seed=seed)
        drawn = pl.concat([hits, scanned(stretches)])
        for control, table, found in (
            (name, regions.filter(pl.col("label") != case), hits),
            (name + STRETCHES, stretches, drawn),
        ):
            pooled = pl.concat([inside, table.with_columns(label=pl.lit(control))], how="diagonal")
            tables.append(enrichment(*_per_sequence(found, pooled), motifs, case=case, control=control))
    return hits, pl.concat(tables)


def _per_sequence(hits: pl.DataFrame, regions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (hits named by the sequence of their region, scanned bases per sequence)."""
    owner = regions.select("region_id", pl.col("sequence_id").alias("owner"))
    named = hits.join(owner, left_on="sequence_id", right_on="region_id", how="inner", maintain_order="left")
    length = pl.col("sequence").str.len_bytes().sum().cast(pl.Int64).alias("length")
    totals = regions.group_by("sequence_id", "label", maintain_order=True).agg(length)
    return named.with_columns(sequence_id="owner").drop("owner"), totals


def random_stretches(regions: pl.DataFrame, sequences: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Return region_id, sequence_id, label, sequence: in each sequence, stretches as many and as long as the regions of one random case sequence.

    A stretch lies at a uniformly random place of its sequence; where the sequence is shorter, it is the whole sequence.

    Parameters
    ----------
    regions : REGIONS of the case.
    sequences : SEQUENCES of the controls.
    seed : of the generator; the result depends on it and on the order of the sequences' names only.
    """
    generator = np.random.default_rng(seed)
    templates = regions.select("sequence_id", (pl.col("sequence_end") - pl.col("sequence_start")).alias("length")).sort(
        "sequence_id", "length"
    )
    names = templates["sequence_id"].unique().sort()
    targets = sequences.select("sequence_id", "label", "sequence").sort("sequence_id")
    if names.is_empty() or targets.is_empty():
        return targets.clear().with_columns(region_id=pl.lit("", dtype=pl.String))
    model = names.gather(generator.integers(0, len(names), size=targets.height))
    placed = targets.with_columns(model=model).join(
        templates, left_on="model", right_on="sequence_id", maintain_order="left_right"
    )
    room = pl.col("sequence").str.len_bytes().cast(pl.Int64) - pl.col("length")
    place = pl.Series(generator.random(placed.height))
    start = (place * (pl.max_horizontal(room, 0) + 1)).floor().cast(pl.Int64)
    cut = placed.with_columns(start=start).with_columns(
        sequence=pl.col("sequence").str.slice(pl.col("start"), pl.col("length")).str.to_uppercase()
    )
    number = pl.int_range(pl.len()).over("sequence_id").cast(pl.String)
    return cut.select(
        (pl.col("sequence_id") + "/stretch-" + number).alias("region_id"), "sequence_id", "label", "sequence"
    )
