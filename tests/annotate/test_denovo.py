import numpy as np
import polars as pl

from phenolens.annotate.denovo import modisco_arrays


def test_each_score_stands_at_its_letter():
    scores = pl.Series([[1.0, 2.0, -3.0, 4.0], [5.0, None]], dtype=pl.List(pl.Float32))
    found = modisco_arrays(["AcNT", "GG"], scores)
    assert found.one_hot.shape == found.attributions.shape == (2, 4, 4)
    letters = [["".join("ACGT"[i] for i in np.flatnonzero(column)) for column in row.T] for row in found.one_hot]
    assert letters == [["A", "C", "", "T"], ["G", "G", "", ""]]
    np.testing.assert_array_equal(found.attributions.sum(axis=1), [[1, 2, 0, 4], [5, 0, 0, 0]])
    assert (found.attributions[found.one_hot == 0] == 0).all()


def test_nothing_gives_nothing():
    assert modisco_arrays([], pl.Series([], dtype=pl.List(pl.Float32))).one_hot.shape == (0, 4, 0)
