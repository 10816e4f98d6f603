"""The page: one self-contained HTML file from the tables and facts of a run, and the tables that stand beside it.

    PageContent -> tidy -> list of sections (text, tables, figures as data) -> page.html.j2 -> HTML

Nothing is loaded from the network. Text from input files is escaped. The same content gives the same bytes.
"""

from collections.abc import Sequence
from importlib.resources import files as resources
from typing import Any
from urllib.parse import quote

import polars as pl
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from phenolens.report import text
from phenolens.report.blocks import Block, Figure, Links, Section, Table
from phenolens.report.content import Facts, PageContent, tidy
from phenolens.report.figures import svg
from phenolens.report.glossary import TERMS, glossary
from phenolens.report.methods import methods
from phenolens.report.sections_agreement import agreement
from phenolens.report.sections_alrw import heads, modes
from phenolens.report.sections_calibration import calibration
from phenolens.report.sections_data import asked, data
from phenolens.report.sections_faithfulness import faithfulness
from phenolens.report.sections_genes import families, genes
from phenolens.report.sections_layers import layers
from phenolens.report.sections_length import length
from phenolens.report.sections_meaning import conservation, overlap
from phenolens.report.sections_motifs import motifs
from phenolens.report.sections_performance import performance
from phenolens.report.sections_reading import alrw, regions
from phenolens.report.sections_regions import token_regions, tracks
from phenolens.report.sections_sequences import sequences
from phenolens.report.sections_variants import pathogenicity, population
from phenolens.report.summary import summary

__all__ = ["PageContent", "page", "page_tables"]

STAGES = (
    summary,
    asked,
    data,
    performance,
    calibration,
    length,
    layers,
    alrw,
    heads,
    modes,
    agreement,
    token_regions,
    faithfulness,
    regions,
    motifs,
    sequences,
    overlap,
    families,
    conservation,
    genes,
    pathogenicity,
    population,
    tracks,
    methods,
)


def page(content: PageContent) -> str:
    """Return the page as HTML: one file that needs no other and no network.

    Parameters
    ----------
    content : what a finished run has; absent tables make their section say why nothing is shown.

    Raises
    ------
    DataError : a table breaks its schema.
    """
    facts = tidy(content)
    return render(facts.settings.report.title or facts.settings.name, facts.version, sections(facts))


def render(title: str, version: str, parts: Sequence[Section], kind: str = "Report") -> str:
    """Return sections as one HTML file in the look of the report.

    Parameters
    ----------
    title : heading of the page.
    version : version of phenolens.
    parts : the sections in order.
    kind : written above the title.
    """
    templates = resources("phenolens.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"drawn": _drawn, "kind": lambda block: type(block).__name__.lower(), "term": _term}
    template = environment.from_string((templates / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        title=title,
        version=version,
        kind=kind,
        sections=parts,
        css=Markup((templates / "page.css").read_text(encoding="utf-8")),
    )


def page_tables(content: PageContent) -> dict[str, pl.DataFrame]:
    """Return name -> whole table of every table on the page, to be written as tables/NAME.tsv beside it.

    Parameters and errors as `page`.
    """
    return tables_of(sections(tidy(content)))


def tables_of(parts: Sequence[Section]) -> dict[str, pl.DataFrame]:
    """Return name -> whole table of every table in the sections."""
    blocks = (block for section in parts for block in section.blocks)
    return {block.name: block.data for block in blocks if isinstance(block, Table)}


def sections(facts: Facts) -> list[Section]:
    """Return all sections of the page in order."""
    return [*(make(facts) for make in STAGES), _files(facts), glossary()]


def _files(facts: Facts) -> Section:
    if not facts.files:
        return Section("files", "Files", "The list of files was not given.", [])
    items = [("../" + quote(path), path, text.size(size), meaning) for path, size, meaning in facts.files]
    total = text.size(sum(size for _, size, _ in facts.files))
    lead = f"The run folder holds {text.plural(len(items), 'file')} ({total}); the links work while this page lies in its folder report/."
    return Section("files", "Files", lead, [Links(items)])


def _drawn(block: Block) -> Markup | None:
    """Return a figure's SVG, None where there is nothing to draw."""
    if not isinstance(block, Figure):
        return None
    figure = block.draw()
    if figure is None or isinstance(figure, Markup):
        return figure
    return Markup(svg(figure, name=f"f-{block.name}", label=block.label))


def _term(title: Any) -> str | None:
    """Return the anchor of a heading's entry in the glossary, None where it has none."""
    return _ANCHORS.get(str(title).split(" (")[0].lower())


_ANCHORS = {term.lower(): f"word-{text.identifier(term)}" for term in TERMS} | {
    short: f"word-{text.identifier(term)}"
    for short, term in (("p", "p-value"), ("q", "q-value"), ("groups", "Group"), ("f1", "F1"))
}
