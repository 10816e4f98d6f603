import numpy as np

from phenolens.core.types import Motif
from phenolens.io.motif_classes import with_classes

EVEN = np.full((6, 4), 0.25)


def test_a_jaspar_identifier_of_any_version_is_known():
    known, other, own = with_classes(
        [
            Motif("MA0004.7", "x", EVEN, None),
            Motif("UP0004.1", "x", EVEN, None),
            Motif("MA0004.1", "x", EVEN, None, "mine"),
        ]
    )
    assert (known.tf_class, known.tf_family) == ("Basic helix-loop-helix factors (bHLH)", "PAS domain factors")
    assert known.tax_group == "vertebrates"
    assert (other.tf_class, other.tax_group) == (None, None)
    assert (own.tf_class, own.tf_family) == ("mine", None)
