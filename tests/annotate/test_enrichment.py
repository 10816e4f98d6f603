import math
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.enrichment import COMPARED, compare
from phenolens.annotate.motifs import scan
from phenolens.core.errors import DataError
from phenolens.core.schemas_motifs import HITS
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


def tail(a, n, c, m):
    """Return P(at least a of the a + c that count are among the first n of n + m), in fractions."""
    k = a + c
    ways = [math.comb(n, i) * math.comb(m, k - i) for i in range(min(n, k) + 1)]
    return Fraction(sum(ways[a:]), math.comb(n + m, k))


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
    table = check(compare(*drawn, MOTIFS, case="case", control="control"), COMPARED)
    assert table["motif_id"].to_list() == [m.motif_id for m in MOTIFS]
    sets = {m.motif_id: set(drawn[0].filter(pl.col("motif_id") == m.motif_id)["sequence_id"]) for m in MOTIFS}
    for row in table.iter_rows(named=True):
        a = sum(f"s{i}" in sets[row["motif_id"]] for i in range(30))
        c = len(sets[row["motif_id"]]) - a
        assert (row["case_hits"], row["case_total"], row["control_hits"], row["control_total"]) == (a, 30, c, 50)
        expected = stats.fisher_exact([[a, 30 - a], [c, 50 - c]], alternative="greater").pvalue
        assert row["p_value"] == pytest.approx(expected, rel=1e-12)
        assert row["p_value"] == pytest.approx(float(tail(a, 30, c, 50)), rel=1e-12)
        ratio = (a + 0.5) * (50 - c + 0.5) / ((30 - a + 0.5) * (c + 0.5))
        error = 1.959963984540054 * math.sqrt(1 / (a + 0.5) + 1 / (30 - a + 0.5) + 1 / (c + 0.5) + 1 / (50 - c + 0.5))
        assert row["odds_ratio"] == pytest.approx(ratio)
        assert math.log(row["high"] / row["odds_ratio"]) == pytest.approx(error, rel=1e-12)
        assert math.log(row["odds_ratio"] / row["low"]) == pytest.approx(error, rel=1e-12)
        rate = None if not (a or c) else a / 30 / (a / 30 + c / 50)
        assert row["case_rate"] == (None if rate is None else pytest.approx(rate, rel=1e-12))
    expected = stats.false_discovery_control(table["p_value"].to_numpy())
    assert table["q_value"].to_numpy() == pytest.approx(expected, rel=1e-12)


def test_p_values_of_large_tables_equal_sums_of_fractions():
    """Of 2,000 and 3,000 sequences; the paper's counts of hits are larger still."""
    for a, n, c, m in ((300, 2000, 310, 3000), (40, 2000, 20, 3000), (1999, 2000, 2999, 3000), (700, 2000, 500, 3000)):
        hits = hits_of([("m0", f"s{i}") for i in [*range(a), *range(n, n + c)]])
        table = compare(hits, scanned_of(["x"] * n + ["y"] * m), MOTIFS[:1], case="x", control="y")
        assert table["p_value"][0] == pytest.approx(float(tail(a, n, c, m)), rel=1e-12)


def test_the_papers_test_counts_hits_of_q_up_to_five_percent():
    """Of the case 7 hits of m1 and 5 others, of the control 2 and 11; further ones have a larger q."""
    pairs = [("m1", "s0")] * 7 + [("m2", "s1")] * 5 + [("m1", "s2")] * 2 + [("m2", "s2")] * 11
    hits = hits_of([*pairs, ("m1", "s2"), ("m3", "s0")]).with_columns(
        q_value=pl.Series([0.05] * len(pairs) + [0.051] * 2)
    )
    table = compare(hits, scanned_of(["x", "x", "y"]), MOTIFS[:4], case="x", control="y", test="paper")
    row = table.row(1, named=True)
    assert [row[n] for n in ("case_hits", "case_total", "control_hits", "control_total")] == [7, 12, 2, 13]
    assert row["p_value"] == pytest.approx(float(tail(7, 12, 2, 13)), rel=1e-12)
    assert row["case_rate"] == pytest.approx(7 / 12 / (7 / 12 + 2 / 13), rel=1e-12)
    assert table["case_hits"].to_list() == [0, 7, 5, 0]


def test_hits_per_kb_count_hits_but_the_test_counts_sequences():
    hits = hits_of([("m1", "s0")] * 7 + [("m1", "s3")] * 2 + [("m1", "elsewhere")] * 9)
    table = compare(
        hits, scanned_of(["case", "case", "control", "control"]), MOTIFS[:3], case="case", control="control"
    )
    row = table.row(by_predicate=pl.col("motif_id") == "m1", named=True)
    assert (row["case_hits"], row["control_hits"]) == (1, 1)
    assert (row["case_per_kb"], row["control_per_kb"]) == (35.0, 10.0)  # 7 and 2 hits in 200 bases each
    absent = table.row(by_predicate=pl.col("motif_id") == "m2", named=True)
    assert (absent["case_hits"], absent["case_per_kb"], absent["p_value"]) == (0, 0.0, 1.0)


def test_sequences_without_bases_have_no_rate():
    table = compare(hits_of([]), scanned_of(["a", "b"], length=0), MOTIFS[:1], case="a", control="b")
    assert table["case_per_kb"].to_list() == [None]


def test_p_values_are_uniform_when_labels_mean_nothing():
    """200 permutations of the labels of 900 sequences. Discrete p-values are uniform once p is drawn between P(X > a) and P(X >= a)."""
    generator = np.random.default_rng(3)
    shares, smoothed, raw = np.linspace(0.1, 0.7, 40), [], []
    chosen = generator.random((40, 900)) < shares[:, None]
    hits = hits_of([(f"m{m}", f"s{s}") for m, s in zip(*np.nonzero(chosen), strict=True)])
    for number in range(200):
        labels = generator.permutation(["a"] * 300 + ["b"] * 600).tolist()
        motif = MOTIFS[number % 40]
        own = hits.filter(pl.col("motif_id") == motif.motif_id)
        row = compare(own, scanned_of(labels), [motif], case="a", control="b").row(0, named=True)
        more = stats.hypergeom.sf(row["case_hits"], 900, row["case_hits"] + row["control_hits"], 300)
        raw.append(row["p_value"])
        smoothed.append(more + generator.random() * (row["p_value"] - more))
    assert stats.kstest(smoothed, "uniform").pvalue > 0.01
    # the p-values themselves may only be too large
    assert stats.kstest(raw, "uniform", alternative="greater").pvalue > 0.01


def test_a_planted_motif_ranks_first():
    generator = np.random.default_rng(4)
    motifs = [Motif(f"m{i}", None, generator.dirichlet(np.full(4, 0.1), 10), 50.0) for i in range(20)]
    site = "".join("ACGT"[i] for i in motifs[13].matrix.argmax(axis=1))
    texts = ["".join(generator.choice(list("ACGT"), 200)) for _ in range(60)]
    texts[:30] = [text[:90] + site + text[100:] for text in texts[:30]]
    scanned = scanned_of(["case"] * 30 + ["control"] * 30, length=200)
    hits = scan(motifs, texts, scanned["sequence_id"].to_list(), background=np.full(4, 0.25))
    table = compare(hits, scanned, motifs, case="case", control="control").sort("p_value")
    assert table["motif_id"][0] == "m13"
    assert table["case_hits"][0] == 30
    assert table["q_value"][0] < 1e-10
    assert table["low"][0] > 1
    assert table["q_value"][1:].min() > 0.05


def test_without_sequences_on_one_side_there_is_no_comparison(drawn):
    nothing = scanned_of([]).cast({"sequence_id": pl.String, "label": pl.String, "length": pl.Int64})
    assert compare(drawn[0], scanned_of(["case"]), MOTIFS, case="case", control="control") is None
    assert compare(empty(HITS), nothing, MOTIFS, case="case", control="control") is None
    assert check(compare(*drawn, [], case="case", control="control"), COMPARED).is_empty()


def test_wrong_tables_and_labels_are_refused(drawn):
    hits, scanned = drawn
    with pytest.raises(DataError, match="case and control are both x; expected two different labels"):
        compare(hits, scanned, MOTIFS, case="x", control="x")
    with pytest.raises(DataError, match="column length: is missing; expected Int64"):
        compare(hits, scanned.drop("length"), MOTIFS, case="case", control="control")
    with pytest.raises(DataError, match="a sequence_id occurs more than once"):
        compare(hits, pl.concat([scanned, scanned]), MOTIFS, case="case", control="control")
