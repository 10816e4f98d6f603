"""Temperature scaling: how sure a classifier is, made to fit how often it is right, without changing what it predicts.

evaluate fits the temperature of each run on the validation split and writes it to evaluate/calibration.json; whoever shows
probabilities to a user applies it with `tempered`. Guo et al., On calibration of modern neural networks, ICML 2017.
"""

import numpy as np

SMALLEST = float(np.finfo(np.float32).tiny)  # a softmax in float32 underflows to 0 below it


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / T), float64 (n, C): more even for T > 1, more extreme for T < 1, the same order within each row.

    For p = softmax(z) this is softmax(z / T), because the softmax does not see what is added to all logits of a row.
    A probability of 0 counts as the smallest float32, so that T > 1 can lift it. (0.9, 0.1) at T = 2 is (0.75, 0.25).

    Parameters
    ----------
    probabilities : float (n, C), rows sum to 1.
    temperature : T > 0; 1 changes nothing.
    """
    logits = np.log(np.clip(np.asarray(probabilities, dtype=float), SMALLEST, None)) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    scaled: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return scaled
