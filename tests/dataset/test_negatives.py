"""Matched background: properties counted letter by letter from the genome's text."""

from pathlib import Path

import numpy as np
import polars as pl
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import empty
from phenolens.dataset.intervals import overlaps
from phenolens.dataset.negatives import _draw, _runs, _Space, _space, _track, _without_conflict, matched_negatives


class TextGenome:
    def __init__(self, **chroms):
        self.chroms = chroms
        self.lengths = {name: len(text) for name, text in chroms.items()}

    def fetch(self, chrom, start, end):
        return self.chroms[chrom][start:end]


def intervals(rows):
    return pl.DataFrame(rows, schema=empty(INTERVALS).schema, orient="row")


def isochores(length, seed):
    """Return DNA in stretches of 5 kb of very different GC content, soft-masked in patches, with some N."""
    random = np.random.default_rng(seed)
    gc = np.repeat(random.uniform(0.25, 0.65, length // 5000), 5000)
    strong = random.random(length) < gc
    letters = np.where(strong, random.choice(list("GC"), length), random.choice(list("AT"), length))
    for start in random.integers(0, length - 2000, length // 4000):
        patch = slice(start, start + random.integers(200, 2000))
        letters[patch] = np.char.lower(letters[patch])
    for start in random.integers(0, length - 100, length // 50_000):
        letters[start : start + random.integers(1, 100)] = "N"
    return "".join(letters)


GENOME = TextGenome(chr1=isochores(1_000_000, 1), chr2=isochores(500_000, 2), chr3="N" * 1000)
EVERYWHERE = intervals([(chrom, 0, length, None, None, ".") for chrom, length in GENOME.lengths.items()])


def targets(n, seed, *, rich=0.5):
    """Return n targets that prefer GC-rich, masked places, so that random background would differ from them."""
    random = np.random.default_rng(seed)
    rows = []
    while len(rows) < n:
        chrom = random.choice(["chr1", "chr2"])
        length = int(np.exp(random.normal(5.5, 0.5)))
        start = int(random.integers(0, GENOME.lengths[chrom] - length))
        text = GENOME.chroms[chrom][start : start + length]
        if "N" not in text and gc(text) + 0.3 * masked(text) > rich + random.normal(0, 0.15):
            rows.append((str(chrom), start, start + length, "family", 1.0, str(random.choice(["+", "-"]))))
    return intervals(rows)


def gc(text):
    return sum(letter in "GCgc" for letter in text) / len(text)


def masked(text):
    return sum(letter.islower() for letter in text) / len(text)


def smd(a, b):
    a, b = np.array(a), np.array(b)
    return (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)


def texts(table):
    return [GENOME.chroms[c][s:e] for c, s, e in table.select("chrom", "start", "end").iter_rows()]


@pytest.fixture(scope="module")
def positives():
    return targets(600, 3)


@pytest.fixture(scope="module")
def both(positives):
    return matched_negatives(positives, GENOME, EVERYWHERE, match=("gc", "masked"), seed=4)


def test_partners_have_the_targets_chromosome_length_and_strand(positives, both):
    assert both.intervals.height == positives.height
    paired = both.intervals.join(
        positives.with_row_index("target").cast({"target": pl.Int64}), on="target", suffix="_of_target"
    )
    assert paired.height == positives.height
    assert (paired["chrom"] == paired["chrom_of_target"]).all()
    assert (paired["strand"] == paired["strand_of_target"]).all()
    assert (paired["end"] - paired["start"] == paired["end_of_target"] - paired["start_of_target"]).all()
    assert paired["name"].null_count() == paired.height


def test_partners_overlap_neither_each_other_nor_a_target_nor_an_n(positives, both):
    base = {chrom: np.zeros(length, dtype=int) for chrom, length in GENOME.lengths.items()}
    for chrom, start, end in both.intervals.select("chrom", "start", "end").iter_rows():
        base[chrom][start:end] += 1
    assert max(painted.max() for painted in base.values()) == 1
    assert not overlaps(both.intervals, positives).any()
    assert not any("N" in text for text in texts(both.intervals))


def test_matching_balances_what_random_background_does_not(positives, both):
    only_gc = matched_negatives(positives, GENOME, EVERYWHERE, match=("gc",), seed=4).intervals
    target_texts = texts(positives)
    for measure, table in ((gc, both.intervals), (masked, both.intervals), (gc, only_gc)):
        assert abs(smd([measure(t) for t in target_texts], [measure(t) for t in texts(table)])) < 0.05
    # the measure can see imbalance: the masked share that was not matched is out of balance
    assert abs(smd([masked(t) for t in target_texts], [masked(t) for t in texts(only_gc)])) > 0.3


def test_the_seed_decides_and_the_order_of_rows_does_not(positives, both):
    shuffled = positives.sample(fraction=1, shuffle=True, seed=1)
    again = matched_negatives(shuffled, GENOME, EVERYWHERE[::-1], match=("gc", "masked"), seed=4).intervals
    assert again.drop("target").equals(both.intervals.drop("target"))
    other = matched_negatives(positives, GENOME, EVERYWHERE, match=("gc", "masked"), seed=5).intervals
    assert not other.equals(both.intervals)


def test_partners_lie_wholly_inside_the_allowed_space(positives):
    random = np.random.default_rng(6)
    starts = np.sort(random.integers(0, 990_000, 300))
    allowed = intervals([("chr1", int(s), int(s) + 6000, None, None, ".") for s in starts])
    on_chr1 = positives.filter(pl.col("chrom") == "chr1")[:100]
    inside = np.zeros(GENOME.lengths["chr1"], dtype=bool)
    for start in starts:
        inside[start : start + 6000] = True
    found = matched_negatives(on_chr1, GENOME, allowed, seed=1).intervals
    assert found.height == 100
    assert all(inside[s:e].all() for s, e in found.select("start", "end").iter_rows())


@pytest.mark.parametrize(("ratio", "expected"), [(0.5, 60), (1.0, 120), (2.5, 300)])
def test_ratio(positives, ratio, expected):
    some = positives[:120]
    result = matched_negatives(some, GENOME, EVERYWHERE, ratio=ratio, seed=1)
    wanted = sum(round(n * (ratio % 1)) + n * int(ratio) for n in some["chrom"].value_counts()["count"])
    assert result.intervals.height == wanted
    assert abs(wanted - expected) <= 1


def test_too_little_space_says_how_much_was_found():
    target = intervals([("chr1", i * 1000, i * 1000 + 400, None, None, "+") for i in range(20)])
    allowed = intervals([("chr1", 500_000, 504_100, None, None, ".")])
    with pytest.raises(
        DataError, match=r"20 intervals are wanted and only \d+ fit .*worst on chr1.*loosen within, exclude or margin"
    ):
        matched_negatives(target, GENOME, allowed, seed=1)


def test_a_small_shortfall_is_accounted_for():
    target = intervals(
        [("chr1", i * 1000, i * 1000 + 100, None, None, "+") for i in range(40)]
        + [("chr1", 600_000, 640_000, None, None, "+")]
    )
    clean = GENOME.chroms["chr1"].replace("N", "A")
    genome = TextGenome(chr1=clean)
    allowed = intervals([("chr1", 700_000, 739_000, None, None, ".")])
    result = matched_negatives(target, genome, allowed, seed=1)
    assert result.account.rows() == [("chr1", 41, 40)]
    assert result.intervals.height == 40


def test_no_letter_but_n_leaves_no_space():
    target = intervals([("chr3", 0, 10, None, None, "+")])
    with pytest.raises(DataError, match="1 intervals are wanted and only 0 fit"):
        matched_negatives(target, GENOME, EVERYWHERE, seed=1)


def test_long_targets_find_the_few_places_where_they_fit():
    """One free stretch takes the long partner exactly; the short ones must not break it up first."""
    genome = TextGenome(c="ACGT" * 10_000)
    target = intervals(
        [("c", 0, 5000, None, None, "+")] + [("c", 6000 + 60 * i, 6050 + 60 * i, None, None, "+") for i in range(60)]
    )
    allowed = intervals([("c", 20_000, 25_010, None, None, "."), ("c", 30_000, 39_000, None, None, ".")])
    allowed = allowed.with_columns(end=pl.when(pl.col("start") == 30_000).then(34_900).otherwise(pl.col("end")))
    result = matched_negatives(target, genome, allowed, seed=2)
    assert result.intervals.height == 61


@settings(deadline=None, max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_running_counts_are_sums_of_the_bases_before(holds):
    holds = np.array(holds)
    counted = _track(holds).up_to(np.arange(len(holds) + 1))
    assert counted.tolist() == [int(holds[:i].sum()) for i in range(len(holds) + 1)]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.booleans(), max_size=60))
def test_runs_paint_the_same_bases(holds):
    holds = np.array(holds, dtype=bool)
    painted = np.zeros(len(holds), dtype=bool)
    for start, end in zip(*_runs(holds), strict=True):
        assert not painted[start:end].any()
        painted[start:end] = True
    assert (painted == holds).all()


def test_every_place_where_an_interval_fits_is_equally_likely():
    space: _Space = _space(np.array([0, 100, 200]), np.array([4, 107, 203]))
    draws = 90_000
    start = _draw(np.full(draws, 3), space, np.random.default_rng(1))
    places, counts = np.unique(start, return_counts=True)
    assert places.tolist() == [0, 1, 100, 101, 102, 103, 104, 200]  # enumerated by hand
    assert np.abs(counts / draws - 1 / 8).max() < 5 * np.sqrt(1 / 8 / draws)
    assert (_draw(np.full(5, 8), space, np.random.default_rng(1)) == -1).all()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_of_overlapping_partners_the_better_ranked_stays(rows, random):
    start = np.array([s for s, _ in rows])
    end = start + np.array([length for _, length in rows])
    rank = np.array(random.sample(range(len(rows)), len(rows)))
    expected = [
        all(rank[i] < rank[j] for j in range(len(rows)) if j != i and start[i] < end[j] and start[j] < end[i])
        for i in range(len(rows))
    ]
    assert _without_conflict(start, end, rank).tolist() == expected


CHR22 = Path(__file__).parents[2] / "../shared/data/genome/chr22.hg19.fa.gz"


@pytest.mark.shared_data
@pytest.mark.skipif(not CHR22.exists(), reason="the project's shared real data are not here")
def test_two_thousand_partners_on_twenty_million_human_bases():
    with pysam.FastaFile(str(CHR22)) as file:
        genome = TextGenome(chr22=file.fetch("chr22", 25_000_000, 45_000_000))
    letters = np.frombuffer(genome.chroms["chr22"].encode(), dtype=np.uint8)
    before = {}
    for name, of in {"gc": b"GCgc", "masked": b"acgt", "n": b"Nn"}.items():
        counts = np.isin(np.arange(256), list(of))[letters]
        before[name] = np.concatenate([[0], np.cumsum(counts, dtype=np.int32)])

    def share(name, table):
        start, end = table["start"].to_numpy(), table["end"].to_numpy()
        return (before[name][end] - before[name][start]) / (end - start)

    random = np.random.default_rng(1)
    size = np.clip(np.exp(random.normal(5.9, 0.7, 40_000)), 100, 3000).astype(np.int64)
    start = random.integers(0, 20_000_000 - 3000, 40_000)
    rows = intervals([("chr22", s, s + n, None, None, "+") for s, n in zip(start.tolist(), size.tolist(), strict=True)])
    repeats = rows.filter(pl.Series((share("n", rows) == 0) & (share("masked", rows) > random.random(40_000))))[:2000]
    covered = intervals([("chr22", 0, 20_000_000, None, None, ".")])
    found = matched_negatives(repeats, genome, covered, match=("gc", "masked"), seed=1).intervals
    assert found.height == 2000
    assert share("n", found).max() == 0
    assert not overlaps(found, repeats).any()
    assert (found["start"][1:] >= found["end"][:-1]).all()
    assert sorted(found["end"] - found["start"]) == sorted(repeats["end"] - repeats["start"])
    for name in ("gc", "masked"):
        assert abs(smd(share(name, repeats), share(name, found))) <= 0.05
