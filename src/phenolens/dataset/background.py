"""A class that is made to be compared with another: matched places of the genome, or its sequences shuffled."""

from typing import Any

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.settings import ClassSettings, DatasetSettings
from phenolens.core.shuffle import shuffled
from phenolens.core.table import empty
from phenolens.core.types import Genome
from phenolens.dataset import intervals as sets
from phenolens.dataset.negatives import Matching, matched_negatives
from phenolens.dataset.sequences import Extracted, left_out_row
from phenolens.dataset.sources import Inputs, genome_of, placed, rows_of


def partners_of(source: ClassSettings, settings: DatasetSettings, parts: dict[int, pl.DataFrame]) -> pl.DataFrame:
    """Return the pieces of the class that background is made for, its alternative alleles left out.

    Raises
    ------
    DataError : no such class, or it is background itself.
    """
    key, wanted = (
        ("matched_to", source.matched_to) if source.matched_to is not None else ("shuffled_from", source.shuffled_from)
    )
    given = [number for number, c in enumerate(settings.classes) if not c.is_background and number in parts]
    rows = [parts[number].filter((pl.col("label") == wanted) & pl.col("allele").is_null()) for number in given]
    pieces = pl.concat(rows) if rows else pl.DataFrame()
    if not pieces.height:
        background = any(c.label == wanted and c.is_background for c in settings.classes)
        raise DataError(
            f"class {source.label}",
            f"{key} = {wanted!r} is {'itself background' if background else 'no class with sequences'}",
            expected="the label of a class of intervals or sequences",
        )
    return pieces


def shuffled_pieces(pieces: pl.DataFrame, source: ClassSettings, seed: int) -> Extracted:
    """Return these pieces shuffled, dinucleotide counts kept; each keeps the locus and name of what it was made from, and has no place."""
    generator = np.random.default_rng(seed)
    whole = int(source.ratio)
    more = generator.permutation(pieces.height)[: round(pieces.height * (source.ratio - whole))]
    rows = np.sort(np.concatenate([np.repeat(np.arange(pieces.height), whole), more]))
    nowhere = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "strand": pl.String}
    made = pieces[rows].with_columns(
        *(pl.lit(None, dtype).alias(name) for name, dtype in nowhere.items()), label=pl.lit(source.label)
    )
    return Extracted(
        made.with_columns(sequence=shuffled(made["sequence"], generator)).drop("origin", "allele", "cigar"),
        left_out_row("", 0, 0),
    )


def matched_intervals(
    pieces: pl.DataFrame,
    number: int,
    inputs: Inputs,
    given: pl.DataFrame,
    drawn: pl.DataFrame,
    account: list[pl.DataFrame],
) -> pl.DataFrame:
    """Return background matched to these pieces, away from everything given (by the margin) and drawn before.

    Pieces without coordinates, or on a chromosome that this genome does not have, get background from anywhere.
    """
    source = inputs.settings.classes[number]
    genome = genome_of(inputs, source)
    known = pl.col("chrom").is_in(list(genome.lengths))
    excluded = [inputs.read.intervals(path).filter(known).select(*INTERVALS.columns) for path in source.exclude]
    forbidden = sets.slop(pl.concat([given.filter(known), *excluded]), source.margin, genome.lengths)
    allowed = pl.DataFrame([_whole(chrom, genome) for chrom in sorted(genome.lengths)], schema=empty(INTERVALS).schema)
    for path in source.within:
        allowed = sets.within(allowed, inputs.read.intervals(path))
    allowed = sets.subtract(sets.subtract(allowed, forbidden), drawn)
    here = known.fill_null(False)
    elsewhere = pieces.filter(~here)
    targets = placed(pieces.filter(here))
    if elsewhere.height:
        lost = _without_place(elsewhere, allowed, inputs.seed + number)
        targets = pl.concat([targets, lost], how="diagonal")
    matching = Matching(
        match=source.match,
        ratio=source.ratio,
        place=source.place,
        genes=inputs.read.intervals(source.genes) if source.genes else None,
        covered=inputs.read.intervals(source.covered_by) if source.covered_by else None,
    )
    try:
        matched = matched_negatives(targets, genome, allowed, matching, seed=inputs.seed + number)
    except DataError as error:
        error.add_note(f"while drawing class {source.label}")
        raise
    wanted, found = (int(matched.account[name].sum()) for name in ("wanted", "found"))
    account.append(rows_of(source.label, "background", left_out_row("wanted", wanted, 0)))
    account.append(rows_of(source.label, "background", left_out_row("found", found, sets.total(matched.intervals))))
    account.append(rows_of(source.label, "left out", left_out_row("wanted, but no place found", wanted - found, 0)))
    return matched.intervals


def _without_place(pieces: pl.DataFrame, allowed: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return targets that lie nowhere on this genome: length, gc and masked of their letters, a chromosome dealt in proportion to allowed bases."""
    room = allowed.group_by("chrom").agg((pl.col("end") - pl.col("start")).sum().alias("bases")).sort("chrom")
    weight = room["bases"].to_numpy() / max(1, room["bases"].sum())
    length = pl.col("sequence").str.len_bytes().cast(pl.Int64)
    upper = pl.col("sequence").str.to_uppercase()
    rows = pieces.with_columns(
        length=length,
        gc=upper.str.count_matches("[GC]") / length,
        masked=pl.col("sequence").str.count_matches("[a-z]") / length,
        cpg=upper.str.count_matches("CG") / length,
        chrom=pl.Series(
            np.random.default_rng(seed).choice(room["chrom"].to_numpy(), size=pieces.height, p=weight), dtype=pl.String
        ),
    )
    nowhere = rows.with_columns(
        start=pl.lit(None, pl.Int64), end=pl.lit(None, pl.Int64), score=pl.lit(None, pl.Float64)
    )
    return nowhere.select(*INTERVALS.columns, "length", "gc", "masked", "cpg").with_columns(
        pl.col("strand").fill_null(".")
    )


def _whole(chrom: str, genome: Genome) -> dict[str, Any]:
    return {"chrom": chrom, "start": 0, "end": genome.lengths[chrom], "name": None, "score": None, "strand": "."}
