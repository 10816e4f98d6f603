import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.io.jaspar import parse_jaspar

ARNT = ">MA0004.1\tArnt\nA  [ 4 19  0 ]\nC  [16  0 20 ]\nG  [ 0  1  0 ]\nT  [ 0  0  0 ]\n"
EXPECTED = [[0.2, 0.8, 0, 0], [0.95, 0, 0.05, 0], [0, 1, 0, 0]]


def parsed(content):
    return parse_jaspar("m.jaspar", list(enumerate(content.split("\n"), start=1)))


@pytest.mark.parametrize(
    "content",
    [ARNT, "\n" + ARNT.replace("\n", "\n\n"), ">MA0004.1 Arnt\n4 19 0\n16 0 20\n0 1 0\n0 0 0\n", ARNT.replace("[", "[  ").replace("]", "]  "), ARNT.replace("A  [", "A[")],
)  # fmt: skip
def test_with_and_without_letters(content):
    found = parsed(content)
    assert found.background is None
    (motif,) = found.motifs
    assert (motif.motif_id, motif.name, motif.sites) == ("MA0004.1", "Arnt", 20)
    np.testing.assert_allclose(motif.matrix, EXPECTED)


def test_several_motifs_and_an_absent_name():
    motifs = parsed(ARNT + ARNT.replace("MA0004.1\tArnt", "other")).motifs
    assert [(m.motif_id, m.name) for m in motifs] == [("MA0004.1", "Arnt"), ("other", None)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ARNT.replace("T  [ 0  0  0 ]\n", ""), "line 1: motif MA0004.1 has 3 lines of counts; expected 4: A, C, G, T"),
        (
            ARNT.replace("C  [", "G  [", 1),
            "line 3: motif MA0004.1 has counts of G here; expected C, in the order A, C, G, T",
        ),
        (
            ARNT.replace("[16  0 20 ]", "[16 0 ]"),
            "line 3: motif MA0004.1 has 2 counts of C; expected 3, one a position, as for A",
        ),
        (
            ARNT.replace("[ 4 19  0 ]", "[ ]"),
            "line 2: motif MA0004.1 has 0 counts of A; expected at least 1, one a position, as for A",
        ),
        (ARNT.replace("19", "-19"), "line 2: has -19 in a matrix; expected a number >= 0"),
        (ARNT.replace("19", "many"), "line 2: has 'many' in a matrix; expected a number"),
        (
            ARNT.replace("20", "0"),
            "line 1: has a motif position without counts; expected counts of A, C, G, T, not all 0",
        ),
        (">\n" + ARNT.split("\n", 1)[1], "line 1: has a motif without an identifier; expected '>identifier name'"),
        (
            ARNT + ARNT,
            "line 6: names a motif MA0004.1 again, after line 1; expected every identifier once; rename or remove one of the two motifs",
        ),
    ],
)
def test_bad_file(content, sentence):
    with pytest.raises(InputError) as caught:
        parsed(content)
    assert str(caught.value) == f"m.jaspar, {sentence}"
