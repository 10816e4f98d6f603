"""The few things besides tables that pass between stages: per-base scores, a motif, an open genome."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import polars as pl


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
    tf_class, tf_family, tax_group : of its transcription factor, as JASPAR names them; None where unknown.
    """

    motif_id: str
    name: str | None
    matrix: np.ndarray
    sites: float | None
    tf_class: str | None = None
    tf_family: str | None = None
    tax_group: str | None = None


class Genome(Protocol):
    """What stages need of a genome; io/genome.py has the reader."""

    @property
    def lengths(self) -> Mapping[str, int]:
        """Chromosome name -> length in bases, in file order."""

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Return bases [start, end) of the + strand, case kept; an error when they are not all there."""

    def letters(self, chrom: str) -> np.ndarray:
        """Return uint8 (L,), the ASCII codes of a whole chromosome's + strand, case kept; not to be written to."""


class Readers(Protocol):
    """How the dataset stage reads a study's files; names are the texts of the study file. inputs.py has the readers."""

    def intervals(self, name: str) -> pl.DataFrame:
        """Return the INTERVALS of `FILE` or `FILE#FEATURE,FEATURE`, with the genome's chromosome names."""

    def sequences(self, name: str) -> pl.DataFrame:
        """Return the records of a FASTA file: name, sequence."""

    def variants(self, name: str, regions: pl.DataFrame, min_length: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return (VARIANTS of a VCF file that overlap regions, with ALT of at least min_length bases; what was skipped: reason, n)."""

    def labelled(self) -> pl.DataFrame:
        """Return the labelled set that the study names: name, label, sequence, chrom, start, end, strand, split."""
