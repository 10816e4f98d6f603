"""phenolens from Python, and the commands of the pages: the tutorial notebook runs as written, and what it leaves is there as
tables and figures, and is the run folder in which every command of docs/ is run."""

import json
import re
import shutil
from pathlib import Path

import matplotlib as mpl
import polars as pl
import pytest
from docs_commands import PAGES, blocks, run
from matplotlib.figure import Figure

import phenolens
from phenolens.contents import MEANING
from phenolens.core.errors import DataError, InputError, SettingsError
from phenolens.core.schemas_files import schema_of
from phenolens.core.study import DEMO, load_study
from phenolens.core.table import check
from phenolens.study import as_toml

ROOT = Path(__file__).parent.parent
NOTEBOOK = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text())
CODE = [
    "".join(line for line in cell["source"] if line[0] != "%")
    for cell in NOTEBOOK["cells"]
    if cell["cell_type"] == "code"
]
STUDY = {
    "name": "s",
    "dataset": {"genome": "g.fa", "classes": [{"label": "a", "intervals": "a.bed"}, {"label": "b", "matched_to": "a"}]},
}


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """Execute the notebook's cells in one namespace, as a kernel does, its % line left out; return that namespace and the folder."""
    folder = tmp_path_factory.mktemp("tutorial")
    names = {}
    with pytest.MonkeyPatch.context() as patch, mpl.rc_context():
        patch.chdir(folder)
        patch.setenv("MPLBACKEND", "agg")
        for number, cell in enumerate(CODE):
            exec(compile(cell, f"cell {number}", "exec"), names)
    return names, folder / "tutorial-run"


@pytest.fixture(scope="module")
def results(tutorial):
    return phenolens.Results(tutorial[1])


def test_the_notebook_is_stored_without_output_and_has_what_jupyter_asks_for():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert all(re.fullmatch(r"[\w-]{1,64}", cell["id"]) for cell in NOTEBOOK["cells"])
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")  # fmt: skip


def test_the_notebook_runs_to_its_end(tutorial):
    names, folder = tutorial
    assert names["scores"].values.shape == (1, len(names["run"]["sequences"]["sequence"][0]))
    assert (folder / "report" / "index.html").read_text().lower().startswith("<!doctype html>")
    assert (folder.parent / "profile.pdf").read_bytes().startswith(b"%PDF")


def test_tables_are_those_of_the_files_with_the_types_of_their_schema(results):
    assert results["sequences"].equals(pl.read_parquet(results.folder / "dataset" / "sequences.parquet"))
    lines = (results.folder / "evaluate" / "metrics.tsv").read_text().splitlines()
    assert results["metrics"].columns == lines[0].split("\t")
    assert results["metrics"].height == len(lines) - 1
    for name in results:
        check(results[name], results.schema(name))


def test_every_table_of_a_run_has_a_schema_whose_columns_say_what_they_are(results):
    for file in MEANING:
        if file.endswith((".tsv", ".parquet")):
            schema = schema_of(file, ["a"])
            assert all(column.meaning for column in schema.columns.values()), file


def test_tables_are_found_by_name_and_a_wrong_name_is_told_the_right_ones(results):
    assert "metrics" in results
    assert "metric" not in results
    assert len(results) == len(list(results))
    with pytest.raises(DataError, match="expected one of sequences, account, statistics"):
        results["metric"]


def test_figures_are_drawings_of_matplotlib_and_the_same_that_the_page_shows(results):
    page = results.report.read_text()
    assert {"profile", "roc", "loss"} <= set(results.figures)
    for name in ("roc", "loss"):
        figure = results.figure(name)
        assert isinstance(figure, Figure)
        assert figure.axes
        assert f"f-{name}" in page
    with pytest.raises(DataError, match="there is no 'rok'; expected one of"):
        results.figure("rok")


def test_a_study_is_the_same_from_a_file_and_from_a_dictionary(tmp_path):
    (tmp_path / "study.toml").write_text(
        'name = "s"\n[dataset]\ngenome = "g.fa"\n[[dataset.classes]]\nlabel = "a"\nintervals = "a.bed"\n'
        '[[dataset.classes]]\nlabel = "b"\nmatched_to = "a"\n'
    )
    changes = {
        "train.epochs": 7,
        "dataset.group_by": ["chrom"],
        "train.model": tmp_path / "model",
        "explain.mode": "paper",
    }
    of_file = phenolens.Study(tmp_path / "study.toml", changes)
    of_words = phenolens.Study(STUDY, changes, folder=tmp_path)
    assert of_file.settings == of_words.settings
    assert (of_words.settings.train.epochs, of_words.settings.dataset.group_by) == (7, ("chrom",))
    assert of_words.settings.train.model == str(tmp_path / "model")
    assert "train" not in STUDY  # what was given is left as it was
    assert load_study(tmp_path / "study.toml").settings.train.epochs != 7


def test_overrides_of_the_built_in_study():
    assert phenolens.Study("demo", {"report.title": 'of "mine"'}).settings.report.title == 'of "mine"'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**STUDY, "train": {"epoch": 3}}, "study, train.epoch: unknown key; did you mean epochs?"),
        ({**STUDY, "train": {"epochs": "many"}}, "study, train.epochs: "),
        ({"name": "s"}, "study, dataset: is missing"),
    ],
)
def test_what_is_wrong_in_a_dictionary_is_said_as_for_a_file(content, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        phenolens.Study(content)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(InputError, match="is not a run of phenolens"):
        phenolens.Results(tmp_path)
    with pytest.raises(DataError, match=r"'reports' is no stage; expected one of dataset, train"):
        phenolens.Study(STUDY).run(tmp_path, last="reports")
    with pytest.raises(InputError, match=r"g\.fa"):
        phenolens.Study(STUDY, folder=tmp_path).run(tmp_path / "run")


def test_a_run_with_some_stages_done_has_their_tables_and_says_what_it_lacks(tutorial, tmp_path):
    half = tmp_path / "half"
    (half / "dataset").mkdir(parents=True)
    for file in ("settings.json", "dataset/statistics.tsv"):
        (half / file).write_bytes((tutorial[1] / file).read_bytes())
    results = phenolens.Results(half)
    assert list(results) == ["statistics"]
    with pytest.raises(InputError, match="is not there yet; run the study up to the stage report"):
        results.report  # noqa: B018
    with pytest.raises(InputError, match="has no figures yet"):
        results.figure("roc")


@pytest.fixture(scope="module")
def workplace(tutorial, tmp_path_factory):
    """A folder with the files that the pages name; my-run is the notebook's run, and study.toml its study."""
    folder = tmp_path_factory.mktemp("pages")
    for ending in ("", ".fai", ".gzi"):
        shutil.copy(DEMO / f"chr22.hg19.fa.gz{ending}", folder / f"genome.fa.gz{ending}")
    shutil.copy(tutorial[1].parent / "elements.bed", folder / "elements.bed")
    shutil.copytree(tutorial[1], folder / "my-run")
    shutil.copytree(tutorial[1], folder / "other-run")
    (folder / "notebook.toml").write_text(as_toml(tutorial[0]["study"].settings.model_dump(mode="json")))
    shutil.copy(folder / "notebook.toml", folder / "study.toml")
    rows = phenolens.Results(tutorial[1])["sequences"].head(3)
    (folder / "sequences.fa").write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate(rows["sequence"])))
    return folder


def test_every_command_of_the_pages_runs_as_written(workplace, monkeypatch, capsys):
    """Each once, in the order of the pages; after `phenolens init` its template is put away for the notebook's study, which is run already."""
    monkeypatch.chdir(workplace)
    pages = [page for page in PAGES if page.name != "serve.md"]  # tests/test_serving.py runs those
    lines = dict.fromkeys(line for page in pages for block in blocks(page, "sh") for line in block.splitlines())
    assert len(lines) > 8
    for line in sorted(lines, key=lambda line: not line.startswith("phenolens init")):
        code = run(line)
        assert code == 0, f"{line}\n{capsys.readouterr().err}"
        if line.startswith("phenolens init"):
            assert load_study(workplace / "study.toml").settings.name == "my-study"
            shutil.copy(workplace / "notebook.toml", workplace / "study.toml")
    assert (workplace / "classes.tsv").read_text().startswith("sequence_id\tpredicted\tp_ERV\tp_background\n")
    assert "done before, unchanged" in capsys.readouterr().err


def test_the_python_page_runs_as_written(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    names = {}
    for block in blocks(ROOT / "docs" / "python.md", "python"):
        exec(compile(block, "python.md", "exec"), names)
    assert (workplace / "profile.pdf").is_file()
    assert "would run" not in capsys.readouterr().out
