"""Scores of single-base substitutions (AlphaMissense, PrimateAI, CADD, dbNSFP, ClinVar's table) on the stretches that are asked about.

Such files have tens of millions to billions of rows. Where rows are found by place (bgzip with an index) only the blocks of the wanted
stretches are read; anything else is read once from end to end. Either way a batch of rows is parsed at a time and only those on the
ground are kept, so memory does not grow with the file.
"""

from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pysam

from phenolens.core.errors import InputError
from phenolens.core.ground import Ground
from phenolens.core.ranges import union
from phenolens.core.schemas_variants import SCORED
from phenolens.io.chromosomes import renaming
from phenolens.io.genome_index import quiet
from phenolens.io.score_cells import parsed, scored
from phenolens.io.score_index import is_bgzip, usable_index
from phenolens.io.score_layouts import Layout
from phenolens.io.text import blocks

LINES = 1 << 16
# a look-up reads about two compressed blocks; reading in order becomes cheaper where the look-ups would read the file over
BYTES_A_QUERY = 1 << 15
QUERY_GAP = 1000  # bases: stretches nearer than a block's rows are one look-up
PROBED = 50  # rows of each new chromosome, by which the genome build is judged where no row lies on the ground
UNSCORED, NO_SUBSTITUTION = "without a score", "not a substitution of one base"


class ScoreRows(NamedTuple):
    """Some rows of a file.

    table : SCORED, on the ground.
    probe : chrom, start, ref of a few rows on chromosomes of the genome, on the ground or not.
    skipped : reason -> rows on the ground that were left out.
    """

    table: pl.DataFrame
    probe: pl.DataFrame
    skipped: dict[str, int]


class ScoreFile:
    """A file of scored variants, read in the places of a ground.

    path, layout : the file, and where it has what.
    chroms : the genome's names of the chromosomes that were met so far.
    renamed : name in the file -> name in the genome, where they differ.
    notes : sentences on how it was read.
    """

    def __init__(self, path: Path, layout: Layout, known: Collection[str]) -> None:
        self.path, self.layout, self._known = path, layout, known
        self.chroms: dict[str, None] = {}
        self.renamed: dict[str, str] = {}
        self.notes: list[str] = []
        if layout.width != len(layout.names):
            self.notes.append(
                f"{path.name}: has {len(layout.names)} column names above rows of {layout.width} columns, so a name may stand above "
                f"another column; {layout.score_name} was read as column {layout.columns['score'] + 1}"
            )
        self._names: dict[str, str | None] = {}

    def rows(self, wanted: Ground, index_folder: Path | None = None) -> Iterator[ScoreRows]:
        """Yield the rows on the ground, batch by batch, in the order of the file.

        Parameters
        ----------
        wanted : the stretches, with the genome's chromosome names.
        index_folder : where an index may be made; None makes none.

        Raises
        ------
        InputError : the file is cut off or damaged, a cell is no number, two names are one chromosome, an old index.
        """
        queries = self._queries(wanted)
        if is_bgzip(self.path) and len(queries) * BYTES_A_QUERY < self.path.stat().st_size:
            index = usable_index(self.path, self.layout, index_folder)
            if index is not None:
                yield from self._by_index(wanted, index, queries)
                return
            if index_folder is not None and self.layout.own_place:
                self.notes.append(f"{self.path.name}: its rows are not sorted by place, so it was read from end to end")
        yield from self._in_order(wanted)

    def head(self) -> ScoreRows:
        """Return the first rows, whatever place they lie in; of these only `probe` is filled."""
        for _, block in self._blocks(size=1 << 20):
            return self._kept(parsed(self.path, block, self.layout, None), None)
        raise InputError(self.path, "has no row", expected="at least one row below its column names")

    def _queries(self, wanted: Ground) -> list[tuple[str, int, int]]:
        found = []
        for (chrom,), part in wanted.table.group_by("chrom", maintain_order=True):
            start, end, _ = union(part["start"].to_numpy(), part["end"].to_numpy(), gap=QUERY_GAP)
            found += [(str(chrom), *place) for place in zip(start.tolist(), end.tolist(), strict=True)]
        return found

    def _by_index(self, wanted: Ground, index: Path, queries: list[tuple[str, int, int]]) -> Iterator[ScoreRows]:
        try:
            with quiet(), pysam.TabixFile(str(self.path), index=str(index), encoding="utf-8") as handle:
                self._meet(handle.contigs)
                spelled = {name: own for own, name in self._names.items() if name is not None}
                probes = (handle.fetch(own) for name, own in spelled.items() if name in wanted.chroms)
                if first := [line for lines in probes for line in islice(lines, PROBED)]:
                    yield self._kept(parsed(self.path, _joined(first), self.layout, None), None)
                found = (handle.fetch(spelled[name], low, high) for name, low, high in queries if name in spelled)
                rows = chain.from_iterable(found)
                while lines := list(islice(rows, LINES)):
                    yield self._kept(parsed(self.path, _joined(lines), self.layout, None), wanted)
        except (OSError, ValueError) as error:
            raise InputError(
                self.path,
                f"cannot be read by its index (htslib: {error})",
                expected="a whole file, and the index of this file",
                remedy=f"download or copy it again, and delete {index}",
            ) from None

    def _in_order(self, wanted: Ground) -> Iterator[ScoreRows]:
        for line, block in self._blocks():
            yield self._kept(parsed(self.path, block, self.layout, line), wanted)

    def _blocks(self, size: int = 1 << 24) -> Iterator[tuple[int, bytes]]:
        """Yield (number of the first line, rows) without the header."""
        left = self.layout.first
        for line, block in blocks(self.path, size=size):
            lines = min(left, block.count(b"\n"))
            at = 0
            for _ in range(lines):
                at = block.index(b"\n", at) + 1
            left -= lines
            if at < len(block):
                yield line + lines, block[at:] if at else block

    def _meet(self, names: Collection[str]) -> None:
        """Take up chromosome names of the file."""
        if new := [name for name in names if name not in self._names]:
            self.renamed = renaming([*self._names, *new], self._known, self.path)
            self._names |= {n: self.renamed.get(n, n if n in self._known else None) for n in new}
            self.chroms |= dict.fromkeys(self._names[name] or name for name in new)

    def _kept(self, table: pl.DataFrame, wanted: Ground | None) -> ScoreRows:
        """Return the rows of a parsed batch that lie on the ground."""
        names = table["chrom"].unique(maintain_order=True).to_list()
        new = [name for name in names if name not in self._names]
        self._meet(new)
        if any(self._names[name] != name for name in names):
            table = table.with_columns(pl.col("chrom").replace_strict(self._names, return_dtype=pl.String))
        fresh = [name for name in (self._names[n] for n in (new if wanted is not None else names)) if name is not None]
        probe = pl.concat(
            [_NO_PROBE, *(table.filter(pl.col("chrom") == name).head(PROBED) for name in fresh)], how="diagonal"
        )
        skipped: dict[str, int] = {}
        if wanted is None:
            return ScoreRows(_NO_ROWS, probe.select(_NO_PROBE.columns), skipped)
        if any(self._names[name] is None for name in names):
            table = table.filter(pl.col("chrom").is_not_null())
        here = wanted.find(table["chrom"], table["start"].to_numpy()) >= 0
        table = scored(table.filter(pl.Series(here, dtype=pl.Boolean)), self.layout)
        one = pl.col("ref").str.contains("^[ACGT]$") & pl.col("alt").str.contains("^[ACGT]$")
        substitutions = table.filter(one.fill_null(False))
        kept = substitutions.drop_nulls("score")
        lost = {NO_SUBSTITUTION: table.height - substitutions.height, UNSCORED: substitutions.height - kept.height}
        return ScoreRows(
            kept.select(*SCORED.columns), probe.select(_NO_PROBE.columns), {r: n for r, n in lost.items() if n}
        )


_NO_PROBE = pl.DataFrame(schema={"chrom": pl.String, "start": pl.Int64, "ref": pl.String})
_NO_ROWS = pl.DataFrame(schema={name: column.dtype for name, column in SCORED.columns.items()})


def _joined(lines: Collection[str]) -> bytes:
    return "\n".join(lines).encode()
