"""bigBed files of coloured regions (BED9), which UCSC's track hubs and IGV read by position (written with pybigtools).

pybigtools writes the rows but declares them as BED3; the header is corrected to nine columns with their names (autoSql), without which
browsers show neither name nor colour. Layout of the header: Kent et al., Bioinformatics 26:2204, 2010, supplement.
"""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pybigtools

from phenolens.core.errors import DataError, WriteError
from phenolens.io.bed import bed9
from phenolens.io.chromosomes import listed

AUTOSQL = b"""table regions
"Regions that the model reads"
(
string chrom; "Chromosome"
uint chromStart; "First base, 0-based"
uint chromEnd; "One past the last base"
string name; "Name of the region"
uint score; "Mean score, scaled to 0-1000"
char[1] strand; "+ or -"
uint thickStart; "As chromStart"
uint thickEnd; "As chromEnd"
uint reserved; "Colour of the class"
)
\0"""
FIELDS_AT = 32  # bytes from the beginning: two counts of columns (16 bits each), places of autoSql and of the summary (64 bits each)
SUMMARY = 40  # bytes
MAGIC = struct.pack("<I", 0x8789F2EB)


def write_bigbed(
    path: str | Path,
    table: pl.DataFrame,
    lengths: Mapping[str, int],
    *,
    name: str = "region_id",
    score: str = "mean_score",
    labels: Sequence[str] = (),
) -> None:
    """Write a bigBed with nine columns; rows as in the BED file that `write_bed` makes of the same table.

    Parameters
    ----------
    path : where to write.
    table, name, score, labels : as in `bed.bed9`.
    lengths : chromosome -> bases, of every chromosome in the table.

    Raises
    ------
    DataError : as bed9; no row with coordinates, or one outside its chromosome.
    WriteError : the file cannot be made, or does not hold what was written.
    """
    rows = bed9(table, f"table for {path}", name=name, score=score, labels=labels)
    _refuse(rows, lengths, f"table for {path}")
    path = Path(path)
    # as for a bigWig: pybigtools takes no other ending
    target = path if path.suffix.lower() == ".bb" else path.with_name(f"{path.name}.bb")
    try:
        target.open("wb").close()
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror}") from None
    whole = False
    try:
        rest = pl.concat_str([pl.col(column).cast(pl.String) for column in rows.columns[3:]], separator="\t")
        used = {chrom: lengths[chrom] for chrom in sorted(lengths)}
        pybigtools.open(str(target), "w").write(used, rows.select("chrom", "start", "end", rest).iter_rows())
        _declare(target)
        _check_written(target, rows)
        target.replace(path)
        whole = True
    finally:
        if not whole:
            target.unlink(missing_ok=True)


def _refuse(rows: pl.DataFrame, lengths: Mapping[str, int], subject: str) -> None:
    if rows.is_empty():
        raise DataError(subject, "has no region with coordinates", expected="at least one")
    length = pl.col("chrom").replace_strict(dict(lengths), default=None, return_dtype=pl.Int64)
    inside = ((pl.col("start") >= 0) & (pl.col("start") < pl.col("end")) & (pl.col("end") <= length)).fill_null(False)
    if (outside := rows.filter(~inside)).height:
        chrom, start, end = outside.row(0)[:3]
        expected = f"0 <= start < end <= {lengths[chrom]}" if chrom in lengths else f"one of: {listed(lengths)}"
        raise DataError(subject, f"{chrom}:{start}-{end} is not on the genome", expected=expected)


def _declare(path: Path) -> None:
    """Put nine columns and their names into the header.

    The names go to the end of the file, before the closing magic number, with a copy of the summary after them: readers take the names to
    end where the summary begins.
    """
    with path.open("r+b") as handle:
        handle.seek(FIELDS_AT)
        _, _, _, summary_at = struct.unpack("<HHQQ", handle.read(20))
        handle.seek(summary_at)
        summary = handle.read(SUMMARY)
        handle.seek(-4, 2)
        closing = handle.read(4) == MAGIC
        at = handle.seek(-4 if closing else 0, 2)
        handle.write(AUTOSQL + summary + MAGIC)
        handle.seek(FIELDS_AT)
        handle.write(struct.pack("<HHQQ", 9, 9, at, at + len(AUTOSQL)))


def _check_written(path: Path, rows: pl.DataFrame) -> None:
    """Read the last region of each chromosome back, because pybigtools prints a failure instead of raising it."""
    last = rows.group_by("chrom", maintain_order=True).last().select(rows.columns)
    try:
        with pybigtools.open(str(path)) as written:
            for chrom, start, end, *rest in last.iter_rows():
                wanted = " ".join(map(str, (start, end, *rest))).split()
                # pybigtools parts the further columns at spaces too
                records = written.records(chrom, start, end)
                if not any(" ".join(map(str, record)).split() == wanted for record in records):
                    raise WriteError(path, f"does not hold {chrom}:{start}-{end} after writing")
    except (pybigtools.BBIReadError, ValueError, KeyError) as error:
        raise WriteError(path, f"is not whole after writing ({error})") from None
