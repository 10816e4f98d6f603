"""phenolens: from genomic intervals that carry a phenotype, to an honestly tested DNA classifier, to what it reads."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("phenolens")
__all__ = ["Results", "Study", "__version__", "explain"]


def __getattr__(name: str) -> Any:
    """Load what is asked for, so that `import phenolens` loads nothing."""
    if name == "explain":
        return import_module("phenolens.explain")
    if name in ("Results", "Study"):
        return getattr(import_module("phenolens.study"), name)
    raise AttributeError(f"module 'phenolens' has no attribute {name!r}")
