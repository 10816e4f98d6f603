"""What all figures share: colours, type, axes without clutter, rows of distributions, and the inline SVG.

Colours are Okabe & Ito's, safe for the colour-blind. In the SVG each is a CSS variable of the page, so that ink and grid follow
the reader's light or dark scheme. Text stays text.
"""

import functools
import html
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phenolens.report import text

INK, SOFT, GRID, PAPER = "#1b1f26", "#5b6471", "#d5d9e0", "#fefefd"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fc4", "#7a7a7a")
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
WIDTH = 8.6  # inches; 619 units of the SVG
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # measured with the one font that comes with matplotlib, shown in the page's
    "font.size": 10.5,
    "axes.labelsize": 10.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a label may hold $
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
}
P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Return the drawing function in the style of the page; matplotlib's own settings are as before afterwards."""

    @functools.wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return within


def colour(index: int) -> str:
    """Return the colour of the class with this index; they repeat after eight."""
    return COLOURS[index % len(COLOURS)]


def dash(index: int) -> Any:
    """Return the line style of the class with this index: another one each time the colours repeat."""
    return DASHES[(index // len(COLOURS)) % len(DASHES)]


def blank(width: float = WIDTH, height: float = 3.0) -> Figure:
    """Return an empty figure of this size in inches."""
    return Figure(figsize=(width, height))


def rows_height(rows: int, each: float = 0.3, around: float = 0.8) -> float:
    """Return the height in inches of a figure with this many rows."""
    return rows * each + around


def lines_behind(axes: Axes, axis: Any = "x") -> None:
    """Draw a light grid behind the data."""
    axes.grid(axis=axis, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)


def row_labels(axes: Axes, labels: Sequence[str], limit: int = 34) -> None:
    """Name the rows of an axes, the first on top, without ticks or a line."""
    axes.set_yticks(range(len(labels)), [text.short(label, limit) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def dot(axes: Axes, place: float, value: float, low: float | None, high: float | None, *, tint: str) -> None:
    """Draw a value as a dot in row `place`, on its interval where it has one."""
    if low is not None and high is not None:
        axes.plot([low, high], [place, place], color=tint, linewidth=2)
    axes.plot([value], [place], "o", color=tint, markersize=7, markeredgecolor=PAPER)


def log_ticks(axes: Axes, low: float, high: float, axis: str = "x") -> None:
    """Put a logarithmic axis from low to high with ticks at 1, 2, 5 times powers of ten, written as plain numbers."""
    which = axes.xaxis if axis == "x" else axes.yaxis
    (axes.set_xscale if axis == "x" else axes.set_yscale)("log")
    (axes.set_xlim if axis == "x" else axes.set_ylim)(low, high)
    steps: tuple[int, ...] = (1, 2, 5) if high / low < 300 else (1,)
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**exponent for exponent in exponents for step in steps]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) > 9:
        inside = inside[:: -(-len(inside) // 9)]
    which.set_ticks(inside, [f"{tick:,.10g}" if tick < 1 else text.count(tick) for tick in inside])
    which.set_minor_locator(mpl.ticker.NullLocator())


@styled
def distributions(values: Mapping[str, np.ndarray], *, xlabel: str, unit: str = "", log: bool = False) -> Figure | None:
    """Return one row per class: histogram, middle half, median and count; None when no class has a value.

    Parameters
    ----------
    values : class -> float (n,), in order of colour; NaN are dropped.
    xlabel : name and unit of the axis.
    unit : written after the median.
    log : logarithmic axis; values must be positive.
    """
    kept = {label: np.asarray(v, dtype=float)[~np.isnan(np.asarray(v, dtype=float))] for label, v in values.items()}
    everything = np.concatenate([np.zeros(0), *kept.values()])
    if not len(everything):
        return None
    edges = _edges(everything, log)
    figure = blank(height=rows_height(len(kept), 0.52))
    axes = figure.subplots()
    for row, (label, data) in enumerate(kept.items()):
        axes.text(
            1.01, row, _summary(data, unit), transform=axes.get_yaxis_transform(), va="center", color=SOFT, fontsize=10
        )
        if not len(data):
            continue
        heights = np.histogram(data, edges)[0] / max(1, np.histogram(data, edges)[0].max())
        axes.stairs(
            row + 0.38 - 0.74 * heights,
            edges,
            baseline=row + 0.38,
            fill=True,
            color=colour(row),
            alpha=0.45,
            linewidth=0,
        )
        low, middle, high = np.percentile(data, [25, 50, 75])
        axes.plot([low, high], [row + 0.38] * 2, color=colour(row), linewidth=3, solid_capstyle="butt")
        axes.plot([middle], [row + 0.38], "o", color=colour(row), markersize=6, markeredgecolor=PAPER)
        del label
    row_labels(axes, list(kept))
    lines_behind(axes)
    if log:
        log_ticks(axes, edges[0], edges[-1])
    else:
        axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(xlabel)
    return figure


def _edges(values: np.ndarray, log: bool) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    bins = int(np.clip(2 * np.sqrt(len(values)), 8, 48))
    if log:
        if high < 1.2 * low:
            low, high = low / 1.2, high * 1.2
        return np.geomspace(low, high * 1.0001, bins + 1)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    if np.all(values == np.round(values)):  # whole numbers: every bin holds equally many of them
        step = max(1, round((high - low) / bins))
        return np.arange(np.floor(low), high + step + 0.5, step) - 0.5
    return np.linspace(low, high, bins + 1)


def _summary(data: np.ndarray, unit: str) -> str:
    if not len(data):
        return "none"
    return f"median {text.number(float(np.median(data)))}{unit}, n = {text.count(len(data))}"


def svg(figure: Figure, *, name: str, label: str) -> str:
    """Return the figure as one inline SVG element: text as text, ids of its own, the same bytes every time.

    Parameters
    ----------
    figure : the drawing.
    name : letters, digits and hyphens, unique in the page; starts every id inside.
    label : what it shows, for those who cannot see it.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # the reader's browser has more letters than the measuring font
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    drawing = buffer.getvalue()
    width, height = (float(v) for v in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing).groups())  # type: ignore[union-attr]
    body = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    body = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    body = re.sub(r'\b(d|x|y|points)="[^"]*"', lambda m: re.sub(r"-?\d+\.\d+", _two_decimals, m[0]), body)
    body = re.sub(r"M ([\d.]+ [\d.]+) \s*L \1 ", r"M\1h0", body)  # dots: strokes without length
    body = re.sub(r"font(?:-family)?: ([^;\"]*?)(?:'DejaVu Sans'[^;\"]*)", _font, body)
    body = re.sub(r"#[0-9a-f]{6}\b", lambda m: _VARIABLES.get(m[0], m[0]), body)
    body = re.sub(r"\n\s*", "\n", body)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width:g} {height:g}"'
    look = f"max-width:{1.32 * width:.0f}px;min-width:{min(0.97 * width, 600):.0f}px"
    return f'{opening} role="img" aria-label="{html.escape(label, quote=True)}" style="{look}">{body.rstrip()}'


def _font(match: re.Match[str]) -> str:
    return f"font: {match[1]}sans-serif" if match[0].startswith("font:") else "font-family: sans-serif"


def _two_decimals(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


_VARIABLES = {
    INK: f"var(--ink, {INK})",
    SOFT: f"var(--soft, {SOFT})",
    GRID: f"var(--grid, {GRID})",
    PAPER: f"var(--paper, {PAPER})",
} | {value: f"var(--c{index}, {value})" for index, value in enumerate(COLOURS)}
