import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.enrichment import enrichment
from phenolens.annotate.motifs import scan
from phenolens.core.errors import DataError
from phenolens.core.schemas import ENRICHMENT, HITS
from phenolens.core.table import check, empty
from phenolens.core.types import Motif

MOTIFS = [Motif(f"m{i}", f"name {i}" if i else None, np.full((6, 4), 0.25), 20.0) for i in range(40)]


def hits_of(pairs):
    """(motif_id, sequence_id) ... -> HITS."""
    n = len(pairs)
    columns = {"motif_id": [p[0] for p in pairs], "motif_name": [None] * n, "sequence_id": [p[1] for p in pairs]}
    columns |= {"start": [0] * n, "end": [6] * n, "strand": ["+"] * n, "score": [1.0] * n, "p_value": [0.1] * n}
    columns |= {"q_value": [0.1] * n, "matched": ["ACGTAC"] * n}
    return pl.DataFrame(columns, schema={name: column.dtype for name, column in HITS.columns.items()})


def scanned_of(labels, length=100):
    names = [f"s{i}" for i in range(len(labels))]
    return pl.DataFrame({"sequence_id": names, "label": labels, "length": [length] * len(labels)})


@pytest.fixture
def drawn():
    """30 case and 50 control sequences and hits of 40 motifs, some sequences with several hits, two motifs with none."""
    generator = np.random.default_rng(1)
    shares = np.concatenate([[0, 0, 1, 1], generator.random(36)])
    pairs = [(f"m{m}", f"s{s}") for m in range(40) for s in range(80) for _ in range(generator.binomial(2, shares[m]))]
    return hits_of(pairs), scanned_of(["case"] * 30 + ["control"] * 50)


def test_p_values_equal_fishers_exact_test_one_by_one(drawn):
    table = check(enrichment(*drawn, MOTIFS, case="case", control="control"), ENRICHMENT)
    assert sorted(table["motif_id"]) == sorted(m.motif_id for m in MOTIFS)
    sets = {m.motif_id: set(drawn[0].filter(pl.col("motif_id") == m.motif_id)["sequence_id"]) for m in MOTIFS}
    for row in table.iter_rows(named=True):
        a = sum(f"s{i}" in sets[row["motif_id"]] for i in range(30))
        c = len(sets[row["motif_id"]]) - a
        assert (row["case_hits"], row["case_total"], row["control_hits"], row["control_total"]) == (a, 30, c, 50)
        expected = stats.fisher_exact([[a, 30 - a], [c, 50 - c]], alternative="greater").pvalue
        assert row["p_value"] == pytest.approx(expected, rel=1e-9)
        ratio = (a + 0.5) * (50 - c + 0.5) / ((30 - a + 0.5) * (c + 0.5))
        error = 1.959964 * math.sqrt(1 / (a + 0.5) + 1 / (30 - a + 0.5) + 1 / (c + 0.5) + 1 / (50 - c + 0.5))
        assert row["odds_ratio"] == pytest.approx(ratio)
        assert math.log(row["high"] / row["odds_ratio"]) == pytest.approx(error, rel=1e-6)
        assert math.log(row["odds_ratio"] / row["low"]) == pytest.approx(error, rel=1e-6)
    assert table["p_value"].is_sorted()
    assert table["q_value"].to_numpy() == pytest.approx(stats.false_discovery_control(table["p_value"].to_numpy()))


def test_hits_per_kb_count_hits_but_the_test_counts_sequences():
    hits = hits_of([("m1", "s0")] * 7 + [("m1", "s3")] * 2 + [("m1", "elsewhere")] * 9)
    table = enrichment(
        hits, scanned_of(["case", "case", "control", "control"]), MOTIFS[:3], case="case", control="control"
    )
    row = table.row(by_predicate=pl.col("motif_id") == "m1", named=True)
    assert (row["case_hits"], row["control_hits"]) == (1, 1)
    assert (row["case_per_kb"], row["control_per_kb"]) == (35.0, 10.0)  # 7 and 2 hits in 200 bases each
    absent = table.row(by_predicate=pl.col("motif_id") == "m2", named=True)
    assert (absent["case_hits"], absent["case_per_kb"], absent["p_value"]) == (0, 0.0, 1.0)


def test_sequences_without_bases_have_no_rate():
    table = enrichment(hits_of([]), scanned_of(["a", "b"], length=0), MOTIFS[:1], case="a", control="b")
    assert table["case_per_kb"].to_list() == [None]


def test_p_values_are_uniform_when_labels_mean_nothing():
    generator = np.random.default_rng(3)
    p_values = []
    for _ in range(8):
        chosen = generator.random((40, 3000)) < generator.uniform(0.2, 0.8, (40, 1))
        pairs = [(f"m{m}", f"s{s}") for m, s in zip(*np.nonzero(chosen), strict=True)]
        labels = generator.permutation(["a"] * 1000 + ["b"] * 2000).tolist()
        table = enrichment(hits_of(pairs), scanned_of(labels), MOTIFS, case="a", control="b")
        p_values += table["p_value"].to_list()
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_a_planted_motif_ranks_first():
    generator = np.random.default_rng(4)
    motifs = [Motif(f"m{i}", None, generator.dirichlet(np.full(4, 0.1), 10), 50.0) for i in range(20)]
    site = "".join("ACGT"[i] for i in motifs[13].matrix.argmax(axis=1))
    texts = ["".join(generator.choice(list("ACGT"), 200)) for _ in range(60)]
    texts[:30] = [text[:90] + site + text[100:] for text in texts[:30]]
    scanned = scanned_of(["case"] * 30 + ["control"] * 30, length=200)
    hits = scan(motifs, texts, scanned["sequence_id"].to_list(), background=np.full(4, 0.25))
    table = enrichment(hits, scanned, motifs, case="case", control="control")
    assert table["motif_id"][0] == "m13"
    assert table["case_hits"][0] == 30
    assert table["q_value"][0] < 1e-10
    assert table["low"][0] > 1
    assert table["q_value"][1:].min() > 0.05


def test_without_sequences_or_motifs_the_table_is_empty(drawn):
    for hits, scanned, motifs in (
        (drawn[0], scanned_of(["case"]), MOTIFS),
        (empty(HITS), scanned_of([]).cast({"sequence_id": pl.String, "label": pl.String, "length": pl.Int64}), MOTIFS),
        (*drawn, []),
    ):
        table = enrichment(hits, scanned, motifs, case="case", control="control")
        assert table.is_empty()
        check(table, ENRICHMENT)


def test_wrong_tables_and_labels_are_refused(drawn):
    hits, scanned = drawn
    with pytest.raises(DataError, match="case and control are both x; expected two different labels"):
        enrichment(hits, scanned, MOTIFS, case="x", control="x")
    with pytest.raises(DataError, match="column length: is missing; expected Int64"):
        enrichment(hits, scanned.drop("length"), MOTIFS, case="case", control="control")
    with pytest.raises(DataError, match="a sequence_id occurs more than once"):
        enrichment(hits, pl.concat([scanned, scanned]), MOTIFS, case="case", control="control")
