"""Records of VCF and BCF files (https://samtools.github.io/hts-specs/VCFv4.3.pdf): place and alleles only, in batches.

The lines of a pangenome's VCF are megabytes long, nearly all of it genotypes. Here a line is split at its first tabs and the rest is
dropped; samples of a BCF are not decoded. An index (.tbi, .csi) is used where few regions are wanted of a large file.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pysam

from phenolens.core.errors import InputError
from phenolens.core.ranges import union
from phenolens.io.genome_index import quiet
from phenolens.io.text import GZIP, blocks, open_raw

COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
CELLS = ("chrom", "pos", "id", "ref", "alt")
ALL_CELLS = (*CELLS, "filter", "info")
KEPT = (0, 1, 2, 3, 4, 6, 7)  # columns of ALL_CELLS: QUAL is left out
BATCH_ROWS, BATCH_LETTERS = 1 << 16, 1 << 24
# one look-up reads about this much of the file: two compressed blocks
BYTES_A_QUERY = 1 << 17
# an index knows places to 16,384 bases: nearer regions would be read twice
QUERY_GAP = 1 << 14
BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
AGAIN = "download or copy it again"

Row = tuple[str, ...]  # one text for each of CELLS or ALL_CELLS


class Lookup(NamedTuple):
    """The file of an index, and what to ask of it: chrom, start, end, and the end of the query before on this chromosome (-1 for the first)."""

    file: Path
    queries: list[tuple[str, int, int, int]]


class Header(NamedTuple):
    """Columns of a VCF, and the number of the line that names them."""

    width: int
    line: int


def record_batches(
    path: str | Path, regions: pl.DataFrame | None, cells: tuple[str, ...] = CELLS
) -> Iterator[pl.DataFrame]:
    """Yield tables (line, chrom, pos, id, ref, alt; all but line are text as in the file) of the records, in the file's order.

    Records on chromosomes that no region has are left out; of the others at least those whose reference allele shares a base with a
    region are there, each once. line is null where an index was used, and for BCF.

    Parameters
    ----------
    path : VCF, plain, gzip or bgzip, or BCF.
    regions : table with chrom, start, end (0-based, half-open); None takes all records.
    cells : CELLS, or ALL_CELLS for filter and info too.

    Raises
    ------
    InputError : neither VCF nor BCF, a header that is absent or not whole, too few columns, a file that is cut off or damaged, an index
        that is older than its file.
    """
    path = Path(path)
    _refuse_cut_bgzip(path)
    start = next(blocks(path, size=1 << 16))[1]
    chroms = None if regions is None else set(regions["chrom"].unique())
    lookup = None if regions is None else _lookup(path, regions)
    if start.startswith(b"BCF\x02"):
        yield from _batches(_bcf_rows(path, lookup, chroms, len(cells)), cells)
    elif start.startswith(b"##fileformat=VCF"):
        lines = _lines(path)
        header = _header(path, lines)
        yield from (
            _text_batches(path, lines, header, chroms, cells)
            if lookup is None
            else _batches(_indexed_rows(path, lookup, len(cells)), cells)
        )
    else:
        found = f"begins with '{start[:20].decode('utf-8', 'replace').splitlines()[0]}'"
        raise InputError(path, found, expected="a VCF file (its first line is ##fileformat=VCFv4.x) or BCF", line=1)


def _is_bgzip(path: Path) -> bool:
    with open_raw(path) as handle:
        head = handle.read(18)
    return head.startswith(GZIP) and head[3:4] == b"\x04" and head[12:14] == b"BC"


def _refuse_cut_bgzip(path: Path) -> None:
    """Return nothing when a bgzip file ends with its end marker, or the file is no bgzip."""
    if not _is_bgzip(path):
        return
    with path.open("rb") as handle:
        handle.seek(-min(len(BGZIP_END), path.stat().st_size), 2)
        if handle.read() != BGZIP_END:
            raise InputError(
                path, "ends without bgzip's end marker: it is cut off", expected="a whole file", remedy=AGAIN
            )


def _lookup(path: Path, regions: pl.DataFrame) -> Lookup | None:
    """Return the index and the regions, merged where they are near each other; None where reading the file whole is cheaper."""
    beside = (Path(f"{path}{ending}") for ending in (".tbi", ".csi"))
    index = next((index for index in beside if index.is_file()), None)
    if index is None or not _is_bgzip(path):
        return None
    found: list[tuple[str, int, int, int]] = []
    for (chrom,), part in regions.group_by("chrom", maintain_order=True):
        start, end, _ = union(part["start"].to_numpy(), part["end"].to_numpy(), gap=QUERY_GAP)
        before = np.concatenate([[-1], end[:-1]])
        found += [(str(chrom), *place) for place in zip(start.tolist(), end.tolist(), before.tolist(), strict=True)]
    if len(found) * BYTES_A_QUERY > path.stat().st_size:
        return None
    if index.stat().st_mtime < path.stat().st_mtime:
        remedy = f"make it anew (bcftools index -f {path}), or delete it: the file is then read whole"
        raise InputError(index, f"is older than {path}", expected="an index made after its file", remedy=remedy)
    return Lookup(index, found)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line without its end); htslib reads bgzip more than twice as fast as Python."""
    if not _is_bgzip(path):
        for first, block in blocks(path):
            yield from enumerate(block.removesuffix(b"\n").split(b"\n"), start=first)
        return
    number = 0
    try:
        with quiet(), pysam.BGZFile(str(path), "rb", None) as handle:
            for number, line in enumerate(handle, start=1):
                yield number, line
    except OSError:
        raise InputError(path, "is damaged", expected="a whole bgzip file", remedy=AGAIN, line=number + 1) from None


def _header(path: Path, lines: Iterator[tuple[int, bytes]]) -> Header:
    """Return the header after reading the lines up to the column names."""
    expected = f"a line of column names ({' '.join(COLUMNS)}), separated by tabs, before the first record"
    number = 0
    for number, line in lines:
        if line.startswith(b"##"):
            continue
        names = line.decode("utf-8", "replace").rstrip("\r").split("\t")
        if names[:8] == COLUMNS:
            return Header(len(names), number)
        shown = ", ".join(names[:8])[:60]
        if not line.startswith(b"#"):
            raise InputError(path, f"has a record before its column names: {shown}", expected=expected, line=number)
        spaced = len(names) == 1 and len(line.split()) >= 8
        remedy = "put tabs between the columns" if spaced else None
        raise InputError(path, f"has the column names {shown}", expected=expected, remedy=remedy, line=number)
    raise InputError(path, "ends within its header", expected=expected, remedy=AGAIN, line=number)


def _text_batches(
    path: Path, lines: Iterable[tuple[int, bytes]], header: Header, chroms: set[str] | None, names: tuple[str, ...]
) -> Iterator[pl.DataFrame]:
    """Yield the records of lines that follow the header."""
    wanted = None if chroms is None else {chrom.encode() for chrom in chroms}
    number, last = header.line, b""
    numbers: list[int] = []
    cells: list[bytes] = []  # those of all records: one flat list takes half the time of a list a record
    letters, more = 0, len(names) > len(CELLS)
    for number, line in lines:
        found = line.split(b"\t", 8)
        if len(found) < 8:
            if not line.strip():
                continue
            _refuse_narrow(path, number, line)
        last = line
        if wanted is not None and found[0] not in wanted:
            continue
        numbers.append(number)
        cells += found[:5]
        if more:
            cells += found[6:8]
        letters += len(found[3]) + len(found[4])
        if len(numbers) == BATCH_ROWS or letters > BATCH_LETTERS:
            yield _decoded(path, numbers, cells, names)
            numbers, cells, letters = [], [], 0
    width = last.count(b"\t") + 1
    if last and width != header.width:
        what, expected = f"ends with a line of {width} columns", f"{header.width} columns, as its column names"
        raise InputError(path, what, expected=expected, remedy=AGAIN, line=number)
    yield _decoded(path, numbers, cells, names)


def _decoded(path: Path, numbers: list[int], cells: list[bytes], names: tuple[str, ...]) -> pl.DataFrame:
    columns = {name: pl.Series(cells[i :: len(names)], dtype=pl.Binary) for i, name in enumerate(names)}
    try:
        return pl.DataFrame({"line": pl.Series(numbers, dtype=pl.Int64), **columns}).with_columns(
            pl.col(*names).cast(pl.String)
        )
    except pl.exceptions.PolarsError:
        found = f"is not UTF-8 text between this line and line {numbers[-1]}"
        raise InputError(path, found, expected="a VCF file", remedy=AGAIN, line=numbers[0]) from None


def _refuse_narrow(path: Path, number: int, line: bytes) -> None:
    width = line.count(b"\t") + 1
    spaced = width == 1 and len(line.split()) >= 8
    found = "has spaces between its columns" if spaced else f"has {width} column{'s' * (width != 1)}"
    remedy = "put tabs in place of the spaces" if spaced else f"if this is the last line, the file is cut off: {AGAIN}"
    raise InputError(path, found, expected="at least 8 columns separated by tabs", remedy=remedy, line=number)


def _indexed_rows(path: Path, lookup: Lookup, width: int) -> Iterator[Row]:
    """Yield the records that overlap the queries."""
    try:
        with quiet(), pysam.TabixFile(str(path), index=str(lookup.file), encoding="utf-8") as handle:
            known = set(handle.contigs)
            for chrom, start, end, before in lookup.queries:
                for line in handle.fetch(chrom, start, end) if chrom in known else ():
                    cells = line.split("\t", 8)
                    if len(cells) < 8 or not cells[1].isdigit():
                        raise ValueError(f"a line that begins with '{line[:20]}'")
                    if int(cells[1]) - 1 >= before:
                        yield tuple(cells[i] for i in KEPT[:width])
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _bcf_rows(path: Path, lookup: Lookup | None, chroms: set[str] | None, width: int) -> Iterator[Row]:
    """Yield the records of a BCF: those that overlap the queries, else those on these chromosomes."""
    try:
        index = None if lookup is None else str(lookup.file)
        with quiet(), pysam.VariantFile(str(path), drop_samples=True, index_filename=index) as handle:
            known = set(handle.header.contigs)
            for chrom, start, end, before in [("", 0, 0, -1)] if lookup is None else lookup.queries:
                found = handle if lookup is None else handle.fetch(chrom, start, end) if chrom in known else ()
                for record in found:
                    if record.pos - 1 >= before and (chroms is None or record.chrom in chroms):
                        alts = ",".join(record.alts or ".")
                        row = (record.chrom, str(record.pos), record.id or ".", record.ref or ".", alts)
                        yield row if width == len(row) else (*row, *str(record).split("\t", 8)[6:8])
    except (OSError, ValueError, NotImplementedError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        path,
        f"cannot be read (htslib: {error})",
        expected="a whole VCF or BCF file, with the index of this file",
        remedy=f"{AGAIN}, and make its index anew (bcftools index -f {path})",
    )


def _batches(rows: Iterator[Row], names: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    batch: list[Row] = []
    letters = 0
    for row in rows:
        batch.append(row)
        letters += len(row[3]) + len(row[4])
        if len(batch) == BATCH_ROWS or letters > BATCH_LETTERS:
            yield _table(batch, names)
            batch, letters = [], 0
    yield _table(batch, names)


def _table(batch: list[Row], names: tuple[str, ...]) -> pl.DataFrame:
    columns = [pl.Series(name, [row[i] for row in batch], dtype=pl.String) for i, name in enumerate(names)]
    return pl.DataFrame(columns).select(pl.lit(None, dtype=pl.Int64).alias("line"), *names)
