import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.families import families_of, relative_enrichment
from phenolens.core.schemas_biology import FAMILIES
from phenolens.core.table import check


def members_of(rows):
    """(label, locus, family) ... -> one row a sequence."""
    return pl.DataFrame(rows, schema=["label", "locus", "family"], orient="row")


def test_with_one_sequence_a_locus_the_interval_is_scipys():
    counts = {"ERVL": (30, 12), "ERV1": (45, 70), "Gypsy": (5, 18)}
    rows = [
        (label, f"{label}{family}{i}", family)
        for family, n in counts.items()
        for label, m in zip("ab", n, strict=True)
        for i in range(m)
    ]
    table = check(relative_enrichment(members_of(rows), ["a", "b"]), FAMILIES)
    assert table["family"].to_list() == ["ERVL", "ERV1", "Gypsy"]
    for row in table.iter_rows(named=True):
        known = stats.contingency.relative_risk(row["sequences_a"], row["total_a"], row["sequences_b"], row["total_b"])
        interval = known.confidence_interval(0.95)
        assert (row["ratio"], row["low"], row["high"]) == pytest.approx(
            (known.relative_risk, interval.low, interval.high), rel=1e-12
        )
        cells = [[row["sequences_a"], 80 - row["sequences_a"]], [row["sequences_b"], 100 - row["sequences_b"]]]
        assert row["p_value"] == pytest.approx(stats.fisher_exact(cells).pvalue, rel=1e-12)
    assert table["q_value"].to_numpy() == pytest.approx(stats.false_discovery_control(table["p_value"].to_numpy()))


def test_windows_of_one_locus_widen_the_interval_as_a_bootstrap_of_loci_does():
    generator = np.random.default_rng(4)
    rows = []
    for label, share in (("a", 0.4), ("b", 0.25)):
        for i in range(150):
            family = "x" if generator.random() < share else "y"
            rows += [(label, f"{label}{i}", family)] * int(generator.integers(1, 8))
    table = relative_enrichment(members_of(rows), ["a", "b"]).filter(family="x").row(0, named=True)
    loci = {label: {} for label in "ab"}
    for label, locus, family in rows:
        x, n = loci[label].get(locus, (0, 0))
        loci[label][locus] = (x + (family == "x"), n + 1)
    arrays = {label: np.array([*loci[label].values()]) for label in "ab"}
    ratios = []
    for _ in range(4000):
        drawn = [arrays[c][generator.integers(0, 150, 150)].sum(axis=0) for c in "ab"]
        ratios.append((drawn[0][0] / drawn[0][1]) / (drawn[1][0] / drawn[1][1]))
    assert np.log([table["low"], table["high"]]) == pytest.approx(np.log(np.percentile(ratios, [2.5, 97.5])), abs=0.06)
    naive = stats.contingency.relative_risk(*(table[n] for n in ("sequences_a", "total_a", "sequences_b", "total_b")))
    assert (
        table["high"] / table["low"] > 1.3 * naive.confidence_interval(0.95).high / naive.confidence_interval(0.95).low
    )


def test_a_family_of_one_class_only_has_no_interval_but_a_p_value():
    rows = [("a", f"l{i}", "only a") for i in range(20)] + [
        ("a", "x", "both"),
        ("b", "y", "both"),
        ("b", "z", "only b"),
    ]
    table = relative_enrichment(members_of(rows), ["b", "a"])
    found = table.select("family", "ratio", "low", "high").rows()
    assert (found[0], found[2]) == (("only b", None, None, None), ("only a", 0.0, None, None))
    assert table["p_value"].null_count() == 0
    assert relative_enrichment(members_of(rows[:20] + rows[-1:]), ["a", "b"]).is_empty()  # no family in common
    assert relative_enrichment(members_of(rows), ["a"]).is_empty()


def test_the_family_is_that_of_the_longest_overlap_or_the_sequences_own(sequences_of, intervals_of):
    rows = [
        {"sequence_id": "s", "sequence": "A" * 100, "chrom": "chr1", "start": 0, "name": "own"},
        {"sequence_id": "t", "sequence": "A" * 100, "chrom": "chr2", "start": 0},
        {"sequence_id": "u", "sequence": "A" * 100, "name": "placeless"},
    ]
    sequences = sequences_of(rows)
    assert families_of(sequences, None).select("sequence_id", "family").rows() == [("s", "own"), ("u", "placeless")]
    named = intervals_of([("chr1", 0, 40), ("chr1", 30, 90), ("chr1", 95, 400), ("chr2", 100, 200)])
    named = named.with_columns(name=pl.Series(["short", "long", "end", "beside"]))
    assert families_of(sequences, named).select("sequence_id", "family").rows() == [("s", "long")]
