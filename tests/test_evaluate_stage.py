"""The whole evaluate stage on a model folder and sequences made by hand: what a split lacks is reported and shown, never a crash."""

import numpy as np
import polars as pl
import pytest
import torch
from sequence_tables import dna, sequence_table
from tiny import planted, tiny_loaded, tiny_settings

from phenolens.contents import read_evaluation
from phenolens.core.progress import Silent
from phenolens.core.run import read_json, write_table
from phenolens.core.settings import StudySettings
from phenolens.core.strands import reverse_complement
from phenolens.core.study import Study
from phenolens.job import Job
from phenolens.learning import evaluate
from phenolens.model.load import load_folder, save
from phenolens.model.predict import predict
from phenolens.model.train import train
from phenolens.report.blocks import Figure, Table
from phenolens.report.content import PageContent, tidy
from phenolens.report.sections_calibration import calibration
from phenolens.report.sections_length import length
from phenolens.report.sections_performance import performance
from phenolens.report.summary import summary

LABELS = ("a", "b", "c")


def dealt(counts: dict[str, dict[str, int]], seed: int = 1) -> pl.DataFrame:
    """SEQUENCES with this many of each class in each split, 40 to 120 bases long."""
    random = np.random.default_rng(seed)
    rows = [
        (label, split, dna(random, int(random.integers(40, 120))))
        for split, of_class in counts.items()
        for label, n in of_class.items()
        for _ in range(n)
    ]
    return sequence_table(rows)


FULL = {"train": {"a": 9, "b": 9, "c": 9}, "validation": {"a": 6, "b": 6, "c": 6}, "test": {"a": 8, "b": 8, "c": 8}}


def evaluated(folder, sequences, *, runs=1, flat=False, **settings) -> Job:
    """Run the stage on untrained models; `flat` ones give every sequence the same probabilities."""
    for run in range(runs):
        loaded = tiny_loaded("bert", seed=run, labels=LABELS)
        with torch.no_grad():
            for name, weights in loaded.model.named_parameters():
                weights *= 0 if flat and "classifier" in name else 8 if weights.ndim == 2 else 1
        save(loaded, folder / "train" / f"run-{run}")
    return measured(folder, sequences, LABELS, runs, **settings)


def measured(folder, sequences, labels, runs=1, **settings) -> Job:
    """Run the stage on the models that lie in the folder."""
    write_table(sequences, folder / "dataset" / "sequences.parquet")
    study = {
        "name": "made",
        "dataset": {"genome": "x.fa", "classes": [{"label": label, "intervals": "x.bed"} for label in labels]},
        "train": {"runs": runs},
        "evaluate": {"bootstrap": 20, "kmer": 2, "min_bin": 4, "length_bins": 3, **settings},
    }
    job = Job(Study(StudySettings.model_validate(study), folder / "study.toml"), folder, Silent())
    evaluate(job)
    return job


def shown(job: Job) -> str:
    """Every sentence and cell of the report's sections on what the stage wrote, their figures drawn."""
    sequences = job.table("dataset/sequences.parquet")
    facts = tidy(PageContent(settings=job.settings, version="0", sequences=sequences, **read_evaluation(job.folder)))
    words = []
    for section in (summary(facts), performance(facts), calibration(facts), length(facts)):
        words.append(section.lead)
        for block in section.blocks:
            words += [cell for row in block.rows for cell in row] if isinstance(block, Table) else []
            if isinstance(block, Figure):
                words.append(block.name if block.draw() else block.absent)
    return "\n".join(words)


def metrics(job: Job) -> pl.DataFrame:
    return read_evaluation(job.folder)["metrics"]


def test_two_runs_give_every_file_and_the_page_shows_them(tmp_path):
    job = evaluated(tmp_path, dealt(FULL), runs=2, calibration_bins=7)
    temperatures = read_json(tmp_path / "evaluate" / "calibration.json")
    assert list(temperatures) == ["run-0", "run-1", "vote"]
    assert all(row["temperature"] > 0 for row in temperatures.values())
    seeds = read_evaluation(tmp_path)["seeds"]
    values = metrics(job).filter(split="test", metric="accuracy").filter(pl.col("bin").is_null())
    both = values.filter(pl.col("run").str.starts_with("run-"))["value"]
    assert seeds.filter(split="test", metric="accuracy")["mean"].item() == pytest.approx(sum(both) / 2)
    assert set(values["run"]) >= {"length", "composition", "vote"}
    curve = read_evaluation(tmp_path)["calibration"]
    assert ((curve["bin_high"] - curve["bin_low"]) * 7).to_numpy() == pytest.approx(1)
    assert "Model, mean of the runs" in shown(job)


def test_what_lies_beyond_the_input_stands_beside_its_length_bin(tmp_path):
    job = evaluated(tmp_path, dealt(FULL))
    cut = metrics(job).filter(run="run-0", split="test", metric="cut_off")
    test = job.table("dataset/sequences.parquet").filter(split="test")["sequence"].to_list()
    room = 62 + 2 * 5  # bases under 64 tokens, two of them special, the others in two stretches
    for name, value in cut.select("bin", "value").iter_rows():
        low, high = map(int, name.split("-"))
        inside = [len(text) for text in test if low <= len(text) <= high]
        assert value == pytest.approx(sum(max(0, n - room) for n in inside) / sum(inside))


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_class_missing_from_a_split_is_null_with_none_counted(tmp_path, split):
    job = evaluated(tmp_path, dealt(FULL | {split: {"a": 8, "b": 8}}))
    of_class = metrics(job).filter(run="run-0", split=split).filter(pl.col("class") == "c")
    assert of_class["n"].to_list() == [0] * of_class.height
    assert of_class.filter(metric="auroc")["value"].to_list() == [None]
    assert metrics(job).filter(run="run-0", split=split, metric="auroc_macro")["value"][0] is not None
    assert read_json(tmp_path / "evaluate" / "calibration.json")["run-0"]["temperature"] > 0
    words = shown(job).splitlines()
    assert "calibration" in words
    assert not {"nan", "None"} & set(words)


def test_no_validation_sequence_leaves_the_temperature_at_one_and_says_so(tmp_path):
    job = evaluated(tmp_path, dealt({k: v for k, v in FULL.items() if k != "validation"}))
    fitted = read_json(tmp_path / "evaluate" / "calibration.json")["run-0"]
    assert (fitted["temperature"], fitted["n"]) == (1.0, 0)
    assert "no validation sequence" in shown(job)


def test_one_test_sequence_and_one_validation_sequence(tmp_path):
    job = evaluated(tmp_path, dealt(FULL | {"test": {"b": 1}, "validation": {"a": 1}}))
    accuracy = metrics(job).filter(run="run-0", split="test", metric="accuracy").filter(pl.col("bin").is_null())
    assert accuracy["value"].item() in (0.0, 1.0)
    assert accuracy["low"].item() is None
    assert "one class only" in shown(job)


def test_constant_probabilities_are_chance(tmp_path):
    job = evaluated(tmp_path, dealt(FULL), flat=True)
    test = metrics(job).filter(run="run-0", split="test").filter(pl.col("class").is_null() & pl.col("bin").is_null())
    assert test.filter(metric="auroc_macro").select("value", "low", "high").row(0) == (0.5, 0.5, 0.5)
    assert test.filter(metric="mcc")["value"].item() == 0
    assert shown(job)


def test_both_strands_average_a_sequence_with_its_reverse_complement(tmp_path):
    sequences = dealt(FULL)
    job = evaluated(tmp_path, sequences, both_strands=True)
    turned = sequences.with_columns(pl.col("sequence").map_elements(reverse_complement, return_dtype=pl.String))
    found = job.table("evaluate/predictions.parquet").filter(run="run-0", split="test")
    test = sequences.filter(split="test")
    loaded = load_folder(tmp_path / "train" / "run-0")
    one, other = (predict(loaded, t.filter(split="test")["sequence"].to_list()) for t in (sequences, turned))
    expected = pl.DataFrame((one + other) / 2, schema=["p_a", "p_b", "p_c"]).with_columns(test["sequence_id"])
    both = found.join(expected, on="sequence_id", suffix="_expected")
    np.testing.assert_allclose(both["p_a"], both["p_a_expected"], atol=1e-6)
    assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize("meaning", ["planted", "random"])
def test_random_labels_stay_at_chance_and_planted_ones_do_not(tmp_path, meaning):
    """The control: the same sequences, model and settings; only whether the label means anything differs."""
    table = planted(600, 40, 3).table
    if meaning == "random":
        table = table.with_columns(pl.col("label").shuffle(seed=4))
    rows = table.select("label", "split", "sequence").rows()
    loaded, settings = tiny_loaded("bert"), tiny_settings()
    train(loaded, table, tmp_path / "train" / "run-0", settings, 1)
    save(loaded, tmp_path / "train" / "run-0")
    job = measured(tmp_path, sequence_table(rows), ("with", "without"), bootstrap=200)
    auroc = metrics(job).filter(run="run-0", split="test", metric="auroc_macro").filter(pl.col("bin").is_null())
    if meaning == "random":
        assert auroc["low"].item() < 0.5 < auroc["high"].item()
    else:
        assert auroc["low"].item() > 0.8
