"""Several run folders made by hand: paired or not, what was set otherwise, what they look at; each number against a slow count of its own."""

import importlib.util
import itertools
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr
from test_comparing import P_A, P_B, TEXTS, N, guesses, made

from phenolens.comparing import compare
from phenolens.comparing_many import lines, short_names, side_by_side
from phenolens.comparing_page import write_page
from phenolens.comparing_reading import explained, motifs_compared, regions_compared, scores_compared
from phenolens.core.errors import DataError
from phenolens.core.run import write_json, write_table
from phenolens.core.schemas import METRICS, REGIONS
from phenolens.core.schemas_motifs import ENRICHMENT

HOSTILE = "<script>alert(1)</script>"
SETTINGS = {
    "name": "x", "seed": 1, "dataset": {"classes": [{"label": "a", "steps": []}, {"label": "b", "steps": [{"merge": 10}]}]},
    "train": {"epochs": 3, "log_to": ["tensorboard"]}, "report": {"title": "x"},
}  # fmt: skip


def typed(schema, rows):
    return pl.DataFrame(rows, schema={n: c.dtype for n, c in schema.columns.items()}, orient="row")


def studied(folder, **changes):
    """Give a run folder settings; changes are train's."""
    settings = json.loads(json.dumps(SETTINGS))
    settings["name"] = folder.name
    settings["train"] |= changes
    write_json({"study": folder.name, "settings": settings}, folder / "settings.json")
    return folder


def scored(folder, scores, regions=()):
    """Give a run folder base scores of its test sequences, one row each, and regions (row, start, end)."""
    test = pl.read_parquet(folder / "dataset" / "sequences.parquet").filter(split="test")
    write_table(
        test.select("sequence_id", "label", "split").with_columns(
            pl.Series("scores", [row.tolist() for row in scores], dtype=pl.List(pl.Float32))
        ),
        folder / "explain" / "alrw.parquet",
    )
    ids, labels = test["sequence_id"].to_list(), test["label"].to_list()
    rows = [
        (f"r{i}", ids[row], labels[row], a, b, None, None, None, None, 1.0, "A")
        for i, (row, a, b) in enumerate(regions)
    ]
    write_table(typed(REGIONS, rows), folder / "explain" / "regions.parquet")
    write_json({}, folder / "explain" / "manifest.json")
    return folder


def measured(folder, *, auroc):
    """Give a run folder a table of metrics with one class and one length bin."""
    rows = [
        ("run-0", "test", None, None, "auroc_macro", auroc, auroc - 0.05, auroc + 0.05, N),
        ("k-mer logistic", "test", None, None, "auroc_macro", 0.6, 0.5, 0.7, N),
        ("run-0", "test", "a", None, "auroc", auroc, auroc - 0.06, auroc + 0.06, N),
        ("run-0", "test", None, "30-60", "auroc_macro", auroc, None, None, N),
    ]
    write_table(typed(METRICS, rows), folder / "evaluate" / "metrics.tsv")
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    place = tmp_path_factory.mktemp("three")
    random, made_here = np.random.default_rng(4), []
    for i, (name, p) in enumerate((("one", P_A), ("two", P_B), (f"three {HOSTILE} & co", guesses(9, 0.7)))):
        folder = studied(made(place / name.replace("/", "_"), p, names=f"n{i}"), epochs=3 + (i == 1))
        scored(
            folder, random.normal(size=(N, 40)), [(row, s, s + 9) for row in range(N) for s in (i, i + 5, 20 + i * 3)]
        )
        made_here.append(measured(folder, auroc=0.7 + i / 10))
    return made_here


def test_every_two_runs_are_compared_as_alone_and_mcnemar_is_corrected_over_pairs(three):
    found = side_by_side(three)
    p_values = []
    for (name_a, a), (name_b, b) in itertools.combinations(zip(found.names, three, strict=True), 2):
        own = found.differences.filter(folder_a=name_a, folder_b=name_b)
        alone = compare(a, b).table
        assert own.select(alone.columns).equals(alone)
        p_values += alone.drop_nulls("p_value")["p_value"].to_list()
    # Holm step by step: the smallest p times 3, the next times 2, the last times 1, never falling
    order, reached, corrected = np.argsort(p_values), 0.0, {}
    for place, index in enumerate(order):
        reached = max(reached, min(1.0, (3 - place) * p_values[index]))
        corrected[int(index)] = reached
    shown = found.differences.drop_nulls("p_holm")["p_holm"].to_list()
    assert shown == pytest.approx([corrected[i] for i in range(3)])


def test_only_settings_that_differ_are_listed(three):
    table = side_by_side(three).settings
    assert table.select("setting", "value").rows() == [
        ("train.epochs", "3"),
        ("train.epochs", "4"),
        ("train.epochs", "3"),
    ]


def test_runs_on_other_sequences_are_not_paired_and_that_is_said(three, tmp_path):
    texts = [text[::-1] for text in TEXTS]
    other = measured(made(tmp_path / "other", P_A, texts=texts), auroc=0.9)
    found = side_by_side([three[0], other])
    assert found.differences.is_empty()
    assert found.pairs.select("shared", "of_a", "of_b", "paired").row(0) == (0, N, N, False)
    written = "\n".join(lines(found))
    assert "one minus other: not compared sequence by sequence" in written
    assert "0.7000 (0.6500 to 0.7500)" in written
    assert "0.9000 (0.8500 to 0.9500)" in written
    html = write_page(found, tmp_path / "page").read_text()
    assert "Not tested on the same sequences: one and other (0 in common, of 120 and 120)" in html
    assert "no paired difference can be given" in html


def test_what_one_was_tested_on_and_the_other_trained_on_is_counted(three, tmp_path):
    fewer = made(tmp_path / "fewer", P_B, rows=range(90), spare=range(90, 110))
    pairs = side_by_side([three[0], fewer]).pairs.row(0, named=True)
    assert (pairs["a_in_training_of_b"], pairs["b_in_training_of_a"], pairs["paired"]) == (20, 0, True)


def test_one_run_alone_is_refused(three):
    with pytest.raises(DataError, match="1 run folder was given; expected at least two"):
        side_by_side(three[:1])


def test_names_are_as_long_as_it_takes(tmp_path):
    assert short_names([tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "c"]) == ["a/run", "b/run", "c"]
    assert short_names([tmp_path / "a", tmp_path / "a"]) == ["a (1)", "a (2)"]


def test_scores_agree_as_scipy_says_whatever_the_sequences_are_called(three):
    runs = {str(i): explained(folder) for i, folder in enumerate(three)}
    table = scores_compared(runs, resamples=50)
    for a, b in itertools.combinations(range(3), 2):
        values = [np.array(pl.read_parquet(three[i] / "explain" / "alrw.parquet")["scores"].to_list()) for i in (a, b)]
        truth = np.mean([spearmanr(x, y).statistic for x, y in zip(*values, strict=True)])
        row = table.filter(pl.col("label").is_null(), folder_a=str(a), folder_b=str(b)).row(0, named=True)
        assert row["correlation"] == pytest.approx(truth, abs=1e-6)
        assert row["n"] == N
        assert row["correlation_low"] < row["correlation"] < row["correlation_high"]


def test_the_same_scores_agree_wholly_and_turned_around_no_more_than_chance(tmp_path):
    scores = np.abs(np.random.default_rng(8).normal(size=(N, 40)))
    one = scored(made(tmp_path / "one", P_A), scores)
    backwards = scored(made(tmp_path / "two", P_B, names="z", rows=reversed(range(N))), scores[::-1])
    row = scores_compared({"a": explained(one), "b": explained(backwards)}, resamples=20).row(0, named=True)
    assert (row["correlation"], row["overlap"]) == pytest.approx((1, 1))
    assert abs(row["correlation_chance"]) < 0.05
    assert row["overlap_chance"] == pytest.approx(0.1, abs=0.05)


def test_regions_are_shared_as_a_count_base_by_base_says(three):
    runs = {str(i): explained(folder) for i, folder in enumerate(three)}
    table = regions_compared(runs, resamples=50)

    def bases(i):
        regions = pl.read_parquet(three[i] / "explain" / "regions.parquet")
        rows = regions.select("sequence_id", "sequence_start", "sequence_end").iter_rows()
        return {(name[2:], base) for name, start, end in rows for base in range(start, end)}

    for a, b in itertools.combinations(range(3), 2):
        inside = bases(a), bases(b)
        row = table.filter(pl.col("label").is_null(), folder_a=str(a), folder_b=str(b)).row(0, named=True)
        assert row["bases_both"] == len(inside[0] & inside[1])
        assert row["jaccard"] == pytest.approx(len(inside[0] & inside[1]) / len(inside[0] | inside[1]))
        # every sequence alike: by chance is the mean over all 40 ways to turn the second run's around
        own = [{base for name, base in side if name == "000"} for side in inside]
        shared = np.mean([len(own[0] & {(base + turn) % 40 for base in own[1]}) for turn in range(40)])
        assert row["expected"] == pytest.approx(shared / (len(own[0]) + len(own[1]) - shared))


def test_motifs_of_runs_are_sets(tmp_path):
    def tested(name, found):
        tail = (5, 9, 1, 9, None, None, None, 3.0, 1.5, 6.0, 0.01, 0.02, 1, 2.0, 1.1, 4.0, 0.03)
        rows = [
            ("a", "regions", "b", motif, motif.lower(), None, None, None, motif, *tail, motif in found)
            for motif in ("M1", "M2", "M3")
        ]
        write_table(typed(ENRICHMENT, rows), tmp_path / name / "annotate" / "enrichment.tsv")
        return tmp_path / name

    folders = {"x": tested("x", {"M1", "M2"}), "y": tested("y", {"M2"}), "z": tmp_path / "none"}
    table, sets = motifs_compared(folders)
    assert table.select("motif_id", "folder", "enriched").rows() == [
        ("M1", "x", True), ("M1", "y", False), ("M2", "x", True), ("M2", "y", True),
    ]  # fmt: skip
    assert table["q_value"].unique().to_list() == [0.03], "the half that did not choose the motif"
    assert dict(sets.select("sets", "motifs").iter_rows()) == {"x": 1, "x & y": 1}


def test_the_page_is_one_file_that_holds_the_numbers_and_renders_names_harmlessly(three, tmp_path):
    found = side_by_side(three)
    html = write_page(found, tmp_path / "page").read_text()
    assert "<script>alert" not in html
    assert "three &lt;script&gt;alert(1)&lt;_script&gt; and co" in html
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    for row in found.differences.filter(metric="accuracy").iter_rows(named=True):
        assert f"{abs(row['difference']):#.3g}".rstrip(".") in html
    for named in set(re.findall(r'href="(tables/[^"]+)"', html)):
        assert pl.read_csv(tmp_path / "page" / named, separator="\t").width, named
    assert html.count("<figure") >= 5
    alike = scores_compared({name: explained(folder) for name, folder in zip(found.names, three, strict=True)})
    least = min(alike.filter(pl.col("label").is_null())["correlation"])
    assert f"Rank correlation of base scores {least:#.3g}".replace("-", "−") in html
    assert "<svg" in html


def test_the_page_in_a_browser_says_nothing_asks_for_nothing_and_fits(three, tmp_path):
    page = write_page(side_by_side(three), tmp_path / "page")
    spec = importlib.util.spec_from_file_location("browsers", Path(__file__).parent / "report" / "browser.py")
    browsers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(browsers)
    with browsers.chromium() as browser:
        opened, said, asked_for = browser.new_page(viewport={"width": 1280, "height": 900}), [], []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: asked_for.append(request.url))
        opened.goto(page.as_uri())
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
        for width, scheme in ((1280, "light"), (390, "dark")):
            opened.set_viewport_size({"width": width, "height": 844})
            opened.emulate_media(color_scheme=scheme)
            assert opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
            sizes = opened.locator("figure svg[role=img]").evaluate_all("all => all.map(s => s.getBBox().width)")
            assert len(sizes) >= 5
            assert min(sizes) > 50
            found = axe.Axe().run(opened, options={"resultTypes": ["violations"]}).response["violations"]
            assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    assert said == []
    assert [url for url in asked_for if not url.startswith("data:")] == [page.as_uri()]
