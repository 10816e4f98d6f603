"""What is installed, against what pyproject.toml asks for: the ranges stand in the package's own metadata, so nothing is typed twice."""

import re
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import NamedTuple

from packaging.requirements import Requirement

OWN = "phenolens"


class Package(NamedTuple):
    """One package that phenolens asks for.

    wanted : range of versions, e.g. `<6,>=5.0`; empty where any will do.
    found : installed version, None where there is none.
    extra : the optional extra that it belongs to; empty for what is always needed.
    """

    name: str
    wanted: str
    found: str | None
    extra: str

    @property
    def fits(self) -> bool:
        """Whether it is installed in a version of the range."""
        return self.found is not None and Requirement(f"{self.name}{self.wanted}").specifier.contains(
            self.found, prereleases=True
        )


def packages() -> list[Package]:
    """Return every package that phenolens asks for, those of its extras last, each where it counts for this Python and system."""
    found = []
    for text in requires(OWN) or []:
        wanted = Requirement(text)
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", str(wanted.marker or ""))
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra[1] if extra else ""}):
            found.append(Package(wanted.name, str(wanted.specifier), installed(wanted.name), extra[1] if extra else ""))
    return sorted(found, key=lambda package: (package.extra, package.name.lower()))


def installed(name: str) -> str | None:
    """Return the installed version of a package, None where there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def wanted_python() -> str:
    """Return the range of Python versions."""
    return metadata(OWN)["Requires-Python"] or ""
