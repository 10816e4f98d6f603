"""What a section is built from: sentences, lists, tables and figures, as data; page.html.j2 turns them into HTML."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from phenolens.report import text

Row = Mapping[str, Any]
EMBEDDED = 1000  # rows of a table that the page itself holds


class Column(NamedTuple):
    """One column of a shown table.

    title : heading.
    cell : row -> text.
    align : "number" (right), "text" (left) or "letters" (left, fixed width).
    """

    title: str
    cell: Callable[[Row], str]
    align: str = "text"


class Table(NamedTuple):
    """A table: `data` as text on the page, at first `shown` rows of it, at most EMBEDDED; all of `data` in the file tables/NAME.tsv.

    name : of its file and of its place in the page.
    caption : what it says, for a biologist.
    folded : shown only when clicked on.
    """

    name: str
    caption: str
    data: pl.DataFrame
    columns: tuple[Column, ...]
    shown: int | None = None
    folded: bool = False

    @property
    def rows(self) -> list[list[str]]:
        """The rows shown at first, as text."""
        return self._text(self.data if self.shown is None else self.data.head(self.shown))

    @property
    def more(self) -> list[list[str]]:
        """The rows after them that the page holds too, for sorting and filtering."""
        return [] if self.shown is None else self._text(self.data[self.shown : EMBEDDED])

    def _text(self, data: pl.DataFrame) -> list[list[str]]:
        return [[text.cut(column.cell(row)) for column in self.columns] for row in data.iter_rows(named=True)]

    @property
    def hidden(self) -> int:
        """Number of rows that only the file has."""
        return 0 if self.shown is None else max(0, self.data.height - self.shown)


class Figure(NamedTuple):
    """A figure: drawn late, so that the tables can be had without it.

    name : of its place in the page.
    half : two such figures stand side by side where there is room.
    label : what it shows, for those who cannot see it.
    draw : () -> drawing, or its finished SVG, or None when there is nothing to draw.
    absent : the sentence shown then.
    data : the numbers that are drawn, for those who want to draw them anew.
    classes : where colours stand for classes: their names, in order of colour.
    """

    name: str
    label: str
    caption: str
    draw: Callable[[], Drawing | Markup | None]
    absent: str
    half: bool = False
    data: pl.DataFrame | None = None
    classes: Sequence[str] = ()


class Paragraph(NamedTuple):
    """A sentence or several; tone is "plain", "good", "warn" or "none" (why something is not shown)."""

    text: str
    tone: str = "plain"


class Bullets(NamedTuple):
    """A list of (term, explanation) or, with an empty term, of sentences."""

    items: list[tuple[str, str]]


class Cards(NamedTuple):
    """Key numbers: (what it is, value, what it is compared with)."""

    items: list[tuple[str, str, str]]


class Verdicts(NamedTuple):
    """What must be known before a number is believed: (what was asked, answer, tone as a Paragraph's, why)."""

    items: list[tuple[str, str, str, str]]


class Saved(NamedTuple):
    """Text that the page offers as a file NAME.txt; title: what it is."""

    name: str
    title: str
    text: str


class Links(NamedTuple):
    """Files: (link, name, size, meaning)."""

    items: Sequence[tuple[str, str, str, str]]


class Widget(NamedTuple):
    """An interactive part, finished: its HTML, its rules of style, and its script, which runs once the page is there."""

    html: Markup
    css: Markup
    script: Markup


Block = Table | Figure | Paragraph | Bullets | Cards | Verdicts | Saved | Links | Widget


class Section(NamedTuple):
    """One section of the page.

    id : its anchor.
    lead : one plain sentence of what it shows, with the real numbers.
    """

    id: str
    title: str
    lead: str
    blocks: list[Block]


def words(title: str, field: str) -> Column:
    """Return a column of text."""
    return Column(title, lambda row: text.NONE if row[field] is None else str(row[field]))


def counts(title: str, field: str) -> Column:
    """Return a column of whole numbers."""
    return Column(title, lambda row: text.count(row[field]), "number")


def numbers(title: str, field: str) -> Column:
    """Return a column of numbers with three significant digits."""
    return Column(title, lambda row: text.number(row[field]), "number")


def percents(title: str, field: str) -> Column:
    """Return a column of shares as percentages."""
    return Column(title, lambda row: text.percent(row[field]), "number")


def p_values(title: str, field: str) -> Column:
    """Return a column of p- or q-values."""
    return Column(title, lambda row: text.p_value(row[field]), "number")


def intervals(title: str, value: str, low: str, high: str) -> Column:
    """Return a column of estimates with their intervals."""
    return Column(title, lambda row: text.interval(row[value], row[low], row[high]), "number")


def letters(title: str, field: str) -> Column:
    """Return a column of bases."""
    return Column(title, lambda row: text.letters(row[field]), "letters")
