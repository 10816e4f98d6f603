"""What `phenolens fetch` does: the names of presets or single files -> the public resources behind them, downloaded and checked."""

from collections.abc import Sequence
from pathlib import Path

from phenolens.core.progress import Progress
from phenolens.io import fetch as downloads
from phenolens.io import resources

__all__ = ["fetch", "listing"]

listing = resources.listing


def fetch(names: Sequence[str], to: Path, progress: Progress) -> list[Path]:
    """Return the files of these presets or resources, downloaded into a folder where they are not there yet.

    Parameters
    ----------
    names : presets, resources or file names, as `listing` shows them.
    to : the folder; made when absent.
    progress : receiver of progress.

    Raises
    ------
    PhenolensError : as io.fetch.fetch; what is there already is kept.
    """
    return downloads.fetch(names, to, progress=progress)
