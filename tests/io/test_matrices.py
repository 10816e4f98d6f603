import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.matrices import Row, from_counts, numbers, probabilities, refuse_repeats


def said(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def test_counts_become_shares_without_pseudocounts():
    matrix, sites = from_counts("m", [Row(1, [1, 3, 0, 0]), Row(2, [0, 0, 2, 6])])
    np.testing.assert_array_equal(matrix, [[0.25, 0.75, 0, 0], [0, 0, 0.25, 0.75]])
    assert sites == 8


def test_rounding_is_taken_out_and_more_is_refused():
    matrix = probabilities("m", [Row(1, [0.333, 0.333, 0.333, 0])])
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-15)
    assert said(probabilities, "m", [Row(1, [0.25] * 4), Row(7, [0.3, 0.3, 0.3, 0.3])]) == (
        "m, line 7: has a row that sums to 1.2; expected probabilities of A, C, G, T that sum to 1"
    )


def test_wrong_rows():
    for call in (probabilities, from_counts):
        assert (
            said(call, "m", [Row(4, [0.5, 0.5, 0.0])])
            == "m, line 4: has 3 numbers in a matrix row; expected 4: A, C, G, T"
        )
        assert said(call, "m", [Row(4, [1.0])]) == "m, line 4: has 1 number in a matrix row; expected 4: A, C, G, T"
    assert said(from_counts, "m", [Row(4, [0, 0, 0, 0])]) == (
        "m, line 4: has a motif position without counts; expected counts of A, C, G, T, not all 0"
    )


def test_numbers():
    assert numbers("m", 3, ["1", "0.5", "1e-3"]) == [1, 0.5, 0.001]
    assert said(numbers, "m", 3, ["1", "x"]) == "m, line 3: has 'x' in a matrix; expected a number"
    for cell in ("-0.1", "nan", "inf"):
        assert said(numbers, "m", 3, [cell]) == f"m, line 3: has {cell} in a matrix; expected a number >= 0"


def test_repeats():
    motif = Motif("a", None, np.full((1, 4), 0.25), None)
    refuse_repeats("m", [1, 5], [motif, motif._replace(motif_id="b")])
    assert said(refuse_repeats, "m", [1, 5], [motif, motif]) == (
        "m, line 5: names a motif a again, after line 1; expected every identifier once; rename or remove one of the two motifs"
    )
    assert said(refuse_repeats, "m", [], []) == "m: has no motif; expected at least one"
