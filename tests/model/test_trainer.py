import numpy as np
import pytest

from phenolens.model.trainer import class_weights


def test_class_weights_have_mean_one_over_the_rows():
    classes = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(classes, 3)
    np.testing.assert_allclose(weights, [10 / 18, 10 / 9, 10 / 3], rtol=1e-6)
    assert weights[classes].mean() == pytest.approx(1)
