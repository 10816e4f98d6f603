from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

import phenolens
from phenolens.annotate.conservation import conservation
from phenolens.core.errors import DataError
from phenolens.core.schemas import CONSERVATION, REGION_SCORES
from phenolens.core.table import check
from phenolens.io.genes import read_genes
from phenolens.io.intervals import genes_as_intervals
from phenolens.io.signal import read_signal

DEMO = Path(phenolens.__file__).parent / "demo"


@pytest.fixture
def signal(genome):
    """sequence_id -> float32 per base in genome direction, a fifth of the bases and one whole sequence without a value."""
    sequences, generator = genome
    values = {}
    for row in sequences.filter(pl.col("chrom").is_not_null()).iter_rows(named=True):
        track = generator.normal(size=len(row["sequence"])).astype(np.float32)
        track[generator.random(len(track)) < 0.2] = np.nan
        values[row["sequence_id"]] = track
    values["s1"] = np.full_like(values["s1"], np.nan)
    return values


def reading(values, sequences):
    """The signal in reading direction, so that a region's own start and end cut it."""
    strands = dict(sequences.select("sequence_id", "strand").iter_rows())
    return {name: track[::-1] if strands[name] == "-" else track for name, track in values.items()}


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_means_equal_the_bases_averaged_one_by_one(genome, signal, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 400, labels=("a", "b")))
    summary, scores = conservation(regions, sequences, signal, signal="phyloP", controls=500, seed=1)
    check(summary, CONSERVATION)
    check(scores, REGION_SCORES)
    tracks = reading(signal, sequences)
    located = regions.filter(pl.col("chrom").is_not_null())
    assert scores.height == located.height < regions.height
    cuts = {
        r["region_id"]: tracks[r["sequence_id"]][r["sequence_start"] : r["sequence_end"]]
        for r in located.iter_rows(named=True)
    }
    for row in scores.iter_rows(named=True):
        cut = cuts[row["region_id"]]
        assert row["covered"] == pytest.approx(np.mean(~np.isnan(cut)))
        assert (row["mean"] is None) == np.isnan(cut).all()
        if row["mean"] is not None:
            assert row["mean"] == pytest.approx(np.nanmean(cut.astype(float)), abs=1e-9)
    assert scores["mean"].null_count() > 0
    for row in summary.iter_rows(named=True):
        mine = [cuts[name] for name in located.filter(pl.col("label") == row["label"])["region_id"]]
        means = np.array([np.nanmean(cut.astype(float)) for cut in mine])
        assert row["regions"] == np.sum(~np.isnan(means))
        assert row["covered"] == pytest.approx(np.mean(~np.isnan(np.concatenate(mine))))
        of_class = located.filter(pl.col("label") == row["label"])
        windows = [
            np.lib.stride_tricks.sliding_window_view(~np.isnan(tracks[name]), width).sum(axis=1)
            for name, width in of_class.select("sequence_id", pl.col("end") - pl.col("start")).iter_rows()
        ]
        bases = (of_class["end"] - of_class["start"]).sum()
        spread = np.sqrt(sum(w.var() for w in windows) / 500) / bases
        assert row["covered_expected"] == pytest.approx(sum(w.mean() for w in windows) / bases, abs=4 * spread)
        assert 0 < row["covered_p_value"] <= 1
        assert row["observed"] == pytest.approx(np.nanmean(means))
        assert row["expected"] == pytest.approx(0, abs=0.05)
        assert row["high"] - row["low"] == pytest.approx(4 * np.nanstd(means) / np.sqrt(row["regions"]), rel=0.25)


def test_the_signal_is_read_in_genome_direction(sequences_of, regions_of):
    sequences = sequences_of(
        [{"sequence_id": s, "sequence": "ACGTA", "chrom": "chr1", "start": 10, "strand": s} for s in "+-"]
    )
    regions = regions_of(sequences, [("+", 0, 2), ("-", 0, 2)])
    track = np.array([1, 2, 3, 4, np.nan], dtype=np.float32)
    _, scores = conservation(regions, sequences, {"+": track, "-": track}, signal="x", controls=9, seed=1)
    assert scores.select("mean", "covered").rows() == [(1.5, 1.0), (4.0, 0.5)]


def test_p_values_are_uniform_for_random_regions(genome, signal, regions_of, random_places):
    sequences, generator = genome
    labels = [f"class {i}" for i in range(200)]
    on_genome = sequences.filter(pl.col("chrom").is_not_null())
    regions = regions_of(sequences, random_places(generator, on_genome, 200 * 40, labels=labels))
    summary, _ = conservation(regions, sequences, signal, signal="x", controls=199, seed=4)
    assert stats.kstest(summary["p_value"].to_numpy(), "uniform").pvalue > 0.01


def test_a_constant_signal_is_never_a_finding(genome, signal, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 200))
    constant = {name: np.where(np.isnan(track), np.nan, 0.1) for name, track in signal.items()}
    summary, _ = conservation(regions, sequences, constant, signal="x", controls=99, seed=1)
    assert summary["p_value"].to_list() == [1.0]
    assert summary["observed"].to_list() == pytest.approx([0.1])


def test_planted_conservation_is_found(genome, signal, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 100, widths=(12, 13)))
    raised = {name: track.copy() for name, track in signal.items()}
    starts = dict(sequences.select("sequence_id", "start").iter_rows())
    for name, start, end in regions.drop_nulls("chrom").select("sequence_id", "start", "end").iter_rows():
        raised[name][start - starts[name] : end - starts[name]] += 1
    summary, _ = conservation(regions, sequences, raised, signal="x", controls=999, seed=1)
    assert summary["p_value"].to_list() == [pytest.approx(2 / 1000)]
    assert summary["observed"][0] > summary["high"][0] > summary["expected"][0]


def test_where_nothing_is_covered_everything_is_null(genome, signal, regions_of):
    sequences, _ = genome
    regions = regions_of(sequences, [("s1", 0, 9, "uncovered"), ("s2", 0, 9, "unknown"), ("s0", 0, 9, "nowhere")])
    summary, scores = conservation(regions, sequences, {"s1": signal["s1"]}, signal="x", controls=9, seed=1)
    assert summary.select("label", "regions", "covered").rows() == [
        ("nowhere", 0, None),
        ("uncovered", 0, 0.0),
        ("unknown", 0, 0.0),
    ]
    assert summary.select("observed", "expected", "low", "high", "p_value", "q_value").rows() == [(None,) * 6] * 3
    assert scores.select("region_id", "mean", "covered").rows() == [("r00000", None, 0.0), ("r00001", None, 0.0)]


def test_row_order_does_not_matter(genome, signal, regions_of, random_places):
    sequences, generator = genome
    regions = regions_of(sequences, random_places(generator, sequences, 100, labels=("a", "b")))
    tables = conservation(regions, sequences, signal, signal="x", controls=50, seed=1)
    for table, other in zip(
        tables, conservation(regions[::-1], sequences[::-1], signal, signal="x", controls=50, seed=1), strict=True
    ):
        assert_frame_equal(other, table)


def test_no_regions_give_empty_tables(genome, signal, regions_of):
    sequences, _ = genome
    summary, scores = conservation(regions_of(sequences, []), sequences, signal, signal="x", controls=9, seed=1)
    assert summary.is_empty()
    assert scores.is_empty()
    check(summary, CONSERVATION)
    check(scores, REGION_SCORES)


def test_a_signal_of_another_length_is_refused(genome, regions_of):
    sequences, _ = genome
    regions = regions_of(sequences, [("s1", 0, 9)])
    with pytest.raises(DataError, match=r"^signal of sequence s1: has shape \(3,\); expected \(\d+,\)$"):
        conservation(regions, sequences, {"s1": np.zeros(3)}, signal="x", controls=9, seed=1)


def test_exons_introns_and_the_rest_of_chromosome_22_come_out_in_the_known_order(sequences_of, regions_of):
    """The built-in identity of primates and genes, random stretches; demo/README.md has the means of all bases: 0.9835, 0.9779, 0.9752."""
    genes, generator = read_genes(DEMO / "genes.gff3.gz"), np.random.default_rng(3)
    kind = np.zeros(51_304_566, dtype=np.uint8)
    for code, feature in ((1, "gene"), (2, "exon")):
        for start, end in genes_as_intervals(genes, feature).select("start", "end").iter_rows():
            kind[start:end] = code
    kind, rows, places, values = kind[::61], [], [], {}
    with read_signal(DEMO / "primate_identity.bw") as bigwig:
        for code, label in enumerate(("intergenic", "intron", "exon")):
            for at in generator.choice(np.flatnonzero(kind == code), 3000 if code else 5000, replace=False).tolist():
                row = {
                    "sequence_id": f"{at}",
                    "sequence": "N" * 60,
                    "chrom": "chr22",
                    "start": 61 * at - 10,
                    "strand": "+",
                }
                values[row["sequence_id"]] = bigwig.values("chr22", row["start"], row["start"] + 60)
                rows.append(row)
                places.append((row["sequence_id"], 10, 60 if code < 2 else 11, label))
    sequences = sequences_of(rows)
    table, _ = conservation(regions_of(sequences, places), sequences, values, signal="identity", controls=9, seed=1)
    found = dict(table.select("label", "observed").iter_rows())
    assert found["exon"] > found["intron"] > found["intergenic"]
    expected = {"exon": 0.9835, "intron": 0.9779, "intergenic": 0.9752}
    assert found == pytest.approx(expected, abs=0.004)
