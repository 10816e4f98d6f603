"""`python -m phenolens` is the command `phenolens`."""

from phenolens.cli import main

main()
