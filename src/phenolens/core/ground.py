"""The stretches of the genome that a stage asks about, merged and laid end to end, so that any base has one place in an array.

Files of scored variants hold every base of the genome; a run asks about its sequences only. Whoever reads such a file keeps the
rows that lie on this ground, and whoever adds them up does so in arrays as long as the ground, not as the genome.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.ranges import Axis, axis, overlap_pairs, union


class Ground(NamedTuple):
    """m disjoint stretches, N bases in all.

    table : chrom, start, end (0-based, half-open), sorted by chrom and start, no two overlap or touch.
    first : int64 (m + 1,), bases before each stretch; the last is N.
    line : where the chromosomes lie on one axis.
    low, high : int64 (m,), start and end of the stretches on that axis.
    """

    table: pl.DataFrame
    first: np.ndarray
    line: Axis
    low: np.ndarray
    high: np.ndarray

    @property
    def bases(self) -> int:
        """N."""
        return int(self.first[-1])

    @property
    def chroms(self) -> list[str]:
        """Chromosomes that have a stretch, in the order of the axis."""
        return list(self.line.offsets)

    def find(self, chrom: pl.Series, position: np.ndarray) -> np.ndarray:
        """Return int64 (n,): the place of each base in arrays along the ground, -1 where it is not on it.

        Parameters
        ----------
        chrom : String (n,).
        position : int64 (n,), 0-based.
        """
        point = np.full(len(chrom), -1, dtype=np.int64)
        for name in chrom.unique():
            if (offset := self.line.offsets.get(name)) is not None:
                here = (chrom == name).to_numpy()
                # beyond its last stretch a chromosome's bases would lie on the next one of the axis
                here &= (position >= 0) & (position < self._end(name) - offset)
                point[here] = position[here] + offset
        if not len(self.low):
            return point
        stretch = np.searchsorted(self.high, point, side="right")
        stretch[stretch == len(self.high)] = 0
        inside = (point >= self.low[stretch]) & (point < self.high[stretch])
        return np.where(inside, self.first[stretch] + point - self.low[stretch], -1)

    def _end(self, chrom: str) -> int:
        """Return where the last stretch of a chromosome ends on the axis."""
        last = self.table.with_row_index().filter(pl.col("chrom") == chrom)["index"][-1]
        return int(self.high[last])

    def shift(self, places: pl.DataFrame) -> np.ndarray:
        """Return int64 (n,): what to add to a genome coordinate of each interval to find it along the ground.

        Parameters
        ----------
        places : chrom, start, end; each lies within one stretch.

        Raises
        ------
        DataError : an interval is not on the ground as a whole.
        """
        start = self.find(places["chrom"], places["start"].to_numpy())
        last = self.find(places["chrom"], places["end"].to_numpy() - 1)
        whole = (start >= 0) & (last - start == (places["end"] - places["start"]).to_numpy() - 1)
        if not whole.all():
            wrong = places.row(int(np.flatnonzero(~whole)[0]), named=True)
            raise DataError("interval {chrom}:{start}-{end}".format(**wrong), "does not lie on the ground")
        shift: np.ndarray = start - places["start"].to_numpy()
        return shift

    def pieces(self, places: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (row, low, high) int64 (k,): what each interval shares with the ground, as places along it.

        Parameters
        ----------
        places : chrom, start, end; on any chromosome, of any length.
        """
        offset = places["chrom"].replace_strict(self.line.offsets, default=None, return_dtype=pl.Int64)
        here = np.flatnonzero(offset.is_not_null().to_numpy())
        ends = places["chrom"][here].replace_strict({c: self._end(c) for c in self.chroms}, return_dtype=pl.Int64)
        start, end = (places[name].to_numpy()[here] + offset.drop_nulls().to_numpy() for name in ("start", "end"))
        end = np.minimum(end, ends.cast(pl.Int64).to_numpy())  # of no chromosome polars makes no number
        inside = np.flatnonzero(start < end)
        row, stretch = overlap_pairs(start[inside], end[inside], self.low, self.high)
        row = inside[row]
        along = self.first[stretch] - self.low[stretch]
        low = np.maximum(start[row], self.low[stretch]) + along
        high = np.minimum(end[row], self.high[stretch]) + along
        return here[row], low, high

    def letters(self, fetch: Callable[[str, int, int], str]) -> np.ndarray:
        """Return uint8 (N,), the upper-case ASCII codes of the ground's bases; `fetch` is a Genome's."""
        text = "".join(fetch(*row) for row in self.table.select("chrom", "start", "end").iter_rows())
        return np.frombuffer(text.upper().encode(), dtype=np.uint8)


def ground(places: pl.DataFrame) -> Ground:
    """Return the ground of these intervals.

    Parameters
    ----------
    places : any table with chrom, start, end; rows may overlap and come in any order; rows with a null are left out.
    """
    places = places.select("chrom", "start", "end").drop_nulls()
    line = axis(places)
    low, high, _ = union(*line.place(places)) if places.height else (np.zeros(0, dtype=np.int64),) * 3
    names, offsets = list(line.offsets), np.array([*line.offsets.values()], dtype=np.int64)
    chrom = np.searchsorted(offsets, low, side="right") - 1
    table = pl.DataFrame(
        {
            "chrom": pl.Series([names[i] for i in chrom.tolist()], dtype=pl.String),
            "start": low - offsets[chrom],
            "end": high - offsets[chrom],
        }
    )
    return Ground(table, np.concatenate([[0], np.cumsum(high - low)]).astype(np.int64), line, low, high)
