from unittest.mock import patch

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.types import BaseScores
from phenolens.explain.tracks import class_track

ROW = st.tuples(
    st.sampled_from(["chr1", "chr10", "chr2"]),
    st.integers(0, 40),
    st.integers(1, 15),
    st.sampled_from("+-."),
    st.sampled_from(["a", "b"]),
)


def make(rows, seed=1):
    rng = np.random.default_rng(seed)
    values = np.full((len(rows), 20), np.nan, dtype=np.float32)
    for i, (_, _, length, _, _) in enumerate(rows):
        values[i, :length] = rng.integers(0, 3, length) / 2
        values[i, :length][rng.random(length) < 0.2] = np.nan
    ids = [f"s{i}" for i in range(len(rows))]
    table = pl.DataFrame(
        {
            "sequence_id": ids,
            "chrom": [r[0] for r in rows],
            "start": [r[1] for r in rows],
            "end": [r[1] + r[2] for r in rows],
            "strand": [r[3] for r in rows],
            "label": [r[4] for r in rows],
            "sequence": ["A" * r[2] for r in rows],
            "allele": pl.Series([None] * len(rows), dtype=pl.String),
        }
    )
    return BaseScores(ids, values, "alrw"), table


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=8), block=st.sampled_from([2, 4096]))
def test_equals_a_dictionary_of_bases(rows, block):
    scores, table = make(rows)
    per_base = {}
    for i, (chrom, start, length, strand, label) in enumerate(rows):
        for position in range(length):
            value = scores.values[i, position]
            if label == "a" and not np.isnan(value):
                base = start + length - 1 - position if strand == "-" else start + position
                per_base.setdefault((chrom, base), []).append(float(value))
    with patch("phenolens.explain.tracks.BLOCK", block):
        found = class_track(scores, table.sample(fraction=1, shuffle=True, seed=2), "a")
    spread = {}
    for chrom, start, end, value in found.rows():
        spread |= {(chrom, base): value for base in range(start, end)}
    assert spread.keys() == per_base.keys()
    for key, values in per_base.items():
        np.testing.assert_allclose(spread[key], np.mean(values), rtol=1e-6)
    assert found.rows() == sorted(found.rows())
    for (c, _, end, value), (d, start, _, other) in zip(found.rows()[:-1], found.rows()[1:], strict=True):
        assert c != d or end < start or (end == start and value != other)


def test_classes_and_sequences_off_the_reference_are_left_out():
    scores, table = make(
        [("c", 0, 10, "+", "a"), ("c", 100, 10, "+", "a"), ("c", 200, 10, "+", "a"), ("c", 300, 10, "+", "a")]
    )
    scores.values[:, :10] = 1.0
    table = table.with_columns(
        allele=pl.Series([None, "v", None, None], dtype=pl.String),
        end=pl.Series([10, 110, 215, 310]),
        chrom=pl.Series(["c", "c", "c", None]),
    )
    assert class_track(scores, table, "a").rows() == [("c", 0, 10, 1.0)]
    empty = class_track(scores, table, "nothing")
    assert empty.height == 0
    assert empty.schema == {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "value": pl.Float64}
