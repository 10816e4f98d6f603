"""One sequence letter by letter: its scores above, motif hits below, as SVG written here.

A drawing library makes an element of every letter; one text with a place for each letter is a tenth of that, and stays text.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

from phenolens.report import text
from phenolens.report.figures import COLOURS

LINE = 60  # letters of a line
LETTER, LEFT = 9.6, 44.0  # units of the drawing: width of a letter, of the margin
ABOVE, BASE, LANE, GAP = 34.0, 15.0, 13.0, 8.0  # heights of scores, letters, a lane of hits, the space between lines
LANES = 3
MOST_LETTERS = 300


class Hit(NamedTuple):
    """A motif hit: first base, one past the last, strand, name."""

    start: int
    end: int
    strand: str
    name: str


class Shown(NamedTuple):
    """What is drawn of one sequence.

    letters : of the part that is drawn.
    scores : float (L,), NaN where undefined.
    first : place of the first drawn letter in the sequence.
    regions : (start, end) in the sequence.
    hits : in the sequence.
    """

    letters: str
    scores: np.ndarray
    first: int
    regions: Sequence[tuple[int, int]]
    hits: Sequence[Hit]


def part_of(length: int, regions: Sequence[tuple[int, int, float]]) -> tuple[int, int]:
    """Return the [start, end) of a sequence that is drawn: all of it up to 300 letters, else the 300 around its highest region.

    Parameters
    ----------
    length : letters of the sequence.
    regions : (start, end, score).
    """
    if length <= MOST_LETTERS:
        return 0, length
    start, end, _ = max(regions, key=lambda region: region[2], default=(0, 0, 0.0))
    first = min(max((start + end - MOST_LETTERS) // 2, 0), length - MOST_LETTERS)
    return first, first + MOST_LETTERS


def sequence_picture(shown: Shown, index: int, label: str) -> Markup:
    """Return the SVG: lines of 60 letters, above them the score of each, letters of regions bold, hits as named bars below.

    All lines have one scale, from 0 (or the lowest score, when that is negative) to the highest score.

    Parameters
    ----------
    shown : what is drawn.
    index : of the class's colour.
    label : what it shows, for those who cannot see it.
    """
    parts, y = [], 2.0
    low, high = _scale(shown.scores)
    tint = f"var(--c{index % len(COLOURS)}, {COLOURS[index % len(COLOURS)]})"
    for at in range(0, len(shown.letters), LINE):
        lanes = _lanes(shown, at)
        parts += [_scores(shown, at, y, (low, high), tint), _letters(shown, at, y + ABOVE + 11.5)]
        parts += [_bar(piece, at + shown.first, y + ABOVE + BASE + lane * LANE, tint) for lane, piece in lanes]
        y += ABOVE + BASE + LANE * (1 + max((lane for lane, _ in lanes), default=-1)) + GAP
    width = LEFT + LINE * LETTER + 6
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {y:g}" role="img" aria-label="{escape(label)}"'
    )
    return Markup(
        f'{opening} style="max-width:{1.32 * width:.0f}px;min-width:600px">{"".join(parts)}</svg>'
    )  # text is escaped where it is put in


def _scale(scores: np.ndarray) -> tuple[float, float]:
    defined = scores[~np.isnan(scores)]
    low, high = (float(defined.min()), float(defined.max())) if len(defined) else (0.0, 1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    return low, high if high > low else low + 1.0


def _x(position: float) -> str:
    return f"{LEFT + position * LETTER:.1f}".removesuffix(".0")


def _scores(shown: Shown, at: int, y: float, scale: tuple[float, float], tint: str) -> str:
    """Return the steps of a line's scores over a line at 0; a letter without a score has no step."""
    low, high = scale
    zero = y + ABOVE * high / (high - low)
    steps = []
    for i, value in enumerate(shown.scores[at : at + LINE].tolist()):
        if value == value:
            top = y + ABOVE * (high - value) / (high - low)
            steps.append(f"M{_x(i)} {zero:.1f}V{top:.1f}h{LETTER - 0.8:.1f}V{zero:.1f}z")
    width = min(LINE, len(shown.letters) - at)
    line = f'<path d="M{_x(0)} {zero:.1f}H{_x(width)}" style="stroke: var(--grid, #d5d9e0); stroke-width: 0.8"/>'
    return f'{line}<path d="{"".join(steps)}" style="fill: {tint}"/>'


def _letters(shown: Shown, at: int, y: float) -> str:
    """Return the number of the line's first letter, and its letters, those of regions bold."""
    line = shown.letters[at : at + LINE]
    first = at + shown.first
    inside = np.zeros(len(line), dtype=bool)
    for start, end in shown.regions:
        inside[max(start - first, 0) : max(end - first, 0)] = True
    number = f'<text x="{LEFT - 8:g}" y="{y:.1f}" style="font-size: 10.5px; text-anchor: end; fill: var(--soft, #5b6471)">{text.count(first)}</text>'
    look = "font-family: ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace; font-size: 12px; text-anchor: middle; fill: "
    texts = []
    for chosen, ink in ((~inside, "var(--soft, #5b6471)"), (inside, "var(--ink, #1b1f26); font-weight: 700")):
        places = np.flatnonzero(chosen)
        if len(places):
            x = " ".join(_x(i + 0.46) for i in places.tolist())
            texts.append(
                f'<text x="{x}" y="{y:.1f}" style="{look}{ink}">{escape("".join(line[i] for i in places))}</text>'
            )
    return number + "".join(texts)


def _lanes(shown: Shown, at: int) -> list[tuple[int, Hit]]:
    """Return (lane, piece of a hit on this line): in the order given, in the first lane with room; what finds none is left out."""
    begin, end = at + shown.first, at + shown.first + min(LINE, len(shown.letters) - at)
    ends = [begin] * LANES
    placed = []
    for hit in sorted(shown.hits, key=lambda hit: hit.start):
        start, stop = max(hit.start, begin), min(hit.end, end)
        if start >= stop:
            continue
        lane = next((lane for lane in range(LANES) if ends[lane] <= start), None)
        if lane is not None:
            placed.append((lane, hit._replace(start=start, end=stop)))
            ends[lane] = stop
    return placed


def _bar(piece: Hit, first: int, y: float, tint: str) -> str:
    """Return a bar with the motif's name and direction, the name cut to the bar's length."""
    width = (piece.end - piece.start) * LETTER - 1.5
    arrow = {"+": " →", "-": " ←"}.get(piece.strand, "")
    room = int(width / 6.2) - len(arrow)
    x = _x(piece.start - first)
    rect = f'<rect x="{x}" y="{y:.1f}" width="{width:.1f}" height="{LANE - 2:g}" rx="2" style="fill: {tint}; opacity: 0.22"/>'
    name = text.short(piece.name, room) + arrow if room >= 3 else ""
    label = f'<text x="{float(x) + 3:.1f}" y="{y + 8.8:.1f}" style="font-size: 10px; fill: var(--ink, #1b1f26)">{escape(name)}</text>'
    full = f"<title>{escape(f'{piece.name} {piece.start}-{piece.end} ({piece.strand})')}</title>"
    return f"<g>{full}{rect}{label if name else ''}</g>"
