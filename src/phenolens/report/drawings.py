"""Figures, each drawn once: inside the page as SVG that follows its colours, and as SVG and PDF files for a paper."""

import io
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from phenolens.report.blocks import Figure
from phenolens.report.figures import STYLE, svg


class Drawn(NamedTuple):
    """A drawn figure.

    inside : SVG element of the page.
    drawing : what it was made from; None where the SVG was written by hand.
    """

    inside: Markup
    drawing: Drawing | None


def drawn(blocks: Iterable[Figure]) -> dict[str, Drawn]:
    """Return name -> drawing of the figures that have something to draw."""
    made = ((block, block.draw()) for block in blocks)
    return {block.name: _drawn(block, drawing) for block, drawing in made if drawing is not None}


def _drawn(block: Figure, drawing: Drawing | Markup) -> Drawn:
    if isinstance(drawing, Markup):
        return Drawn(drawing, None)
    return Drawn(Markup(svg(drawing, name=f"f-{block.name}", label=block.label)), drawing)


def figure_files(drawings: Mapping[str, Drawn]) -> dict[str, bytes]:
    """Return file name -> bytes: NAME.svg of each figure, and NAME.pdf of those that can have one. The same bytes every time.

    Parameters
    ----------
    drawings : from `drawn`.
    """
    files = {}
    for name, figure in drawings.items():
        files[f"{name}.svg"] = standalone(figure.inside).encode()
        if figure.drawing is not None:
            files[f"{name}.pdf"] = _pdf(figure.drawing)
    return files


def standalone(inside: str) -> str:
    """Return an SVG element of the page as a file: the page's variables replaced by their light colours, only letters that XML allows.

    Parameters
    ----------
    inside : the SVG element.
    """
    plain = re.sub(r"var\(--\w+, (#[0-9a-f]{6})\)", r"\1", inside)
    plain = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", plain)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{plain}\n'


def _pdf(drawing: Drawing) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph"
        )  # PDF holds the letters of the one font that comes with matplotlib
        drawing.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return buffer.getvalue()
