"""Intervals that come from no file: places written in the study file, and random places of the genome."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import empty

PLACE = re.compile(r"(?P<chrom>[^:\s]+):(?P<start>[\d,]+)-(?P<end>[\d,]+)")


def written_regions(regions: Sequence[str]) -> pl.DataFrame:
    """Return INTERVALS of places as genome browsers write them, chr19:54,015,634-55,094,318: first base 1, end included.

    Raises
    ------
    DataError : a text is no such place, or its end lies before its start.
    """
    rows = []
    for text in regions:
        found = PLACE.fullmatch(text.strip())
        first, last = (int(found[part].replace(",", "")) for part in ("start", "end")) if found else (0, 0)
        if found is None or not 1 <= first <= last:
            raise DataError(
                "dataset.classes.regions",
                f"{text!r} is no place",
                expected="chrom:start-end, start from 1 and not after end, such as chr19:54,015,634-55,094,318",
            )
        rows.append({"chrom": found["chrom"], "start": first - 1, "end": last, "strand": "."})
    return pl.DataFrame(rows, schema=empty(INTERVALS).schema)


def random_regions(lengths: Mapping[str, int], *, length: int, bases: int, seed: int) -> pl.DataFrame:
    """Return INTERVALS of random places, per chromosome in proportion to its length; they may overlap each other.

    Each chromosome gets its share of `bases` / `length` places, rounded so that the total is right (largest remainders);
    chromosomes shorter than `length` get none.

    Parameters
    ----------
    lengths : chromosome -> bases.
    length : of each place.
    bases : of all places together.
    seed : of the generator.

    Raises
    ------
    DataError : no chromosome is long enough.
    """
    names = [chrom for chrom, size in lengths.items() if size >= length]
    if not names:
        raise DataError(
            "dataset.classes.random_length", f"{length} is longer than every chromosome", expected="a smaller length"
        )
    size = np.array([lengths[chrom] for chrom in names], dtype=np.int64)
    wanted = bases / length * size / size.sum()
    count = np.floor(wanted).astype(np.int64)
    rest = np.argsort(-(wanted - count), kind="stable")[: round(bases / length) - int(count.sum())]
    count[rest] += 1
    generator = np.random.default_rng(seed)
    chrom = np.repeat(np.arange(len(names)), count)
    start = (generator.random(len(chrom)) * (size[chrom] - length + 1)).astype(np.int64)
    table = pl.DataFrame({"chrom": np.array(names)[chrom], "start": start, "end": start + length})
    return table.select(
        "chrom", "start", "end", name=pl.lit(None, pl.String), score=pl.lit(None, pl.Float64), strand=pl.lit(".")
    ).sort("chrom", "start", "end")
