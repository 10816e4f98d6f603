"""Seeds, calibration and length on the page: every number of the tables of the run, in its own place."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from phenolens.report.content import tidy
from phenolens.report.figures_calibration import gap
from phenolens.report.page import page_tables
from phenolens.report.sections_calibration import calibration
from phenolens.report.sections_length import length
from phenolens.report.sections_performance import performance


def test_seeds_are_shown_where_there_are_several_runs(study):
    table = page_tables(study)["seeds"]
    auroc = study.metrics.filter(pl.col("run").is_in(["run-0", "run-1", "run-2"]), split="test", metric="auroc_macro")
    values = auroc.filter(pl.col("bin").is_null())["value"]
    assert table.filter(metric="auroc_macro")["mean"].item() == pytest.approx(values.mean())
    one = replace(study, seeds=study.seeds.clear())
    assert "seeds" not in [block.name for block in performance(tidy(one)).blocks if hasattr(block, "name")]


def test_every_length_bin_has_its_share_what_is_cut_off_and_what_length_alone_gives(study):
    rows = page_tables(study)["metrics-by-length"]
    of_bins = study.metrics.filter(split="test").filter(pl.col("bin").is_not_null())
    for row in rows.iter_rows(named=True):
        model = of_bins.filter(run="vote", bin=row["bin"])
        assert row["value"] == model.filter(metric="auroc_macro")["value"].item()
        assert row["share"] == model.filter(metric="share")["value"].item()
        assert row["cut_off"] == model.filter(metric="cut_off")["value"].item()
        assert row["alone"] == of_bins.filter(run="length", bin=row["bin"], metric="auroc_macro")["value"].item()
    most = rows.sort("cut_off")["cut_off"][-1]
    assert f"it never sees {100 * most:#.3g} %." in length(tidy(study)).lead


def test_without_baseline_or_cut_the_length_table_has_dashes(study):
    bare = study.metrics.filter((pl.col("run") == "vote") & (pl.col("metric") != "cut_off"))
    found = length(tidy(replace(study, metrics=bare)))
    assert "never sees" not in found.lead
    cells = next(block for block in found.blocks if block.name == "metrics-by-length").rows
    assert all(row[3] == row[5] == "–" for row in cells)


def test_the_calibration_section_says_how_far_confidence_is_from_the_truth(study):
    section = calibration(tidy(study))
    test = study.predictions.filter(run="vote", split="test")
    p = test.select("p_ERV", "p_background").to_numpy()
    right = np.where(p[:, 0] >= p[:, 1], "ERV", "background") == test["label"].to_numpy()
    assert (
        f"{100 * p.max(axis=1).mean():#.3g} % sure of its class on average and right in {100 * right.mean():#.3g} %"
        in section.lead
    )
    raw = study.calibration.filter(run="vote", split="test", tempered=False)
    gaps = sum(abs(a - c) * n for a, c, n in raw.select("accuracy", "confidence", "n").iter_rows()) / raw["n"].sum()
    assert gap(raw) == pytest.approx(gaps)
    assert f"its calibration error is {gaps:#.3g}." in section.lead
    assert "too sure: its temperature is 1.37" in section.lead
    rows = next(block for block in section.blocks if block.name == "temperatures").rows
    assert rows[0][:3] == ["Model, mean of the runs", "1.37", "150"]
    assert rows[-1][-1] == "no validation sequence: left at 1"


def test_a_temperature_of_one_is_not_called_a_fit(study):
    one = replace(study, temperatures={"vote": {"temperature": 1.0, "note": "left at 1"}})
    assert "no other temperature than 1 was fitted" in calibration(tidy(one)).lead
    none = replace(study, temperatures={}, calibration=study.calibration.clear())
    assert calibration(tidy(none)).lead.endswith("so nothing is shown.")
