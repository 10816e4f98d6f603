"""How good the model is, beside simple baselines on the same split."""
