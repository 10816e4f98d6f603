"""Contexts that keep transformers from printing, drawing bars, or leaving the process's random state changed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import transformers

logging: Any = transformers.utils.logging


@contextmanager
def quiet() -> Iterator[None]:
    """Let transformers say nothing below an error and draw no bars inside the block; its own settings come back after."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Draw random numbers inside the block from this seed; the process's generators are as before when it ends.

    Model initialisation and the Trainer know only the process-wide generators, so these are set and put back.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
