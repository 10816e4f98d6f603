"""What of a file is taken: `FILE#FEATURE,FEATURE` names rows of these kinds, and a kind that the file has not is an error that says which it has."""

import difflib
from collections.abc import Collection
from pathlib import Path

from phenolens.core.errors import InputError
from phenolens.io.chromosomes import listed


def parse_features(name: str) -> tuple[str, ...]:
    """Return the features of `FILE#FEATURE,FEATURE`, in order; none of `FILE`.

    Parameters
    ----------
    name : the text of a setting that names a file.

    Raises
    ------
    InputError : nothing after the #, or an empty feature between commas.
    """
    file, mark, text = name.partition("#")
    if not mark:
        return ()
    features = tuple(part.strip() for part in text.split(","))
    if not all(features):
        raise InputError(
            file, f"is named as '{name}'", expected="FILE or FILE#FEATURE,FEATURE", remedy="name a feature, or remove #"
        )
    return features


def refuse_absent(path: str | Path, asked: Collection[str], have: Collection[str]) -> None:
    """Return nothing when the file has every feature that is asked of it.

    Parameters
    ----------
    path : the file, for the error.
    asked : features of the setting.
    have : features of the file, in the order in which the first of them are shown.

    Raises
    ------
    InputError : a feature that is not there, with the first ones that are, and the nearest.
    """
    for wanted in asked:
        if wanted in have:
            continue
        folded = {name.casefold(): name for name in have}
        near = difflib.get_close_matches(wanted.casefold(), list(folded), n=1)
        raise InputError(
            path,
            f"has no feature '{wanted}'",
            expected=f"one of: {listed(have)}" if have else "its name without #: it tells no features apart",
            remedy=f"did you mean '{folded[near[0]]}'?" if near else "change what follows # in the study file",
        )
