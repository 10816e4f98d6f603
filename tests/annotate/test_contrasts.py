"""Case and control: what is drawn for the control, that a sequence counts once, and that a planted motif comes first."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.contrasts import OTHERS, STRETCHES, motif_enrichment, random_stretches
from phenolens.core.schemas import SEQUENCES
from phenolens.core.table import empty
from phenolens.core.types import Motif

WORD = "TGACTCAGCA"


def motif(word, name):
    return Motif(name, name, np.array([[0.91 if base == letter else 0.03 for base in "ACGT"] for letter in word]), 20.0)


def sequences(labels, length, seed):
    generator = np.random.default_rng(seed)
    texts = ["".join(generator.choice(list("ACGT"), size=length)) for _ in labels]
    table = pl.DataFrame({"sequence_id": [f"s{i:03d}" for i in range(len(labels))], "label": labels, "sequence": texts})
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


def run(table, regions, motifs, cases=("case",)):
    return motif_enrichment(motifs, regions, table, cases=cases, background=np.full(4, 0.25), p_threshold=1e-4, seed=1)


def test_a_sequence_with_many_hits_counts_once_and_the_planted_motif_is_first():
    table = sequences(["case"] * 40 + ["other"] * 40, 100, 3)
    planted = (
        pl.when(pl.col("label") == "case")
        .then(pl.lit(WORD + "A") + pl.col("sequence").str.slice(11, 39) + WORD + pl.col("sequence").str.slice(60))
        .otherwise("sequence")
    )
    table = table.with_columns(sequence=planted)
    regions = regions_of(
        table, [(i, a, a + 20) for i in range(40) for a in (0, 45)] + [(i, 5, 40) for i in range(40, 60)]
    )
    motifs = [motif("ACGTTGCATT", "a"), motif(WORD, "planted"), motif("GGATCCATTA", "b")]
    hits, enriched = run(table, regions, motifs)
    assert set(enriched["control"]) == {"other", "other" + STRETCHES}
    for control, total in (("other", 20), ("other" + STRETCHES, 40)):
        first = enriched.filter(control=control).row(0, named=True)
        assert (first["motif_id"], first["case_hits"], first["case_total"], first["control_total"]) == (
            "planted",
            40,
            40,
            total,
        )
        in_case = hits.filter(motif_id="planted").join(
            regions.filter(label="case"), left_on="sequence_id", right_on="region_id"
        )
        assert first["case_per_kb"] == pytest.approx(in_case.height / (40 * 2 * 20 / 1000)), (
            "both regions of a sequence were scanned"
        )
    assert hits.filter(motif_id="planted").height >= 80
    assert set(hits["sequence_id"]) <= set(regions["region_id"])


def test_without_regions_in_the_control_the_stretches_still_compare():
    table = sequences(["case"] * 10 + ["x"] * 10 + ["y"] * 10, 60, 5)
    _, enriched = run(table, regions_of(table, [(i, 0, 30) for i in range(10)]), [motif(WORD, "m")])
    assert enriched["control"].to_list() == [OTHERS + STRETCHES]
    assert enriched["control_total"].to_list() == [20]


@pytest.mark.parametrize("cases", [[], ["absent"]])
def test_no_case_gives_no_row(cases):
    table = sequences(["case"] * 4 + ["x"] * 4, 60, 5)
    _, enriched = run(table, regions_of(table, [(0, 0, 30)]), [motif(WORD, "m")], cases)
    assert enriched.is_empty()
