"""Chromosome names across files: `22` against `chr22`, MT against chrM, and intervals that lie outside the genome."""

from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError

SHOWN = 5


def other_spelling(name: str, known: Collection[str]) -> str | None:
    """Return the spelling of a chromosome that is among the known ones, or None: 22, chr22, Chr22, CHR22; M, MT, chrM, chrMT."""
    bare = name[3:] if name.lower().startswith("chr") else name
    bares = ("M", "MT") if bare.upper() in ("M", "MT") else (bare, bare.upper())
    spellings = [prefix + b for prefix in ("", "chr", "Chr", "CHR") for b in bares]
    return next((s for s in spellings if s in known and s != name), None)


def spelling_remedy(path: str | Path, name: str, other: str) -> str:
    """Return what to do where `path` calls a chromosome `name` and the other file calls it `other`."""
    if other == f"chr{name}":
        return f'add "chr" to the chromosome names of {path}: {name} becomes {other}'
    if name == f"chr{other}":
        return f'remove "chr" from the chromosome names of {path}: {name} becomes {other}'
    return f"rename the chromosomes of {path}: {name} becomes {other}"


def listed(names: Collection[str]) -> str:
    """Return the first few names, and how many more there are."""
    shown = ", ".join(list(names)[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def check_lengths(
    intervals: pl.DataFrame, lengths: Mapping[str, int], path: str | Path, genome_path: str | Path
) -> None:
    """Return nothing when every interval lies on the genome.

    Parameters
    ----------
    intervals : any table with chrom, start, end.
    lengths : chromosome -> bases of the genome.
    path, genome_path : the two files, for the error.

    Raises
    ------
    InputError : a chromosome that the genome does not have, or an interval that ends beyond its chromosome.
    """
    unknown = [c for c in intervals["chrom"].unique(maintain_order=True) if c not in lengths]
    if unknown:
        name = next((c for c in unknown if other_spelling(c, lengths)), unknown[0])
        other = other_spelling(name, lengths)
        rows = intervals["chrom"].is_in(unknown).sum()
        raise InputError(
            path,
            f"{rows} of {intervals.height} intervals lie on chromosomes that {genome_path} does not have: {listed(unknown)}",
            expected=f"its names: {listed(lengths)}",
            remedy=spelling_remedy(path, name, other)
            if other
            else "remove these intervals, or name the genome they were made on",
        )
    length = pl.col("chrom").replace_strict(dict(lengths), return_dtype=pl.Int64)
    beyond = intervals.select("chrom", "start", "end", length.alias("length")).filter(pl.col("end") > pl.col("length"))
    if beyond.height:
        chrom, start, end, bases = beyond.row(0)
        raise InputError(
            path,
            f"{beyond.height} of {intervals.height} intervals end beyond their chromosome, the first: {chrom}:{start}-{end}, where {chrom} has {bases} bases",
            expected=f"intervals on the genome build of {genome_path}",
            remedy="check that both are of one build (hg19 = GRCh37, hg38 = GRCh38), or lift the intervals over",
        )
