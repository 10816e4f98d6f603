"""Exact p- and q-values of motif scores by FIMO's method: pseudocount, integer log-odds, dynamic programming, Storey.

A score is a sum of w table look-ups. Because the tables hold small integers, its distribution under a background of
independent letters is a convolution of w four-point distributions, and every p-value is exact for the scaled scores.
Grant, Bailey & Noble, "FIMO: scanning for occurrences of a given motif", Bioinformatics 27:1017 (2011).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from phenolens.core.errors import DataError
from phenolens.core.types import Motif

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
OTHER = 4  # code of everything that is not A, C, G or T, and of the gap between sequences
CODES = np.full(256, OTHER, dtype=np.uint8)
CODES[LETTERS] = CODES[LETTERS + 32] = np.arange(4)  # lower case is 32 above upper case

# FIMO's background where none is given: NCBI's non-redundant DNA
NRDB = np.array([0.281774, 0.222020, 0.228876, 0.267330])
PSEUDOCOUNT = 0.1  # FIMO's default
DEFAULT_SITES = 20.0  # MEME's, where a motif file does not say
SCORE_RANGE = 1000  # largest integer score of one position
LAMBDAS = np.arange(1, 101) / 200  # FIMO's grid for the share of true nulls, up to 0.5
BOOTSTRAP_SIZE = 1000  # p-values in each of FIMO's bootstrap samples
FEWEST_TESTS = 100  # with fewer tests the share of true nulls is not estimated


class ScoreTable(NamedTuple):
    """A motif as integer scores with the exact p-value of each score.

    matrix : int64 (w, 4), score of A, C, G, T at each position, 0 to 1000.
    scale, offset : a window's log-odds in bits are score / scale + w * offset.
    p_values : float64 (highest score + 1,), chance that a random window scores at least the index.
    """

    matrix: np.ndarray
    scale: float
    offset: float
    p_values: np.ndarray


def encode(sequence: str) -> np.ndarray:
    """Return uint8 (L,) codes: A, C, G, T of either case are 0, 1, 2, 3, everything else is 4."""
    return np.frombuffer(sequence.encode("ascii", "replace").translate(CODES.tobytes()), dtype=np.uint8)


def background(sequences: Iterable[str]) -> np.ndarray:
    """Return float64 (4,), the frequencies of A, C, G, T averaged over both strands (A = T, C = G); they sum to 1.

    One is added to every count, so that no frequency is 0 and no sequences at all give 0.25 each. Letters other than
    ACGT are not counted; case does not matter.
    """
    counts = np.ones(4)
    for sequence in sequences:
        counts += np.bincount(encode(sequence), minlength=5)[:4]
    both: np.ndarray = (counts + counts[::-1]) / (2 * counts.sum())
    return both


def check_background(frequencies: np.ndarray) -> np.ndarray:
    """Return the background as float64 (4,) after checking it.

    Raises
    ------
    DataError : not four positive numbers that sum to 1.
    """
    frequencies = np.asarray(frequencies, dtype=float)
    if frequencies.shape != (4,) or not np.all(frequencies > 0) or abs(frequencies.sum() - 1) > 1e-6:
        expected = "four positive frequencies of A, C, G, T that sum to 1"
        raise DataError("motif background", f"is {frequencies.tolist()}", expected=expected)
    return frequencies


def score_table(motif: Motif, frequencies: np.ndarray) -> ScoreTable:
    """Return the motif's integer scores and their exact p-values.

    p' = (sites * p + 0.1 * b) / (sites + 0.1) and log-odds = log2(p' / b), b being the background. With offset = the
    lowest log-odds rounded down and scale = floor(1000 / (highest - offset)), a cell's integer score is
    (log-odds - offset) * scale, rounded. These are FIMO 5's constants: its 1,494 printed scores and p-values of the
    MEME Suite's own example come out equal.

    Parameters
    ----------
    motif : its matrix holds probabilities; `sites` counts as 20 where unknown.
    frequencies : float64 (4,), background of A, C, G, T.
    """
    sites = motif.sites if motif.sites else DEFAULT_SITES
    smoothed = (motif.matrix * sites + PSEUDOCOUNT * frequencies) / (sites + PSEUDOCOUNT)
    log_odds = np.log2(smoothed / frequencies)
    offset = float(np.floor(log_odds.min()))
    if log_odds.max() - offset < 1e-6:  # every cell the same: any range serves
        offset -= 1.0
    scale = float(np.floor(SCORE_RANGE / (log_odds.max() - offset)))
    matrix = np.floor((log_odds - offset) * scale + 0.5).astype(np.int64)
    return ScoreTable(matrix, scale, offset, exact_p_values(matrix, frequencies))


def exact_p_values(matrix: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return float64 (highest score + 1,): chance that w independent background letters score at least the index.

    Parameters
    ----------
    matrix : int64 (w, 4), non-negative scores.
    frequencies : float64 (4,), background of A, C, G, T.
    """
    chance = np.ones(1)
    for row in matrix:
        longer = np.zeros(len(chance) + int(row.max()))
        for score, frequency in zip(row, frequencies, strict=True):
            longer[score : score + len(chance)] += frequency * chance
        chance = longer
    # Summed from the top, so that small p-values keep their relative precision.
    return np.minimum(np.cumsum(chance[::-1])[::-1], 1.0)


def true_null_share(at_least: np.ndarray, tests: int) -> float:
    """Return Storey's estimate of the share of tests without a motif, between 0 and 1; 1 for 100 tests or fewer.

    For each lambda of `LAMBDAS`, share(lambda) = at_least(lambda) / (tests * (1 - lambda)); taken is the lambda with the
    lowest mean squared error around the smallest share. FIMO measures that error on 100 bootstrap samples of 1,000
    p-values out of a random 10,000 (`fimo_nulls` draws the same ones); here its expectation is written out, bias^2 + f (1 - f) / (1000 (1 - lambda)^2) with
    f = at_least / tests, so that nothing is random. The two differ by about 2 %. Storey, J R Stat Soc B 64:479 (2002).

    Parameters
    ----------
    at_least : (100,), tests with p-value >= each of `LAMBDAS`.
    tests : all tests.
    """
    if tests <= FEWEST_TESTS:
        return 1.0
    fraction = at_least / tests
    share = fraction / (1 - LAMBDAS)
    bias = share - share.min()
    error = bias**2 + fraction * (1 - fraction) / (BOOTSTRAP_SIZE * (1 - LAMBDAS) ** 2)
    return min(1.0, float(share[np.argmin(error)]))


def q_values(p_values: np.ndarray, tests: int, null_share: float) -> np.ndarray:
    """Return float64 (m,): the false discovery rate at which each of the m smallest p-values of all tests is accepted.

    q_(i) = min over j >= i of null_share * p_(j) * tests / j, at most 1, with p sorted ascending.

    Parameters
    ----------
    p_values : float64 (m,), in any order; every test with a p-value up to their largest is among them.
    tests : number of all tests, reported or not.
    null_share : estimated share of tests without a motif (1 = Benjamini-Hochberg).
    """
    order = np.argsort(p_values, kind="stable")
    rate = null_share * p_values[order] * tests / np.arange(1, len(order) + 1)
    result = np.empty(len(order))
    result[order] = np.minimum(np.minimum.accumulate(rate[::-1])[::-1], 1.0)
    return result
