"""Alternative alleles that overlap a class's intervals, as sequences of that class (METHOD 1), with the places their bases have.

A sequence is the allele as the VCF has it, its anchor base included, read in the direction of its interval. A base that the
reference does not have gets no coordinate: `cigar` says which ones do (core/cigar.py).
"""

from typing import Any

import numpy as np
import polars as pl

from phenolens.core import ranges
from phenolens.core.cigar import cigar_of, piece
from phenolens.core.errors import DataError
from phenolens.core.schemas import VARIANTS
from phenolens.core.strands import reverse_complement
from phenolens.core.table import check
from phenolens.core.types import Genome
from phenolens.dataset.sequences import N_RUN, PIECES, Extracted, bases, left_out_row

ALLELES = {**PIECES, "allele": pl.String, "cigar": pl.String}
MOST_WRONG = 0.05
LETTERS_SHOWN = 20
BASES = frozenset("ACGT")


def from_variants(
    variants: pl.DataFrame, intervals: pl.DataFrame, genome: Genome, *, label: str, min_length: int
) -> Extracted:
    """Return the alternative alleles that share at least one reference base with an interval, each once, cut at runs of two or more N.

    An allele takes strand, name and locus of the interval that it shares most bases with (ties: the lowest start), so it is in the group
    of that locus with all its other alleles. It is reverse-complemented on strand -; case is kept. start, end: the span of the
    reference allele; of a piece between runs of N, from its first to its last base with a coordinate, and where all its bases are
    inserted, its anchor: the one base before the insertion. Variants that overlap no interval are passed over.

    Left out and counted: the same allele again (same place and letters, as from two files), chromosomes that the genome does not
    have, a REF that is not what the genome has there (as long as few are).

    Parameters
    ----------
    variants : VARIANTS, of one file or several.
    intervals : INTERVALS with `locus`, of one class.
    genome : the genome.
    label : class.
    min_length : pieces shorter than this are left out.

    Returns
    -------
    Extracted : PIECES with allele (variant_id) and cigar (+ strand), sorted by chrom, start, end, allele; and what was left out.

    Raises
    ------
    DataError : REF differs from the genome in more than 5 % of the variants.
    """
    found = _at_intervals(check(variants, VARIANTS), intervals)
    found = found.with_columns(letters=pl.col("alt").str.to_uppercase())
    once = found.unique(["chrom", "start", "ref", "letters"], keep="first", maintain_order=True)
    known = once.filter(pl.col("chrom").is_in(list(genome.lengths)))
    fits = _fits(known, genome, label)
    alleles = known.filter(fits).with_columns(label=pl.lit(label))
    cigars = [cigar_of(ref, alt) for ref, alt in alleles.select("ref", "alt").iter_rows()]
    whole = alleles.select(
        "label", "name", "locus", "chrom", "start", "end", "strand",
        sequence="alt", allele="variant_id", cigar=pl.Series(cigars, dtype=pl.String),
    )  # fmt: skip
    pieces, left_out = _cut_at_n(whole, min_length)
    account = pl.concat([
        _lost("the same allele again", found, once),
        _lost("chromosome of an allele is not in the genome", once, known),
        _lost("REF of an allele is not the genome's", known, alleles),
        left_out,
    ])  # fmt: skip
    return Extracted(
        _in_reading_direction(pieces).sort("chrom", "start", "end", "allele", maintain_order=True), account
    )


def _lost(reason: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    letters = int(before["alt"].str.len_bytes().sum()) - int(after["alt"].str.len_bytes().sum())
    return left_out_row(reason, before.height - after.height, letters)


def _at_intervals(variants: pl.DataFrame, intervals: pl.DataFrame) -> pl.DataFrame:
    """Return the variants that overlap an interval, with strand, name and locus of the one they overlap most."""
    places = intervals.select("chrom", "start", "end", "strand", "name", "locus").sort(
        "chrom", "start", "end", "strand", "name", "locus", nulls_last=True
    )
    if not variants.height or not places.height:
        return variants.clear().with_columns(places.clear().select("strand", "name", "locus"))
    line = ranges.axis(variants, places)
    (start, end), (low, high) = line.place(variants), line.place(places)
    variant, interval = ranges.overlap_pairs(start, end, low, high)
    shared = np.minimum(end[variant], high[interval]) - np.maximum(start[variant], low[interval])
    order = np.lexsort((interval, -shared, variant))  # intervals are sorted: the lower number starts first
    first = np.unique(variant[order], return_index=True)[1]
    chosen = order[first]
    return pl.concat(
        [variants[variant[chosen]], places[interval[chosen]].select("strand", "name", "locus")], how="horizontal"
    )


def _fits(variants: pl.DataFrame, genome: Genome, label: str) -> pl.Series:
    """Return bool (n,): whether the genome has the reference allele at its place; a letter other than A, C, G, T fits any."""
    rows = variants.select("chrom", "start", "end", "ref").iter_rows()
    fits = pl.Series([_is_there(genome, *row) for row in rows], dtype=pl.Boolean)
    wrong = variants.filter(~fits)
    if wrong.height > MOST_WRONG * variants.height:
        chrom, start, end, ref = wrong.select("chrom", "start", "end", "ref").row(0)
        length = genome.lengths[chrom]
        there = genome.fetch(chrom, start, min(end, start + LETTERS_SHOWN, length)) if start < length else ""
        has = f"has {_short(there, end - start)}" if there else f"ends at {length}"
        raise DataError(
            f"class {label}",
            f"{wrong.height} of {variants.height} variants have a REF that is not the genome's, the first at {chrom}:{start + 1}: REF is {_short(ref, len(ref))}, the genome {has}",
            expected="variants called on this genome",
            remedy="use the VCF of the genome's build, or the genome that the VCF was made with (hg19 = GRCh37, hg38 = GRCh38)",
        )
    return fits


def _short(text: str, length: int) -> str:
    return text[:LETTERS_SHOWN] + ("..." if length > LETTERS_SHOWN else "")


def _is_there(genome: Genome, chrom: str, start: int, end: int, ref: str) -> bool:
    if end > genome.lengths[chrom]:
        return False
    there = genome.fetch(chrom, start, end).upper()
    return there == ref or all(a == b or not {a, b} <= BASES for a, b in zip(there, ref, strict=True))


def _cut_at_n(whole: pl.DataFrame, min_length: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (pieces without runs of two or more N, at least min_length long, + strand; account of what was left out)."""
    upper, length = pl.col("sequence").str.to_uppercase(), pl.col("sequence").str.len_bytes()
    has_run = upper.str.contains("NN", literal=True)
    broken = whole.filter(has_run)
    cut = pl.DataFrame(
        [part for row in broken.iter_rows(named=True) for part in _pieces_of(row)], schema=ALLELES, orient="row"
    )
    pieces = pl.concat([whole.filter(~has_run), cut])
    short = pieces.filter(length < min_length)
    account = pl.concat([
        left_out_row("runs of N cut out of alleles", broken.height, bases(broken) - bases(cut)),
        left_out_row(f"allele shorter than {min_length}", short.height, bases(short)),
    ])  # fmt: skip
    return pieces.filter(length >= min_length), account


def _pieces_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an allele's pieces between runs of two or more N, with their places."""
    text = row["sequence"]
    edges = [0, *(edge for run in N_RUN.finditer(text) for edge in run.span()), len(text)]
    spans = [(i, j) for i, j in zip(edges[::2], edges[1::2], strict=True) if text[i:j].strip("Nn")]
    return [row | piece(row["start"], row["cigar"], i, j)._asdict() | {"sequence": text[i:j]} for i, j in spans]


def _in_reading_direction(pieces: pl.DataFrame) -> pl.DataFrame:
    """Return the pieces with those of strand - reverse-complemented."""
    texts = [
        reverse_complement(text) if strand == "-" else text
        for strand, text in pieces.select("strand", "sequence").iter_rows()
    ]
    return pieces.with_columns(sequence=pl.Series(texts, dtype=pl.String)).select(*ALLELES)
