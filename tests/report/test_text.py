"""Numbers as written: compared with decimal arithmetic and by hand."""

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenolens.report import text


def parsed(written: str) -> float:
    mantissa, _, power = written.replace(",", "").replace("−", "-").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")) or 0)


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_number_is_the_value_rounded_to_three_digits(value):
    exact = Context(prec=3, rounding=ROUND_HALF_EVEN).create_decimal(Decimal(value))
    assert parsed(text.number(value)) == pytest.approx(float(exact), rel=1e-12)
    assert text.number(-value) == "−" + text.number(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.8, "0.800"),
        (99.96, "100"),
        (99.94, "99.9"),
        (0.99999, "1.00"),
        (12345.6, "12,300"),
        (0.0000123, "1.23 × 10⁻⁵"),
        (0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-2, "−2.00"),
    ],
)
def test_number_by_hand(value, written):
    assert text.number(value) == written


def test_interval_has_a_dash_or_the_word_to_where_a_dash_would_look_like_minus():
    assert text.interval(0.812, 0.764, 0.859) == "0.812 (0.764–0.859)"
    assert text.interval(0.1, -0.2, 0.4) == "0.100 (−0.200 to 0.400)"
    assert text.interval(0.5, None, 0.6) == "0.500"
    assert text.interval(None, 0.1, 0.6) == "–"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0432, "0.043"), (3.21e-7, "3.2 × 10⁻⁷"), (1.0, "1.0"), (0, "<10⁻³⁰⁰"), (None, "–"), (0.001, "0.0010")],
)
def test_p_value_by_hand(value, written):
    assert text.p_value(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.1234, "12.3 %"), (1, "100 %"), (0, "0 %"), (0.00001, "<0.01 %"), (None, "–")]
)
def test_percent_by_hand(value, written):
    assert text.percent(value) == written


def test_counts_sizes_times_and_spans():
    assert text.count(1234567) == "1,234,567"
    assert text.count(None) == "–"
    assert [text.size(n) for n in (999, 20480, 3_500_000)] == ["999 B", "20.5 kB", "3.50 MB"]
    assert [text.duration(s) for s in (5.21, 150, 7200, None)] == ["5.21 s", "2.50 min", "2.00 h", "–"]
    assert text.span("800-1299") == "800–1,299"
    assert text.listing(["a"]) == "a"
    assert text.listing([]) == "none"
    assert text.plural(1, "class", "classes") == "1 class"


def test_labels_of_figures_lose_control_characters_and_length():
    assert text.short("LTR\x00\n7") == "LTR��7"
    assert text.short("x" * 40, 10) == "x" * 9 + "…"
    assert len(text.letters("A" * 41)) < 50
