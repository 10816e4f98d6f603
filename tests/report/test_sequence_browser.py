"""The sequence browser in Chromium: what it shows of a sequence is what the run's tables say, and no name can do harm.

The tables are made up here and written as a run leaves them; the browser is asked through its own controls.
"""

import base64
import gzip
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from phenolens.contents import read_browser
from phenolens.report.browsed import browsed
from phenolens.report.content import tidy
from phenolens.report.render import render
from phenolens.report.sections_browser import browser
from phenolens.report.sequence_browser import quantised

_spec = importlib.util.spec_from_file_location("browser", Path(__file__).parent / "browser.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
HOSTILE = "=<script>alert('x')</script>\"&amp;'\u202e" + "N" * 300
ALLELE = {"allele": "rs1", "cigar": "40M25I60M5D30M"}


def series(rows):
    """A column of lists of float32."""
    return pl.Series([pl.Series(row, dtype=pl.Float32) for row in rows], dtype=pl.List(pl.Float32))


def lists(ids, values, **constants):
    columns = {"sequence_id": ids} | {name: [value] * len(ids) for name, value in constants.items()}
    return pl.DataFrame(columns).with_columns(series(values[1]).alias(values[0]))


def write_run(folder, study):
    """Write what the browser reads of a run; the first test sequence has hostile names, the second is an allele on strand -."""
    rng = np.random.default_rng(5)
    rows = study.sequences.filter(pl.col("split") != "train").to_dicts()
    names = {"sequence_id": HOSTILE, "chrom": HOSTILE, "group": HOSTILE, "name": HOSTILE}
    rows[0] |= names
    rows[1] |= ALLELE | {
        "strand": "-",
        "sequence": rows[1]["sequence"][:155].ljust(155, "A"),
        "end": rows[1]["start"] + 135,
    }
    rows[2] |= {"strand": "+", "sequence": rows[2]["sequence"][:30].lower() + rows[2]["sequence"][30:]}
    sequences = pl.DataFrame(rows, schema=study.sequences.schema)
    ids, letters = sequences["sequence_id"].to_list(), sequences["sequence"].to_list()
    scores = [rng.gamma(2, 0.01, len(text)) for text in letters]
    scores[2][-7:] = np.nan
    others = [rng.normal(0, 1, len(text)) for text in letters[:9]]
    signal = [rng.uniform(0, 1, len(text)) for text in letters[:4]]
    regions = study.regions.filter(pl.col("sequence_id").is_in(ids[3:])).vstack(
        study.regions.head(1).with_columns(
            sequence_id=pl.lit(HOSTILE),
            region_id=pl.lit(HOSTILE),
            sequence_start=pl.lit(10, pl.Int64),
            sequence_end=pl.lit(34, pl.Int64),
        )
    )
    hits = pl.DataFrame(
        {"motif_id": HOSTILE, "motif_name": HOSTILE, "sequence_id": HOSTILE, "start": 3, "end": 15, "strand": "+",
         "score": 9.0, "p_value": 2e-5, "q_value": 0.1, "matched": "ACGTACGTACGT"}
    )  # fmt: skip
    predictions = study.predictions.filter(pl.col("sequence_id") != study.sequences["sequence_id"][0])
    for name in ("dataset", "explain", "annotate", "evaluate"):
        (folder / name).mkdir(parents=True)
    sequences.write_parquet(folder / "dataset" / "sequences.parquet")
    split = sequences.select("sequence_id", "label", "split")
    lists(ids, ("scores", scores)).join(split, on="sequence_id").write_parquet(folder / "explain" / "alrw.parquet")
    sample = pl.concat(
        [lists(ids[:9], ("scores", scores[:9]), method="alrw"), lists(ids[:9], ("scores", others), method="occlusion")]
    )
    sample.write_parquet(folder / "explain" / "scores.parquet")
    regions.write_parquet(folder / "explain" / "regions.parquet")
    lists(ids[:4], ("values", signal), signal=HOSTILE).write_parquet(folder / "annotate" / "signals.parquet")
    hits.write_csv(folder / "annotate" / "hits.tsv", separator="\t")
    near = study.region_genes.head(1).with_columns(
        region_id=pl.lit(HOSTILE), gene_name=pl.lit(HOSTILE + "GENE"), distance=pl.lit(120, pl.Int64)
    )
    predictions.write_parquet(folder / "evaluate" / "predictions.parquet")
    return replace(study, sequences=sequences, predictions=predictions, regions=regions, region_genes=near)


@pytest.fixture(scope="module")
def run(fake_study, tmp_path_factory):
    """Folder of the run's tables, and what the page is made from."""
    folder = tmp_path_factory.mktemp("run")
    study = write_run(folder, fake_study(classes=2, n=160))
    return folder, tidy(replace(study, **read_browser(study.settings, folder)))


@pytest.fixture(scope="module")
def tables(run):
    folder, _ = run
    names = {
        "sequences": "dataset/sequences",
        "alrw": "explain/alrw",
        "scores": "explain/scores",
        "signals": "annotate/signals",
    }
    return {name: pl.read_parquet(folder / f"{file}.parquet") for name, file in names.items()}


@pytest.fixture(scope="module")
def opened(run, tmp_path_factory):
    """A page of the browser alone, open in Chromium, and what it complained of or asked for."""
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(render("browser", "1", [("", [browser(run[1])])]).html, encoding="utf-8")
    said = []
    with _module.chromium() as app:
        page = app.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda asked: asked.url == file.as_uri() or said.append(asked.url))
        page.goto(file.as_uri())
        page.wait_for_selector("#browser-tool:not([hidden])")
        yield page, said


@pytest.fixture
def page(opened):
    """The open page with no filter set."""
    found, _ = opened
    found.fill("#browser-search", "")
    for name in ("label", "split", "right", "scored"):
        found.select_option(f"#browser-{name}", "")
    return found


def listed(page):
    """Names in the list, without their marks."""
    return [text[2:] for text in page.locator("#browser-list option").all_text_contents()]


def pick(page, name):
    page.fill("#browser-search", name)
    page.select_option("#browser-list", index=listed(page).index(name if len(name) <= 90 else name[:89] + "…"))


def rows_of(page, box):
    page.locator(f"#browser-{box}").evaluate("box => box.open = true")
    return page.evaluate(
        "async name => { await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);"
        " return [...document.querySelectorAll(`#browser-${name} tbody tr`)].map(row => [...row.cells].map(cell => cell.textContent)) }",
        box,
    )


def value(text):
    return (
        np.nan
        if text == "–"
        else float(text.replace("−", "-").replace(" × 10", "e").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")))
    )


def genome_places(row):
    """Where each letter lies, letter by letter along the CIGAR, from the strand that is read."""
    places, base = [], row["start"]
    steps = (
        [(len(row["sequence"]), "M")]
        if row["cigar"] is None
        else [(40, "M"), (25, "I"), (60, "M"), (5, "D"), (30, "M")]
    )
    for count, operation in steps:
        places += [None] * count if operation == "I" else list(range(base, base + count)) if operation == "M" else []
        base += 0 if operation == "I" else count
    return places[::-1] if row["strand"] == "-" else places


@pytest.mark.parametrize("which", [1, 2, 3, 20])
def test_letters_scores_and_places_are_those_of_the_tables(page, tables, which):
    row = tables["sequences"].row(which, named=True)
    name = row["sequence_id"]
    pick(page, name)
    page.click("#browser-all")
    shown = rows_of(page, "table")
    size = min(len(row["sequence"]), 500)
    assert "".join(cells[2] for cells in shown) == row["sequence"][:size]
    where = [None if cells[1] == "–" else int(cells[1].rsplit(":", 1)[1]) for cells in shown]
    assert where == genome_places(row)[:size]
    expected = [tables["alrw"].filter(sequence_id=name)["scores"][0]]
    expected += [
        part["scores"][0] for part in [tables["scores"].filter(sequence_id=name, method="occlusion")] if part.height
    ]
    expected += [part["values"][0] for part in [tables["signals"].filter(sequence_id=name)] if part.height]
    assert len(expected) == {1: 3, 2: 3, 3: 3, 20: 1}[which]
    for k, exact in enumerate(expected):
        seen = np.array([value(cells[3 + k]) for cells in shown])
        step = (np.nanmax(exact.to_numpy()) - np.nanmin(exact.to_numpy())) / 254
        np.testing.assert_allclose(seen, exact.to_numpy()[:size], rtol=0.006, atol=0.51 * step)


def test_the_drawn_letters_are_those_that_the_window_says(page, tables):
    row = tables["sequences"].row(2, named=True)
    pick(page, row["sequence_id"])
    page.click("#browser-letters")
    first = int(page.get_attribute("#browser-whole", "aria-valuenow"))
    drawn = page.evaluate(
        "async () => { await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);"
        " return [...document.querySelectorAll('#browser-part .letter')].flatMap(text =>"
        " text.getAttribute('x').split(' ').map((x, i) => [Number(x), text.textContent[i]])) }"
    )
    text = "".join(letter for _, letter in sorted(drawn))
    assert len(text) > 40
    assert row["sequence"][first : first + len(text)] == text


def test_every_letter_can_be_saved(page, tables):
    row = tables["sequences"].row(2, named=True)
    pick(page, row["sequence_id"])
    rows_of(page, "table")
    with page.expect_download() as saved:
        page.click("#browser-save")
    table = pl.read_csv(saved.value.path(), separator="\t", quote_char=None)
    assert "".join(table["base"]) == row["sequence"]
    exact = tables["alrw"].filter(sequence_id=row["sequence_id"])["scores"][0].to_numpy()
    step = (np.nanmax(exact) - np.nanmin(exact)) / 254
    np.testing.assert_allclose(table[:, 3].cast(pl.Float64).fill_null(np.nan).to_numpy(), exact, atol=0.51 * step)


def test_filters_list_what_the_tables_say(page, run, tables):
    _, facts = run
    votes = facts.predictions.filter(run="vote", split="test")
    guess = votes.select("p_ERV", "p_background").to_numpy().argmax(1)
    wrong = votes.filter(np.array(["ERV", "background"])[guess] != votes["label"].to_numpy())["sequence_id"].to_list()
    rows = tables["sequences"]
    page.select_option("#browser-label", label="ERV")
    assert sorted(listed(page)) == sorted(
        name[:89] + "…" if len(name) > 90 else name for name in rows.filter(label="ERV")["sequence_id"]
    )
    page.select_option("#browser-split", label="test")
    page.select_option("#browser-right", "wrong")
    wanted = rows.filter(pl.col("sequence_id").is_in(wrong), label="ERV", split="test")["sequence_id"].to_list()
    assert sorted(listed(page)) == sorted(wanted) != []
    assert "wrong" in page.text_content("#browser-facts")
    page.fill("#browser-search", "no such name")
    assert not page.locator("#browser-shown").is_visible()


def test_sequences_that_a_method_scored_can_be_picked_and_a_drawn_one_is_shown_first(page, run, tables):
    _, facts = run
    page.select_option("#browser-scored", label="occlusion")
    assert len(listed(page)) == tables["scores"].filter(method="occlusion").height == 9
    page.select_option("#browser-scored", "")
    drawn = facts.shown_sequences["sequence_id"][0]
    page.reload()
    page.wait_for_selector("#browser-tool:not([hidden])")
    assert page.text_content("#browser-name") == drawn
    assert listed(page)[int(page.text_content("#browser-count").split()[0]) - 1] == drawn


def test_axe_finds_no_serious_fault_in_the_dark_with_everything_open(page, tables):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    pick(page, tables["sequences"]["sequence_id"][3])
    page.emulate_media(color_scheme="dark")
    page.evaluate("document.querySelectorAll('#browser-tool details').forEach(box => box.open = true)")
    rows_of(page, "table")
    found = axe.Axe().run(page, context="#browser-tool", options={"resultTypes": ["violations"]}).response["violations"]
    page.emulate_media(color_scheme="light")
    assert not [fault for fault in found if fault["impact"] in ("serious", "critical")]


def test_a_place_finds_what_lies_there(page, tables):
    row = tables["sequences"].row(4, named=True)
    chrom, start, end = row["chrom"], row["start"] + 5, row["start"] + 6
    over = tables["sequences"].filter((pl.col("chrom") == chrom) & (pl.col("start") < end) & (pl.col("end") > start))
    page.fill("#browser-search", f"{chrom.removeprefix('chr')}:{start:,}-{end:,}")
    assert sorted(listed(page)) == sorted(over["sequence_id"])
    page.fill("#browser-search", f"{chrom}:{row['end']}")
    assert row["sequence_id"] not in listed(page)


def test_it_works_from_the_keyboard(page):
    page.focus("#browser-next")
    names = listed(page)
    page.select_option("#browser-list", index=0)
    page.focus("#browser-next")
    page.keyboard.press("Enter")
    assert page.text_content("#browser-name") == names[1]
    page.click("#browser-letters")
    page.focus("#browser-whole")
    page.keyboard.press("Home")
    rows_of(page, "table")
    assert page.get_attribute("#browser-whole", "aria-valuenow") == "0"
    page.focus("#browser-part")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    rows_of(page, "table")
    assert page.get_attribute("#browser-part", "aria-valuenow") == "11"
    assert page.text_content("#browser-base").startswith("Letter 11 (")


def test_hostile_names_stay_text_and_nothing_is_asked_of_the_network(opened, page, tables):
    _, said = opened
    pick(page, HOSTILE)
    assert page.text_content("#browser-name") == HOSTILE[:199] + "…"
    page.click("#browser-all")
    assert rows_of(page, "regions")[0][-1].startswith(HOSTILE[:80])
    assert rows_of(page, "hits")[0][1].startswith(HOSTILE[:80])
    rows_of(page, "table")
    with page.expect_download() as saved:
        page.click("#browser-save")
    lines = saved.value.path().read_text().splitlines()
    assert not [cell for line in lines for cell in line.split("\t") if cell.startswith("=")]
    assert page.evaluate("document.querySelectorAll('#browser-tool script').length") == 0
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 900})
    assert said == []


def test_levels_are_the_nearest_of_255_between_lowest_and_highest():
    rng = np.random.default_rng(2)
    values = [
        rng.normal(0, 3, 50),
        [],
        np.full(9, np.nan),
        np.full(4, 2.5),
        np.append(rng.gamma(1, 1, 20), [np.nan, np.inf]),
    ]
    lengths = [50, 7, 9, 4, 30]
    low, high, levels = quantised(series(values), np.array(lengths))
    at = 0
    for k, (row, length) in enumerate(zip(values, lengths, strict=True)):
        for i in range(length):
            exact = np.float32(row[i]) if i < len(row) and np.isfinite(row[i]) else None
            if exact is None:
                assert levels[at + i] == 255
            else:
                options = low[k] + np.arange(255) / 254 * (float(high[k]) - low[k])
                assert abs(options[levels[at + i]] - exact) <= abs(options - exact).min() + 1e-6
        at += length
    assert len(levels) == at


def test_classes_and_outcomes_take_turns_within_the_room():
    rng = np.random.default_rng(3)
    n = 400
    table = pl.DataFrame(
        {
            "sequence_id": [f"s{i}" for i in range(n)],
            "label": ["rare" if i % 20 == 0 else "common" for i in range(n)],
            "split": ["test" if i % 2 else "validation" for i in range(n)],
            "sequence": ["A" * 100] * n,
        }
    )
    wrong = rng.random(n) < 0.1
    p = np.where((table["label"] == "rare").to_numpy() ^ wrong, 0.9, 0.1)
    predictions = table.select(pl.lit("run-0").alias("run"), "split", "sequence_id", "label").with_columns(
        p_rare=pl.Series(p), p_common=pl.Series(1 - p)
    )
    scores = lists(table["sequence_id"].to_list(), ("values", [[0.5] * 100] * n), track="alrw", kind="score").lazy()
    found = browsed(table, scores, predictions, 60, 1)
    held = table["sequence_id"].is_in(found["sequence_id"].to_list()).to_numpy()
    kinds = [(table["label"] == label).to_numpy() & (wrong == flag) for label in ("rare", "common") for flag in (0, 1)]
    sizes, there = [int((held & kind).sum()) for kind in kinds], [int(kind.sum()) for kind in kinds]
    least = min(size for size, all_of in zip(sizes, there, strict=True) if size < all_of)
    assert sum(sizes) == 60
    assert all(size == all_of or size <= least + 1 for size, all_of in zip(sizes, there, strict=True))
    assert set(table.filter(held & kinds[2])["split"]) == {"test"}, "of one kind those of the test split come first"
    assert browsed(table, scores, predictions, 400, 1, values=10 * 200)["sequence_id"].n_unique() == 10
    assert browsed(table, scores, predictions, 0, 1).height == 0


def test_no_word_of_a_name_stands_in_the_page_as_markup(run):
    html = render("browser", "1", [("", [browser(run[1])])]).html
    assert "alert(" not in html
    held = html.split('id="browser-data">')[1].split("<")[0]
    assert HOSTILE.split('"')[0].encode() in gzip.decompress(base64.b64decode(held))
