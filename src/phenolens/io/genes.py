"""Gene models: GFF3 (Ensembl, GENCODE, RefSeq) and GTF files become one GENES table.

GFF3 ties rows together by ID and Parent, GTF writes gene_id into every row. Rows that belong to no gene (chromosome, biological_region,
repeat ...) are not returned.
"""

from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.schemas import GENES
from phenolens.io.gff import GENE, decoded, feature_rows, is_gtf, tag
from phenolens.io.rules import Rule, refuse_first

# the tag that holds each value, in the order of preference: Ensembl, GENCODE, RefSeq
GENE_NAME = ("gene_name", "Name", "gene")
GENE_TYPE = ("gene_type", "gene_biotype", "biotype")
PARTS = [
    "exon",
    "CDS",
    "UTR",
    "five_prime_UTR",
    "three_prime_UTR",
    "start_codon",
    "stop_codon",
    "Selenocysteine",
    "stop_codon_redefined_as_selenocysteine",
]
TRANSCRIPT = r"transcript|mRNA"
OTHER_SPELLINGS = {"five_prime_utr": "five_prime_UTR", "three_prime_utr": "three_prime_UTR"}
DEPTH = 5


def read_genes(path: str | Path) -> pl.DataFrame:
    """Return GENES, sorted by chrom and start: every gene, its transcripts (mRNA, lnc_RNA ... are all `transcript`), exons and further parts.

    A file without gene or transcript rows gets them from the exons' outermost bases.

    Parameters
    ----------
    path : GFF3 or GTF file, plain or gzip.

    Raises
    ------
    InputError : the file cannot be read as text; a line has not nine columns, wrong coordinates or strand, no gene_id (GTF), a Parent
        that is not in the file (GFF3); no row belongs to a gene.
    """
    tables, gtf = [], None
    for rows in feature_rows(path):
        if gtf is None:
            gtf = is_gtf(path, rows)
        tables.append(_gtf(path, rows) if gtf else _gff3(rows))
    if not tables:
        raise InputError(path, "has no feature", expected="lines of nine columns, as GFF3 and GTF have")
    table = pl.concat(tables)
    table = table if gtf else _with_genes(path, table)
    if table.is_empty():
        raise InputError(
            path,
            "has no gene",
            expected="rows of type gene, or with a gene_id",
            remedy="take the gene annotation, not a regulatory or repeat file",
        )
    return _complete(table)


def _quoted(name: str) -> pl.Expr:
    """Return a GTF attribute: tag "value"; or tag value;."""
    value = rf'(?:^|;)\s*{name} +(?:"([^"]*)"|([^";\s]+))'
    extracted = [pl.col("attributes").str.extract(value, group) for group in (1, 2)]
    return pl.coalesce(extracted).replace("", None)


def _gtf(path: str | Path, rows: pl.DataFrame) -> pl.DataFrame:
    table = rows.with_columns(
        gene_id=_quoted("gene_id"),
        transcript_id=_quoted("transcript_id"),
        gene_name=pl.coalesce([_quoted(t) for t in ("gene_name", "gene")]),
        gene_type=pl.coalesce([_quoted(t) for t in GENE_TYPE]),
        feature=pl.when(pl.col("type").str.contains(TRANSCRIPT))
        .then(pl.lit("transcript"))
        .otherwise(pl.col("type").replace(OTHER_SPELLINGS)),
    )
    wrong = Rule(pl.col("gene_id").is_null(), pl.lit("has no gene_id"), 'gene_id "..." in column 9, as GTF has')
    refuse_first(path, table, [wrong])
    return table.drop("attributes", "type")


def _gff3(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows that have an ID or a Parent, one for each parent."""
    table = rows.select(
        "line", "chrom", "start", "end", "strand", "type",
        id=tag("ID"),
        parent=tag("Parent"),
        stated=tag("gene_id"),
        gene_name=pl.coalesce([tag(t) for t in GENE_NAME]),
        gene_type=pl.coalesce([tag(t) for t in GENE_TYPE]),
    )  # fmt: skip
    table = table.filter(pl.col("id").is_not_null() | pl.col("parent").is_not_null())
    table = table.with_columns(pl.col("parent").str.split(",")).explode("parent")
    return table.with_columns(decoded(table[name]) for name in ("id", "parent", "stated", "gene_name", "gene_type"))


def _with_genes(path: str | Path, table: pl.DataFrame) -> pl.DataFrame:
    """Return the GFF3 rows that belong to a gene, with feature, gene_id, transcript_id and the gene's own name and type.

    A gene is a row without Parent that is called a gene or has parts; a part belongs to the gene its chain of Parents ends in.
    """
    parents = table["parent"].drop_nulls().unique()
    ids = table["id"].drop_nulls().unique()
    orphan = Rule(
        pl.col("parent").is_not_null() & ~pl.col("parent").is_in(ids.implode()),
        pl.format("names the Parent '{}', which is not in the file", "parent"),
        "every Parent as the ID of a row",
        "take the whole annotation file, not a selection of its lines",
    )
    refuse_first(path, table, [orphan])
    root = pl.col("parent").is_null()
    named_gene = pl.col("type").str.contains(GENE) | pl.col("id").str.starts_with("gene:")
    has_parts = pl.col("id").is_in(parents.implode())
    top = table.filter(root & pl.col("id").is_not_null() & (named_gene | has_parts)).unique(
        "id", keep="first", maintain_order=True
    )
    top = top.select(
        pl.col("id").alias("top"),
        pl.coalesce("stated", pl.col("id").str.replace(r"^gene[:-]", "")).alias("gene_id"),
        pl.col("gene_name").alias("top_name"),
        pl.col("gene_type").alias("top_type"),
    )
    up = (
        table.filter(pl.col("id").is_not_null())
        .select("id", pl.col("parent").alias("next"))
        .unique("id", keep="first", maintain_order=True)
    )
    chained = table.with_columns(pl.coalesce("parent", "id").alias("top"))
    for _ in range(DEPTH):
        chained = (
            chained.join(up, left_on="top", right_on="id", how="left", maintain_order="left")
            .with_columns(pl.coalesce("next", "top").alias("top"))
            .drop("next")
        )
    chained = chained.join(top, on="top", how="inner", maintain_order="left")
    feature = (
        pl.when(root & ~(pl.col("type").str.contains(TRANSCRIPT) & ~named_gene)).then(pl.lit("gene"))
        .when(pl.col("type").is_in(PARTS)).then(pl.col("type"))
        .otherwise(pl.lit("transcript"))
    )  # fmt: skip
    return chained.select(
        "line", "chrom", "start", "end", "strand", "gene_id",
        transcript_id=pl.when(pl.col("type").is_in(PARTS)).then(pl.col("parent")).otherwise(pl.col("id")),
        gene_name="top_name", gene_type="top_type", feature=feature,
    )  # fmt: skip


def _complete(table: pl.DataFrame) -> pl.DataFrame:
    """Return GENES with one name and type a gene, and gene and transcript rows where the file has only their parts."""
    place = ["gene_id", "chrom", "strand"]
    about = table.group_by("gene_id").agg(pl.col("gene_name", "gene_type").drop_nulls().first())
    span = [pl.col("start").min(), pl.col("end").max()]
    have = {f: table.filter(pl.col("feature") == f) for f in ("gene", "transcript")}
    exons = table.filter(pl.col("feature").is_in(["exon", "CDS"]) & pl.col("transcript_id").is_not_null())
    transcripts = (
        exons.join(have["transcript"], on=["gene_id", "transcript_id"], how="anti")
        .group_by([*place, "transcript_id"])
        .agg(span)
    )
    # a part that hangs on its gene directly has no transcript of its own
    transcripts = transcripts.join(have["gene"], on=["gene_id", "transcript_id"], how="anti")
    genes = table.join(have["gene"], on="gene_id", how="anti").group_by(place).agg(span)
    parts = [table, transcripts.with_columns(feature=pl.lit("transcript")), genes.with_columns(feature=pl.lit("gene"))]
    columns = list(GENES.columns)
    rows = pl.concat([p.select(*place, "start", "end", "feature") for p in parts]).join(about, on="gene_id", how="left")
    return (
        rows.select(columns).sort("chrom", "start", "end", "strand", "gene_id", "feature").unique(maintain_order=True)
    )
