"""Alternative alleles of VCF and BCF files as VARIANTS, one row an allele, and an account of those that are no sequence."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.ranges import axis, union
from phenolens.core.schemas import VARIANTS
from phenolens.core.table import check, empty
from phenolens.io.vcf import record_batches

BASES = "^[ACGTNacgtn]+$"
SKIPPED = {"reason": pl.String, "n": pl.Int64, "first": pl.String}


class Variants(NamedTuple):
    """Alleles of a file.

    table : VARIANTS, sorted by chrom and start; chromosome names as in the file.
    skipped : reason (String), n (Int64, alleles), first (String, chrom:POS of the first, 1-based as in the file).
    """

    table: pl.DataFrame
    skipped: pl.DataFrame


def read_variants(path: str | Path, regions: pl.DataFrame | None = None, *, min_length: int) -> Variants:
    """Return the alternative alleles of at least `min_length` bases whose reference allele shares a base with a region.

    A record with several alleles gives one row for each; variant_id is the record's ID, else chrom-POS-length of REF-length of ALT, with
    /2, /3 for its second and third allele. Skipped and counted, where they overlap a region: shorter alleles, symbolic ones (<DEL>,
    <INS:ME:ALU>), breakends, `*`, `.`, letters other than A, C, G, T, N, alleles equal to REF, and records at POS 0. Genotypes, filters
    and INFO are not read. Memory grows with the alleles returned, not with the file.

    Parameters
    ----------
    path : VCF, plain, gzip or bgzip, or BCF; an index beside it (.tbi, .csi) is used where that is cheaper.
    regions : table with chrom (as in the file), start, end (0-based, half-open); None takes all records.
    min_length : bases of the shortest allele taken.

    Raises
    ------
    InputError : as `vcf.record_batches`, or a POS that is no whole number.
    """
    merged = None if regions is None else _merged(regions)
    kept, skipped = [empty(VARIANTS)], [pl.DataFrame(schema=SKIPPED)]
    for batch in record_batches(path, merged):
        records = _placed(path, batch)
        alleles = _alleles(records if merged is None else _overlapping(records, merged), min_length)
        kept.append(alleles.filter(pl.col("reason").is_null()).select(*VARIANTS.columns))
        lost = alleles.drop_nulls("reason").group_by("reason", maintain_order=True)
        skipped.append(lost.agg(n=pl.len().cast(pl.Int64), first=pl.format("{}:{}", "chrom", "pos").first()))
    account = pl.concat(skipped).group_by("reason", maintain_order=True).agg(pl.col("n").sum(), pl.col("first").first())
    table = pl.concat(kept).sort("chrom", "start", "end", maintain_order=True)
    return Variants(check(table, VARIANTS), account.sort("reason"))


def _merged(regions: pl.DataFrame) -> pl.DataFrame:
    """Return chrom, start, end of the regions without overlaps."""
    parts = [pl.DataFrame(schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64})]
    for (chrom,), part in regions.group_by("chrom", maintain_order=True):
        start, end, _ = union(part["start"].to_numpy(), part["end"].to_numpy())
        parts.append(pl.DataFrame({"start": start, "end": end}).select(pl.lit(chrom).alias("chrom"), "start", "end"))
    return pl.concat(parts)


def _placed(path: str | Path, batch: pl.DataFrame) -> pl.DataFrame:
    """Return the records with start and end of their reference alleles, 0-based, half-open."""
    start = pl.col("pos").cast(pl.Int64, strict=False) - 1
    table = batch.with_columns(start=start, end=start + pl.col("ref").str.len_bytes())
    wrong = table.filter(pl.col("start").is_null() | (pl.col("start") < -1))
    if wrong.height:
        line, pos = wrong.select("line", "pos").row(0)
        raise InputError(path, f"POS is '{pos}'", expected="a whole number, 1 or more", line=line)
    return table


def _overlapping(records: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """Return the records that share at least one base with a region."""
    line = axis(merged, records)
    start, end = line.place(records)
    region_start, region_end = line.place(merged)
    order = np.argsort(region_start)
    before_end = np.searchsorted(region_start[order], end, side="left")
    return records.filter(before_end > np.searchsorted(region_end[order], start, side="right"))


def _alleles(records: pl.DataFrame, min_length: int) -> pl.DataFrame:
    """Return one row an alternative allele: the columns of VARIANTS, pos, and the reason why it is skipped, or null."""
    alleles = records.with_columns(alt=pl.col("alt").str.split(",")).with_columns(
        number=pl.int_ranges(1, pl.col("alt").list.len() + 1)
    )
    alt, ref = pl.col("alt"), pl.col("ref")
    length = alt.str.len_bytes()
    bracket = alt.str.contains("[", literal=True) | alt.str.contains("]", literal=True)
    single_breakend = (length > 1) & (alt.str.starts_with(".") | alt.str.ends_with("."))
    reasons = {
        "position 0, before the chromosome's first base": pl.col("start") < 0,
        "symbolic allele": alt.str.starts_with("<"),
        "breakend": bracket | single_breakend,
        "allele * (deleted by another variant)": alt == "*",
        "no alternative allele": alt.is_in([".", ""]),
        "letters that are no bases": ~alt.str.contains(BASES) | ~ref.str.contains(BASES),
        "equal to the reference allele": alt.str.to_uppercase() == ref.str.to_uppercase(),
        f"shorter than {min_length}": length < min_length,
    }
    own = pl.when(pl.col("id").is_in([".", ""])).then(None).otherwise("id")
    made = pl.format("{}-{}-{}-{}", "chrom", "pos", ref.str.len_bytes(), length)
    further = pl.when(pl.col("number") > 1).then(pl.format("/{}", "number")).otherwise(pl.lit(""))
    return alleles.explode("alt", "number").with_columns(
        variant_id=pl.coalesce(own, made) + further,
        reason=pl.coalesce(*(pl.when(wrong).then(pl.lit(reason)) for reason, wrong in reasons.items())),
        ref=ref.str.to_uppercase(),
    )
