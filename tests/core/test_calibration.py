import numpy as np
import pytest
from scipy.special import softmax

from phenolens.core.calibration import tempered

LOGITS = np.random.default_rng(1).normal(0, 4, (200, 5))


@pytest.mark.parametrize("temperature", [0.2, 1.0, 1.37, 50.0])
def test_it_is_the_softmax_of_the_divided_logits(temperature: float) -> None:
    found = tempered(softmax(LOGITS, axis=1), temperature)
    np.testing.assert_allclose(found, softmax(LOGITS / temperature, axis=1), rtol=1e-9, atol=1e-15)


def test_probabilities_of_a_float32_softmax_keep_what_they_are() -> None:
    p = softmax(LOGITS.astype(np.float32), axis=1)
    np.testing.assert_allclose(tempered(p, 1.0), p, rtol=1e-5)
    np.testing.assert_allclose(tempered(p, 2.0), softmax(LOGITS / 2, axis=1), rtol=1e-4)


def test_the_example_of_the_docstring() -> None:
    np.testing.assert_allclose(tempered(np.array([[0.9, 0.1]]), 2.0), [[0.75, 0.25]])


def test_zeros_and_ones_stay_probabilities_in_the_same_order() -> None:
    p = np.array([[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]])
    for temperature in (0.01, 1.0, 100.0):
        found = tempered(p, temperature)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_array_equal(found.argmax(axis=1), [0, 2])
    assert tempered(p, 100.0)[0, 1] > 0.1
    assert tempered(np.zeros((0, 3)), 2.0).shape == (0, 3)
