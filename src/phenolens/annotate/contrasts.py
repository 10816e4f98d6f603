"""Which sequences' motifs are compared with which: regions of one class, and its whole sequences, each with what it should be held against.

Regions of the other classes answer "what does the model weigh more in this class than in the others?", and may be few.
Random stretches of the other classes, as long and as many per sequence as the regions, answer "what do the regions hold
that such DNA does not?", and are always there. Whole sequences answer "what does the class hold?", whatever the model looks at. Each is
cross-fitted: motifs that regions of one half of the data choose are tested in the other half.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.clusters import clusters
from phenolens.annotate.crossfit import choices, cross_fitted, halves
from phenolens.annotate.enrichment import PAPER_HITS, PAPER_RATE, SIGNIFICANT, Test, compare
from phenolens.annotate.motifs import Prepared, prepare, scan_blocks
from phenolens.core.schemas_motifs import ENRICHMENT
from phenolens.core.table import check, empty
from phenolens.core.types import Motif

OTHERS = "all other classes"
STRETCHES = ", random stretches"
BLOCK_BASES = 1 << 23  # of whole sequences scanned at once


class Contrast(NamedTuple):
    """How motifs are looked for and tested.

    background : float (4,), letter frequencies.
    p_threshold : largest p-value of a hit.
    test : see `enrichment.compare`.
    seed : of the random stretches and of the halves.
    """

    background: np.ndarray
    p_threshold: float = 1e-4
    test: Test = "sequences"
    seed: int = 0


class _Side(NamedTuple):
    """Hits named by their sequence, and what was scanned of each sequence: sequence_id, label, length."""

    hits: pl.DataFrame
    scanned: pl.DataFrame


def motif_enrichment(
    motifs: Sequence[Motif],
    regions: pl.DataFrame,
    sequences: pl.DataFrame,
    *,
    cases: Sequence[str],
    how: Contrast,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (HITS in the regions, ENRICHMENT of each case in its regions and whole); a sequence counts once, with all its regions.

    Rows of a case, scope and control are in the order of p.

    Parameters
    ----------
    motifs : the motifs to scan for.
    regions : REGIONS.
    sequences : SEQUENCES that were explained, with a region or not.
    cases : classes to test, in this order.
    how : see `Contrast`.
    """
    prepared = prepare(motifs, background=how.background, p_threshold=how.p_threshold)
    found = _scanned(prepared, regions, "region_id")
    whole = _Side(
        _scanned(prepared, sequences, "sequence_id"),
        sequences.select("sequence_id", "label", pl.col("sequence").str.len_bytes().cast(pl.Int64).alias("length")),
    )
    half = halves(sequences, seed=how.seed)
    tables = []
    for case in cases:
        elsewhere = sequences.filter(pl.col("label") != case)
        others = elsewhere["label"].unique().to_list()
        name = others[0] if len(others) == 1 else OTHERS
        inside = regions.filter(pl.col("label") == case)
        stretches = random_stretches(inside, elsewhere, seed=how.seed)
        chosen: list[np.ndarray] | None = None
        for scope, control, side in (
            ("regions", name, _per_sequence(found, regions)),
            (
                "regions",
                name + STRETCHES,
                _per_sequence(
                    pl.concat([found, _scanned(prepared, stretches, "region_id")]),
                    pl.concat([inside, stretches], how="diagonal"),
                ),
            ),
            ("whole", name, whole),
        ):
            labelled = side.scanned.with_columns(
                pl.when(pl.col("label") == case).then("label").otherwise(pl.lit(control)).alias("label")
            )
            tested, parts = _tested(_Side(side.hits, labelled), motifs, half, (case, control, how.test))
            if tested is None:
                continue
            # whole sequences are tested for what the regions of the other half chose against random stretches, tested just before
            chosen = choices(parts) if scope == "regions" else chosen
            crossed = cross_fitted(chosen if how.test == "sequences" else None, parts, len(motifs))
            tables.append(
                tested.with_columns(*crossed, case=pl.lit(case), scope=pl.lit(scope), control=pl.lit(control))
            )
    return found, _described(tables, motifs, how.test)


def _tested(
    side: _Side, motifs: Sequence[Motif], half: pl.DataFrame, what: tuple[str, str, Test]
) -> tuple[pl.DataFrame | None, list[pl.DataFrame | None]]:
    """Return COMPARED of all sequences and of each half; None where one side of a comparison has no sequence."""
    case, control, test = what
    placed = side.scanned.join(half, on="sequence_id", how="left", maintain_order="left")
    tables = [
        compare(side.hits, scanned, motifs, case=case, control=control, test=test)
        for scanned in (placed, *(placed.filter(pl.col("half") == h) for h in (0, 1)))
    ]
    return tables[0], tables[1:]


def _described(tables: list[pl.DataFrame], motifs: Sequence[Motif], test: Test) -> pl.DataFrame:
    """Return ENRICHMENT: the comparisons with what is known of each motif, and which are enriched."""
    if not tables:
        return empty(ENRICHMENT)
    about = pl.DataFrame(
        {
            "motif_id": [m.motif_id for m in motifs],
            **{name: [getattr(m, name) for m in motifs] for name in ("tf_class", "tf_family", "tax_group")},
            "cluster": clusters(motifs),
        },
        schema=dict.fromkeys(("motif_id", "tf_class", "tf_family", "tax_group", "cluster"), pl.String),
    )
    q_value = pl.col("crossfit_q" if test == "sequences" else "q_value")
    enriched = (q_value <= SIGNIFICANT).fill_null(False)
    if test == "paper":
        enriched &= (pl.col("case_rate") >= PAPER_RATE).fill_null(False) & (pl.col("case_hits") > PAPER_HITS)
    table = pl.concat([table.sort("p_value", maintain_order=True) for table in tables])
    table = table.join(about, on="motif_id", how="left", maintain_order="left").with_columns(enriched.alias("enriched"))
    return check(table.select(list(ENRICHMENT.columns)), ENRICHMENT)


def _scanned(prepared: Prepared, table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return HITS in the letters of a table, named by this column, scanned some rows at a time."""
    block = pl.col("sequence").str.len_bytes().cum_sum() // BLOCK_BASES
    parts = table.select(name, "sequence", block=block).partition_by("block", maintain_order=True)
    return scan_blocks(prepared, ((part[name].to_list(), part["sequence"].to_list()) for part in parts))


def _per_sequence(hits: pl.DataFrame, regions: pl.DataFrame) -> _Side:
    """Return hits named by the sequence of their region, and the scanned bases per sequence."""
    owner = regions.select("region_id", pl.col("sequence_id").alias("owner"))
    named = hits.join(owner, left_on="sequence_id", right_on="region_id", how="inner", maintain_order="left")
    length = pl.col("sequence").str.len_bytes().sum().cast(pl.Int64).alias("length")
    totals = regions.group_by("sequence_id", "label", maintain_order=True).agg(length)
    return _Side(named.with_columns(sequence_id="owner").drop("owner"), totals)


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
