"""Intervals from any file that has some: BED and peak files, or one feature of a gene file; told by the name's ending."""

from pathlib import Path

import numpy as np
import polars as pl

from phenolens.core.errors import DataError, InputError
from phenolens.core.ranges import axis, complement, overlap_pairs, union
from phenolens.core.schemas import INTERVALS
from phenolens.io.bed import read_bed
from phenolens.io.genes import read_genes

BED, PEAKS, GENE_FILES = (".bed",), (".narrowpeak", ".broadpeak"), (".gff3", ".gff", ".gtf")
COMPRESSED = (".gz", ".bgz")


def read_intervals(path: str | Path, feature: str | None = None) -> pl.DataFrame:
    """Return INTERVALS of a BED, narrowPeak, broadPeak, GFF3 or GTF file, plain or gzip.

    Parameters
    ----------
    path : the file; its ending says what it is.
    feature : of a gene file, which rows: gene (default), transcript, exon, CDS, intron ...; None for the others.

    Raises
    ------
    InputError : another ending, a feature asked of a BED file or absent from the gene file, or as read_bed and read_genes.
    """
    name = Path(path).name.lower()
    ending = Path(name.removesuffix(next((c for c in COMPRESSED if name.endswith(c)), ""))).suffix
    if ending in GENE_FILES:
        genes = read_genes(path)
        wanted = feature or "gene"
        if wanted not in (have := features(genes)):
            raise InputError(
                path, f"has no feature '{wanted}'", expected=f"one of: {', '.join(have)}", remedy="change `feature`"
            )
        return genes_as_intervals(genes, wanted)
    if ending not in (*BED, *PEAKS):
        raise InputError(
            path,
            f"has the ending '{ending}', which says nothing about its format",
            expected=".bed, .narrowPeak, .broadPeak, .gff3, .gff or .gtf, with or without .gz",
            remedy="rename the file after its format",
        )
    if feature is not None:
        raise InputError(
            path,
            f"is no gene file and has no feature '{feature}'",
            expected="a GFF3 or GTF file",
            remedy="remove `feature`",
        )
    return read_bed(path, keep_duplicates=ending in PEAKS)


def features(genes: pl.DataFrame) -> list[str]:
    """Return the names of the features that can be had from GENES, sorted; `intron` where there are transcripts and exons."""
    have = set(genes["feature"].unique())
    return sorted(have | ({"intron"} if {"transcript", "exon"} <= have else set()))


def genes_as_intervals(genes: pl.DataFrame, feature: str) -> pl.DataFrame:
    """Return INTERVALS of one feature: each interval once per gene, named by the gene's symbol (or id), score null.

    An intron is a base run inside the gene's transcripts and outside all of its exons; genes without exons have none.

    Parameters
    ----------
    genes : GENES.
    feature : one of `features(genes)`.

    Raises
    ------
    DataError : no such feature.
    """
    if feature not in (have := features(genes)):
        raise DataError("gene table", f"has no feature '{feature}'", expected=f"one of: {', '.join(have)}")
    stated = feature in genes["feature"]
    rows = genes.filter(pl.col("feature") == feature) if stated else introns(genes)
    named = rows.with_columns(name=pl.coalesce("gene_name", "gene_id"), score=pl.lit(None, pl.Float64))
    order = [*INTERVALS.columns]
    return (
        named.unique(["chrom", "start", "end", "strand", "gene_id"], maintain_order=True)
        .select(order)
        .sort("chrom", "start", "end", "strand", "name")
    )


def introns(genes: pl.DataFrame) -> pl.DataFrame:
    """Return GENES rows (feature intron) of what each gene's transcripts cover and its exons do not."""
    # every gene gets a place of its own on the axis, so that genes which overlap do not mix
    keyed = genes.with_columns(
        pl.concat_str("chrom", "strand", "gene_id", separator="\t").alias("chrom"), pl.col("chrom").alias("of")
    )
    exons = keyed.filter(pl.col("feature") == "exon")
    transcripts = keyed.filter(pl.col("feature") == "transcript").join(exons, on="chrom", how="semi")
    if transcripts.is_empty():
        return genes.clear()
    line = axis(exons, transcripts)
    gap_start, gap_end = complement(*line.place(exons), line.span)
    span_start, span_end, member = union(*line.place(transcripts))
    gap, span = overlap_pairs(gap_start, gap_end, span_start, span_end)
    owner = np.empty(len(span_start), dtype=np.int64)
    owner[member] = np.arange(len(member))
    found: pl.DataFrame = transcripts[owner[span]]
    offset = found["chrom"].replace_strict(line.offsets, return_dtype=pl.Int64)
    return found.select(
        pl.col("of").alias("chrom"),
        (pl.Series(np.maximum(gap_start[gap], span_start[span])) - offset).alias("start"),
        (pl.Series(np.minimum(gap_end[gap], span_end[span])) - offset).alias("end"),
        "strand",
        pl.lit("intron").alias("feature"),
        "gene_id",
        "gene_name",
        "gene_type",
    )
