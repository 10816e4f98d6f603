"""ALRW as the explain stage writes it: row group by row group, against the scores of all sequences at once."""

import numpy as np
import polars as pl
import pytest
from oracles import alrw as alrw_oracle
from polars.testing import assert_frame_equal
from sequence_tables import dna, sequence_table
from tiny import tiny_loaded

from phenolens.core import run as folders
from phenolens.core.progress import Silent
from phenolens.core.settings import StudySettings
from phenolens.core.study import Study
from phenolens.explain.alrw import alrw
from phenolens.explain.profile import profile
from phenolens.job import Job
from phenolens.model.tokens import encode
from phenolens.scoring import of_sequences, others, score, stored

LENGTHS = [60, 5, 40, 64, 150, 12, 33, 90, 41, 70]


def rows_of(lengths=LENGTHS) -> pl.DataFrame:
    random = np.random.default_rng(1)
    rows = [("ab"[i % 2], "test", dna(random, length)) for i, length in enumerate(lengths)]
    return sequence_table(rows).with_columns(group=pl.Series([f"g{i // 2}" for i in range(len(rows))]))


def job_in(folder, **settings) -> Job:
    study = {
        "name": "made",
        "dataset": {"genome": "x.fa", "classes": [{"label": label, "intervals": "x.bed"} for label in "ab"]},
        "evaluate": {"bootstrap": 50},
        "explain": settings,
    }
    return Job(Study(StudySettings.model_validate(study), folder / "study.toml"), folder, Silent())


def read(job, name):
    return pl.read_csv(job.folder / "explain" / name, separator="\t")


@pytest.mark.parametrize("mode", ["default", "paper"])
def test_what_is_written_block_by_block_is_what_all_at_once_gives(tmp_path, monkeypatch, mode):
    monkeypatch.setattr("phenolens.explain.alrw.BLOCK_BASES", 200)
    monkeypatch.setattr("phenolens.scoring.AT_ONCE", 3)
    job, rows, loaded = job_in(tmp_path, mode=mode), rows_of(), tiny_loaded("bert")
    score(job, loaded, rows)
    ids, texts, labels, groups = (rows[name].to_list() for name in ("sequence_id", "sequence", "label", "group"))
    methods = {name: alrw(loaded, ids, texts, mode=name) for name in ("default", "paper")}
    whole, other = methods[mode], methods["paper" if mode == "default" else "default"]
    parts = list(stored(job, rows))
    assert len(parts) == 4
    assert pl.concat([some for some, _ in parts]).equals(rows)
    for _, found in parts:
        at = ids.index(found.sequence_ids[0])
        width = found.values.shape[1]
        np.testing.assert_allclose(found.values, whole.values[at : at + len(found.values), :width], atol=1e-6)
        assert found.method == whole.method
    some = of_sequences(job, pl.Series([ids[7], ids[2]]))
    assert some.sequence_ids == [ids[2], ids[7]]
    np.testing.assert_allclose(some.values, whole.values[[2, 7], :90], atol=1e-6)
    kept = pl.read_parquet(tmp_path / "explain" / "alrw.parquet")
    assert kept["scores"].list.len().to_list() == LENGTHS
    means = [
        profile(whole, labels, groups, resamples=50, seed=job.settings.seed),
        profile(other, labels, groups, resamples=0),
    ]
    assert_frame_equal(read(job, "profile.tsv"), pl.concat(means), abs_tol=1e-5, check_dtypes=False)
    assert not list(tmp_path.rglob(f"{folders.PART}*"))


def test_edges_are_in_units_of_evenly_spread_attention_from_both_ends(tmp_path):
    job, rows, loaded = job_in(tmp_path), rows_of([30, 20, 8, 47]), tiny_loaded("bert")
    for name, weight in loaded.model.named_parameters():
        weight.data.mul_(0.0 if "query" in name or "key" in name else 1.0)
    score(job, loaded, rows)
    edges = read(job, "edges.tsv")
    np.testing.assert_allclose(edges["default"], 1, atol=1e-5)  # attention is even, so ours is flat everywhere
    end = edges.filter((pl.col("edge") == "end") & (pl.col("label") == "a")).sort("distance")
    assert end["n"].to_list() == [2] * 8 + [1] * 22  # 30 and 8 bases
    vectors = []
    for length in (30, 8):
        covering = [sum(token <= base < token + 6 for token in range(length - 5)) for base in range(length)]
        diluted = np.array([n / min(base + 1, 6) for base, n in enumerate(covering)])
        vectors.append(diluted / np.linalg.norm(diluted) * np.sqrt(length))
    for distance in range(30):
        there = [v[len(v) - 1 - distance] for v in vectors if distance < len(v)]
        assert end["paper"][distance] == pytest.approx(np.mean(there), abs=1e-5)


def test_heads_have_a_table_of_their_own_and_rollout_has_none(tmp_path):
    rows, loaded = rows_of(), tiny_loaded("gpt2")
    score(job_in(tmp_path), loaded, rows)
    heads = read(job_in(tmp_path), "heads.tsv")
    assert heads["head"].unique().sort().to_list() == [0, 1]
    one = heads.filter((pl.col("label") == "b") & (pl.col("head") == 0))
    assert one["n"].to_list() == [sum(n > p for n in LENGTHS[1::2]) for p in range(90)]
    assert read(job_in(tmp_path), "edges.tsv").is_empty()  # BPE has no paper mode
    score(job_in(tmp_path, layer="rollout"), loaded, rows)
    assert read(job_in(tmp_path), "heads.tsv").is_empty()
    score(job_in(tmp_path, heads=False), loaded, rows)


def test_bpe_tokens_are_spread_over_their_bases(tmp_path):
    """Two tokens of different length with the same attention: the longer one gives each of its bases less."""
    assert alrw_oracle([0.5, 0.5], [(0, 4), (4, 5)], 5) == pytest.approx(np.array([1, 1, 1, 1, 4]) / np.sqrt(20))
    loaded, rows = tiny_loaded("gpt2"), rows_of([60])
    for name, weight in loaded.model.named_parameters():
        weight.data.mul_(0.0 if "c_attn" in name else 1.0)
    score(job_in(tmp_path), loaded, rows)
    spans = encode(loaded.rule, rows["sequence"].to_list()).spans
    expected = np.repeat(1 / (spans[:, 1] - spans[:, 0]), spans[:, 1] - spans[:, 0])
    ((_, found),) = stored(job_in(tmp_path), rows)
    np.testing.assert_allclose(found.values[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert len(set(np.diff(spans)[:, 0])) > 1


def test_no_sequences_give_empty_files(tmp_path):
    job, rows = job_in(tmp_path), rows_of()[:0]
    score(job, tiny_loaded("bert"), rows)
    assert pl.read_parquet(tmp_path / "explain" / "alrw.parquet").is_empty()
    assert read(job, "profile.tsv").is_empty()
    assert list(stored(job, rows)) == []


def test_a_class_that_cannot_be_read_has_no_rows_and_stops_nothing(tmp_path):
    rows = rows_of([60, 5, 40, 4, 64, 3])  # every other one, class b, is shorter than a 6-mer
    score(job_in(tmp_path), tiny_loaded("bert"), rows)
    for name in ("profile.tsv", "heads.tsv", "edges.tsv"):
        assert read(job_in(tmp_path), name)["label"].unique().to_list() == ["a"]
    assert pl.read_parquet(tmp_path / "explain" / "alrw.parquet").height == 6


def test_scores_of_other_methods_are_looked_up_by_name(tmp_path):
    job = job_in(tmp_path)
    assert others(job) == []
    rows = [("s1", "ism", [1.0, None, 3.0]), ("s1", "alrw", [9.0] * 3), ("s2", "ism", [-4.0]), ("s2", "grad", [0.5])]
    table = pl.DataFrame(
        rows, schema={"sequence_id": pl.String, "method": pl.String, "scores": pl.List(pl.Float32)}, orient="row"
    )
    folders.write_table(table, tmp_path / "explain" / "scores.parquet")
    found = dict(others(job))
    assert list(found) == ["grad", "ism"]
    ism = found["ism"](pl.DataFrame({"sequence_id": ["s2", "s1", "s3"]}))
    assert (ism.sequence_ids, ism.method) == (["s1", "s2"], "ism")
    np.testing.assert_array_equal(ism.values, [[1, np.nan, 3], [-4, np.nan, np.nan]])
    assert found["grad"](pl.DataFrame({"sequence_id": ["s1"]})).sequence_ids == []
