"""Where the bases of an allele lie on the reference: M has a coordinate, I (inserted) has none, D is not there.

A CIGAR here is of the + strand and has the letters M, I and D only (SAM specification, 1.4.6): `1M300I` is an insertion of 300 bases
after its anchor. As in SAM, M says that a base has the place of one reference base, not that the two letters are equal.
"""

import re
from typing import NamedTuple

import numpy as np
import polars as pl

BLOCK = re.compile(r"(\d+)([MID])")
# longer stretches of equal length (inversions above all) are one-to-one only where the letters say so
LONGEST_SUBSTITUTION = 50


class Piece(NamedTuple):
    """Part of an allele: its reference span [start, end), 0-based, and its CIGAR."""

    start: int
    end: int
    cigar: str


def cigar_of(ref: str, alt: str) -> str:
    """Return the CIGAR of an allele: shared prefix M, inserted I, deleted D, shared suffix M.

    The prefix is taken first, as VCF anchors variants on their left; the suffix is of what it leaves. Letters are compared without
    case. Between the two, as many letters for as many others keep their places one to one (M) when they are fewer than 50 or at
    least half of them agree; a longer stretch of other letters (an inversion) is I and D. Linear in the lengths.

    Parameters
    ----------
    ref, alt : letters of the two alleles, + strand.

    >>> cigar_of("G", "GTTT"), cigar_of("GAAC", "GC"), cigar_of("GAC", "GTC"), cigar_of("GAC", "GTTTC")
    ('1M3I', '1M2D1M', '3M', '1M3I1D1M')
    """
    old, new = _letters(ref), _letters(alt)
    front = _common(old, new)
    back = _common(old[front:][::-1], new[front:][::-1])
    deleted, inserted = old[front : len(old) - back], new[front : len(new) - back]
    if _one_to_one(deleted, inserted):
        return f"{len(new)}M"
    blocks = ((front, "M"), (len(inserted), "I"), (len(deleted), "D"), (back, "M"))
    return "".join(f"{count}{operation}" for count, operation in blocks if count)


def _letters(text: str) -> np.ndarray:
    return np.frombuffer(text.upper().encode(), dtype=np.uint8)


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """Return how many letters two texts share at their beginning."""
    shortest = min(len(a), len(b))
    differs = np.flatnonzero(a[:shortest] != b[:shortest])
    return int(differs[0]) if len(differs) else shortest


def _one_to_one(deleted: np.ndarray, inserted: np.ndarray) -> bool:
    if len(deleted) != len(inserted):
        return False
    return len(deleted) < LONGEST_SUBSTITUTION or bool(2 * np.count_nonzero(deleted == inserted) >= len(deleted))


def operations(cigar: str) -> list[tuple[int, str]]:
    """Return (count, operation) of every block of a CIGAR."""
    return [(int(count), operation) for count, operation in BLOCK.findall(cigar)]


def reference_positions(start: int, cigar: str) -> np.ndarray:
    """Return int64 (n,), the reference coordinate (0-based) of each base of an allele, + strand; -1 for inserted bases.

    Parameters
    ----------
    start : reference coordinate of the CIGAR's first M or D.
    cigar : M, I, D.
    """
    parts, place = [np.zeros(0, dtype=np.int64)], start
    for count, operation in operations(cigar):
        if operation == "I":
            parts.append(np.full(count, -1, dtype=np.int64))
            continue
        if operation == "M":
            parts.append(np.arange(place, place + count, dtype=np.int64))
        place += count
    return np.concatenate(parts)


def piece(start: int, cigar: str, first: int, last: int) -> Piece:
    """Return where bases [first, last) of an allele lie: from their first to their last base with a coordinate.

    Deletions at the edges of the piece belong to neither side and go. A piece of inserted bases only has no place of its own: it
    gets its anchor, the one reference base before the insertion (base 0 where there is none before).

    Parameters
    ----------
    start : reference coordinate of the CIGAR's first M or D.
    cigar : of the whole allele, + strand.
    first, last : bases of the allele, + strand, 0-based, half-open, at least one.
    """
    kept: list[tuple[int, str, int]] = []  # count, operation, reference coordinate
    read, place = 0, start
    for count, operation in operations(cigar):
        if operation == "D":
            kept.append((count, operation, place))
            place += count
            continue
        skipped = max(first - read, 0)
        inside = min(last - read, count) - skipped
        matched = operation == "M"
        if inside > 0:
            kept.append((inside, operation, place + skipped * matched))
        read, place = read + count, place + count * matched
    placed = [i for i, block in enumerate(kept) if block[1] == "M"]
    if not placed:
        inserted = [block for block in kept if block[1] == "I"]
        anchor = max(inserted[0][2] - 1, 0)
        return Piece(anchor, anchor + 1, f"{sum(block[0] for block in inserted)}I")
    low, high = placed[0], placed[-1]
    kept = [block for i, block in enumerate(kept) if block[1] != "D" or low < i < high]
    matches = [block for block in kept if block[1] == "M"]
    text = "".join(f"{count}{operation}" for count, operation, _ in kept)
    return Piece(matches[0][2], matches[-1][2] + matches[-1][0], text)


def match_runs(cigars: pl.Series) -> pl.DataFrame:
    """Return the M blocks of every different CIGAR: cigar, first, last, shift, letters.

    first, last : bases of the allele in the block, + strand, half-open. shift : what added to such a base's number gives its distance
    from the allele's start on the reference. letters : bases of the whole allele.

    Parameters
    ----------
    cigars : String; nulls are passed over.
    """
    blocks = cigars.drop_nulls().unique(maintain_order=True).alias("cigar").to_frame()
    blocks = blocks.with_columns(block=pl.col("cigar").str.extract_all(r"\d+[MID]")).explode(
        "block", empty_as_null=True
    )
    count, operation = pl.col("block").str.head(-1).cast(pl.Int64), pl.col("block").str.tail(1)
    blocks = blocks.with_columns(
        operation=operation,
        read=pl.when(operation == "D").then(0).otherwise(count),
        place=pl.when(operation == "I").then(0).otherwise(count),
    ).with_columns(
        last=pl.col("read").cum_sum().over("cigar"),
        beyond=pl.col("place").cum_sum().over("cigar"),
        letters=pl.col("read").sum().over("cigar"),
    )
    return blocks.filter(pl.col("operation") == "M").select(
        "cigar",
        first=pl.col("last") - pl.col("read"),
        last="last",
        shift=pl.col("beyond") - pl.col("last"),
        letters="letters",
    )


def genome_spans(rows: pl.DataFrame) -> pl.DataFrame:
    """Return columns start, end (Int64): the genome interval of a span of each row's sequence, null where it has none.

    A span has an interval when all its bases have consecutive coordinates: on a reference sequence, or inside one M block of an
    allele. One that touches an inserted base or crosses a deletion has none; nor has a span of a sequence without coordinates, of an
    allele without CIGAR, or of one whose letters are not as many as its interval or CIGAR says.

    Parameters
    ----------
    rows : columns of SEQUENCES (chrom, start, end, strand, allele, cigar, sequence), and sequence_start, sequence_end: the span, 0-based,
        half-open, in reading direction (on strand - the sequence's first base is its interval's last).
    """
    length = pl.col("sequence").str.len_bytes().cast(pl.Int64)
    forward = pl.when(pl.col("strand") == "-").then(length - pl.col("sequence_end")).otherwise(pl.col("sequence_start"))
    span = rows.select(
        "start",
        "cigar",
        length=length,
        first=forward,
        size=pl.col("sequence_end") - pl.col("sequence_start"),
        linear=pl.all_horizontal(
            pl.col("chrom").is_not_null(),
            pl.col("allele").is_null(),
            pl.col("cigar").is_null(),
            pl.col("end") - pl.col("start") == length,
        ).fill_null(False),
    ).with_row_index("row")
    inside = (
        span.filter(pl.col("cigar").is_not_null())
        .join(match_runs(rows["cigar"]).rename({"first": "run_first", "last": "run_last"}), on="cigar")
        .filter(
            (pl.col("letters") == pl.col("length"))
            & (pl.col("first") >= pl.col("run_first"))
            & (pl.col("first") + pl.col("size") <= pl.col("run_last"))
        )
        .select("row", "shift")
    )
    shift = pl.coalesce("shift", pl.when("linear").then(0))
    begin = pl.col("start") + pl.col("first") + shift
    return span.join(inside, on="row", how="left", maintain_order="left").select(
        start=begin, end=begin + pl.col("size")
    )
