import numpy as np
import oracle_motifs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phenolens.annotate.pvalues import (
    LAMBDAS,
    background,
    check_background,
    encode,
    exact_p_values,
    q_values,
    score_table,
    true_null_share,
)
from phenolens.core.errors import DataError
from phenolens.core.types import Motif

UNEVEN = np.array([0.4, 0.1, 0.2, 0.3])


def random_motif(width, seed, sites=20.0):
    return Motif("m", None, np.random.default_rng(seed).dirichlet(np.full(4, 0.5), width), sites)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("frequencies", [np.full(4, 0.25), UNEVEN])
def test_p_values_equal_the_enumeration_of_every_word(width, frequencies):
    motif = random_motif(width, seed=width)
    table = score_table(motif, frequencies)
    scores, scale, offset = oracle_motifs.integer_scores(motif.matrix.tolist(), 20.0, frequencies.tolist())
    assert table.matrix.tolist() == scores
    assert (table.scale, table.offset) == (scale, offset)
    for score, p_value in oracle_motifs.enumerated_p_values(scores, frequencies.tolist()).items():
        assert table.p_values[score] == pytest.approx(p_value, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(*[st.integers(0, 30)] * 4), min_size=1, max_size=5))
def test_p_values_of_any_integer_table_equal_the_enumeration(rows):
    p_values = exact_p_values(np.array(rows), UNEVEN)
    expected = oracle_motifs.enumerated_p_values(rows, UNEVEN.tolist())
    assert len(p_values) == max(expected) + 1
    assert p_values[list(expected)] == pytest.approx(list(expected.values()), rel=1e-9)
    assert np.all(np.diff(p_values) <= 0)


def test_scores_are_the_log_odds_up_to_rounding():
    motif = random_motif(12, seed=3, sites=50.0)
    table = score_table(motif, UNEVEN)
    smoothed = (motif.matrix * 50 + 0.1 * UNEVEN) / 50.1
    assert table.matrix.min() >= 0
    assert 900 < table.matrix.max() <= 1000
    assert table.matrix / table.scale + table.offset == pytest.approx(np.log2(smoothed / UNEVEN), abs=0.5 / table.scale)


def test_unknown_sites_count_as_twenty():
    unknown, twenty = (score_table(random_motif(7, 1, sites), UNEVEN) for sites in (None, 20.0))
    assert np.array_equal(unknown.p_values, twenty.p_values)


def test_a_motif_without_information_has_one_score_of_p_one():
    table = score_table(Motif("flat", None, np.tile(UNEVEN, (5, 1)), None), UNEVEN)
    assert len(np.unique(table.matrix)) == 1
    assert table.p_values[table.matrix.max(axis=1).sum()] == pytest.approx(1)


def test_background_is_the_same_for_both_strands_and_ignores_case_and_n():
    text = "AAACCGTnnNxx" * 50
    frequencies = background([text])
    assert frequencies == pytest.approx(np.array([202, 152, 152, 202]) / 708)  # AAACCGT, and one of each
    assert np.array_equal(frequencies, background([oracle_motifs.reverse_complement(text)]))
    assert np.array_equal(frequencies, background([text.lower()[:77], text[77:]]))
    assert background([]).tolist() == [0.25] * 4
    assert np.all(background(["AAAA"]) > 0)


def test_encode_knows_both_cases_and_nothing_else():
    assert encode("ACGTacgtNnU-é").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("wrong", [[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25], [0.3, 0.3, 0.3, 0.3], [np.nan, 0.3, 0.3, 0.4]])
def test_a_background_that_is_none_is_refused(wrong):
    with pytest.raises(DataError, match="four positive frequencies of A, C, G, T that sum to 1"):
        check_background(np.array(wrong))


def test_q_values_of_all_tests_are_benjamini_and_hochberg():
    p_values = np.random.default_rng(0).random(300) ** 2
    assert q_values(p_values, 300, 1.0) == pytest.approx(stats.false_discovery_control(p_values, method="bh"))


def test_q_values_of_the_smallest_do_not_need_the_others():
    p_values = np.random.default_rng(1).random(2000) ** 3
    # Near the cut a larger p-value that was left out could have lowered the rate; away from it nothing can.
    kept = p_values <= 0.3
    whole, part = q_values(p_values, 2000, 0.7)[kept], q_values(p_values[kept], 2000, 0.7)
    assert np.all(part >= whole - 1e-15)
    assert part[p_values[kept] < 0.2] == pytest.approx(whole[p_values[kept] < 0.2])


@pytest.mark.parametrize("truth", [1.0, 0.8, 0.6])
def test_the_share_of_true_nulls_is_found_and_agrees_with_the_bootstrap(truth):
    generator = np.random.default_rng(2)
    nulls = int(20_000 * truth)
    p_values = np.concatenate([generator.random(nulls), generator.random(20_000 - nulls) * 0.005])
    at_least = np.array([(p_values >= x).sum() for x in LAMBDAS])
    share = true_null_share(at_least, len(p_values))
    assert share == pytest.approx(truth, abs=0.03)
    assert share == pytest.approx(oracle_motifs.bootstrapped_null_share(p_values.tolist(), seed=3), abs=0.02)


def test_few_tests_give_no_estimate():
    assert true_null_share(np.zeros(100), 100) == 1.0
