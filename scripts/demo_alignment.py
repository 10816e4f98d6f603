"""What the primate alignment gives: the human chromosome, and how alike the primates are along it.

Every alignment block has one human row and up to three rows of other primates. Taking the columns where
human has a base and writing them at the row's coordinate rebuilds the chromosome (N where no block lies);
comparing each column with the other rows tells which of them carry the human base. A gap or an N in another
primate says nothing about that base, so it is not counted, and a base that nobody else covers has no value.
All coordinates here and in the files written are 0-based, half-open, hg19.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyBigWig  # type: ignore[import-not-found, import-untyped, unused-ignore]  # carries no types
import pysam

CHROM = "chr22"
CHROM_LENGTH = 51_304_566
HUMAN_ROW = "Hsap.22"
BIN = 10
GAP, UNKNOWN = ord("-"), ord("N")


class Alignment(NamedTuple):
    """Per base of the chromosome (L = 51,304,566).

    genome (L,) uint8: the human letter, lower case where soft-masked, N where not aligned;
    same (L,) uint8: how many other primates carry the human base;
    seen (L,) uint8: how many other primates have a base there.
    """

    genome: np.ndarray
    same: np.ndarray
    seen: np.ndarray


def read_blocks(maf_path: Path) -> Iterator[tuple[int, np.ndarray, list[np.ndarray]]]:
    """Yield each block of a gzipped MAF as (human start, human row, other rows), rows as uint8 letters."""
    start, human, others = 0, None, []
    with gzip.open(maf_path, "rt") as handle:
        for line in handle:
            if line.startswith("s "):
                _, name, row_start, _, strand, length, letters = line.split()
                row = np.frombuffer(letters.encode(), dtype=np.uint8)
                if name != HUMAN_ROW:
                    others.append(row)
                elif strand == "+" and int(length) == CHROM_LENGTH:
                    start, human = int(row_start), row
                else:
                    raise ValueError(f"{maf_path}: human row on strand {strand} of {length} bases, expected + of hg19")
            elif not line.strip() and human is not None:
                yield start, human, others
                human, others = None, []
    if human is not None:
        yield start, human, others


def read_alignment(maf_path: Path) -> Alignment:
    """Return the human letters and the primates' agreement at every base of the chromosome."""
    genome = np.full(CHROM_LENGTH, UNKNOWN, dtype=np.uint8)
    same = np.zeros(CHROM_LENGTH, dtype=np.uint8)
    seen = np.zeros(CHROM_LENGTH, dtype=np.uint8)
    for start, human, others in read_blocks(maf_path):
        columns = human != GAP
        letters = human[columns]
        place = slice(start, start + letters.size)
        if (genome[place] != UNKNOWN).any():
            raise ValueError(f"{maf_path}: two blocks cover human base {start}")
        upper = letters & 0xDF  # clears the lower-case bit of a letter
        genome[place] = np.where(upper == UNKNOWN, UNKNOWN, letters)
        for row in others:
            other = row[columns]
            other_upper = other & 0xDF
            known = (other != GAP) & (other_upper != UNKNOWN) & (upper != UNKNOWN)
            seen[place] += known
            same[place] += known & (other_upper == upper)
    return Alignment(genome, same, seen)


def write_bgzip(path: Path, text: str | bytes) -> None:
    """Write text as a block-gzipped file at the highest level; the same text gives the same bytes."""
    with pysam.BGZFile(str(path), mode="w9", index=None) as handle:  # type: ignore[arg-type]  # stub lacks levels
        handle.write(text if isinstance(text, bytes) else text.encode())


def write_genome(genome: np.ndarray, path: Path) -> None:
    """Write the chromosome as bgzip FASTA of 100 bases a line, with its .fai and .gzi."""
    full = genome[: CHROM_LENGTH // 100 * 100].reshape(-1, 100)
    newlines = np.full((len(full), 1), ord("\n"), dtype=np.uint8)
    lines = np.hstack([full, newlines]).tobytes() + genome[full.size :].tobytes() + b"\n"
    write_bgzip(path, f">{CHROM}\n".encode() + lines)
    pysam.faidx(str(path))


def identity_bins(alignment: Alignment) -> np.ndarray:
    """Return the mean identity of each 10-base bin, NaN where no base is aligned to another primate."""
    aligned = alignment.seen > 0
    share = np.zeros(CHROM_LENGTH, dtype=np.float32)
    np.divide(alignment.same, alignment.seen, out=share, where=aligned)
    starts = np.arange(0, CHROM_LENGTH, BIN)
    total = np.add.reduceat(share, starts)
    count = np.add.reduceat(aligned.astype(np.float32), starts)
    return np.divide(total, count, out=np.full(starts.size, np.nan, dtype=np.float32), where=count > 0)


def write_identity(values: np.ndarray, path: Path) -> None:
    """Write bins as a fixed-step bigWig, to three decimals; bins without value are left out, never 0."""
    present = np.concatenate([[0], np.isfinite(values).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(present))
    bigwig = pyBigWig.open(str(path), "w")
    bigwig.addHeader([(CHROM, CHROM_LENGTH)], maxZooms=0)  # zoom levels would double the file
    for low, high in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        rounded = np.round(values[low:high].astype(float), 3).tolist()
        bigwig.addEntries(CHROM, low * BIN, values=rounded, span=BIN, step=BIN)
    bigwig.close()


def identity_by_region(alignment: Alignment, genes: list[tuple[int, int]], exons: list[tuple[int, int]]) -> dict:
    """Return region -> (mean identity, share of four-species columns in which all four agree).

    Regions are exon, intron and intergenic bases, from (start, end) of genes and exons.
    """
    region = np.zeros(CHROM_LENGTH, dtype=np.uint8)  # 0 intergenic, 1 intron, 2 exon
    for code, intervals in ((1, genes), (2, exons)):
        for start, end in intervals:
            region[start:end] = np.maximum(region[start:end], code)
    result = {}
    for code, name in enumerate(("intergenic", "intron", "exon")):
        here = (region == code) & (alignment.seen > 0)
        same, seen = alignment.same[here].astype(float), alignment.seen[here]
        result[name] = (float((same / seen).mean()), float((same[seen == 3] == 3).mean()))
    return result
