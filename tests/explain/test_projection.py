"""Oracles: numpy's singular value decomposition, and clusters that were planted."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import silhouette_score

from phenolens.core.kmers import kmer_counts
from phenolens.explain.projection import project, project_counts

BOTH = ("pca", "tsne")


def clusters(n=60):
    rng = np.random.default_rng(1)
    truth = np.arange(n) % 3
    return rng.normal(size=(n, 15)) + 8 * np.eye(15)[truth], truth


def test_pca_is_the_singular_value_decomposition_up_to_sign():
    values, _ = clusters()
    left, size, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * size[:2]
    found = project(values.astype(np.float32), ("pca",), 1)["pca"]
    np.testing.assert_allclose(found * np.sign((found * expected).sum(axis=0)), expected, atol=1e-4)


def test_svd_of_counts_is_numpys_up_to_sign():
    counts = kmer_counts(pl.Series(["ACGTTGCAAC", "TTTTTTTGGG", "ACGTTGCAAG", "GGGCCCAAAT", "ACGATGCTAGCAT"] * 3), 3)
    left, size, _ = np.linalg.svd(counts.toarray(), full_matrices=False)
    expected, found = left[:, :2] * size[:2], project_counts(counts, ("tsne",), 1)
    assert set(found) == {"svd", "sparse_pca", "tsne"}
    np.testing.assert_allclose(found["svd"] * np.sign((found["svd"] * expected).sum(axis=0)), expected, atol=1e-3)


def test_planted_clusters_stay_apart_and_the_same_seed_gives_the_same_picture():
    values, truth = clusters()
    first, again = (project(values, BOTH, 1) for _ in range(2))
    for method in BOTH:
        assert silhouette_score(first[method], truth) > 0.6
        np.testing.assert_array_equal(first[method], again[method])


@pytest.mark.parametrize("values", [np.zeros((0, 4)), np.ones((4, 4)), np.ones((30, 4))])
def test_too_few_sequences_or_all_the_same_give_no_picture(values):
    assert project(values, BOTH, 1) == {}


def test_one_feature_has_one_coordinate():
    found = project(np.arange(6.0)[:, None], ("pca",), 1)["pca"]
    assert (found[:, 1] == 0).all()
    assert np.ptp(found[:, 0]) == pytest.approx(5)


def test_sequences_without_a_word_give_no_picture():
    assert project_counts(kmer_counts(pl.Series(["ACG"] * 9), 6), BOTH, 1) == {}
