"""Tokens, model registry, loading, training and prediction."""
