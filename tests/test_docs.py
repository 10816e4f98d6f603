"""The generated pages are those that the code of today generates."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("page", "function"),
    [("settings.md", "settings_page"), ("tables.md", "tables_page"), ("sources.md", "sources_page")],
)
def test_the_page_is_up_to_date(reference, page, function):
    assert (ROOT / "docs" / page).read_text() == getattr(reference, function)(), "run: python scripts/make_reference.py"
