"""BLAST+ on one chromosome: write it as a database, search it, and join hits that lie together.

Coordinates are 0-based, half-open, on the chromosome.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

CHUNK = 1_000_000  # subject length: blast gives each thread whole subjects


class MissingToolError(Exception):
    """A program or package that the script needs is not there; the text says which and how to get it."""


class Hit(NamedTuple):
    """One stretch of the chromosome that a query matches."""

    start: int
    end: int
    strand: str
    query: str
    score: float
    query_start: int = 0
    query_end: int = 0


def run_blast(arguments: list[str]) -> str:
    """Return the standard output of a BLAST+ program."""
    if shutil.which(arguments[0]) is None:
        raise MissingToolError(f"{arguments[0]} is not on the PATH; install Debian's ncbi-blast+")
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def write_database(letters: np.ndarray, path: Path) -> Path:
    """Write the chromosome in chunks named by their first coordinate as a BLAST database; return its path."""
    with path.open("w") as handle:
        for start in range(0, letters.size, CHUNK):
            text = letters[start : start + CHUNK].tobytes().decode()
            if text.strip("N"):
                handle.write(f">{start}\n{text}\n")
    run_blast(["makeblastdb", "-in", str(path), "-dbtype", "nucl", "-out", str(path)])
    return path


def search(program: list[str], queries: dict[str, str], database: Path, *, evalue: float, threads: int) -> list[Hit]:
    """Return all matches of named query sequences in the database, sorted by place."""
    fasta = database.with_suffix(".query.fa")
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in queries.items()))
    columns = "6 qseqid sseqid sstart send bitscore qstart qend"
    options = ["-evalue", str(evalue), "-num_threads", str(threads), "-max_target_seqs", "1000", "-outfmt", columns]
    hits = []
    for line in run_blast([*program, "-query", str(fasta), "-db", str(database), *options]).splitlines():
        query, chunk, first, last, score, query_start, query_end = line.split("\t")
        low, high = sorted((int(first), int(last)))
        strand = "+" if int(first) < int(last) else "-"
        start = int(chunk) + low - 1
        hits.append(Hit(start, int(chunk) + high, strand, query, float(score), int(query_start) - 1, int(query_end)))
    return sorted(hits)


def merge(hits: list[Hit], key: Callable[[Hit], str], gap: int) -> list[list[Hit]]:
    """Group hits of one strand and one key that overlap or lie within `gap` bases of each other."""
    groups: list[list[Hit]] = []
    last: dict[tuple[str, str], int] = {}  # strand and key -> index of their open group
    ends: dict[int, int] = {}
    for hit in sorted(hits):
        mark = (hit.strand, key(hit))
        index = last.get(mark, -1)
        if index < 0 or hit.start > ends[index] + gap:
            index = last[mark] = len(groups)
            groups.append([])
            ends[index] = hit.end
        groups[index].append(hit)
        ends[index] = max(ends[index], hit.end)
    return groups


def best_pieces(hits: list[Hit]) -> list[Hit]:
    """Return one hit per covered stretch of a strand: its whole extent with the name and score of the best match."""
    pieces = []
    for group in merge(hits, lambda _: "", -1):
        top = max(group, key=lambda hit: hit.score)
        pieces.append(top._replace(start=min(h.start for h in group), end=max(h.end for h in group)))
    return pieces
