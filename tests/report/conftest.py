"""The made-up study of fake_study.py, once per size, and the page made from it."""

import importlib.util
from pathlib import Path

import pytest

from phenolens.report.page import report

_spec = importlib.util.spec_from_file_location("fake_study", Path(__file__).parent / "fake_study.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture(scope="session")
def fake_study():
    """(classes, sequences, seed) -> PageContent."""
    return _module.fake_study


@pytest.fixture(scope="session")
def study():
    return _module.fake_study(classes=2, n=400)


@pytest.fixture(scope="session")
def study11():
    return _module.fake_study(classes=11, n=700)


@pytest.fixture(scope="session")
def written(study):
    """The page with its tables and figures."""
    return report(study)


@pytest.fixture(scope="session")
def html(written):
    return written.html
