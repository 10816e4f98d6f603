"""The page: every section, the real numbers, nothing from outside, nothing unescaped, the same bytes, and never a crash."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib.resources import files as resources
from pathlib import Path

import polars as pl
import pytest
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from phenolens.core.errors import DataError
from phenolens.core.settings import StudySettings
from phenolens.report.content import PageContent, tidy
from phenolens.report.content_tables import SCHEMAS
from phenolens.report.glossary import TERMS
from phenolens.report.page import page, page_tables, sections
from phenolens.report.sections_browser import script as browser_script

HERE = Path(__file__).parent
IDS = [
    "summary",
    "asked",
    "data",
    "performance",
    "calibration",
    "length",
    "layers",
    "alrw",
    "heads",
    "modes",
    "agreement",
    "token-regions",
    "faithfulness",
    "regions",
    "motifs",
    "browser",
    "sequences",
    "overlap",
    "families",
    "conservation",
    "genes",
    "pathogenicity",
    "population",
    "tracks",
    "methods",
    "files",
    "glossary",
]
TABLES = [*SCHEMAS, "history", "predictions"]


class Reader(HTMLParser):
    """Collects text, ids, links, and what an outside resource could hang on; checks that tags close."""

    VOID = frozenset({"meta", "link", "br", "input"})
    DATA = ("data:text/tab-separated-values;charset=utf-8;base64,", "data:text/plain;charset=utf-8;base64,")

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.words, self.scripts = [], [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert not any(name.startswith("on") for name in given), given
        if tag == "script":
            self.scripts.append([given.get("type", "program"), ""])
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.sources += [value for name, value in given.items() if name in ("src", "href") and tag != "a"]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts[-1][1] += data
        else:
            self.words.append(data)

    @property
    def programs(self):
        return [words for kind, words in self.scripts if kind == "program"]

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def script(name):
    return resources("phenolens.report").joinpath(name).read_text(encoding="utf-8")


def outside(read):
    """Links that leave the folder of the run."""
    return [link for link in read.links if re.match(r"[a-z]+:|//", link) and not link.startswith(Reader.DATA)]


@pytest.fixture(scope="module")
def read(html):
    return Reader(html)


@pytest.fixture
def bare(study):
    return PageContent(settings=study.settings, version="0.1.0")


def test_every_section_is_there_in_order_and_in_the_menu(html, read):
    assert re.findall(r'<section id="([^"]+)"', html) == IDS
    assert [link[1:] for link in read.links[: len(IDS) + 1]] == ["main", *IDS]
    assert not read.open


def test_every_section_has_a_title_and_a_sentence(study):
    for section in sections(tidy(study)):
        assert section.title
        assert section.lead.strip().endswith((".", "?"))
        assert "None" not in section.lead
        assert "nan" not in section.lead


def test_nothing_comes_from_outside(html, read):
    assert read.programs == [script("page.js"), browser_script()]
    assert {kind for kind, _ in read.scripts} == {"program", "application/json", "text/plain"}
    assert all(source.startswith(("data:,", "#")) for source in read.sources)
    assert not re.search(r"@import|url\((?!#)", html)
    assert not outside(read)


def test_the_browser_is_told_to_run_no_other_script_and_to_load_nothing(html):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)[1]
    digests = [
        base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        for own in (script("page.js"), browser_script())
    ]
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r"script-src ([^;]+);", policy) == [" ".join(f"'sha256-{digest}'" for digest in digests)]


def test_ids_are_unique_and_links_inside_the_page_arrive(read):
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)


def test_numbers_of_the_page_are_those_of_the_predictions(study, read):
    test = study.predictions.filter((pl.col("run") == "vote") & (pl.col("split") == "test"))
    auroc = roc_auc_score((test["label"] == "ERV").to_numpy(), test["p_ERV"].to_numpy())
    guess = (test["p_ERV"] < test["p_background"]).to_numpy()
    assert f"On {test.height} test sequences that it never saw, the model reaches AUROC {auroc:#.3g} (" in read.text
    assert f"{matthews_corrcoef((test['label'] == 'background').to_numpy(), guess):#.3g} (" in read.text
    kmer = study.predictions.filter((pl.col("run") == "k-mer logistic") & (pl.col("split") == "test"))
    best = roc_auc_score((kmer["label"] == "ERV").to_numpy(), kmer["p_ERV"].to_numpy())
    assert f"the best simple baseline, 6-mer logistic regression, gives {best:#.3g} (" in read.text


def test_numbers_of_the_page_are_those_of_the_sequences(study, read):
    lengths = [len(s) for s in study.sequences["sequence"]]
    groups = len(set(study.sequences["group"]))
    assert f"{len(lengths):,} sequences ({sum(lengths):,} bases) in 2 classes and {groups} groups" in read.text
    assert "no group lies in more than one split" in read.text


def test_a_group_in_two_splits_is_said(study, bare):
    mixed = study.sequences.filter(pl.col("split") != "validation").with_columns(group=pl.lit("g1"))
    text = Reader(page(replace(bare, sequences=mixed))).text
    assert "1 lie in more than one split, so the test is not independent" in text


def test_random_split_stands_beside_the_grouped_one(study):
    table = page_tables(study)["random-split"]
    row = table.filter(metric="AUROC").row(0, named=True)
    assert row["difference"] == pytest.approx(row["random"] - row["grouped"])
    metrics = study.metrics.filter(
        pl.col("class").is_null() & pl.col("bin").is_null() & (pl.col("metric") == "auroc_macro")
    )
    assert row["random"] == metrics.filter(split="random test")["value"][0]
    assert row["grouped"] == metrics.filter(split="test", run="vote")["value"][0]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.03, 0.11, "the model is better"), (-0.02, 0.1, "no clear difference"), (-0.2, -0.1, "the baseline is better")],
)
def test_the_paired_interval_says_who_is_better(study, bare, low, high, words):
    paired = study.comparison.with_columns(low=pl.lit(low), high=pl.lit(high))
    assert (
        words
        in Reader(page(replace(bare, metrics=study.metrics.filter(pl.col("bin").is_null()), comparison=paired))).text
    )


@pytest.mark.parametrize(
    ("shift", "words"),
    [(0.5, "the model is better, the 95 % intervals do not overlap"), (0.0, "the 95 % intervals overlap")],
)
def test_without_a_paired_interval_overlap_decides(study, bare, shift, words):
    model = pl.col("run").is_in(["vote", "k-mer logistic"]) & (pl.col("metric") == "auroc_macro")
    even = study.metrics.filter(model & pl.col("bin").is_null() & (pl.col("split") == "test")).with_columns(
        value=0.45, low=0.4, high=0.5
    )
    moved = even.with_columns(
        pl.when(pl.col("run") == "vote").then(pl.col(n) + shift).otherwise(pl.col(n)) for n in ("value", "low", "high")
    )
    text = Reader(page(replace(bare, metrics=moved))).text
    assert words in text
    assert ("no better than guessing" in text) == (shift == 0.0)


def test_without_a_significant_motif_the_page_says_so_and_still_shows_the_rows(study, bare):
    dull = study.enrichment.with_columns(q_value=pl.lit(0.6), enriched=pl.lit(False))
    text = Reader(page(replace(bare, enrichment=dull, regions=study.regions))).text
    assert "none occurs significantly more often" in text
    assert "None is significant" in text
    assert study.enrichment.filter(pl.col("scope") == "regions").sort("p_value", "motif_id")["motif_id"][0] in text


@pytest.mark.parametrize("name", TABLES)
def test_any_table_may_be_missing_or_empty(name, study, bare):
    rest = {n: getattr(study, n).head(40) for n in TABLES if n not in (name, "sequences", "profile", "metrics")}
    for absent in (None, getattr(study, name).head(0)):
        found = sections(tidy(replace(bare, **{**rest, name: absent})))
        assert [section.id for section in found] == IDS
        assert all(section.lead for section in found)


def test_a_page_of_nothing_says_why_each_section_is_empty(bare):
    html = page(bare)
    assert re.findall(r'<section id="([^"]+)"', html) == IDS
    assert "<figure" not in html
    assert html.count("nothing is shown") + html.count("nothing to show") >= 7


def test_one_sequence_one_row_everywhere(study):
    first = study.sequences.head(1)
    one = {n: getattr(study, n).head(1) for n in TABLES if n != "sequences"}
    assert Reader(page(replace(study, sequences=first, **one))).ids


def test_an_absent_number_is_a_dash_and_never_a_zero(study, bare):
    absent = study.conservation.head(1).with_columns(
        pl.lit(float("nan")).alias(n) for n in ("observed", "low", "q_value")
    )
    html = page(replace(bare, conservation=absent))
    row = re.search(r'<section id="conservation">.*?<tbody>(.*?)</tbody>', html, re.DOTALL)[1]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[4] == "–"
    assert cells[7] == "–"
    assert "No mean is defined, so none is drawn." in html


def test_a_table_that_breaks_its_schema_is_named(bare, study):
    with pytest.raises(DataError, match=r"METRICS.*value"):
        page(replace(bare, metrics=study.metrics.drop("value")))


def test_the_same_content_gives_the_same_bytes_in_another_process(html):
    program = (
        "import importlib.util, sys, hashlib\n"
        f"spec = importlib.util.spec_from_file_location('fake_study', {str(HERE / 'fake_study.py')!r})\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "from phenolens.report.page import page\n"
        "sys.stdout.buffer.write(page(module.fake_study(classes=2, n=400)).encode())\n"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": "4242",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    assert other.stdout == html.encode()


def test_the_page_is_small(html):
    assert len(html.encode()) < 2_000_000


def test_long_tables_show_the_top_rows_and_say_where_the_rest_is(study, html):
    tables = page_tables(study)
    assert f'10 of {study.regions.height} rows are shown</span>File: <a href="tables/top-regions.tsv">' in html
    assert tables["top-regions"].height == study.regions.height
    assert tables["top-regions"]["mean_score"].is_sorted(descending=True)
    assert tables["enrichment"].height == study.enrichment.height


def test_every_table_of_the_page_is_given_for_a_file_and_can_be_written(study, html, tmp_path):
    tables = page_tables(study)
    linked = set(re.findall(r'href="tables/([a-z-]+)\.tsv"', html))
    assert linked == set(tables)
    for name, table in tables.items():
        table.write_csv(tmp_path / f"{name}.tsv", separator="\t")


def test_files_are_linked_from_the_folder_of_the_page(read):
    assert "../dataset/sequences.parquet" in read.links


def test_regions_show_their_coordinates_and_letters(study, read):
    best = study.regions.sort("mean_score", descending=True).row(0, named=True)
    assert best["sequence"][:40] in read.text
    if best["start"] is not None:
        assert f"{best['start']:,}" in read.text


def test_methods_name_settings_seeds_and_versions(study, read):
    for words in (
        "learning rate 0.0005",
        "runs (seed 1, 2 and 3)",
        "1,000 bootstrap resamples of whole groups",
        "torch 2.13",
        "at least 8 bases",
        "p ≤ 0.0001",
        "over at least 50 % of the shorter one",
    ):
        assert words in read.text, words


def test_methods_are_saved_as_text_with_the_works_that_they_rest_on(study, html, read):
    saved = base64.b64decode(
        re.search(r'href="data:text/plain;[^,]*,([^"]*)" download="methods.txt"', html)[1]
    ).decode()
    words, _, works = saved.partition("References\n\n")
    for title in re.findall(r"^([A-Z][^.]*)\. ", words, re.M):
        assert title in read.text
    assert works.splitlines() == sorted(works.splitlines(), key=str.lower)
    named = {
        "Guo": "Guo C, ",
        "Benjamini and Hochberg": "Benjamini Y, ",
        "AdamW": "Loshchilov I, ",
        "torch 2.13": "Paszke A",
    }
    for said, work in named.items():
        assert said in words
        assert any(line.startswith(work) for line in works.splitlines()), work
    assert "LoRA" not in saved


def test_a_changed_setting_changes_the_methods(study, bare):
    changed = study.settings.model_copy(
        update={"explain": study.settings.explain.model_copy(update={"min_run": 13, "mode": "paper"})}
    )
    text = Reader(page(replace(bare, settings=changed))).text
    assert "runs of at least 13 bases" in text
    assert "as in the paper" in text


@pytest.mark.parametrize(
    ("adapt", "words"),
    [
        ("full", "was trained from random weights with all weights,"),
        ("lora", "with low-rank updates (LoRA, rank 8) and a head of its own: 12,345 parameters,"),
        ("frozen", "with its encoder frozen: 12,345 parameters of the head,"),
    ],
)
def test_methods_say_which_weights_were_trained(study, bare, adapt, words):
    settings = study.settings.model_copy(update={"train": study.settings.train.model_copy(update={"adapt": adapt})})
    model = study.model | {"from_scratch": True, "trained": 12_345}
    assert words in Reader(page(replace(bare, settings=settings, model=model))).text


def test_the_glossary_explains_the_headings(read):
    assert {f"word-{word}" for word in ("auroc", "mcc", "smd", "odds-ratio", "q-value", "alrw")} <= set(read.ids)
    assert "#word-q-value" in read.links
    assert all(meaning.endswith(".") for meaning in TERMS.values())


def test_content_and_facts_carry_the_same_fields(study):
    assert {field.name for field in fields(PageContent)} < {field.name for field in fields(type(tidy(study)))}


def test_quality_may_name_classes_either_way_and_lack_anything(bare):
    old = {
        "verdict": "sound",
        "balance": [{"class": "A", "compared_to": "B", "covariate": "gc", "smd": float("nan"), "auroc": 0.5}],
    }
    for quality in (
        old,
        {"verdict": "sound"},
        {"balance": [{}]},
        {"account": [{"a": 1.5, "b": None}]},
        {"leakage": {"split": {"duplicates": 3}}, "verdict": "unsound"},
    ):
        html = page(replace(bare, quality=quality, sequences=tidy(bare).sequences))
        assert "section" in html


def cells(html, name):
    """Rows of a table of the page, as text."""
    body = re.search(rf'id="table-{name}"[^>]*>.*?<tbody>(.*?)</tbody>', html, re.DOTALL)[1]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def test_every_pair_of_splits_stands_in_the_table_of_what_they_share(study, html):
    rows = cells(html, "shared")
    assert [row[1:3] for row in rows] == [["test", "training"], ["validation", "training"], ["test", "validation"]] * 2
    assert rows[3] == ["random split, for comparison", "test", "training", "240", "7", "6", "3", "39"]
    assert rows[1][-1] == "4 of 130 drawn"  # fewer than the split has were looked at


def test_the_nearest_neighbour_and_simple_things_stand_in_tables(study, html):
    nearest = cells(html, "nearest")
    assert nearest[0][1:] == ["test", "any", "240", "0.550", "0.590"]
    assert ["random split, for comparison", "test", "0.5–0.75", "192", "0.900", "0.900"] in nearest
    assert "240 of 480 test sequences, compared with 800 of 800 training" in html
    assert cells(html, "simple-things")[-2:] == [["4-mers", "0.660", "0.731"], ["nothing (guessing)", "0.500", "0.500"]]


def test_a_shortfall_of_background_is_shown_and_none_is_said(study, bare, html):
    assert cells(html, "background") == [["background", "640", "600"]]
    enough = {"background": {"b": {"wanted": 5, "found": 5, "share": 1.0}}}
    assert "A place was found" in Reader(page(replace(bare, sequences=study.sequences, quality=enough))).text


def test_statistics_and_gene_types_stand_in_tables(study, html):
    rows = cells(html, "statistics")
    assert rows[-1][:3] == ["all", "all", str(study.sequences.height)]
    assert len(rows) == 3 * 4
    assert len(cells(html, "gene-types")) == study.gene_types.height


def test_what_must_be_mended_is_told_from_what_is_kept_in_mind(study, bare):
    problems = [
        {"code": "a", "severity": "fail", "sentence": "Bad."},
        {"code": "b", "severity": "warn", "sentence": "Odd."},
    ]
    quality = {"verdict": "unsound", "reasons": ["Bad.", "Odd."], "problems": problems}
    html = page(replace(bare, sequences=study.sequences, quality=quality))
    assert re.search(r"To be mended.*?Bad\..*?To be kept in mind.*?Odd\.", html, re.DOTALL)


@pytest.mark.parametrize(
    "missing", ["leakage", "nearest", "simple", "balance", "background", "account", "problems", "verdict"]
)
def test_any_part_of_the_certificate_may_be_missing(study, bare, missing):
    rest = {key: value for key, value in study.quality.items() if key != missing}
    found = sections(tidy(replace(bare, sequences=study.sequences.head(30), quality=rest)))
    assert [section.id for section in found] == IDS


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"regions": ["chr19:10-20"]}, "the intervals chr19:10-20"),
        ({"random_length": 10_000, "random_bases": 2_000_000}, "2,000,000 bases of random regions of 10,000 bases"),
        ({"shuffled_from": "ERV"}, "sequences of “ERV”, shuffled with their dinucleotide counts kept"),
        ({"matched_to": "ERV", "match": ["cpg"], "place": "genome"}, "matched to “ERV” in length and CpG per base"),
        ({"intervals": "x.bed", "deal_into": ["p", "q"]}, "intervals of x.bed, dealt at random into p and q"),
    ],
)
def test_the_source_of_a_class_is_said_in_words(study, source, words):
    settings = study.settings.model_dump(mode="json", exclude_none=True)
    settings["dataset"]["classes"][1] = {"label": "other", **source}
    other = replace(study, settings=StudySettings.model_validate(settings))
    assert words in page_tables(other)["classes"]["origin"][1]


def test_a_labelled_set_is_named_as_the_source(study):
    settings = study.settings.model_dump(mode="json", exclude_none=True)
    settings["dataset"] |= {"classes": [], "labelled": "set.csv"}
    other = replace(study, settings=StudySettings.model_validate(settings))
    assert page_tables(other)["classes"]["origin"].to_list() == ["the labelled set set.csv"]


def test_a_file_of_scores_without_a_row_on_the_sequences_says_why(study, bare):
    files = study.overlays.filter(kind="scores").with_columns(
        rows=pl.lit(0, dtype=pl.Int64), note=pl.lit("it scores other bases")
    )
    html = page(replace(bare, pathogenicity=study.pathogenicity, overlays=files))
    assert (
        "No base of the regions' sequences has a score in AlphaMissense_hg38.tsv.gz, so nothing is shown"
        in Reader(html).text
    )
    assert "it scores other bases" in Reader(html).text
    assert "pathogenicity-plot" not in html
