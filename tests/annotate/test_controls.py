import numpy as np
import oracle_motifs
import polars as pl
import pytest
from scipy import stats

from phenolens.annotate.controls import by_class, compare, control_blocks, genome_starts, matched_controls, place
from phenolens.core.errors import DataError


@pytest.fixture
def three(sequences_of, regions_of):
    """Regions of 10 bases in a sequence of 30, of 40 in one of 40 (no other place), and of 1 in one of 1,000."""
    sequences = sequences_of(
        [{"sequence_id": name, "sequence": "A" * n} for name, n in (("s", 30), ("t", 40), ("u", 1000))]
    )
    return regions_of(sequences, [("s", 3, 13), ("t", 0, 40), ("u", 999, 1000)]), sequences


def test_controls_are_uniform_over_every_place_where_the_region_fits(three):
    starts = matched_controls(*three, controls=20_000, seed=1)
    assert starts.shape == (20_000, 3)
    assert starts.dtype == np.int64
    counts = np.bincount(starts[:, 0])
    assert len(counts) == 21  # 0 to 20
    assert stats.chisquare(counts).pvalue > 0.01
    assert not starts[:, 1].any()  # nowhere else to go
    assert (starts[:, 2].min(), starts[:, 2].max()) == (0, 999)
    assert abs(stats.spearmanr(starts[:, 0], starts[:, 2]).statistic) < 0.02


def test_the_seed_makes_the_controls_and_the_block_size_does_not(three):
    starts = matched_controls(*three, controls=500, seed=1)
    assert np.array_equal(starts, matched_controls(*three, controls=500, seed=1))
    assert not np.array_equal(starts, matched_controls(*three, controls=500, seed=2))
    for block in (1, 7, 100, 10**6):
        blocks = list(control_blocks(place(*three), controls=500, seed=1, block=block))
        assert max(len(part) for part in blocks) == min(500, max(1, block // 3))
        assert np.array_equal(np.concatenate(blocks), starts)


def test_no_regions_have_no_controls(three):
    regions, sequences = three
    assert matched_controls(regions.clear(), sequences, controls=5, seed=1).shape == (5, 0)


def test_genome_starts_point_at_the_same_letters(genome, regions_of):
    """The letters under a region, read on the genome (complement for -), are those of its sequence."""
    sequences, generator = genome
    tracks = {chrom: np.full(30_000, "N") for chrom in ("chr1", "chr2")}
    for row in sequences.filter(pl.col("chrom").is_not_null()).iter_rows(named=True):
        letters = oracle_motifs.reverse_complement(row["sequence"]) if row["strand"] == "-" else row["sequence"]
        tracks[row["chrom"]][row["start"] : row["end"]] = list(letters)
    places = [(name, start, start + 25) for name in sequences["sequence_id"] for start in generator.integers(0, 175, 3)]
    table = by_class(place(regions_of(sequences, places), sequences)).table
    assert table.height == 36 * 3
    assert set(table["strand"]) == {"+", "-", "."}
    starts = np.stack([table["sequence_start"].to_numpy(), generator.integers(0, 175, table.height)])
    letters = dict(sequences.select("sequence_id", "sequence").iter_rows())
    for line, found in zip(starts, genome_starts(table, starts), strict=True):
        for row, start, low in zip(table.iter_rows(named=True), line, found, strict=True):
            read = "".join(tracks[row["chrom"]][low : low + 25])
            read = oracle_motifs.reverse_complement(read) if row["reverse"] else read
            assert read == letters[row["sequence_id"]][start : start + 25]
    assert np.array_equal(genome_starts(table, table["sequence_start"].to_numpy()), table["start"].to_numpy())


def test_regions_outside_their_sequence_or_without_one_are_refused(three):
    regions, sequences = three
    with pytest.raises(DataError, match=r"^regions: 1 lie in unknown sequences, the first in u$"):
        place(regions, sequences[:2])
    with pytest.raises(DataError, match=r"^regions: 1 do not lie inside their sequence, the first: r00000 3-31$"):
        place(regions.with_columns(sequence_end=pl.Series([31, 40, 1000])), sequences)


def test_a_sequence_that_does_not_fit_its_interval_is_refused(sequences_of, regions_of):
    sequences = sequences_of([{"sequence_id": "s", "sequence": "ACGT", "chrom": "chr1", "start": 5, "strand": "+"}])
    regions = regions_of(sequences, [("s", 0, 2)])
    with pytest.raises(DataError, match="sequence s: is not as long as its genome interval"):
        by_class(place(regions, sequences.with_columns(end=pl.col("end") + 1)))


def test_regions_of_an_alternative_allele_are_on_no_genome(sequences_of, regions_of):
    """Its sequence keeps the allele's anchor on the genome, which is shorter than its letters."""
    rows = [{"sequence_id": name, "sequence": "ACGTACGT", "chrom": "chr1", "start": 5, "strand": "+"} for name in "st"]
    sequences = sequences_of(rows)
    regions = regions_of(sequences, [("s", 0, 2), ("t", 0, 2)])
    allele = sequences.with_columns(end=pl.Series([6, 13]), allele=pl.Series(["sv1", None]))
    assert by_class(place(regions, allele)).table["sequence_id"].to_list() == ["t"]


def test_compare_gives_mean_quantiles_and_permutation_p():
    null = np.stack([np.arange(100.0), np.full(100, np.nan), np.full(100, 0.3)], axis=1)
    table = compare(["a", "b", "c"], np.array([98.0, np.nan, 0.1 + 0.2]), null)
    first = table.row(0, named=True)
    assert (first["observed"], first["expected"], first["low"], first["high"]) == pytest.approx(
        (98, 49.5, 2.475, 96.525)
    )
    assert first["p_value"] == pytest.approx(2 * 3 / 101)  # 98 and 99 are as large
    assert table.row(1) == ("b", None, None, None, None, None)
    assert table["p_value"][2] == 1.0  # 0.1 + 0.2 is 0.3, whatever its last digit says
