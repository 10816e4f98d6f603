"""Pictures of many features in two dimensions: PCA, t-SNE and UMAP of a layer; TruncatedSVD and SparsePCA of 6-mer counts as in the paper.

A picture shows neighbours, not evidence: t-SNE and UMAP make islands of noise too. What can be read from a layer is measured by the probe.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.decomposition import PCA, SparsePCA, TruncatedSVD
from sklearn.manifold import TSNE

COMPONENTS = 10  # of PCA and SVD; t-SNE and UMAP start from them
PERPLEXITY = 30  # of t-SNE: about so many neighbours count
FEWEST = 5  # sequences


def project(features: np.ndarray, methods: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Return method -> float64 (n, 2); no method where there are fewer than five sequences or all are the same.

    PCA has the first two of ten components, with the signs that make the largest coefficient positive; t-SNE and UMAP are of the ten.

    Parameters
    ----------
    features : float (n, D).
    methods : of pca, tsne, umap.
    seed : of t-SNE and UMAP.
    """
    values = features.astype(float)
    if len(values) < FEWEST or not np.ptp(values, axis=0).any():
        return {}
    components = PCA(min(COMPONENTS, *values.shape), svd_solver="full").fit_transform(values)
    linear = {"pca": _two(components)} if "pca" in methods else {}
    return linear | _neighbours(components, methods, seed)


def project_counts(counts: Any, methods: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """Return method -> float64 (n, 2) of k-mer counts: svd and sparse_pca always, and t-SNE and UMAP of ten components of the SVD.

    Parameters
    ----------
    counts : sparse (n, F).
    methods : as in project; pca has no counterpart.
    seed : of all of them.
    """
    if counts.shape[0] < FEWEST or not counts.count_nonzero():
        return {}
    components = TruncatedSVD(min(COMPONENTS, *counts.shape), random_state=seed).fit_transform(counts)
    used = counts[:, np.flatnonzero(counts.sum(axis=0))].toarray().astype(float)
    sparse = SparsePCA(2, max_iter=20, tol=1e-3, random_state=seed).fit_transform(used)
    return {"svd": _two(components), "sparse_pca": _two(sparse)} | _neighbours(components, methods, seed)


def _neighbours(components: np.ndarray, methods: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    found, others = {}, len(components) - 1
    if "tsne" in methods:
        drawing = TSNE(perplexity=min(PERPLEXITY, others / 3), init="pca", random_state=seed)
        found["tsne"] = _two(drawing.fit_transform(components))
    if "umap" in methods:
        drawing = import_module("umap").UMAP(n_neighbors=min(15, others), random_state=seed)
        found["umap"] = _two(drawing.fit_transform(components))
    return found


def _two(values: np.ndarray) -> np.ndarray:
    """Return the first two columns, with 0 for one that is not there."""
    two = np.zeros((len(values), 2))
    two[:, : min(2, values.shape[1])] = values[:, :2]
    return two
