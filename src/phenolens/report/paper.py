"""The paper's main figures and tables from runs: which they are, and what of them a run has.

Most are those of the page, in the same look; sizes, performance and families are drawn as the paper has them. Of several runs, sizes and
performance are drawn together, everything else for each run. What is missing says why.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import polars as pl

from phenolens.report import estimates
from phenolens.report.blocks import Figure, Section, Table
from phenolens.report.content import Facts
from phenolens.report.drawings import drawn, figure_files
from phenolens.report.figures_paper import METRICS, SPLITS, datasets_figure, families_figure, performance_figure
from phenolens.report.page import sections
from phenolens.report.sections_motifs import significant


class Item(NamedTuple):
    """One figure or table of the paper.

    name : of its files.
    shows : what it shows in the paper.
    section, block : where the page of a run has it.
    """

    name: str
    shows: str
    section: str
    block: str


FIGURES = (
    Item("3-length", "Influence of sequence length on performance", "length", "by-length"),
    Item("4-features", "Hidden-layer features before and after fine-tuning", "layers", "projection"),
    Item("6-alrw", "ALRW by position and class", "alrw", "profile"),
    Item("7-token-regions", "GC content, distinct 6-mers, entropy and CpG under stretches of tokens", "token-regions", "composition-tokens"),
    Item("8-motif-sets", "Overlap of enriched motif sets between classes (UpSet)", "motifs", "motif-sets-plot"),
    Item("9-motif-enrichment", "Enrichment of motifs in high-ALRW regions", "motifs", "enrichment-plot"),
    Item("10-overlap", "Genes and regulatory features in the regions", "overlap", "overlap-plot"),
    Item("11-conservation", "Conservation of the regions", "conservation", "conservation-plot"),
    Item("12-pathogenicity", "Pathogenicity of substitutions in the regions", "pathogenicity", "pathogenicity-plot"),
    Item("13-population", "Variation of the regions in people", "population", "population-plot"),
)  # fmt: skip
FAMILIES = Item(
    "5-families", "Relative enrichment of families (the paper: HERV groups, lines at 3 and 1/3)", "families", ""
)
TABLES: tuple[tuple[Item, Callable[[Facts], pl.DataFrame], str], ...] = (
    (Item("table-3-motifs", "Enriched motifs with class, family and group of the factor", "motifs", ""), significant, "No motif is enriched in the regions (q ≤ 0.05)."),
    (
        Item("table-4-conserved", "Highly and hardly conserved regions with genes", "conservation", ""), lambda facts: facts.conserved,
        "No region is highly or hardly conserved by the limits of the study.",
    ),
    (Item("table-5-genes", "Genes with the number of distinct regions", "genes", ""), lambda facts: facts.gene_counts, "No region overlaps a gene."),
    (
        Item("table-6-gene-sets", "Gene sets of the regions' genes", "genes", ""), lambda facts: facts.gene_sets,
        "No gene set was tested: no file of sets was given (annotate.gene_sets), or none of their genes could have been hit.",
    ),
    (
        Item("table-7-pathogenic-variants", "Harmful substitutions with gene and protein change", "pathogenicity", ""), lambda facts: facts.pathogenic_variants,
        "No substitution in the regions reaches the threshold of its scores.",
    ),
)  # fmt: skip


class Sheet(NamedTuple):
    """A figure or table of the paper as it could be made.

    name : of its files, with the run's folder in front where several runs have one each.
    shows : what it shows in the paper.
    run : short name of the run; "all" where it shows all runs.
    figure : block to draw; None for a table.
    table : its numbers.
    missing : why it is not there; None where it is.
    """

    name: str
    shows: str
    run: str
    figure: Figure | None
    table: pl.DataFrame | None
    missing: str | None


def sheets(runs: Mapping[str, Facts]) -> list[Sheet]:
    """Return every figure and table of the paper, those of all runs first.

    Parameters
    ----------
    runs : short name -> what the run has.
    """
    made = list(_together(runs))
    for number, (name, facts) in enumerate(runs.items(), start=1):
        place = f"run-{number}/" if len(runs) > 1 else ""
        made += [sheet._replace(name=f"{place}{sheet.name}", run=name) for sheet in _alone(facts)]
    return made


def _together(runs: Mapping[str, Facts]) -> list[Sheet]:
    sizes = pl.concat([_sizes(name, facts) for name, facts in runs.items()])
    performance = pl.concat([_performance(name, facts) for name, facts in runs.items()])
    error = "lines: standard error over its models, or 95 % interval of a single one"
    drawings = (
        ("1-datasets", "Sizes of the datasets", "Sequences of each class in training, validation and test.", datasets_figure, sizes, "The run holds no numbers of sequences."),
        ("2-performance", "Performance on the test sequences", f"Bars: mean over a run's models; {error}.", performance_figure, performance, "The run holds no metrics of the test split."),
    )  # fmt: skip
    return [
        Sheet(name, shows, "all", Figure(name, shows, caption, partial(draw, table), absent, data=table), table, None)
        for name, shows, caption, draw, table, absent in drawings
    ]


def _sizes(name: str, facts: Facts) -> pl.DataFrame:
    rows = []
    for label in facts.labels:
        own = facts.statistics.filter(pl.col("label") == label)
        whole = own.filter(pl.col("split").is_null()).select("sequences", "bases", "groups", "length_median")
        by_split = dict(own.drop_nulls("split").select("split", "sequences").iter_rows())
        rows.append(
            (name, label, *(by_split.get(split) for split in SPLITS), *(whole.row(0) if whole.height else (None,) * 4))
        )
    shape = {"run": pl.String, "class": pl.String} | dict.fromkeys((*SPLITS, "sequences", "bases", "groups"), pl.Int64)
    return pl.DataFrame(rows, schema=shape | {"length_median": pl.Float64}, orient="row")


def _performance(name: str, facts: Facts) -> pl.DataFrame:
    """Return the metrics of a run: mean and standard error over its models, of a single one its value and 95 % interval."""
    rows = []
    seeds = facts.seeds.filter((pl.col("split") == "test") & pl.col("class").is_null() & (pl.col("runs") > 1))
    alone = estimates.overall(facts.metrics, "test").filter(pl.col("run") == "run-0")
    for metric in METRICS:
        several = seeds.filter(pl.col("metric") == metric).select("mean", "sem", "runs").rows()
        one = alone.filter(pl.col("metric") == metric).select("value", "low", "high").rows()
        for mean, error, models in several:
            rows.append((name, metric, mean, mean - error, mean + error, "standard error", models))
        if not several:
            rows += [(name, metric, *values, "95 % interval", 1) for values in one]
    shape = {"run": pl.String, "metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema=shape | {"error": pl.String, "models": pl.Int64}, orient="row")


def _alone(facts: Facts) -> list[Sheet]:
    page = {section.id: section for section in sections(facts)}
    made = [_of_page(item, page[item.section]) for item in FIGURES]
    draw = partial(families_figure, facts.families)
    caption = "Share of each family in the first class over its share in the second; lines: 95 % intervals, filled: q ≤ 0.05, dashed: the paper's 3 and 1/3."
    reason = (
        page[FAMILIES.section].lead
        if not facts.families.height
        else "No family has a defined ratio with an interval, so none is drawn."
    )
    families = Figure(FAMILIES.name, FAMILIES.shows, caption, draw, reason, data=facts.families)
    made.append(Sheet(FAMILIES.name, FAMILIES.shows, "", families, facts.families, None))
    for item, take, empty in TABLES:
        table, section = take(facts), page[item.section]
        missing = None if table.height else empty if section.blocks else section.lead
        made.append(Sheet(item.name, item.shows, "", None, table, missing))
    return sorted(
        made, key=lambda sheet: (sheet.figure is None and sheet.name.startswith("table"), _number(sheet.name))
    )


def _number(name: str) -> int:
    return int(name.removeprefix("table-").split("-")[0])


def _of_page(item: Item, section: Section) -> Sheet:
    """Return the figure of a section of the page; why it is missing where the section has none."""
    found = next((b for b in section.blocks if isinstance(b, Figure) and b.name == item.block), None)
    if found is None:
        return Sheet(item.name, item.shows, "", None, None, section.lead)
    beside = next((block.data for block in section.blocks if isinstance(block, Table)), None)
    return Sheet(item.name, item.shows, "", found, found.data if found.data is not None else beside, None)


def paper_files(made: Sequence[Sheet]) -> tuple[dict[str, bytes], list[Sheet]]:
    """Return (path -> content of every figure as SVG and PDF, the sheets: with the reason where nothing could be drawn).

    Parameters
    ----------
    made : of `sheets`.
    """
    files: dict[str, bytes] = {}
    known = []
    for sheet in made:
        if sheet.figure is None:
            known.append(sheet)
            continue
        drawings = drawn([sheet.figure._replace(name=sheet.name.replace("/", "-"))])
        if not drawings:
            known.append(sheet._replace(missing=sheet.figure.absent))
            continue
        known.append(sheet)
        for name, content in figure_files(drawings).items():
            files[f"{sheet.name}{name[name.rindex('.') :]}"] = content
    return files, known
