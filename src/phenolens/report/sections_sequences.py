"""Section: some sequences letter by letter, with their scores, regions and motif hits."""

from functools import partial
from typing import Any

import numpy as np
import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Figure, Paragraph, Section
from phenolens.report.content import Facts
from phenolens.report.figures_sequence import Hit, Shown, part_of, sequence_picture
from phenolens.report.sections_motifs import significant

HITS = 8  # drawn of one sequence


def sequences(facts: Facts) -> Section:
    """Return the section with a picture of each shown sequence."""
    title, table = "Top sequences", facts.shown_sequences
    if not table.height:
        return Section("sequences", title, "No explained sequence has a region, so nothing is shown.", [])
    lead = f"{text.plural(table.height, 'sequence')} that the model is surest of, letter by letter: where it looks, and which motifs lie there."
    motifs = set(significant(facts)["motif_id"])
    known = (
        "Bars below the letters are hits of motifs that are enriched in the regions (q ≤ 0.05); the arrow is the strand."
        if motifs
        else "No motif is significantly enriched; bars below the letters are the hits with the lowest p-values all the same, and the arrow is the strand."
    )
    means = (
        "Height: ALRW of each letter, all lines of a sequence on one scale. Bold letters: regions. Numbers at the left count from 0. "
        f"{known if facts.shown_hits.height else 'No motif hit lies in these sequences, or none was looked for.'}"
    )
    blocks: list[Block] = [Paragraph(means)]
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        blocks.append(_picture(facts, row, number, motifs))
    return Section("sequences", title, lead, blocks)


def _picture(facts: Facts, row: dict[str, Any], number: int, motifs: set[str]) -> Figure:
    regions = (
        facts.regions.filter(pl.col("sequence_id") == row["sequence_id"])
        .select("sequence_start", "sequence_end", "mean_score")
        .rows()
    )
    length = len(row["sequence"])
    start, end = part_of(length, regions)
    scores = np.array([np.nan if v is None else v for v in row["scores"][start:end]], dtype=np.float64)
    scores = np.pad(scores, (0, end - start - len(scores)), constant_values=np.nan)
    shown = Shown(
        row["sequence"][start:end],
        scores,
        start,
        [(a, b) for a, b, _ in regions],
        _hits(facts, row["sequence_id"], motifs, (start, end)),
    )
    place = (
        f" at {row['chrom']}:{text.count(row['start'])}–{text.count(row['end'])} ({row['strand']})"
        if row["chrom"] is not None
        else ""
    )
    sure = f"; probability of this class {text.number(row['probability'])}" if row["probability"] is not None else ""
    part = (
        f" Letters {text.count(start)} to {text.count(end)} of {text.count(length)}, around its highest region."
        if end - start < length
        else ""
    )
    label = f"Scores of {row['sequence_id']}"
    index = facts.labels.index(row["label"]) if row["label"] in facts.labels else 0
    caption = f"Class {row['label']}{place}{sure}. {text.plural(len(regions), 'region')}.{part}"
    data = pl.DataFrame({"position": range(start, end), "base": list(row["sequence"][start:end]), "score": scores})
    return Figure(
        f"sequence-{number}",
        label,
        caption,
        partial(sequence_picture, shown, index, label),
        "Nothing to draw.",
        data=data.with_columns(pl.col("score").fill_nan(None)),
    )


def _hits(facts: Facts, sequence: str, motifs: set[str], part: tuple[int, int]) -> list[Hit]:
    """Return up to 8 hits, of enriched motifs where there are any, lowest p first, none mostly over another."""
    table = facts.shown_hits.filter(
        (pl.col("sequence_id") == sequence) & (pl.col("end") > part[0]) & (pl.col("start") < part[1])
    )
    table = table.filter(pl.col("motif_id").is_in(list(motifs))) if motifs else table
    chosen: list[Hit] = []
    for name, motif, start, end, strand in (
        table.sort("p_value", "start", "motif_id")
        .select("motif_name", "motif_id", "start", "end", "strand")
        .iter_rows()
    ):
        over = (min(end, hit.end) - max(start, hit.start) for hit in chosen)
        if len(chosen) < HITS and all(2 * shared <= end - start for shared in over):
            chosen.append(Hit(start, end, strand, name or motif))
    return chosen
