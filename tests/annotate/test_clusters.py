import numpy as np
import pytest

from phenolens.annotate.clusters import clusters, similarities
from phenolens.core.types import Motif


def motif(name, matrix):
    return Motif(name, None, np.asarray(matrix, dtype=float), 20.0)


def random_matrix(generator, width, sharpness=0.3):
    return generator.dirichlet(np.full(4, sharpness), width)


def slow_similarity(x, y):
    """Every offset on both strands, column by column."""
    x, y = x - 0.25, y - 0.25
    best = -np.inf
    for other in (y, y[::-1, ::-1]):
        for offset in range(-len(other) + 1, len(x)):
            dot = sum(x[i] @ other[i - offset] for i in range(len(x)) if 0 <= i - offset < len(other))
            best = max(best, dot)
    return best / np.sqrt((x**2).sum() * (y**2).sum())


def test_similarity_is_the_best_cosine_over_offsets_and_strands():
    generator = np.random.default_rng(1)
    motifs = [motif(str(w), random_matrix(generator, w)) for w in (1, 4, 6, 9, 9, 15, 21)]
    found = similarities(motifs)
    expected = [[slow_similarity(a.matrix, b.matrix) for b in motifs] for a in motifs]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found == found.T).all()


def test_a_motif_without_preference_is_similar_to_none_but_itself():
    flat, sharp = motif("flat", np.full((5, 4), 0.25)), motif("sharp", np.eye(4))
    assert similarities([flat, sharp]).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("seed", range(3))
def test_near_duplicates_lie_in_one_cluster_and_others_do_not(seed):
    """Of five motifs copies that are noisy, shifted with further columns, cut at the end, and reversed."""
    generator = np.random.default_rng(seed)
    motifs = []
    for number in range(5):
        matrix = random_matrix(generator, 12, 0.1)
        noisy = 0.9 * matrix + 0.1 * random_matrix(generator, 12, 5)
        longer = np.concatenate([[[0.28, 0.22, 0.27, 0.23]] * 2, matrix])
        copies = {"": matrix, "noisy": noisy, "longer": longer, "cut": matrix[:-2], "reversed": matrix[::-1, ::-1]}
        motifs += [motif(f"{number}{name}", copy) for name, copy in copies.items()]
    names = clusters(motifs)
    assert len(set(names)) == 5
    for m, name in zip(motifs, names, strict=True):
        assert name[0] == m.motif_id[0]
        assert name in {other.motif_id for other in motifs}
    order = generator.permutation(len(motifs))
    shuffled = clusters([motifs[i] for i in order])
    together = {frozenset(m.motif_id for m, n in zip(motifs, names, strict=True) if n == name) for name in names}
    assert together == {
        frozenset(motifs[i].motif_id for i, n in zip(order, shuffled, strict=True) if n == name) for name in shuffled
    }


def test_one_motif_and_none():
    assert clusters([]) == []
    assert clusters([motif("a", np.eye(4))]) == ["a"]
