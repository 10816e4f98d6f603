"""The paper's figures from a made-up run: numbers beside the drawings, and a reason for everything that is missing."""

import re
import xml.etree.ElementTree as ET

import polars as pl
import pytest

from phenolens.report.content import PageContent, tidy
from phenolens.report.figures_paper import families_figure
from phenolens.report.paper import paper_files, sheets

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def full(study):
    return tidy(study)


@pytest.fixture(scope="module")
def made(full):
    """Some of the sheets: the others are the page's own figures, drawn by its tests."""
    chosen = ("1-", "2-", "5-", "8-", "11-", "table")
    return paper_files([sheet for sheet in sheets({"one": full}) if sheet.name.startswith(chosen)])


def letters(svg):
    return " ".join("".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text"))


def test_each_figure_is_there_as_svg_and_pdf_with_its_numbers(made):
    files, known = made
    drawn = [sheet for sheet in known if sheet.figure is not None and sheet.missing is None]
    assert len(drawn) == 5
    for sheet in drawn:
        ET.fromstring(files[f"{sheet.name}.svg"])
        assert b"var(" not in files[f"{sheet.name}.svg"]
        assert files[f"{sheet.name}.pdf"].startswith(b"%PDF")
        assert sheet.table is not None
        assert sheet.table.height


def test_sizes_are_those_of_the_sequences(full, made):
    table = next(sheet.table for sheet in made[1] if sheet.name == "1-datasets")
    for row in table.iter_rows(named=True):
        own = full.sequences.filter(label=row["class"])
        assert row["sequences"] == own.height
        assert [row[split] for split in ("train", "validation", "test")] == [
            own.filter(split=split).height for split in ("train", "validation", "test")
        ]
    written = letters(made[0]["1-datasets.svg"])
    assert all(f"{n:,}" in written for n in table["sequences"])


def test_several_models_give_mean_and_standard_error_and_one_its_interval(full):
    table = next(s.table for s in sheets({"one": full}) if s.name == "2-performance").filter(metric="auroc_macro")
    values = [
        full.metrics.filter(
            pl.col("class").is_null() & pl.col("bin").is_null(), run=run, split="test", metric="auroc_macro"
        )["value"][0]
        for run in ("run-0", "run-1", "run-2")
    ]
    seeds = full.seeds.filter(pl.col("class").is_null(), split="test", metric="auroc_macro")
    row = table.row(0, named=True)
    assert (row["error"], row["models"]) == ("standard error", 3)
    assert row["value"] == seeds["mean"][0]
    assert row["high"] - row["value"] == pytest.approx(seeds["sem"][0])
    alone = type(full)(**(vars(full) | {"seeds": full.seeds.clear()}))
    row = (
        next(s.table for s in sheets({"one": alone}) if s.name == "2-performance")
        .filter(metric="auroc_macro")
        .row(0, named=True)
    )
    assert (row["value"], row["error"]) == (values[0], "95 % interval")


def test_the_lines_of_the_paper_are_drawn_at_three_and_a_third():
    rows = [
        ("F1", "a", "b", 30, 40, 5, 40, 20, 4, 6.0, 3.5, 9.0, 0.001, 0.002),
        ("F2", "a", "b", 5, 40, 6, 40, 4, 5, 0.8, 0.3, 2.0, 0.6, 0.6),
    ]
    names = (
        "family",
        "class_a",
        "class_b",
        "sequences_a",
        "total_a",
        "sequences_b",
        "total_b",
        "loci_a",
        "loci_b",
        "ratio",
        "low",
        "high",
        "p_value",
        "q_value",
    )
    figure = families_figure(pl.DataFrame(rows, schema=list(names), orient="row"))
    vertical = [line.get_xdata()[0] for line in figure.axes[0].lines if len({*line.get_xdata()}) == 1]
    assert all(any(value == pytest.approx(line) for value in vertical) for line in (1 / 3, 1, 3))


def test_what_is_missing_says_why(full):
    bare = tidy(PageContent(settings=full.settings, version="0"))
    files, known = paper_files(sheets({"bare": bare}))
    assert files == {}
    assert all(len(sheet.missing) > 15 for sheet in known), [s.name for s in known if not s.missing]


def test_several_runs_share_sizes_and_performance_and_have_the_rest_each(full):
    known = sheets({"a/run": full, "b/run": full})
    assert [sheet.name for sheet in known if sheet.run == "all"] == ["1-datasets", "2-performance"]
    alone = [sheet for sheet in known if sheet.run != "all"]
    assert {(re.match(r"run-\d/", sheet.name)[0], sheet.run) for sheet in alone} == {
        ("run-1/", "a/run"),
        ("run-2/", "b/run"),
    }
