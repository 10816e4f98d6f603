"""Sections: which families make up a class, and the genes of the regions with the sets that they belong to."""

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import (
    Block,
    Paragraph,
    Section,
    Table,
    counts,
    intervals,
    numbers,
    p_values,
    percents,
    words,
)
from phenolens.report.content import Facts
from phenolens.report.figures_reading import SIGNIFICANT


def families(facts: Facts) -> Section:
    """Return the section on relative enrichment of families between classes."""
    title, table = "Families", facts.families
    if not table.height:
        reason = "No family is shared by two classes, so nothing is compared: names of the intervals, or a file of families (annotate.families), say what family a sequence is of."
        return Section("families", title, reason, [])
    shares = table.with_columns(
        share_a=pl.col("sequences_a") / pl.col("total_a"), share_b=pl.col("sequences_b") / pl.col("total_b")
    )
    columns = (
        words("Family", "family"), words("Class A", "class_a"), words("Class B", "class_b"), counts("Sequences A", "sequences_a"), percents("Share in A", "share_a"),
        counts("Sequences B", "sequences_b"), percents("Share in B", "share_b"), intervals("A / B (95 % interval)", "ratio", "low", "high"),
        p_values("p", "p_value"), p_values("q", "q_value"),
    )  # fmt: skip
    caption = (
        "Relative enrichment of each family: its share among the sequences of class A over that among class B. A family is clearly enriched where its whole interval lies above 1, depleted "
        "where it lies below; the paper's lines at 3 and 1/3 say nothing of chance. Windows of one locus count together for the interval and p."
    )
    clear = table.filter(pl.col("q_value") <= SIGNIFICANT)
    lead = f"{text.plural(table['family'].n_unique(), 'family', 'families')} compared between classes; {clear.height} of {text.plural(table.height, 'comparison')} differ (q ≤ 0.05)."
    return Section("families", title, lead, [Table("families", caption, shares, columns, shown=max(facts.top, 12))])


def genes(facts: Facts) -> Section:
    """Return the section on the genes of the regions, and gene sets."""
    title = "Genes"
    if not facts.region_genes.height:
        reason = "No gene is shown: no file of genes was given (annotate.genes), or no region lies on a chromosome with genes."
        return Section("genes", title, reason, [])
    inside = facts.region_genes.filter(pl.col("distance") == 0)
    lead = (
        f"{inside['region_id'].n_unique()} of {text.plural(facts.region_genes['region_id'].n_unique(), 'region')} overlap "
        f"{text.plural(inside['gene_id'].n_unique(), 'gene')}; the others have a nearest gene."
    )
    return Section("genes", title, lead, [*_frequent(facts), *_most(facts), *_sets(facts)])


def _frequent(facts: Facts) -> list[Block]:
    """Return the protein-coding genes with many distinct regions."""
    fewest = facts.settings.annotate.gene_regions
    table = facts.gene_counts.filter((pl.col("gene_type") == "protein_coding") & (pl.col("regions") >= fewest))
    if not table.height:
        return [
            Paragraph(
                f"No protein-coding gene has {text.plural(fewest, 'distinct region')} or more of one class.", "none"
            )
        ]
    caption = f"Protein-coding genes with at least {text.plural(fewest, 'distinct region')} of a class. Long genes have more regions by chance alone."
    columns = (
        words("Class", "label"),
        words("Gene", "gene_name"),
        words("Identifier", "gene_id"),
        counts("Regions", "regions"),
    )
    return [Table("protein-coding-genes", caption, table, columns, shown=facts.top)]


def _most(facts: Facts) -> list[Block]:
    """Return the genes of any type that most regions overlap."""
    if not facts.gene_counts.height:
        return [Paragraph("No region overlaps a gene.", "none")]
    table = facts.gene_counts.group_by("gene_id").agg(
        gene=pl.coalesce("gene_name", "gene_id").first(),
        type=pl.col("gene_type").first(),
        regions=pl.col("regions").sum(),
        classes=pl.col("label").unique().sort().str.join(", "),
    )
    columns = (
        words("Gene", "gene"), words("Identifier", "gene_id"), words("Type", "type"), counts("Regions inside", "regions"), words("Classes", "classes"),
    )  # fmt: skip
    table = table.sort(["regions", "gene_id"], descending=[True, False])
    return [Table("genes", "Genes that most regions overlap.", table, columns, shown=facts.top, folded=True)]


def _sets(facts: Facts) -> list[Block]:
    table = facts.gene_sets
    if not table.height:
        return [
            Paragraph(
                "No gene set was tested: no file of sets was given (annotate.gene_sets), or no set has enough genes that regions could hit.",
                "none",
            )
        ]
    by_controls = table.filter(pl.col("control_q_value") <= SIGNIFICANT).height
    by_genes = table.filter(pl.col("q_value") <= SIGNIFICANT).height
    universe = text.listing(
        f"{label} {text.count(n)}"
        for label, n in table.select("label", "universe").unique(maintain_order=True).iter_rows()
    )
    sentence = (
        f"Of {text.plural(table.height, 'test')} of gene sets {by_controls} hold against matched control regions (q ≤ 0.05), {by_genes} if every gene were as easy to hit. "
        f"Universe, the genes that a region could have hit: {universe}."
    )
    columns = (
        words("Class", "label"), words("Collection", "collection"), words("Gene set", "set_name"), counts("Genes hit", "hit"), counts("Of", "set_size"),
        numbers("Expected from controls", "control_expected"), numbers("Ratio", "control_ratio"), p_values("p against controls", "control_p_value"),
        p_values("q against controls", "control_q_value"), numbers("Expected, genes alike", "expected"), p_values("q hypergeometric", "q_value"), words("Genes", "genes"),
    )  # fmt: skip
    caption = (
        "Gene sets among the genes that regions overlap, or are nearest to. A gene counts once. Expected from controls: the mean over matched control regions, which hit long genes as often as chance "
        "has it; genes alike: as if all genes were as easy to hit, which favours sets of long genes."
    )
    return [Paragraph(sentence), Table("gene-sets", caption, table, columns, shown=max(facts.top, 12))]
