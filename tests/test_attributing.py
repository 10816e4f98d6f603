"""The part of the stage explain that scores a sample by several methods."""

import numpy as np
import polars as pl
from sequence_tables import dna, sequence_table
from test_scoring import job_in
from tiny import tiny_loaded

from phenolens.attributing import attribute, sampled
from phenolens.explain.methods import METHODS, both_strands

ROWS = pl.DataFrame({"sequence_id": [f"s{i:03}" for i in range(90)], "label": ["a"] * 60 + ["b"] * 25 + ["c"] * 5})


def rows_of(n=14) -> pl.DataFrame:
    random = np.random.default_rng(1)
    rows = [("ab"[i % 2], "test", dna(random, 20 + i)) for i in range(n)]
    return sequence_table(rows).with_columns(group=pl.Series([f"g{i // 2}" for i in range(n)]))


def test_as_many_of_each_class_as_asked_for_and_all_of_a_small_one():
    found = sampled(ROWS, 20, seed=1)
    assert dict(found.group_by("label").len().iter_rows()) == {"a": 20, "b": 20, "c": 5}
    assert found["sequence_id"].is_sorted()
    assert found["sequence_id"].n_unique() == 45


def test_the_order_of_rows_changes_nothing_and_the_seed_does():
    assert sampled(ROWS, 20, seed=1).equals(sampled(ROWS.reverse(), 20, seed=1))
    assert not sampled(ROWS, 20, seed=1).equals(sampled(ROWS, 20, seed=2))
    assert sampled(ROWS.head(0), 20, seed=1).height == 0


def test_files_hold_what_the_methods_give(tmp_path):
    names = ("alrw", "integrated_gradients", "mutagenesis")
    job, rows, loaded = job_in(tmp_path, methods=names, sample=3), rows_of(), tiny_loaded("bert", labels=("a", "b"))
    sample, scores = attribute(job, loaded, rows)
    assert [found.method for found in scores] == list(names)
    kept = pl.read_parquet(tmp_path / "explain" / "scores.parquet")
    assert kept.height == 18
    for name in names:
        ids, texts = sample["sequence_id"].to_list(), sample["sequence"].to_list()
        expected = METHODS[name](loaded, ids, texts).values
        for row, (sequence_id, text) in enumerate(zip(ids, texts, strict=True)):
            values = kept.filter(sequence_id=sequence_id, method=name)["scores"][0].to_numpy()
            np.testing.assert_allclose(values, expected[row, : len(text)], rtol=1e-4, atol=1e-7)
    completeness = pl.read_csv(tmp_path / "explain" / "completeness.tsv", separator="\t")
    assert completeness["sequence_id"].to_list() == sample["sequence_id"].to_list()
    agreement = pl.read_csv(tmp_path / "explain" / "agreement.tsv", separator="\t")
    assert agreement.height == 9


def test_both_strands_are_scored_where_asked_for(tmp_path):
    job = job_in(tmp_path, methods=("gradient_x_input",), sample=2, both_strands=True)
    rows, loaded = rows_of(), tiny_loaded("bert", labels=("a", "b"))
    sample, (found,) = attribute(job, loaded, rows)
    ids, texts = sample["sequence_id"].to_list(), sample["sequence"].to_list()
    expected = both_strands(METHODS["gradient_x_input"])(loaded, ids, texts).values
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-7)


def test_sequences_of_one_length_are_written_as_those_of_any(tmp_path):
    random = np.random.default_rng(2)
    rows = sequence_table([("ab"[i % 2], "test", dna(random, 30)) for i in range(6)])
    job = job_in(tmp_path, methods=("alrw",), sample=3)
    attribute(job, tiny_loaded("bert", labels=("a", "b")), rows.with_columns(group=pl.col("sequence_id")))
    assert pl.read_parquet(tmp_path / "explain" / "scores.parquet").schema["scores"] == pl.List(pl.Float32)
