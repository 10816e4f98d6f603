"""Known motifs in any sequences, outside any study: FASTA in, a table of hits out; for `phenolens scan-motifs` and for notebooks.

Sequences are read and scanned block by block, so memory grows with the hits and the longest record, not with the file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl

from phenolens.annotate.fimo_nulls import fimo_shares
from phenolens.annotate.motifs import Block, prepare, scan_blocks
from phenolens.annotate.pvalues import NRDB, check_background
from phenolens.annotate.pvalues import background as letters_of
from phenolens.core.errors import STDIN, InputError, SettingsError
from phenolens.core.run import whole
from phenolens.core.study import DEMO
from phenolens.core.types import Motif
from phenolens.io.choice import parse_features
from phenolens.io.fasta import fasta_chunks
from phenolens.io.jaspar_database import jaspar_named
from phenolens.io.motifs import read_motif_file, read_motifs

BUILT_IN = DEMO / "jaspar_vertebrates.meme.gz"
BLOCK_BYTES = 1 << 25  # of FASTA text read at once
ROWS_AT_ONCE, DIGITS = 100_000, 6  # of a written table
FIMO_COLUMNS = {
    "motif_id": pl.col("motif_id"),
    "motif_alt_id": pl.col("motif_name"),
    "sequence_name": pl.col("sequence_id"),
    "start": pl.col("start") + 1,
    "stop": pl.col("end"),
    "strand": pl.col("strand"),
    "score": pl.col("score").round_sig_figs(6),
    "p-value": pl.col("p_value").round_sig_figs(3),
    "q-value": pl.col("q_value").round_sig_figs(3),
    "matched_sequence": pl.col("matched"),
}


class ScanOptions(NamedTuple):
    """How sequences are scanned.

    p_threshold : largest p-value of a hit.
    background : `sequences` (their own letters, both strands), `motifs` (as the motif file states), `nrdb` (FIMO's default), or four
        frequencies of A, C, G, T with commas.
    both_strands : also look for the reverse complement.
    fimo : columns, 1-based places, order, digits and q-values as FIMO 5 prints them; slower, and all sequences are held in memory.
    """

    p_threshold: float = 1e-4
    background: str = "sequences"
    both_strands: bool = True
    fimo: bool = False


def scan_file(sequences: str | Path, motifs: str | None = None, options: ScanOptions | None = None) -> pl.DataFrame:
    """Return HITS of motifs in the records of a FASTA file; with `options.fimo` FIMO's table instead.

    Parameters
    ----------
    sequences : FASTA file, plain or gzip; `-` is standard input, which needs a stated background.
    motifs : motif file, `FILE#TAXON`, or `jaspar:RELEASE#TAXON`; the built-in JASPAR vertebrates where none is given.
    options : see there; its defaults where none are given.

    Raises
    ------
    InputError : as the readers, or two records of one name.
    SettingsError, DataError : a background that is none, or cannot be had.
    """
    options = options or ScanOptions()
    path = BUILT_IN if motifs is None else jaspar_named(motifs) or Path(motifs.partition("#")[0])
    found = read_motifs(path, parse_features(motifs) if motifs else ())
    frequencies = _background(options.background, sequences, path)
    prepared = prepare(
        found, background=frequencies, p_threshold=options.p_threshold, both_strands=options.both_strands
    )
    if not options.fimo:
        return scan_blocks(prepared, _blocks(sequences))
    blocks = list(_blocks(sequences))
    texts = [text for _, part in blocks for text in part]
    shares = fimo_shares(prepared.tables, texts, both_strands=options.both_strands)
    hits = scan_blocks(prepared, blocks, shares=shares)
    return hits.sort("p_value", maintain_order=True).select(**FIMO_COLUMNS)


def write_hits(hits: pl.DataFrame, target: Path | BinaryIO) -> None:
    """Write hits as TSV, into a file (or Parquet, by its ending) that gets its name when it is whole, or to a stream.

    Raises
    ------
    SettingsError : another ending than .tsv and .parquet.
    """
    if not isinstance(target, Path):
        for number, rows in enumerate(hits.iter_slices(ROWS_AT_ONCE) if hits.height else [hits]):
            target.write(_rounded(rows).write_csv(separator="\t", include_header=not number).encode())
        return
    if target.suffix not in (".tsv", ".parquet"):
        raise SettingsError(
            "command line", "--out", f"is {target.name}", expected="a name that ends in .tsv or .parquet"
        )
    with whole(target) as part:
        if target.suffix == ".tsv":
            _rounded(hits).write_csv(part, separator="\t")
        else:
            hits.write_parquet(part)


def scan_sequences(
    motifs: Sequence[Motif],
    sequences: dict[str, str],
    *,
    background: np.ndarray | None = None,
    p_threshold: float = 1e-4,
) -> pl.DataFrame:
    """Return HITS of motifs in sequences in memory, on both strands.

    Parameters
    ----------
    motifs : e.g. of `phenolens.io.motifs.read_motifs`.
    sequences : name -> bases.
    background : float (4,), frequencies of A, C, G, T; those of the sequences where none is given.
    p_threshold : largest p-value of a hit.
    """
    frequencies = letters_of(sequences.values()) if background is None else background
    prepared = prepare(motifs, background=frequencies, p_threshold=p_threshold)
    return scan_blocks(prepared, [(list(sequences), list(sequences.values()))])


def _rounded(hits: pl.DataFrame) -> pl.DataFrame:
    return hits.with_columns(pl.col(pl.Float64).round_sig_figs(DIGITS))


def _blocks(path: str | Path) -> Iterator[Block]:
    seen: set[str] = set()
    for table in fasta_chunks(path, size=BLOCK_BYTES):
        names = table["name"].to_list()
        for line, name in zip(table["line"].to_list(), names, strict=True):
            if name in seen:
                raise InputError(path, f"names a record {name} again", expected="every name once", line=line)
            seen.add(name)
        yield names, table["sequence"].to_list()


def _background(asked: str, sequences: str | Path, motifs: Path) -> np.ndarray:
    """Return the background that is asked for."""
    if asked == "sequences":
        if Path(sequences) == STDIN:
            raise SettingsError("command line", "--background", "is that of the sequences, which are standard input and can be read only once", expected="motifs, nrdb, or four frequencies")  # fmt: skip
        return letters_of(text for _, block in _blocks(sequences) for text in block)
    if asked == "nrdb":
        return NRDB
    if asked == "motifs":
        stated = read_motif_file(motifs).background
        if stated is None:
            raise SettingsError(
                "command line", "--background", f"is that of {motifs.name}, which states none", expected="sequences, nrdb, or four frequencies"
            )  # fmt: skip
        return stated
    try:
        return check_background(np.array([float(part) for part in asked.split(",")]))
    except ValueError:
        raise SettingsError(
            "command line", "--background", f"is {asked}", expected="sequences, motifs, nrdb, or e.g. 0.3,0.2,0.2,0.3"
        ) from None
