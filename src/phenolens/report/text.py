"""Numbers and names as a reader sees them: three significant digits, intervals, p-values, lists in words, safe labels."""

import math
import re
import unicodedata
from collections.abc import Iterable

NONE = "–"
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def missing(value: float | None) -> bool:
    """Return whether a value is absent: None or NaN."""
    return value is None or math.isnan(value)


def number(value: float | None) -> str:
    """Return a number with three significant digits, a dash when absent, powers of ten for very large and very small ones.

    >>> number(0.81249), number(12345.6), number(0)
    ('0.812', '12,300', '0')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-3:
        text = _power(value, 3)
    elif abs(value) >= 99.95:
        text = f"{float(f'{value:.3g}'):,.0f}"
    else:
        text = f"{value:#.3g}".rstrip(".")
    return text.replace("-", "−")


def _power(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def count(value: float | None) -> str:
    """Return a whole number with thousands separators.

    >>> count(1234567)
    '1,234,567'
    """
    return NONE if value is None or math.isnan(value) else f"{round(value):,}".replace("-", "−")


def percent(value: float | None) -> str:
    """Return a share as a percentage with three significant digits, at most two decimals.

    >>> percent(0.1234), percent(1), percent(0)
    ('12.3 %', '100 %', '0 %')
    """
    if value is None or math.isnan(value):
        return NONE
    if 0 < abs(value) < 0.0001:
        return "<0.01 %"
    return f"{number(round(100 * value, 2))} %"


def p_value(value: float | None) -> str:
    """Return a p- or q-value: two significant digits, powers of ten below 0.001.

    >>> p_value(0.0432), p_value(1.0)
    ('0.043', '1.0')
    """
    if value is None or math.isnan(value):
        return NONE
    if value == 0:
        return "<10⁻³⁰⁰"
    return _power(value, 2) if value < 1e-3 else f"{value:#.2g}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return an estimate with its interval, the estimate alone where there is none; a bound beside which it is large has four decimals.

    >>> interval(0.5, None, None)
    '0.500'
    """
    if value is None or missing(value) or low is None or missing(low) or high is None or missing(high):
        return number(value)
    between = " to " if low < 0 else "–"
    bounds = [
        f"{bound:.4f}" if abs(bound) < 1e-3 and abs(value) >= 0.01 and bound else number(bound) for bound in (low, high)
    ]
    return f"{number(value)} ({between.join(bound.replace('-', '−') for bound in bounds)})"


def size(value: float | None) -> str:
    """Return a file's size.

    >>> size(512), size(20480), size(3_500_000)
    ('512 B', '20.5 kB', '3.50 MB')
    """
    if value is None:
        return NONE
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{number(value / scale)} {unit}"
    return f"{round(value)} B"


def duration(seconds: float | None) -> str:
    """Return a time span in seconds, minutes or hours.

    >>> duration(5.21), duration(150), duration(7200)
    ('5.21 s', '2.50 min', '2.00 h')
    """
    if seconds is None or math.isnan(seconds):
        return NONE
    if seconds < 90:
        return f"{number(seconds)} s"
    return f"{number(seconds / 60)} min" if seconds < 5400 else f"{number(seconds / 3600)} h"


def letters(sequence: str | None) -> str:
    """Return bases, cut after 40 with their number.

    >>> letters("ACGT")
    'ACGT'
    """
    if sequence is None:
        return NONE
    return sequence if len(sequence) <= 40 else f"{sequence[:40]}… ({count(len(sequence))})"


def span(name: str) -> str:
    """Return a length bin's name with thousands separators and a dash; other names as they are.

    >>> span("long")
    'long'
    """
    low, _, high = name.partition("-")
    return f"{int(low):,}–{int(high):,}" if low.isdigit() and high.isdigit() else name


def listing(items: Iterable[str]) -> str:
    """Return items as an English list.

    >>> listing(["a", "b", "c"]), listing([])
    ('a, b and c', 'none')
    """
    words = list(items)
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"


def plural(n: float, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    >>> plural(1, "class", "classes"), plural(1200, "base")
    ('1 class', '1,200 bases')
    """
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def short(label: str, limit: int = 26) -> str:
    """Return a label for a figure: control characters replaced, cut with an ellipsis.

    >>> short("LTR12C")
    'LTR12C'
    """
    clean = "".join("�" if unicodedata.category(letter)[0] == "C" else letter for letter in label)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def cut(sentence: str) -> str:
    """Return text with every word of more than 100 letters cut after 40, with their number: no name can fill the page.

    >>> cut("a " + "b" * 5000)
    'a bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb… (5,000)'
    """
    return re.sub(r"\S{101,}", lambda word: f"{word[0][:40]}… ({count(len(word[0]))})", sentence)


def identifier(text: str) -> str:
    """Return text as an HTML id: lower-case letters, digits and hyphens.

    >>> identifier("Odds ratio (OR)")
    'odds-ratio-or'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
