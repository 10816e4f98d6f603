"""How many sequences each class and split has, where they lie on the genome, and which types of gene they overlap, as blocks."""

from functools import partial
from typing import Any

import polars as pl

from phenolens.report import text
from phenolens.report.blocks import Block, Column, Figure, Table, counts, percents, words
from phenolens.report.content import Facts
from phenolens.report.figures_data import LANES, chromosome_figure, drawn_chromosomes, length_figure
from phenolens.report.figures_quality import gene_type_figure, split_length_figure


def statistics_blocks(facts: Facts) -> list[Block]:
    """Return the table of sequences, bases, groups and lengths per class and split; no block where the run has none."""
    if not facts.statistics.height:
        return []

    def or_all(field: str) -> Any:
        return lambda row: "all" if row[field] is None else str(row[field])

    columns = (
        Column("Class", or_all("label")),
        Column("Split", or_all("split")),
        counts("Sequences", "sequences"),
        counts("Bases", "bases"),
        counts("Groups", "groups"),
        counts("Shortest", "length_min"),
        counts("Median length", "length_median"),
        counts("Mean length", "length_mean"),
        counts("Longest", "length_max"),
    )
    caption = "Sequences, bases and lengths (bases) of every class and split."
    return [Table("statistics", caption, facts.statistics, columns, folded=True)]


def length_blocks(facts: Facts) -> list[Block]:
    """Return the figures of lengths, by class and by class and split."""
    return [
        Figure(
            "lengths",
            "Distribution of sequence lengths by class",
            "Lengths of the sequences. Bars: share of the sequences at each length; dot: median; thick line: the middle half. "
            "If the classes differ here, a model can use length alone.",
            partial(length_figure, facts.sequences, facts.labels),
            "No sequence has a base, so lengths are not drawn.",
            data=facts.sequences.select("sequence_id", "label", "split", length=pl.col("sequence").str.len_bytes()),
            classes=facts.labels,
        ),
        Figure(
            "lengths-by-split",
            "Lengths of the sequences by class and split",
            "Lengths in training, validation and test. Dot: median; thick line: the middle half; thin line: the middle nine tenths. "
            "The splits of a class should look alike.",
            partial(split_length_figure, facts.sequences, facts.labels),
            "No sequence has a base, so lengths are not drawn.",
            data=facts.sequences.select("sequence_id", "label", "split", length=pl.col("sequence").str.len_bytes()),
        ),
    ]


def place_blocks(facts: Facts) -> list[Block]:
    """Return where the sequences lie: chromosomes, and types of the genes they overlap."""
    blocks: list[Block] = [
        Figure(
            "chromosomes",
            "Where the sequences lie on the chromosomes",
            f"Each mark is a place with at least one sequence; chromosomes are drawn up to the last sequence on them.{_left_out(facts.sequences)}",
            partial(chromosome_figure, facts.sequences, facts.labels),
            "The sequences have no genome coordinates, so no chromosome is drawn.",
            data=facts.sequences.select("sequence_id", "label", "chrom", "start", "end"),
            classes=facts.labels if len(facts.labels) <= LANES else (),
        )
    ]
    if facts.gene_types.height:
        columns = (
            words("Class", "label"),
            words("Gene type", "gene_type"),
            counts("Sequences", "sequences"),
            percents("Share", "share"),
        )
        caption = "Sequences that overlap a gene of each type by at least one base, on either strand. One sequence may overlap genes of several types."
        blocks += [
            Figure(
                "gene-types",
                "Share of the sequences that overlap each type of gene",
                f"{caption} If classes differ here, they may differ because genes and their surroundings do.",
                partial(gene_type_figure, facts.gene_types, facts.labels),
                "No sequence lies on a chromosome with genes, so nothing is drawn.",
                data=facts.gene_types,
                classes=facts.labels,
            ),
            Table("gene-types", caption, facts.gene_types, columns, folded=True),
        ]
    return blocks


def _left_out(sequences: pl.DataFrame) -> str:
    """Return a sentence on the chromosomes that are not drawn, or nothing."""
    placed = sequences.drop_nulls(["chrom", "start", "end"])
    drawn = drawn_chromosomes(placed)
    names, n = placed["chrom"].n_unique() - drawn.height, placed.height - int(drawn["n"].sum())
    if not names:
        return ""
    return (
        f" Drawn are the {drawn.height} with most sequences; {text.plural(names, 'chromosome or contig', 'chromosomes or contigs')} with "
        f"{text.plural(n, 'sequence')} are not."
    )
