"""Case and control: what is drawn for the control, that a sequence counts once, and that a planted motif comes first."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.contrasts import OTHERS, STRETCHES, Contrast, motif_enrichment, random_stretches
from phenolens.core.schemas import SEQUENCES
from phenolens.core.schemas_motifs import ENRICHMENT
from phenolens.core.table import check, empty
from phenolens.core.types import Motif

WORD = "TGACTCAGCA"


def motif(word, name):
    return Motif(name, name, np.array([[0.91 if base == letter else 0.03 for base in "ACGT"] for letter in word]), 20.0)


def sequences(labels, length, seed):
    generator = np.random.default_rng(seed)
    texts = ["".join(generator.choice(list("ACGT"), size=length)) for _ in labels]
    names = [f"s{i:03d}" for i in range(len(labels))]
    table = pl.DataFrame({"sequence_id": names, "group": names, "label": labels, "sequence": texts})
    return pl.concat([empty(SEQUENCES), table], how="diagonal")


def regions_of(table, places):
    """One region per (row, start, end)."""
    rows = [table.row(i, named=True) | {"a": a, "b": b} for i, a, b in places]
    return pl.DataFrame(
        {
            "region_id": [f"{r['sequence_id']}/{r['a']}-{r['b']}" for r in rows],
            "sequence_id": [r["sequence_id"] for r in rows],
            "label": [r["label"] for r in rows],
            "sequence_start": [r["a"] for r in rows],
            "sequence_end": [r["b"] for r in rows],
            "sequence": [r["sequence"][r["a"] : r["b"]] for r in rows],
        }
    )


def test_stretches_copy_number_and_length_of_the_case_and_lie_in_their_sequence():
    table = sequences(["case"] * 30 + ["other"] * 50, 120, 1)
    regions = regions_of(
        table, [(i, 10 * (j + 1), 10 * (j + 1) + 8 + i % 5) for i in range(30) for j in range(1 + i % 3)]
    )
    drawn = random_stretches(regions, table.filter(label="other"), seed=4)
    wanted = {tuple(sorted(g["sequence"].str.len_bytes())) for _, g in regions.group_by("sequence_id")}
    texts = dict(zip(table["sequence_id"], table["sequence"], strict=True))
    for name, group in drawn.group_by("sequence_id"):
        assert tuple(sorted(group["sequence"].str.len_bytes())) in wanted
        assert all(piece in texts[name[0]] for piece in group["sequence"])
    assert drawn["sequence_id"].n_unique() == 50
    assert drawn["region_id"].is_unique().all()


def test_stretches_lie_anywhere_with_equal_chance():
    table = sequences(["case"] + ["other"] * 4000, 30, 2)
    drawn = random_stretches(regions_of(table, [(0, 0, 10)]), table.filter(label="other"), seed=1)
    texts = dict(zip(table["sequence_id"], table["sequence"], strict=True))
    starts = [texts[s].find(piece) for s, piece in drawn.select("sequence_id", "sequence").iter_rows()]
    assert stats.chisquare(np.bincount(starts, minlength=21)).pvalue > 0.001


def test_a_shorter_sequence_gives_itself_and_no_case_gives_nothing():
    table = sequences(["case"], 100, 1)
    short = sequences(["other"], 20, 2).with_columns(sequence_id=pl.lit("short"))
    drawn = random_stretches(regions_of(table, [(0, 10, 60)]), short, seed=0)
    assert drawn["sequence"].to_list() == short["sequence"].to_list()
    assert random_stretches(regions_of(table, [(0, 10, 60)]).clear(), short, seed=0).is_empty()


HOW = Contrast(np.full(4, 0.25), 1e-4, "sequences", 1)


def run(table, regions, motifs, cases=("case",), how=HOW):
    hits, enriched = motif_enrichment(motifs, regions, table, cases=cases, how=how)
    return hits, check(enriched, ENRICHMENT)


def planted(table, *places):
    """The table with the word at these places of every case sequence."""
    text = pl.col("sequence")
    for place in places:
        text = text.str.slice(0, place) + pl.lit(WORD) + text.str.slice(place + len(WORD))
    return table.with_columns(sequence=pl.when(pl.col("label") == "case").then(text).otherwise("sequence"))


def test_a_sequence_with_many_hits_counts_once_and_the_planted_motif_is_first():
    table = planted(sequences(["case"] * 40 + ["other"] * 40, 100, 3), 0, 50)
    regions = regions_of(
        table, [(i, a, a + 20) for i in range(40) for a in (0, 45)] + [(i, 5, 40) for i in range(40, 60)]
    )
    motifs = [motif("ACGTTGCATT", "a"), motif(WORD, "planted"), motif("GGATCCATTA", "b")]
    hits, enriched = run(table, regions, motifs)
    expected = {("regions", "other"): 20, ("regions", "other" + STRETCHES): 40, ("whole", "other"): 40}
    assert set(enriched.select("scope", "control").unique().rows()) == set(expected)
    for (scope, control), total in expected.items():
        first = enriched.filter(scope=scope, control=control).row(0, named=True)
        assert (first["motif_id"], first["case_hits"], first["case_total"]) == ("planted", 40, 40)
        assert first["control_total"] == total
        assert (first["chosen"], first["enriched"]) == (2, True)
        assert first["crossfit_q"] < 1e-3
        assert first["crossfit_low"] > 1
        in_case = hits.filter(motif_id="planted").join(
            regions.filter(label="case"), left_on="sequence_id", right_on="region_id"
        )
        if scope == "regions":
            assert first["case_per_kb"] == pytest.approx(in_case.height / (40 * 2 * 20 / 1000)), (
                "both regions of a sequence were scanned"
            )
    assert enriched.filter("enriched")["motif_id"].unique().to_list() == ["planted"]
    assert hits.filter(motif_id="planted").height >= 80
    assert set(hits["sequence_id"]) <= set(regions["region_id"])


def test_what_is_in_the_sequences_but_in_no_region_is_not_chosen():
    """The regions lie beside the planted word: whole sequences differ, but nothing that the model looks at says so."""
    table = planted(sequences(["case"] * 40 + ["other"] * 40, 100, 3), 50)
    _, enriched = run(table, regions_of(table, [(i, 5, 45) for i in range(80)]), [motif(WORD, "planted")])
    whole = enriched.filter(scope="whole").row(0, named=True)
    assert whole["q_value"] < 1e-10
    assert (whole["chosen"], whole["crossfit_q"], whole["enriched"]) == (0, None, False)


def test_near_copies_of_one_group_are_not_tested_by_what_they_chose():
    """All case sequences with the word are of one group, so of one half: the other half does not confirm it."""
    table = sequences(["case"] * 40 + ["other"] * 40, 100, 3)
    group = pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("copies")).otherwise("sequence_id")
    inside = (pl.int_range(pl.len()) < 20).alias("inside")
    words = planted(table, 50)["sequence"]
    table = table.with_columns(group=group, sequence=pl.when(inside).then(words).otherwise("sequence"))
    _, enriched = run(table, regions_of(table, [(i, 40, 70) for i in range(80)]), [motif(WORD, "planted")])
    assert enriched["q_value"].max() < 0.01
    assert enriched["chosen"].to_list() == [1, 1, 1]
    assert not enriched["enriched"].any()


def test_families_and_clusters_come_with_the_motifs():
    table = planted(sequences(["case"] * 10 + ["other"] * 10, 60, 3), 20)
    motifs = [motif(WORD, "m")._replace(tf_family="F"), motif(WORD[1:], "shorter"), motif("GGATCCATTA", "else")]
    _, enriched = run(table, regions_of(table, [(i, 10, 40) for i in range(20)]), motifs)
    assert {row["motif_id"]: row["tf_family"] for row in enriched.to_dicts()} == {
        "m": "F",
        "shorter": None,
        "else": None,
    }
    cluster = dict(enriched.select("motif_id", "cluster").unique().rows())
    assert cluster["m"] == cluster["shorter"] != cluster["else"]


def test_the_papers_test_asks_for_rate_and_hits():
    table = planted(sequences(["case"] * 40 + ["other"] * 40, 100, 3), 0, 50)
    table = table.with_columns(pl.col("sequence").str.slice(0, 80) + "ACGTTGCATT" + pl.col("sequence").str.slice(90))
    regions = regions_of(table, [(i, 0, 95) for i in range(80)])
    motifs = [motif("ACGTTGCATT", "a"), motif(WORD, "planted")]
    _, enriched = run(table, regions, motifs, how=HOW._replace(test="paper"))
    best = enriched.filter(scope="regions", control="other").row(0, named=True)
    assert (best["motif_id"], best["enriched"]) == ("planted", True)
    assert best["case_hits"] >= 80, "hits are counted, not sequences"
    assert enriched["crossfit_q"].null_count() == enriched["chosen"].null_count() == enriched.height
    few = regions_of(table, [(i, 40, 95) for i in (*range(10), *range(40, 80))])
    assert not run(table, few, motifs, how=HOW._replace(test="paper"))[1].filter(scope="regions")["enriched"].any()


def test_without_regions_in_the_control_the_stretches_still_compare():
    table = sequences(["case"] * 10 + ["x"] * 10 + ["y"] * 10, 60, 5)
    _, enriched = run(table, regions_of(table, [(i, 0, 30) for i in range(10)]), [motif(WORD, "m")])
    assert enriched.select("scope", "control", "control_total").rows() == [
        ("regions", OTHERS + STRETCHES, 20),
        ("whole", OTHERS, 20),
    ]


def test_a_case_without_a_region_is_tested_whole_and_an_absent_one_is_not():
    table = sequences(["case"] * 4 + ["x"] * 4, 60, 5)
    regions = regions_of(table, [(0, 0, 30)])
    _, enriched = run(table, regions.clear(), [motif(WORD, "m")])
    assert enriched["scope"].to_list() == ["whole"]
    for cases in ([], ["absent"]):
        assert run(table, regions, [motif(WORD, "m")], cases)[1].is_empty()
