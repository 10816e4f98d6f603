"""phenolens: from genomic intervals that carry a phenotype, to an honestly tested DNA classifier, to what it reads."""

from importlib.metadata import version

__version__ = version("phenolens")
__all__ = ["__version__"]
