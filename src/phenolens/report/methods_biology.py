"""The methods of overlap, families, conservation and gene sets, as paragraphs for a paper."""

import polars as pl

from phenolens.report import text
from phenolens.report.content import Facts


def biology_text(facts: Facts) -> list[tuple[str, str]]:
    """Return the paragraphs on what this run computed."""
    return [
        ("Overlap and conservation", _controls(facts)),
        *([("Families", _families())] if facts.families.height else []),
        *([("Gene sets", _gene_sets(facts))] if facts.gene_sets.height else []),
    ]


def _controls(facts: Facts) -> str:
    if not facts.overlap.height and not facts.conservation.height:
        return "No overlap or conservation was computed."
    sets = text.plural(facts.settings.annotate.controls, "set")
    matched = (
        f"Observed values were compared with {sets} of matched control regions (same lengths, at random places in the same sequences); "
        "two-sided permutation p-value 2 (b + 1) / (n + 1), q-values by Benjamini and Hochberg. The question answered is whether, within these sequences, the regions prefer the feature."
    )
    others = (
        f" Overlaps were also compared with {sets} in which all regions of a class moved on by one random distance along its explained sequences, merged and laid end to end (circular; a region that came to lie across two sequences was not counted), and "
        f"{sets} in which each region lay at a random place of any of them (shuffled)."
        if facts.overlap.height
        else ""
    )
    files = facts.settings.annotate.alignments
    species = (
        f" Identity was counted in {text.listing(files)}: the share of the species with a base at a place that have the reference's; all alike: 1 where every species is there and has it."
        if files
        else ""
    )
    return matched + others + species


def _families() -> str:
    return (
        "Relative enrichment of a family is its share among one class's sequences over its share among another's. The 95 % interval is that of the logarithm of the ratio with a linearised variance over "
        "whole loci, Katz's where a locus is one sequence; p-value: Fisher's exact test of loci, two-sided; q-values by Benjamini and Hochberg per pair of classes."
    )


def _gene_sets(facts: Facts) -> str:
    rule, table = facts.settings.annotate, facts.gene_sets
    smallest, largest = rule.gene_set_sizes
    universe = text.listing(
        f"{text.count(n)} for {label}"
        for label, n in table.select("label", pl.col("universe")).unique(maintain_order=True).iter_rows()
    )
    return (
        f"A region hits every gene that it overlaps, else the nearest one within {text.count(rule.gene_reach)} bases. The universe is the genes that a region anywhere in the explained sequences "
        f"of the class would hit: {universe}. Sets of {smallest} to {text.count(largest)} of them were tested ({text.listing(rule.gene_sets)}): hypergeometric upper tail, and (b + 1) / (n + 1) "
        f"against {text.plural(rule.controls, 'set')} of matched control regions; q-values by Benjamini and Hochberg per class and file."
    )
