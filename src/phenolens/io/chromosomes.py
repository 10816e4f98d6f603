"""Chromosome names across files: one key for every spelling of a name, renaming to the genome's names, and intervals outside the genome.

Spellings that are one name, by rule:

    1, chr1, Chr1                   with or without chr, letters in either case
    M, MT, chrM, NC_012920.1, J01415.2
    NC_000001.N to NC_000024.N      RefSeq accessions of the human chromosomes 1 to 22, X, Y (any version)
    CM000663.N to CM000686.N        their GenBank accessions
    chr1_KI270706v1_random, chrUn_KI270302v1, chr6_GL000256v2_alt      UCSC's names of KI270706.1, KI270302.1, GL000256.2
    chr4_gl000193_random            hg19's name of GL000193.1
    EBV, chrEBV, NC_007605.1
    GRCh38#0#chr1                   PanSN names of pangenomes: the last part counts

What no rule covers (chr6_apd_hap1, NT_187361.1) keeps its name.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from phenolens.core.errors import InputError

SHOWN = 5
REFSEQ = re.compile(r"NC_0000(\d\d)\.\d+")
GENBANK = re.compile(r"CM000(\d\d\d)\.\d+")
UCSC_CONTIG = re.compile(r"CHR[0-9A-Z]+_([A-Z]{2}\d{6,9})V(\d+)(?:_(?:RANDOM|ALT|FIX))?")
HG19_CONTIG = re.compile(r"CHR[0-9A-Z]+_(GL\d{6})(?:_RANDOM)?")
ELSEWHERE = re.compile(r"(NC_012920|J01415|NC_007605)(?:\.\d+)?")
ACCESSIONS = {"NC_012920": "MT", "J01415": "MT", "NC_007605": "EBV"}
HUMAN = [*(str(number) for number in range(1, 23)), "X", "Y"]
FIRST_GENBANK = 663


class Reconciled(NamedTuple):
    """A table with the genome's names.

    table : the rows that came in, in order; chrom as in the genome where a rule leads there.
    renamed : name in the file -> name in the genome, for names that differ.
    absent : chrom (String), n (Int64) of the rows that lie on no chromosome of the genome.
    """

    table: pl.DataFrame
    renamed: dict[str, str]
    absent: pl.DataFrame


def key(name: str) -> str:
    """Return what all spellings of a chromosome's name have in common: 1, X, MT, KI270706.1.

    >>> [key(name) for name in ("chr1", "NC_000023.11", "chrM", "chr1_KI270706v1_random", "GRCh38#0#chr2")]
    ['1', 'X', 'MT', 'KI270706.1', '2']
    """
    upper = name.rpartition("#")[2].upper()
    if (found := REFSEQ.fullmatch(upper)) and 1 <= int(found[1]) <= len(HUMAN):
        return HUMAN[int(found[1]) - 1]
    if (found := GENBANK.fullmatch(upper)) and 0 <= int(found[1]) - FIRST_GENBANK < len(HUMAN):
        return HUMAN[int(found[1]) - FIRST_GENBANK]
    if found := ELSEWHERE.fullmatch(upper):
        return ACCESSIONS[found[1]]
    if found := UCSC_CONTIG.fullmatch(upper):
        return f"{found[1]}.{found[2]}"
    if found := HG19_CONTIG.fullmatch(upper):
        return f"{found[1]}.1"
    bare = upper.removeprefix("CHR")
    return "MT" if bare == "M" else bare


def other_spelling(name: str, known: Collection[str]) -> str | None:
    """Return the spelling of a chromosome that is among the known ones; None where there is none, or more than one could be it."""
    same = [other for other in known if key(other) == key(name) and other != name]
    return same[0] if len(same) == 1 else None


def renaming(names: Iterable[str], known: Collection[str], path: str | Path) -> dict[str, str]:
    """Return name -> known name, for those of the names that are not known and by rule are exactly one of the known.

    Parameters
    ----------
    names : chromosome names of a file.
    known : chromosome names of the genome.
    path : the file, for the error.

    Raises
    ------
    InputError : two names of the file are one chromosome.
    """
    spelled: dict[str, list[str]] = {}
    for other in known:
        spelled.setdefault(key(other), []).append(other)
    taken: dict[str, str] = {}
    for name in dict.fromkeys(names):
        others = [name] if name in known else spelled.get(key(name), [])
        if len(others) != 1:
            continue
        if (first := taken.setdefault(others[0], name)) != name:
            raise InputError(
                path,
                f"calls one chromosome by two names: {first} and {name}",
                expected=f"one name for {others[0]}",
                remedy=f"write {others[0]} in all of its rows, or remove one of the two",
            )
    return {name: other for other, name in taken.items() if name != other}


def reconcile(table: pl.DataFrame, lengths: Mapping[str, int], path: str | Path) -> Reconciled:
    """Return the table with the genome's chromosome names where a rule leads to exactly one of them; no row is left out.

    Parameters
    ----------
    table : any table with chrom.
    lengths : chromosome -> bases of the genome.
    path : the file of the table, for the error.

    Raises
    ------
    InputError : two names of the file are one chromosome.
    """
    renamed = renaming(table["chrom"].drop_nulls().unique(maintain_order=True), lengths, path)
    named = table.with_columns(pl.col("chrom").replace(renamed)) if renamed else table
    outside = named.drop_nulls("chrom").filter(~pl.col("chrom").is_in(list(lengths)))
    absent = outside.group_by("chrom", maintain_order=True).agg(n=pl.len().cast(pl.Int64))
    return Reconciled(named, renamed, absent)


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
    intervals: pl.DataFrame,
    lengths: Mapping[str, int],
    path: str | Path,
    genome_path: str | Path,
    *,
    remedy: str = "remove these intervals, or name the genome they were made on",
) -> None:
    """Return nothing when every interval lies on the genome.

    Parameters
    ----------
    intervals : any table with chrom, start, end.
    lengths : chromosome -> bases of the genome.
    path, genome_path : the two files, for the error.
    remedy : what to do about chromosomes of which no other spelling is known.

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
            remedy=spelling_remedy(path, name, other) if other else remedy,
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
