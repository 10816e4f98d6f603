"""The few things besides tables that pass between stages: per-base scores, a motif, an open genome."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np


class BaseScores(NamedTuple):
    """Per-base scores of n sequences, of any method, so that regions, tracks and report serve them all.

    sequence_ids : n names, in row order.
    values : float32 (n, L); NaN beyond a sequence's end and where no token covers a base.
    method : name of the method, e.g. "alrw".
    """

    sequence_ids: list[str]
    values: np.ndarray
    method: str


class Motif(NamedTuple):
    """One motif of a motif file.

    motif_id, name : as in the file; name is None where there is none.
    matrix : float64 (w, 4), probability of A, C, G, T at each of w positions; rows sum to 1.
    sites : number of sites it was made from; None where the file does not say.
    """

    motif_id: str
    name: str | None
    matrix: np.ndarray
    sites: float | None


class Genome(Protocol):
    """What stages need of a genome; io/genome.py has the reader."""

    @property
    def lengths(self) -> Mapping[str, int]:
        """Chromosome name -> length in bases, in file order."""

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Return bases [start, end) of the + strand, case kept; an error when they are not all there."""
