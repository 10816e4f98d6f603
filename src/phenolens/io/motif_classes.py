"""Class, family and taxon of a motif's transcription factor, for files that do not say: from the built-in JASPAR list, by identifier.

A JASPAR identifier without its version (MA0002 of MA0002.2) is enough: versions of one motif are of one factor.
"""

import re
from collections.abc import Sequence
from functools import cache

from phenolens.core.study import DEMO
from phenolens.core.types import Motif
from phenolens.io.text import lines

LIST = DEMO / "jaspar_vertebrates.tsv"
JASPAR = re.compile(r"(MA\d{4})(\.\d+)?$")


def with_classes(motifs: Sequence[Motif]) -> list[Motif]:
    """Return the motifs with class, family and taxon where the built-in list knows their JASPAR identifier and they have none of their own."""
    result = []
    for motif in motifs:
        match = JASPAR.match(motif.motif_id)
        known = _known().get(match.group(1)) if match else None
        if known and not (motif.tf_class or motif.tf_family or motif.tax_group):
            tf_class, tf_family, tax_group = known
            motif = motif._replace(tf_class=tf_class, tf_family=tf_family, tax_group=tax_group)
        result.append(motif)
    return result


@cache
def _known() -> dict[str, tuple[str | None, ...]]:
    rows = [text.split("\t") for _, text in lines(LIST)]
    return {row[0].split(".")[0]: tuple(value or None for value in row[2:]) for row in rows[1:]}
