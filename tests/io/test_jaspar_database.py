import sqlite3

import numpy as np
import pytest

from phenolens.core.errors import InputError
from phenolens.io.jaspar_database import jaspar_named
from phenolens.io.motifs import read_motifs

ROWS = [  # number, collection, base, version, name, release, taxon
    (1, "CORE", "MA0002", 1, "old", "2024", "vertebrates"),
    (2, "CORE", "MA0002", 2, "Runx1", "2024", "vertebrates"),
    (3, "CORE", "MA0001", 1, "AGL3", "2024", "plants"),
    (4, "UNVALIDATED", "UN0001", 1, "no", "2024", "vertebrates"),
    (5, "CORE", "MA0009", 1, "gone", "2022", "vertebrates"),
]


@pytest.fixture
def database(tmp_path):
    """The tables that JASPAR's SQLite files share; those before 2022 have no MATRIX_VERSION."""

    def make(versions=True):
        path = tmp_path / "JASPAR2024.sqlite"
        with sqlite3.connect(path) as c:
            c.execute("CREATE TABLE MATRIX (ID, COLLECTION, BASE_ID, VERSION, NAME)")
            c.execute("CREATE TABLE MATRIX_DATA (ID, row, col, val)")
            c.execute("CREATE TABLE MATRIX_ANNOTATION (ID, TAG, VAL)")
            if versions:
                c.execute("CREATE TABLE MATRIX_VERSION (ID, RELEASE)")
            for number, collection, base, version, name, release, taxon in ROWS:
                c.execute("INSERT INTO MATRIX VALUES (?,?,?,?,?)", (number, collection, base, version, name))
                for column in (1, 2, 10):
                    for i, letter in enumerate("TGCA"):
                        c.execute("INSERT INTO MATRIX_DATA VALUES (?,?,?,?)", (number, letter, column, column * i))
                for tag, value in (("tax_group", taxon), ("class", "C1"), ("class", "C2"), ("class", "C1")):
                    c.execute("INSERT INTO MATRIX_ANNOTATION VALUES (?,?,?)", (number, tag, value))
                if versions:
                    c.execute("INSERT INTO MATRIX_VERSION VALUES (?,?)", (number, release))
        c.close()
        return path

    return make


def test_the_newest_core_motifs_with_class_and_taxon(database):
    motifs = read_motifs(database())
    assert [(m.motif_id, m.name, m.tf_class, m.tf_family, m.tax_group) for m in motifs] == [
        ("MA0001.1", "AGL3", "C1::C2", None, "plants"),
        ("MA0002.2", "Runx1", "C1::C2", None, "vertebrates"),
    ]
    np.testing.assert_allclose(motifs[0].matrix, [[0.5, 1 / 3, 1 / 6, 0]] * 3)
    assert motifs[0].sites == 60, "columns in the order of their number"


def test_a_taxon_and_a_release_without_versions(database):
    path = database(versions=False)
    assert [m.motif_id for m in read_motifs(path, ["vertebrates"])] == ["MA0002.2", "MA0009.1"]
    with pytest.raises(InputError, match="insects"):
        read_motifs(path, ["insects"])


def test_another_database_is_refused(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as c:
        c.execute("CREATE TABLE x (y)")
    c.close()
    with pytest.raises(InputError, match=r"is no JASPAR database \(no such table: MATRIX\)"):
        read_motifs(path)


def test_a_release_of_the_installed_package(database, monkeypatch, tmp_path):
    package = tmp_path / "site" / "pyjaspar"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    database().rename(package / "data" / "JASPAR2024.sqlite")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert jaspar_named("jaspar:2024#plants") == package / "data" / "JASPAR2024.sqlite"
    assert jaspar_named("my.meme#plants") is None
    with pytest.raises(InputError, match="jaspar:1999: is no release of the installed pyjaspar; expected 2024"):
        jaspar_named("jaspar:1999")


def test_without_the_package():
    with pytest.raises(InputError, match=r"needs the package pyjaspar, which is not installed; pip install pyjaspar"):
        jaspar_named("jaspar:2024")
