"""The page: one self-contained HTML file from the tables and facts of a run, and the tables and figures that stand beside it.

PageContent -> tidy -> sections, in parts of the menu -> render -> HTML
"""

from collections.abc import Callable
from urllib.parse import quote

import polars as pl
from markupsafe import Markup, escape

from phenolens.report import text
from phenolens.report.blocks import Links, Section
from phenolens.report.content import Facts, PageContent, tidy
from phenolens.report.glossary import glossary
from phenolens.report.methods import methods
from phenolens.report.render import Report, render, tables_of
from phenolens.report.sections_agreement import agreement
from phenolens.report.sections_alrw import heads, modes
from phenolens.report.sections_browser import browser
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

__all__ = ["PageContent", "Report", "page", "page_tables", "report"]

PARTS: tuple[tuple[str, tuple[Callable[[Facts], Section], ...]], ...] = (
    ("Answer", (summary, asked)),
    ("Data", (data,)),
    ("Performance", (performance, calibration, length)),
    (
        "What the model reads",
        (layers, alrw, heads, modes, agreement, token_regions, faithfulness, regions, motifs, browser, sequences),
    ),
    ("Biology", (overlap, families, conservation, genes, pathogenicity, population)),
    ("Methods and files", (tracks, methods)),
)


def report(content: PageContent) -> Report:
    """Return the page, its tables and its figures.

    Parameters
    ----------
    content : what a finished run has; absent tables make their section say why nothing is shown.

    Raises
    ------
    DataError : a table breaks its schema.
    """
    facts = tidy(content)
    return render(facts.settings.report.title or facts.settings.name, facts.version, _parts(facts))


def page(content: PageContent) -> str:
    """Return the page as HTML. Parameters and errors as `report`."""
    return report(content).html


def page_tables(content: PageContent) -> dict[str, pl.DataFrame]:
    """Return name -> whole table of every table on the page. Parameters and errors as `report`."""
    return tables_of(sections(tidy(content)))


def sections(facts: Facts) -> list[Section]:
    """Return all sections of the page in order."""
    return [section for _, members in _parts(facts) for section in members]


def _parts(facts: Facts) -> list[tuple[str, list[Section]]]:
    """Return the sections of each part of the menu."""
    parts = [(part, [make(facts) for make in members]) for part, members in PARTS]
    parts[-1][1].extend([_files(facts), glossary()])
    return parts


def _files(facts: Facts) -> Section:
    if not facts.files:
        return Section("files", "Files", "The list of files was not given.", [])
    items = [
        (Markup(escape("../" + quote(path))), path, text.size(size), meaning) for path, size, meaning in facts.files
    ]
    total = text.size(sum(size for _, size, _ in facts.files))
    lead = f"The run folder holds {text.plural(len(items), 'file')} ({total}); the links work while this page lies in its folder report/."
    return Section("files", "Files", lead, [Links(items)])
