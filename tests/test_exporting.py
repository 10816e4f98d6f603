"""What is exported: transformers alone, by the lines on the card, gives the run's probabilities; huggingface_hub reads the cards; their numbers are those of metrics.tsv."""

import importlib.util
import re

import numpy as np
import polars as pl
import pytest
import torch
from huggingface_hub import DatasetCard, ModelCard
from sequence_tables import dna, sequence_table
from tiny import tiny_loaded

from phenolens.core.errors import DataError, InputError, SettingsError
from phenolens.core.run import write_json, write_table
from phenolens.core.settings import StudySettings
from phenolens.evaluate.metrics import metrics_table
from phenolens.exporting import export
from phenolens.model.describe import describe
from phenolens.model.load import save
from phenolens.model.predict import predict

LABELS = ("with | <b>bold</b>", "without")
HOSTILE = 'na"me` <script>alert(1)</script>'


def finished(folder, family, *, cut, runs=1):
    """A run folder as the stages leave it, with untrained tiny models; sequences shorter and longer than the model's input."""
    random = np.random.default_rng(3)
    splits = ["train"] * 30 + ["validation"] * 20 + ["test"] * 30
    table = sequence_table(
        [(LABELS[i % 2], split, dna(random, int(random.integers(12, 90)))) for i, split in enumerate(splits)]
    )
    table = table.with_columns(
        sequence=pl.when(pl.int_range(pl.len()) % 7 == 0)
        .then(pl.col("sequence").str.to_lowercase())
        .otherwise("sequence")
    )
    write_table(table, folder / "dataset" / "sequences.parquet")
    quality = {
        "verdict": "usable with care",
        "reasons": ["Few | sequences."],
        "notes": ["read from /somebody/genome.fa"],
    }
    write_json(quality, folder / "dataset" / "quality.json")
    write_table(pl.DataFrame({"label": ["x"], "n": [1]}), folder / "dataset" / "account.tsv")
    made_from = {"path": "/somebody/secret place/genome.fa", "size": 5, "mtime_ns": 1, "sha256": "ab"}
    write_json({"inputs": [made_from]}, folder / "dataset" / "manifest.json")
    parts = []
    asked = table.filter(pl.col("split") != "train")
    for i in range(runs):
        loaded = tiny_loaded(
            family, labels=LABELS, seed=i + 1, max_tokens=32, cut=cut, sequences=table["sequence"].to_list()
        )
        with torch.no_grad():  # random weights as they are give nearly the same answer to every sequence
            for weights in loaded.model.parameters():
                weights.mul_(6 if weights.dim() > 1 else 1)
        save(loaded._replace(name="/somebody/models/tiny"), folder / "train" / f"run-{i}")
        write_json(describe(loaded) | {"name": "/somebody/models/tiny"}, folder / "train" / "model.json")
        p = predict(loaded, asked["sequence"].to_list()).astype(float)
        named = {f"p_{label}": p[:, k] for k, label in enumerate(LABELS)}
        rows = asked.select(pl.lit(f"run-{i}").alias("run"), "split", "sequence_id", "label")
        parts.append(rows.with_columns(**{key: pl.Series(values) for key, values in named.items()}))
    predictions = pl.concat(parts)
    write_table(predictions, folder / "evaluate" / "predictions.parquet")
    groups = table.select("sequence_id", "group")
    write_table(metrics_table(predictions, groups, list(LABELS), resamples=40), folder / "evaluate" / "metrics.tsv")
    versions = {"phenolens": "0.1.0", "transformers": "5"}
    for stage in ("train", "evaluate"):
        write_json({"versions": versions}, folder / stage / "manifest.json")
    classes = [{"label": label, "sequences": "x.fa"} for label in LABELS]
    settings = {
        "name": HOSTILE,
        "dataset": {"classes": classes},
        "train": {"model": "/somebody/models/tiny", "runs": runs, "cut": cut},
    }
    dumped = StudySettings.model_validate(settings).model_dump(mode="json")
    write_json({"study": HOSTILE, "settings": dumped}, folder / "settings.json")
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = finished(tmp_path_factory.mktemp("two") / "run", "bert", cut="head_tail", runs=2)
    return folder, export(folder, folder.parent / "up", repository="me/tiny", license_name="cc-by-4.0")


def by_the_card(readme, model, sequences):
    """Run the Python of a model card on sequences, with the folder in place of the hub's name."""
    program = re.search(r"```python\n(.*?)```", readme, flags=re.DOTALL)[1]
    names = {}
    exec(re.sub(r"^FOLDER = .*$", lambda _: f"FOLDER = {str(model)!r}", program, flags=re.MULTILINE), names)
    return [names["probabilities"](sequence) for sequence in sequences]


def agrees(folder, done, run):
    rows = pl.read_parquet(folder / "evaluate" / "predictions.parquet").filter(run=run, split="test")
    texts = rows.join(
        pl.read_parquet(folder / "dataset" / "sequences.parquet"), on="sequence_id", maintain_order="left"
    )["sequence"].to_list()
    assert {len(text) < 37 for text in texts} == {True, False}, "some are cut, some are not"
    found = by_the_card((done.model / "README.md").read_text(), done.model, texts)
    assert rows[f"p_{LABELS[0]}"].std() > 0.005, "answers differ, so that a wrong token would show"
    for label in LABELS:
        assert [p[label] for p in found] == pytest.approx(rows[f"p_{label}"].to_list(), abs=1e-5)


def test_transformers_alone_gives_the_probabilities_of_the_run(two):
    agrees(*two, two[1].run)


@pytest.mark.parametrize(("family", "cut"), [("gpt2", "windows"), ("bert", "paper")])
def test_other_tokens_and_cuts_are_on_the_card_as_they_are(tmp_path, family, cut):
    folder = finished(tmp_path / "run", family, cut=cut)
    agrees(folder, export(folder, tmp_path / "up"), "run-0")


def test_the_hub_reads_the_model_card_and_its_numbers_are_those_of_the_table(two):
    folder, done = two
    data = ModelCard.load(done.model / "README.md").data
    assert (data.license, data.library_name, data.pipeline_tag) == ("cc-by-4.0", "transformers", "text-classification")
    assert data.datasets == ["me/tiny-sequences"]
    table = pl.read_csv(folder / "evaluate" / "metrics.tsv", separator="\t", infer_schema_length=None)
    table = table.filter(pl.col("class").is_null() & pl.col("bin").is_null(), split="test", run=done.run).drop_nulls(
        "value"
    )
    written = {
        r.metric_args["metric"]: (
            r.metric_value,
            r.metric_args.get("low"),
            r.metric_args.get("high"),
            r.metric_args["n"],
        )
        for r in data.eval_results
    }
    assert written == {row[0]: row[1:] for row in table.select("metric", "value", "low", "high", "n").iter_rows()}
    assert len(written) > 8


def test_the_model_is_chosen_on_validation(two):
    folder, done = two
    table = pl.read_csv(folder / "evaluate" / "metrics.tsv", separator="\t", infer_schema_length=None)
    own = table.filter(pl.col("class").is_null() & pl.col("bin").is_null(), split="validation", metric="auroc_macro")
    assert done.run == own.sort("value", descending=True)["run"][0]


def test_the_hub_reads_the_dataset_card_and_the_files_hold_every_sequence_once(two):
    folder, done = two
    data = DatasetCard.load(done.dataset / "README.md").data
    assert data.license == "cc-by-4.0"
    before = pl.read_parquet(folder / "dataset" / "sequences.parquet")
    names = data.dataset_info["features"][2]["dtype"]["class_label"]["names"]
    assert names == {"0": LABELS[0], "1": LABELS[1]}
    parts = []
    for entry in data.configs[0]["data_files"]:
        part = pl.read_parquet(done.dataset / entry["path"])
        assert part.columns == [feature["name"] for feature in data.dataset_info["features"]]
        parts.append(
            part.select(
                "sequence_id",
                "sequence",
                label=pl.col("label").cast(pl.String).replace(names),
                split=pl.lit(entry["split"]),
            )
        )
    found = pl.concat(parts).sort("sequence_id")
    assert found.equals(before.select(found.columns).sort("sequence_id"))


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="the package datasets is not installed")
def test_datasets_loads_the_folder(two):
    import datasets

    loaded = datasets.load_dataset(str(two[1].dataset))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 30, "validation": 20, "test": 30}
    assert loaded["test"].features["label"].names == list(LABELS)


def test_nothing_of_this_machine_and_no_markup_of_a_name_is_written(tmp_path, two):
    written = [
        path.read_text()
        for path in (*two[1].model.rglob("*"), *two[1].dataset.rglob("*"))
        if path.suffix in (".md", ".json", ".tsv")
    ]
    assert not any("/somebody" in text or "secret place" in text for text in written)
    folder = finished(tmp_path / "run", "bert", cut="head")
    done = export(folder, tmp_path / "up")
    for readme in (done.model / "README.md", done.dataset / "README.md"):
        body = readme.read_text().split("\n---\n", 1)[1]
        outside = re.sub(r"```.*?```", "", body, flags=re.DOTALL)
        assert "<" not in outside
        assert all(line.count("|") - line.count("\\|") == lines.count("|") for line, lines in table_lines(outside))
    assert ModelCard.load(done.model / "README.md").data.license == "unknown"
    agrees(folder, done, "run-0")


def table_lines(body):
    """Yield (row of a Markdown table, line of dashes of its table)."""
    dashes = ""
    for line in body.splitlines():
        if set(line) <= set("| -") and "---" in line:
            dashes = line
        elif line.startswith("|") and dashes:
            yield line, dashes
        elif not line.startswith("|"):
            dashes = ""


def test_what_cannot_be_exported_is_said(tmp_path, two):
    folder, done = two
    with pytest.raises(InputError, match=r"is not empty; expected a new or empty folder"):
        export(folder, done.model)
    with pytest.raises(SettingsError, match="--repo, nobody: is no name of a repository; expected OWNER/NAME"):
        export(folder, tmp_path / "x", repository="nobody")
    with pytest.raises(DataError, match=r"has no model run-7; expected one of run-0, run-1 \(--run\)"):
        export(folder, tmp_path / "x", run="run-7")
    with pytest.raises(InputError, match="is no folder; expected a run folder with a model"):
        export(tmp_path / "nowhere", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_model_that_is_not_the_runs_is_refused(tmp_path):
    folder = finished(tmp_path / "run", "bert", cut="head")
    path = folder / "evaluate" / "predictions.parquet"
    table = pl.read_parquet(path)
    write_table(
        table.with_columns(
            (pl.col(f"p_{label}") + change) for label, change in zip(LABELS, (0.01, -0.01), strict=True)
        ),
        path,
    )
    with pytest.raises(DataError, match=r"gives other probabilities than the run \(by 0\.01\)"):
        export(folder, tmp_path / "up")
