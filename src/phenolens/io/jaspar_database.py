"""JASPAR's own database (SQLite), as the package pyjaspar brings it, one file a release: CORE motifs with class, family and taxon.

`jaspar:2024#vertebrates` in a study names the vertebrate motifs of the release of 2024. The newest version of each motif is taken (JASPAR's
"non-redundant" set).
"""

import importlib.util
import sqlite3
from collections import defaultdict
from pathlib import Path

import numpy as np

from phenolens.core.errors import InputError
from phenolens.core.types import Motif
from phenolens.io.matrices import MotifFile, Row, from_counts

FIRST_BYTES = b"SQLite format 3\x00"


def jaspar_named(name: str) -> Path | None:
    """Return the database that `jaspar:2024` or `jaspar:2024#vertebrates` names, of the installed pyjaspar; None of any other name.

    Raises
    ------
    InputError : pyjaspar is not installed, or has no such release.
    """
    prefix, mark, release = name.partition("#")[0].partition(":")
    return _release(release) if (prefix, mark) == ("jaspar", ":") else None


def _release(release: str) -> Path:
    spec = importlib.util.find_spec("pyjaspar")
    if spec is None or not spec.submodule_search_locations:
        remedy = "pip install pyjaspar, or name a motif file"
        raise InputError(f"jaspar:{release}", "needs the package pyjaspar, which is not installed", remedy=remedy)
    folder = Path(spec.submodule_search_locations[0]) / "data"
    path = folder / f"JASPAR{release}.sqlite"
    if not path.is_file():
        known = ", ".join(sorted(p.stem.removeprefix("JASPAR") for p in folder.glob("JASPAR*.sqlite")))
        raise InputError(f"jaspar:{release}", "is no release of the installed pyjaspar", expected=known)
    return path


def is_jaspar_database(path: str | Path) -> bool:
    """Return True for an SQLite file."""
    if not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return file.read(len(FIRST_BYTES)) == FIRST_BYTES


def read_jaspar_database(path: Path) -> MotifFile:
    """Return the newest version of every CORE motif of the newest release in a database, by identifier (background None).

    Parameters
    ----------
    path : the SQLite file.

    Raises
    ------
    InputError : it is not JASPAR's.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return MotifFile(_motifs(path, connection), None)
    except sqlite3.DatabaseError as error:
        raise InputError(path, f"is no JASPAR database ({error})", expected="JASPAR's SQLite file") from None
    finally:
        connection.close()


def _motifs(path: Path, connection: sqlite3.Connection) -> list[Motif]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    released = (
        " AND ID IN (SELECT ID FROM MATRIX_VERSION WHERE RELEASE = (SELECT max(RELEASE) FROM MATRIX_VERSION))"
        if "MATRIX_VERSION" in tables
        else ""
    )
    query = f"SELECT ID, BASE_ID, VERSION, NAME FROM MATRIX WHERE COLLECTION = 'CORE'{released}"
    newest: dict[str, tuple[int, int, str]] = {}
    for number, base, version, name in connection.execute(query):
        newest[base] = max(newest.get(base, (0, 0, "")), (int(version), number, name))
    wanted = {number for _, number, _ in newest.values()}
    tags: defaultdict[int, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, tag, value in connection.execute("SELECT ID, lower(TAG), VAL FROM MATRIX_ANNOTATION ORDER BY rowid"):
        if number in wanted and value:
            tags[number][tag].append(value)
    cells: defaultdict[int, dict[tuple[int, str], float]] = defaultdict(dict)
    for number, letter, column, value in connection.execute("SELECT ID, row, col, val FROM MATRIX_DATA"):
        if number in wanted:
            cells[number][int(column), letter] = float(value)
    motifs = []
    for base, (version, number, name) in sorted(newest.items()):
        columns = sorted({column for column, _ in cells[number]})
        rows = [Row(0, [cells[number].get((column, letter), np.nan) for letter in "ACGT"]) for column in columns]
        kinds = ("::".join(dict.fromkeys(tags[number][tag])) or None for tag in ("class", "family", "tax_group"))
        motifs.append(Motif(f"{base}.{version}", name, *from_counts(path, rows), *kinds))
    return motifs
