"""Intervals from any file that has some: BED and peak files, gene and other feature files, repeats, the GWAS catalogue.

A file is told by its name's ending; .txt and .tsv, which say nothing, by their first line.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import STDIN, DataError, InputError
from phenolens.core.ranges import axis, complement, overlap_pairs, union
from phenolens.core.schemas import INTERVALS
from phenolens.io.bed import bed_batches, read_bed
from phenolens.io.choice import refuse_absent
from phenolens.io.genes import read_genes
from phenolens.io.gff import read_features
from phenolens.io.gwas import gwas_layout, read_gwas
from phenolens.io.repeats import is_out, is_rmsk, read_repeats
from phenolens.io.text import line_batches

BED, PEAKS, GFF, OUT, TABLES = (
    (".bed",),
    (".narrowpeak", ".broadpeak"),
    (".gff3", ".gff", ".gtf"),
    (".out",),
    (".txt", ".tsv"),
)
COMPRESSED = (".gz", ".bgz")


class Counted(NamedTuple):
    """Intervals of a file, and the rows that are no interval.

    table : INTERVALS.
    skipped : reason -> rows of the file that were left out.
    """

    table: pl.DataFrame
    skipped: dict[str, int]


def read_intervals(path: str | Path, features: tuple[str, ...] = ()) -> pl.DataFrame:
    """Return INTERVALS of a file; `count_intervals` also tells what was left out.

    Parameters, errors
    ------------------
    As count_intervals.
    """
    return count_intervals(path, features).table


def count_intervals(path: str | Path, features: tuple[str, ...] = ()) -> Counted:
    """Return the INTERVALS of a file, and how many of its rows are none.

    Parameters
    ----------
    path : plain or gzip: BED, narrowPeak, broadPeak; GFF3 and GTF (.gff3, .gff, .gtf); RepeatMasker (.out, UCSC's rmsk.txt); GWAS catalogue
        (EBI's .tsv, UCSC's gwasCatalog.txt).
    features : which rows; all where there is none, of a file of genes the genes. BED: name, or kind in column 5 (CTCF Binding Site).
        Genes: gene, transcript, exon, CDS, intron ..., alone or with a type (gene:protein_coding). Other GFF3: column 3 (promoter).
        Repeats: class, class/family or name (LTR, LTR/ERV1, LTR7). GWAS catalogue: text in the trait, in either case (diabetes).

    Raises
    ------
    InputError : another ending or content, a feature that the file does not have, or as the readers of the formats.
    """
    ending = _ending(path)
    if ending in BED + PEAKS:
        return Counted(read_bed(path, features, keep_duplicates=ending in PEAKS), {})
    if ending in GFF:
        other = read_features(path, features)
        return Counted(_of_genes(path, features or ("gene",)) if other is None else other, {})
    if ending in OUT:
        return Counted(read_repeats(path, features), {})
    if ending not in TABLES:
        raise InputError(
            path,
            f"has the ending '{ending}', which says nothing about its format",
            expected=".bed, .narrowPeak, .broadPeak, .gff3, .gff, .gtf, .out, .txt or .tsv, with or without .gz",
            remedy="rename the file after its format",
        )
    first = _first_line(path)
    if is_rmsk(first) or is_out(first):
        return Counted(read_repeats(path, features), {})
    if gwas_layout(first) is not None:
        return Counted(*read_gwas(path, features))
    raise InputError(
        path,
        f"is no table of repeats or of the GWAS catalogue: it begins with '{first[:40]}'",
        expected="UCSC's rmsk or gwasCatalog, RepeatMasker's .out, or EBI's GWAS associations",
        remedy="rename the file after its format (.bed, .gff3, .gtf ...), if it is another",
    )


def interval_batches(path: str | Path, *, size: int = 1 << 22) -> Iterator[Counted]:
    """Yield the INTERVALS of a file some at a time, rows in file order: BED and peak files line by line, others at once.

    Parameters
    ----------
    path : as in count_intervals; `-` is a BED file on standard input. A BED file may hold an interval twice.
    size : bytes of text read at a time.

    Raises
    ------
    InputError : as count_intervals.
    """
    if Path(path) != STDIN and _ending(path) not in BED + PEAKS:
        yield count_intervals(path)
        return
    for batch in bed_batches(path, size=size):
        yield Counted(batch.select(list(INTERVALS.columns)), {})


def _ending(path: str | Path) -> str:
    name = Path(path).name.lower()
    return Path(name.removesuffix(next((c for c in COMPRESSED if name.endswith(c)), ""))).suffix


def _first_line(path: str | Path) -> str:
    texts = (batch["text"].filter(batch["text"].str.contains(r"\S")) for batch in line_batches(path, size=1 << 12))
    return next((found[0] for found in texts if len(found)), "")


def _of_genes(path: str | Path, chosen: tuple[str, ...]) -> pl.DataFrame:
    """Return INTERVALS of these features of a file of genes, each interval once under one name."""
    genes = read_genes(path)
    for wanted in chosen:
        feature, _, gene_type = wanted.partition(":")
        refuse_absent(path, [feature], features(genes))
        if gene_type:
            types = genes["gene_type"].drop_nulls().unique().sort()
            refuse_absent(path, [wanted], [f"{feature}:{kind}" for kind in types])
    table = pl.concat([genes_as_intervals(genes, wanted) for wanted in chosen])
    return table.unique(maintain_order=True).sort("chrom", "start", "end", "strand", "name")


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
    feature : one of `features(genes)`, or one with the type of its gene: gene:protein_coding.

    Raises
    ------
    DataError : no such feature.
    """
    feature, _, gene_type = feature.partition(":")
    if feature not in (have := features(genes)):
        raise DataError("gene table", f"has no feature '{feature}'", expected=f"one of: {', '.join(have)}")
    typed = genes.filter(pl.col("gene_type") == gene_type) if gene_type else genes
    stated = feature in genes["feature"]
    rows = typed.filter(pl.col("feature") == feature) if stated else introns(typed)
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
