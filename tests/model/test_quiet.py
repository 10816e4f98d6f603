import random

import numpy as np
import pytest
import torch
from transformers.utils import logging

from phenolens.model.quiet import own_randomness, quiet


def test_transformers_own_settings_come_back_also_after_an_error():
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    inside = []

    def fails():
        with quiet():
            inside.append((logging.get_verbosity(), logging.is_progress_bar_enabled()))
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert inside == [(logging.ERROR, False)]
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bars)


def test_randomness_inside_follows_the_seed_and_outside_is_untouched():
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    draws = []
    for seed in (1, 1, 2):
        with own_randomness(seed):
            draws.append(float(torch.rand(1)))
            random.seed(3)
            np.random.seed(3)  # noqa: NPY002
    assert draws[0] == draws[1] != draws[2]
    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1], state[2]) == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
