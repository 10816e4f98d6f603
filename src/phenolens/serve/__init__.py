"""A trained model behind HTTP, for `phenolens serve`: a page and a JSON API on this machine, nothing sent away, nothing written to disk."""
