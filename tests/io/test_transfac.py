import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.io.transfac import parse_transfac

ARNT = "AC  MA0004.1\nXX\nID  Arnt\nXX\nP0      A      C      G      T\n01      4     16      0      0      C\n02     19      0      1      0      A\n03      0     20      0      0      C\nXX\n//\n"


def parsed(content):
    return parse_transfac("m.transfac", list(enumerate(content.split("\n"), start=1)))


@pytest.mark.parametrize(
    "content", [ARNT, "VV  TRANSFAC 2024\nXX\n//\n" + ARNT, ARNT.replace("P0 ", "PO "), ARNT.removesuffix("//\n")]
)
def test_motif(content):
    found = parsed(content)
    assert found.background is None
    (motif,) = found.motifs
    assert (motif.motif_id, motif.name, motif.sites) == ("MA0004.1", "Arnt", 20)
    np.testing.assert_allclose(motif.matrix, [[0.2, 0.8, 0, 0], [0.95, 0, 0.05, 0], [0, 1, 0, 0]])


def test_identifier_and_name():
    (motif,) = parsed(ARNT.replace("AC  MA0004.1\n", "NA  Ahr:Arnt\n")).motifs
    assert (motif.motif_id, motif.name) == ("Arnt", "Ahr:Arnt")
    assert [m.motif_id for m in parsed(ARNT + ARNT.replace("MA0004.1", "b")).motifs] == ["MA0004.1", "b"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            ARNT.replace("AC  MA0004.1\n", "").replace("ID  Arnt\n", ""),
            ", line 1: has a motif without an identifier; expected a line AC or ID",
        ),
        (ARNT.replace("C      G", "G      C"), ", line 5: has the letters A G C T; expected A C G T"),
        (ARNT.replace("19", "x"), ", line 7: has 'x' in a matrix; expected a number"),
        (
            ARNT.replace("02     19      0      1      0      A", "02 19 0"),
            ", line 7: has 2 numbers in a matrix row; expected 4: A, C, G, T",
        ),
        (
            ARNT.replace("19      0      1", "0 0 0"),
            ", line 7: has a motif position without counts; expected counts of A, C, G, T, not all 0",
        ),
        ("AC  a\nP0 A C G T\n//\n", ", line 1: motif a has no counts; expected lines '01 4 16 0 0' after P0"),
        ("AC  a\n//\n", ": has no motif; expected at least one"),
        (
            ARNT + ARNT,
            ", line 11: names a motif MA0004.1 again, after line 1; expected every identifier once; rename or remove one of the two motifs",
        ),
    ],
)
def test_bad_file(content, sentence):
    with pytest.raises(InputError) as caught:
        parsed(content)
    assert str(caught.value) == f"m.transfac{sentence}"


def test_class_family_and_taxon_of_a_jaspar_file():
    comments = "CC  tax_group:vertebrates\nCC  tf_family:PAS domain factors\nCC  tf_class:Basic helix-loop-helix factors (bHLH)\nXX\n"
    (motif,) = parsed(ARNT.replace("//\n", comments + "//\n")).motifs
    assert (motif.tf_class, motif.tf_family) == ("Basic helix-loop-helix factors (bHLH)", "PAS domain factors")
    assert motif.tax_group == "vertebrates"
    assert parsed(ARNT).motifs[0].tf_class is None
