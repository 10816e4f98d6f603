"""Names that would do harm if they were more than text: markup, quotes, formulas of spreadsheets, 5,000 letters, letters of every script."""

import csv
import importlib.util
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files as resources
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from phenolens.core.settings import StudySettings
from phenolens.report.content import SCHEMAS
from phenolens.report.downloads import ALL, EACH, embedded, guarded
from phenolens.report.drawings import standalone
from phenolens.report.page import report
from phenolens.report.sections_browser import script

_spec = importlib.util.spec_from_file_location("browser", Path(__file__).parent / "browser.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
TABLES = [*SCHEMAS, "history", "predictions"]
MARKUP = """<script>alert('x')</script>&amp;"$x^2$"</style><img src=x onerror=alert(1)>"""
LONG = "W" * 5000
LETTERS = "\u202egnorts\u202c Ψ 🧬 é\u0301 中文\x0b"
EVIL = f"=HYPERLINK(1) {MARKUP} {LETTERS} {LONG}"


@pytest.fixture(scope="module")
def hostile(fake_study):
    """A study with the hostile name wherever a word of an input file can stand."""
    study = fake_study(classes=2, n=60)
    changed = {}
    for name in TABLES:
        table = getattr(study, name)
        if name == "predictions":
            table = table.rename({"p_ERV": f"p_{EVIL}"})
        keep = {
            "run",
            "split",
            "random_split",
            "metric",
            "strand",
            "method",
            "bin",
            "sequence_id",
            "region_id",
            "run_a",
            "run_b",
        }
        keep |= {"motif_id", "gene_id", "feature", "signal", "group", "locus", "origin", "sequence"}
        words = [c for c, dtype in table.schema.items() if dtype == pl.String and c not in keep]
        ids = [c for c in ("motif_id", "gene_id", "feature", "signal") if c in table.columns]
        marked = [pl.col(c).str.replace_all("ERV", EVIL, literal=True) for c in words] + [
            pl.concat_str(pl.col(c), pl.lit(EVIL)) for c in ids
        ]
        changed[name] = table.with_columns(marked)
    settings = study.settings.model_dump(mode="json", exclude_none=True)
    settings["name"] = settings["report"]["question"] = EVIL
    settings["dataset"]["classes"][0] |= {"label": EVIL, "intervals": EVIL + ".bed"}
    quality = {
        "verdict": EVIL,
        "reasons": [EVIL],
        "balance": [{"classes": [EVIL, EVIL], "covariate": EVIL, "smd": 0.2, "auroc": None}],
        "account": [{EVIL: EVIL}],
    }
    rest = {
        "quality": quality,
        "model": {"name": EVIL, "tokens": EVIL},
        "temperatures": {"run-0": {"temperature": 1.0, "note": EVIL}},
        "files": [(EVIL + "/../x", 3, EVIL), ("javascript:alert(1)", 3, "x")],
        "versions": {EVIL: EVIL},
        "seconds": {EVIL: 1.0},
    }
    return replace(study, settings=StudySettings.model_validate(settings), version=EVIL, **changed, **rest)


@pytest.fixture(scope="module")
def made(hostile):
    return report(hostile)


class Reader(HTMLParser):
    """Collects programs, attributes that run, and words."""

    def __init__(self, html):
        super().__init__()
        self.inside, self.programs, self.run, self.words, self.tags = None, [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.inside = given.get("type", "program") if tag == "script" else None
        self.run += [name for name in given if name.startswith("on")]
        self.run += [value for name, value in given.items() if name in ("href", "src") and "script:" in (value or "")]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        (self.programs if self.inside == "program" else self.words).append(data)


def test_markup_and_quotes_stay_text(made):
    found = Reader(made.html)
    own = resources("phenolens.report").joinpath("page.js").read_text(encoding="utf-8")
    assert "".join(found.programs) == own + script()
    assert found.run == []
    assert "img" not in found.tags
    assert " ".join("".join(found.words).split()).count(" ".join(MARKUP.split())) > 30


def test_a_name_of_5000_letters_is_cut_where_it_is_shown(made):
    shown = "".join(word for word in Reader(made.html).words)
    assert LONG not in shown
    assert f"{'W' * 40}… (5,000)" in shown


def test_letters_of_every_script_arrive(made):
    assert "🧬 é\u0301 中文" in made.html


def test_figures_are_files_that_an_xml_reader_takes(made):
    assert len(made.drawings) > 20
    for name, drawing in made.drawings.items():
        assert ElementTree.fromstring(standalone(drawing.inside)).tag.endswith("svg"), name


def test_no_cell_of_a_saved_table_is_a_formula(made):
    marked = 0
    for name, table in made.tables.items():
        rows = list(csv.reader(io.StringIO(table), dialect="excel-tab"))
        assert {len(row) for row in rows} == {len(rows[0])}, name
        for cell in (cell for row in rows for cell in row):
            runs = re.match(r"[=+\-@\t\r\n]", cell) and not re.fullmatch(r"[+-]|-?\d[\d.e+-]*", cell)
            assert not runs, (name, cell[:80])
            marked += cell == f"'{EVIL}"
    assert marked > 30


def test_what_a_spreadsheet_would_run_is_marked_and_nothing_else_is_touched():
    table = pl.DataFrame(
        {"=a": ["=1", "+1", "+x", "@SUM(A1)", "-1e-5", "-", "a=1", "\tx", "＝1", None], "n": range(-5, 5)}
    )
    found = guarded(table)
    assert found.columns == ["'=a", "n"]
    assert found["'=a"].to_list() == ["'=1", "+1", "'+x", "'@SUM(A1)", "-1e-5", "-", "a=1", "'\tx", "'＝1", None]
    assert found["n"].equals(table["n"])


def test_the_page_holds_small_files_only_and_not_too_many():
    files = {"large": "x" * (EACH + 1)} | {f"n{i}": "x" * EACH for i in range(20)}
    held = embedded(files)
    assert "large" not in held
    assert len(held) == ALL // EACH


def test_a_browser_shows_it_and_nothing_runs(made, tmp_path):
    path = tmp_path / "index.html"
    path.write_bytes(made.html.encode())
    with _module.chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        said, asked = [], []
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.locator("#figure-profile select").select_option(index=1)
        page.locator("#table-enrichment input[type=search]").fill("alert(")
        assert page.locator("#table-enrichment tbody tr").count() > 0
        assert page.locator("img").count() == 0
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") == width
        assert (said, asked) == ([], [path.as_uri()])
