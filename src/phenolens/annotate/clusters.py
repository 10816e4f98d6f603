"""Motifs that are nearly the same, put together, so that one finding is not counted once for each of them.

A motif is a row of columns, each less the 0.25 of no preference, with zeros before and behind. Two motifs are as similar as the
cosine of the two rows at their best offset and strand: what one has and the other lacks counts against them, and columns without preference hardly count. Average
linkage joins motifs while their mean similarity is at least 0.8.
"""

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from phenolens.core.types import Motif

SIMILAR = 0.8


def similarities(motifs: Sequence[Motif]) -> np.ndarray:
    """Return float64 (m, m), the similarity of each two motifs, at most 1: max over offset and strand of <x, y> / (|x| |y|).

    x and y are the matrices less 0.25, zero outside; a motif without any preference is similar to none but itself.

    Parameters
    ----------
    motifs : m motifs.
    """
    widths = np.array([len(motif.matrix) for motif in motifs])
    reach = int(widths.max()) - 1
    starts = np.cumsum(widths + reach) - widths  # each motif with `reach` zeros before it, and as many behind the last
    row = np.zeros((int(starts[-1] + widths[-1]) + reach, 4))
    for start, motif in zip(starts, motifs, strict=True):
        row[start : start + len(motif.matrix)] = motif.matrix - 0.25
    lengths = np.array([np.linalg.norm(motif.matrix - 0.25) for motif in motifs])
    result = np.zeros((len(motifs), len(motifs)))
    for index, motif in enumerate(motifs):
        rest = row[starts[index] - reach :]  # this motif and those after it
        places = starts[index:] - starts[index]
        for matrix in (motif.matrix, motif.matrix[::-1, ::-1]):
            products = (matrix - 0.25) @ rest.T  # (w, places)
            aligned = products[0]  # with the motif's first column at each place
            for column, product in enumerate(products[1:], start=1):
                aligned[:-column] += product[column:]
            result[index, index:] = np.maximum(result[index, index:], np.maximum.reduceat(aligned, places))
    scale = np.outer(lengths, lengths)
    result = np.divide(result, scale, out=np.zeros_like(result), where=scale > 0)
    result = np.minimum(np.maximum(result, result.T), 1.0)
    np.fill_diagonal(result, 1.0)
    return result


def clusters(motifs: Sequence[Motif], similar: float = SIMILAR) -> list[str]:
    """Return for each motif the identifier of its cluster: that of the member most similar to the others, the first one in a tie.

    Parameters
    ----------
    motifs : motifs with unique identifiers.
    similar : mean similarity from which two clusters are one (average linkage).
    """
    if len(motifs) < 2:
        return [motif.motif_id for motif in motifs]
    alike = similarities(motifs)
    tree = linkage(squareform(1 - alike, checks=False), method="average")
    number = fcluster(tree, 1 - similar, criterion="distance")
    names = [""] * len(motifs)
    for one in np.unique(number):
        members = np.flatnonzero(number == one)
        centre = motifs[members[np.argmax(alike[np.ix_(members, members)].sum(axis=1))]].motif_id
        for member in members:
            names[member] = centre
    return names
