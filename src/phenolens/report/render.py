"""Sections -> one HTML file in the look of the report, and the files that stand beside it.

    list of sections (text, tables, figures as data) -> page.html.j2 -> HTML

Nothing is loaded from the network, and no script runs but the page's own (a policy with their hashes). Text from input files is escaped.
The same content gives the same bytes.
"""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files as resources
from typing import Any, NamedTuple

import polars as pl
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from phenolens.report import text
from phenolens.report.blocks import Figure, Section, Table, Widget
from phenolens.report.downloads import address, embedded, tsv
from phenolens.report.drawings import Drawn, drawn, figure_files
from phenolens.report.glossary import TERMS

SCRIPTS = ("page.js",)
Parts = Sequence[tuple[str, Sequence[Section]]]


class Report(NamedTuple):
    """A page and what stands beside it.

    html : the page: one file that needs no other and no network.
    tables : name -> TSV of every whole table on the page, and of every figure's numbers.
    drawings : name -> drawn figure.
    """

    html: str
    tables: dict[str, str]
    drawings: dict[str, Drawn]


def render(title: str, version: str, parts: Parts, kind: str = "Report") -> Report:
    """Return sections as one HTML file, with its tables and figures.

    Parameters
    ----------
    title : heading of the page.
    version : version of phenolens.
    parts : (heading in the menu, or nothing; its sections) in order.
    kind : written above the title.
    """
    sections = [section for _, members in parts for section in members]
    figures = [block for section in sections for block in section.blocks if isinstance(block, Figure)]
    drawings = drawn(figures)
    numbers = {f"figure-{f.name}": f.data for f in figures if f.name in drawings and f.data is not None}
    tables = {name: tsv(table) for name, table in (tables_of(sections) | numbers).items()}
    widgets = [block for section in sections for block in section.blocks if isinstance(block, Widget)]
    scripts = [*(_resource(name) for name in SCRIPTS), *(str(widget.script) for widget in widgets)]
    html = _template().render(
        title=title,
        version=version,
        kind=kind,
        parts=parts,
        css=Markup("\n".join([_resource("page.css"), *(widget.css for widget in widgets)])),
        scripts=[Markup(script) for script in scripts],
        policy=_policy(scripts),
        drawings=defaultdict(lambda: None, drawings),
        files=defaultdict(lambda: None, {name: Markup(address) for name, address in embedded(tables).items()}),
    )
    return Report(html, tables, drawings)


def tables_of(sections: Iterable[Section]) -> dict[str, pl.DataFrame]:
    """Return name -> whole table of every table in the sections."""
    return {block.name: block.data for section in sections for block in section.blocks if isinstance(block, Table)}


def files(report: Report) -> Iterator[tuple[str, bytes]]:
    """Yield (path in the folder of the page, content) of every file; the page itself is the last.

    Parameters
    ----------
    report : from `render`.
    """
    yield from ((f"tables/{name}.tsv", table.encode()) for name, table in report.tables.items())
    yield from ((f"figures/{name}", content) for name, content in figure_files(report.drawings).items())
    yield "index.html", report.html.encode()


def _resource(name: str) -> str:
    return (resources("phenolens.report") / name).read_text(encoding="utf-8")


def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_cut
    )
    environment.filters |= {"kind": lambda block: type(block).__name__.lower(), "term": _term, "number": text.count}
    environment.filters["names"] = lambda labels: Markup(escape(json.dumps([text.short(label) for label in labels])))
    environment.filters["address"] = lambda block: Markup(address(block.text, "plain"))
    return environment.from_string(_resource("page.html.j2"))


def _policy(scripts: Iterable[str]) -> Markup:
    """Return what the browser lets the page do: run these scripts, no other, and load nothing."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{found}'" for found in hashes)
    return Markup(
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _cut(value: Any) -> Any:
    """Return text that is put into the page without words that are longer than a line; markup stays as it is."""
    return text.cut(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _term(title: Any) -> str | None:
    """Return the anchor of a heading's entry in the glossary, None where it has none."""
    return _ANCHORS.get(str(title).split(" (")[0].lower())


_ANCHORS = {term.lower(): f"word-{text.identifier(term)}" for term in TERMS} | {
    short: f"word-{text.identifier(term)}"
    for short, term in (("p", "p-value"), ("q", "q-value"), ("groups", "Group"), ("f1", "F1"))
}
