import polars as pl
import pytest

from phenolens.core.errors import InputError
from phenolens.io.rules import Rule, refuse_first

TABLE = pl.DataFrame({"line": [3, 5, 9], "a": [1, -2, None], "b": [-1, -1, 5]})
NEGATIVE_A = Rule(pl.col("a") < 0, pl.format("a is {}", "a"), "a >= 0", "change a")
NEGATIVE_B = Rule(pl.col("b") < 0, pl.format("b is {}", "b"))


def said(*rules):
    with pytest.raises(InputError) as caught:
        refuse_first("f.txt", TABLE, rules)
    return str(caught.value)


def test_the_first_line_wins_and_on_it_the_first_rule():
    assert said(NEGATIVE_A, NEGATIVE_B) == "f.txt, line 3: b is -1"
    assert said(NEGATIVE_A) == "f.txt, line 5: a is -2; expected a >= 0; change a"
    assert said(NEGATIVE_B, Rule(pl.col("a") == 1, pl.lit("a is one"))) == "f.txt, line 3: b is -1"
    assert said(Rule(pl.col("a") == 1, pl.lit("a is one")), NEGATIVE_B) == "f.txt, line 3: a is one"


def test_null_breaks_no_rule():
    refuse_first("f.txt", TABLE.filter(pl.col("line") == 9), [NEGATIVE_A, NEGATIVE_B])
