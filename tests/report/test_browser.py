"""The page in a browser: what a reader sees, clicks and saves, on a wide and a narrow screen, light and dark, with hostile names."""

import importlib.util
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

_spec = importlib.util.spec_from_file_location("browser", Path(__file__).parent / "browser.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
OVERFLOW = """() => {
    const wide = document.documentElement.clientWidth;
    const outside = (e) => { for (let p = e.parentElement; p; p = p.parentElement) if (p.matches('.scroll, .browser-scroll, nav, dialog, .skip')) return false; return true; };
    const over = [...document.querySelectorAll('main *')].filter((e) => outside(e) && e.getBoundingClientRect().right > wide + 1);
    return [document.documentElement.scrollWidth - wide, over.map((e) => e.outerHTML.slice(0, 120))];
}"""
INK = """(svg) => {
    const shapes = [...svg.querySelectorAll('path, text, rect, circle, use, image, polyline')];
    return shapes.filter((e) => { const b = e.getBoundingClientRect(); return b.width > 0 || b.height > 0; }).length;
}"""


@pytest.fixture(scope="module")
def browser():
    with _module.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(html, tmp_path_factory):
    """A folder with the page alone, as if it had come by mail."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "index.html").write_text(html, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def opened(browser, folder):
    """The page, opened once, and what it said and asked for meanwhile."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, accept_downloads=True, reduced_motion="reduce"
    )
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "index.html").as_uri())
    yield page, said, asked
    context.close()


@pytest.fixture
def page(opened):
    """The page at 1280 pixels, light, at its top."""
    page, _, _ = opened
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light", media="screen")
    return page


def column(page, table, title):
    """Shown cells of a column."""
    heads = [head.strip(" ↕↑↓") for head in page.locator(f"#table-{table} thead th").all_inner_texts()]
    return page.locator(f"#table-{table} tbody td:nth-child({heads.index(title) + 1})").all_inner_texts()


def test_the_first_paint_is_soon(opened):
    page, _, _ = opened
    paints = page.evaluate("performance.getEntriesByType('paint').map((e) => [e.name, e.startTime])")
    assert dict(paints)["first-contentful-paint"] < 1000


@pytest.mark.parametrize(
    ("scheme", "part"), [("light", None), ("dark", {"include": [["nav"], ["#summary"], ["#alrw"]]})]
)
def test_axe_finds_no_serious_fault(page, scheme, part):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page.emulate_media(color_scheme=scheme)
    found = axe.Axe().run(page, context=part, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, json.dumps([(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in serious], indent=1)


def test_every_figure_has_something_in_it_and_a_name(page):
    drawings = page.locator("figure svg")
    assert drawings.count() > 25
    assert min(drawings.evaluate_all(f"(all) => all.map({INK})")) >= 3
    assert all(drawings.evaluate_all("(all) => all.map((svg) => svg.getAttribute('aria-label'))"))


def test_the_menu_goes_there_and_shows_where_one_is(page):
    page.locator("nav a[href='#motifs']").click()
    for _ in range(100):
        if page.evaluate("document.querySelector('nav a[aria-current]')?.hash") == "#motifs":
            break
        page.wait_for_timeout(50)
    assert page.locator("nav a[aria-current]").all_inner_texts() == ["Motifs in the regions"]
    assert abs(page.evaluate("document.querySelector('#motifs').getBoundingClientRect().top")) < 60


def test_a_table_sorts_by_a_number_over_all_its_rows_and_back(page, study):
    button = page.locator("#table-top-regions").get_by_role("button", name="Sort by Start")
    button.click()
    best = study.regions["start"].drop_nulls().sort(descending=True).head(10)
    assert column(page, "top-regions", "Start") == [f"{start:,}" for start in best]
    assert page.locator("#table-top-regions th[aria-sort='descending']").count() == 1
    button.click()
    least = study.regions["start"].drop_nulls().sort().head(10)
    assert column(page, "top-regions", "Start") == [f"{start:,}" for start in least]


def test_powers_of_ten_and_absent_numbers_sort_as_numbers(page, study):
    table = page.locator("#table-enrichment")
    table.get_by_role("button", name="Sort by p", exact=True).click()
    page.locator("#table-enrichment .again").click()
    smallest = study.enrichment["p_value"].drop_nulls().sort().to_list()
    found = [text for text in column(page, "enrichment", "p") if text != "–"]
    shown = [float(re.sub(r" × 10(.+)", lambda m: f"e{power(m[1])}", text)) for text in found]
    assert shown == pytest.approx(smallest[: len(shown)], rel=0.06)


def power(text):
    return text.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))


def test_a_table_filters_also_rows_that_were_not_shown(page, study):
    last = study.regions.sort("mean_score")["region_id"][0]
    assert last not in page.locator("#table-top-regions tbody").inner_text()
    page.locator("#table-top-regions input[type=search]").fill(last)
    assert last in page.locator("#table-top-regions tbody").inner_text()
    assert "matching rows are shown" in page.locator("#table-top-regions .count").inner_text()
    page.locator("#table-top-regions input[type=search]").fill("no such thing")
    assert page.locator("#table-top-regions tbody tr").count() == 0
    page.locator("#table-top-regions input[type=search]").fill("")


def test_a_picked_class_keeps_its_colour_and_the_others_fade(page):
    figure = page.locator("#figure-profile")
    line = "(figure) => getComputedStyle(figure).getPropertyValue('--c1').trim()"
    before = figure.evaluate(line)
    figure.locator("select").select_option("ERV")
    assert figure.evaluate(line) != before
    assert page.locator("#figure-gc select").input_value() == "ERV"
    figure.locator("select").select_option("")
    assert figure.evaluate(line) == before


def test_a_figure_is_enlarged_and_put_back(page):
    figure = page.locator("#figure-profile")
    small = figure.locator("svg").bounding_box()["width"]
    figure.get_by_role("button", name="Enlarge").click()
    assert page.locator("dialog svg").bounding_box()["width"] > 1.1 * small
    page.keyboard.press("Escape")
    assert figure.locator("svg").bounding_box()["width"] == small


def test_a_figure_saves_as_svg_and_its_numbers_as_a_table(page, study):
    figure = page.locator("#figure-profile")
    with page.expect_download() as saved:
        figure.get_by_role("link", name="SVG").click()
    drawing = Path(saved.value.path()).read_text()
    assert saved.value.suggested_filename == "profile.svg"
    assert ElementTree.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in drawing
    with page.expect_download() as saved:
        figure.get_by_role("link", name="Data").click()
    numbers = pl.read_csv(saved.value.path(), separator="\t")
    assert numbers["mean"].to_list() == pytest.approx(study.profile.filter(method="alrw")["mean"].to_list(), rel=1e-9)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(page, size):
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("document.querySelectorAll('details.table').forEach((d) => (d.open = true))")
    over, elements = page.evaluate(OVERFLOW)
    assert (over, elements) == (0, [])


def test_the_keyboard_reaches_the_report_past_the_menu(page):
    page.reload()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_it_prints_on_white_without_menu_and_buttons(page):
    page.emulate_media(color_scheme="dark", media="print")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(int(part) for part in re.findall(r"\d+", colour)) > 240
    assert page.locator("nav, .tools, .filter, button:visible").filter(visible=True).count() == 0


def test_the_page_said_nothing_and_asked_for_nothing(opened, folder):
    _, said, asked = opened
    assert said == []
    assert set(asked) <= {(folder / "index.html").as_uri()} | {
        url for url in asked if url.startswith(("blob:", "data:"))
    }
