"""Places along the ground against a dictionary of all bases, one by one."""

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import DataError
from phenolens.core.ground import ground


@pytest.fixture
def places():
    generator = np.random.default_rng(4)
    start = generator.integers(0, 900, 60)
    chrom = generator.choice(["chr2", "chr10", "X"], 60)
    return pl.DataFrame({"chrom": chrom, "start": start, "end": start + generator.integers(1, 40, 60)})


def slowly(places):
    """(chrom, base) -> place, counting the bases in the order of the names' text."""
    bases = {(c, b) for c, s, e in places.iter_rows() for b in range(s, e)}
    return {base: i for i, base in enumerate(sorted(bases))}


def test_every_base_has_the_place_that_counting_gives(places):
    made, truth = ground(places), slowly(places)
    assert made.bases == len(truth)
    asked = [(c, b) for c in ("chr2", "chr10", "X", "chr3") for b in range(-2, 2000)]
    chrom, base = pl.Series([c for c, _ in asked]), np.array([b for _, b in asked])
    assert made.find(chrom, base).tolist() == [truth.get(one, -1) for one in asked]
    shift = made.shift(places)
    assert (places["start"].to_numpy() + shift).tolist() == [truth[c, s] for c, s, _ in places.iter_rows()]


def test_pieces_hold_the_bases_that_intervals_share_with_the_ground(places):
    made, truth = ground(places), slowly(places)
    generator = np.random.default_rng(2)
    start = generator.integers(0, 1200, 80)
    chrom = generator.choice(["chr2", "chr10", "X", "chr3"], 80)
    others = pl.DataFrame({"chrom": chrom, "start": start, "end": start + generator.integers(1, 3000, 80)})
    row, low, high = made.pieces(others)
    found = sorted((r, place) for r, a, b in zip(row, low, high, strict=True) for place in range(a, b))
    bases = ((i, truth.get((c, b))) for i, (c, s, e) in enumerate(others.iter_rows()) for b in range(s, e))
    assert found == sorted((i, place) for i, place in bases if place is not None)


def test_letters_lie_along_the_ground(places):
    chosen = {base: "ACGT"[(7 * base[1] + len(base[0])) % 4] for base in slowly(places)}
    letters = ground(places).letters(
        lambda chrom, start, end: "".join(chosen[chrom, b] for b in range(start, end)).lower()
    )
    assert letters.tobytes().decode() == "".join(chosen[base] for base in sorted(chosen))


def test_no_place_gives_an_empty_ground():
    made = ground(pl.DataFrame(schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}))
    assert made.bases == 0
    assert made.find(pl.Series(["chr1"]), np.array([3])).tolist() == [-1]
    pieces = made.pieces(pl.DataFrame({"chrom": ["chr1"], "start": [3], "end": [9]}))
    assert [(part.dtype.kind, len(part)) for part in pieces] == [("i", 0)] * 3


def test_an_interval_that_leaves_the_ground_is_refused():
    made = ground(pl.DataFrame({"chrom": ["a", "a"], "start": [0, 20], "end": [10, 30]}))
    with pytest.raises(DataError, match=r"^interval a:5-25: does not lie on the ground$"):
        made.shift(pl.DataFrame({"chrom": ["a"], "start": [5], "end": [25]}))
