"""Set operations against one boolean per base, and against bedtools where it is installed."""

import shutil
import subprocess
from itertools import combinations, product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.settings import Step
from phenolens.core.table import empty
from phenolens.dataset import intervals as sets

SCHEMA = empty(INTERVALS).schema
LENGTHS = {"chr1": 30, "chr2": 20}
PLACE = ["chrom", "start", "end"]


def table(*rows):
    full = [
        (*row, None, None, ".")[: len(row)] + (None, None, ".")[len(row) - 3 :] if len(row) < 6 else row for row in rows
    ]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def places(result):
    return list(result.select(PLACE).iter_rows())


row = st.sampled_from(sorted(LENGTHS)).flatmap(
    lambda c: st.tuples(st.just(c), st.integers(0, LENGTHS[c] - 1), st.integers(1, 9)).map(
        lambda r: (r[0], r[1], min(LENGTHS[c], r[1] + r[2]))
    )
)
tables = st.lists(row, max_size=8).map(lambda rows: table(*rows))


def painted(rows):
    base = {chrom: np.zeros(length, dtype=bool) for chrom, length in LENGTHS.items()}
    for chrom, start, end in rows:
        base[chrom][start:end] = True
    return base


def runs(base, chrom, low=0):
    """Return the stretches of true bases as (chrom, start, end)."""
    found, start = [], None
    for i, covered in enumerate([*base, False]):
        if covered and start is None:
            start = i
        if not covered and start is not None:
            found.append((chrom, low + start, low + i))
            start = None
    return found


@settings(deadline=None, max_examples=40)
@given(tables)
def test_merge_is_the_runs_of_covered_bases(a):
    base = painted(places(a))
    assert places(sets.merge(a)) == [run for chrom in sorted(base) for run in runs(base[chrom], chrom)]


@settings(deadline=None, max_examples=40)
@given(tables, tables)
def test_subtract_and_within_keep_the_bases_outside_and_inside(a, b):
    base = painted(places(b))
    outside = sorted(piece for c, s, e in places(a) for piece in runs(~base[c][s:e], c, s))
    inside = sorted(piece for c, s, e in places(a) for piece in runs(base[c][s:e], c, s))
    assert places(sets.subtract(a, b)) == outside
    assert places(sets.within(a, b)) == inside


@settings(deadline=None, max_examples=40)
@given(tables, tables)
def test_exclude_drops_whole_rows_that_share_a_base(a, b):
    base = painted(places(b))
    assert places(sets.exclude(a, b)) == sorted((c, s, e) for c, s, e in places(a) if not base[c][s:e].any())


@settings(deadline=None, max_examples=40)
@given(tables, st.integers(1, 7))
def test_windows_tile_every_row(a, size):
    expected = sorted((c, i, min(i + size, e)) for c, s, e in places(a) for i in range(s, e, size))
    assert places(sets.windows(a, size)) == expected


@settings(deadline=None, max_examples=40)
@given(tables, st.integers(0, 40))
def test_slop_stays_on_the_chromosome(a, bases):
    assert places(sets.slop(a, bases, LENGTHS)) == sorted(
        (c, max(0, s - bases), min(LENGTHS[c], e + bases)) for c, s, e in places(a)
    )


@settings(deadline=None, max_examples=40)
@given(tables, tables, st.randoms(use_true_random=False))
def test_row_order_never_matters(a, b, random):
    order = list(range(a.height))
    random.shuffle(order)
    for operation in (
        lambda t: sets.merge(t, 3),
        lambda t: sets.subtract(t, b),
        lambda t: sets.within(t, b),
        lambda t: sets.exclude(t, b),
    ):
        assert operation(a).equals(operation(a[order]))


def test_slop_names_a_chromosome_that_is_not_in_the_genome():
    with pytest.raises(DataError, match="chromosome chrX is not in the genome"):
        sets.slop(table(("chrX", 0, 5)), 1, LENGTHS)


def test_merged_rows_keep_what_all_members_share_and_the_name_of_the_longest():
    merged = sets.merge(
        table(
            ("chr1", 0, 10, "LTR7", 1.0, "+"),
            ("chr1", 5, 12, "LTR7", 1.0, "+"),
            ("chr2", 0, 5, "A", 1.0, "+"),
            ("chr2", 5, 12, "B", 2.0, "-"),
            ("chr2", 12, 20, None, 2.0, "-"),
        )
    )
    assert merged.rows() == [("chr1", 0, 12, "LTR7", 1.0, "+"), ("chr2", 0, 20, "B", None, ".")]


def test_pieces_keep_name_score_and_strand_of_their_row():
    a, b = table(("chr1", 0, 10, "LTR7", 3.0, "-")), table(("chr1", 4, 6))
    assert sets.subtract(a, b).rows() == [("chr1", 0, 4, "LTR7", 3.0, "-"), ("chr1", 6, 10, "LTR7", 3.0, "-")]
    assert sets.within(a, b).rows() == [("chr1", 4, 6, "LTR7", 3.0, "-")]


def test_steps_run_in_the_order_written_and_each_is_accounted_for():
    files = {"gaps.bed": table(("chr1", 10, 12)), "genes.gff#exon": table(("chr2", 0, 5))}
    steps = [
        Step(merge=1),
        Step(subtract="gaps.bed"),
        Step(exclude="genes.gff#exon"),
        Step(windows=4),
        Step(min_length=3),
    ]
    source = table(("chr1", 0, 5), ("chr1", 6, 17), ("chr2", 3, 9))
    result = sets.apply_steps(source, steps, files.__getitem__, LENGTHS)
    assert places(result.intervals) == [("chr1", 0, 4), ("chr1", 4, 8), ("chr1", 12, 16)]
    assert result.intervals["locus"].to_list() == ["chr1:0-10(.)", "chr1:0-10(.)", "chr1:12-17(.)"]
    assert result.account.rows() == [
        ("input", 3, 22),
        ("merge 1", 2, 23),
        ("subtract gaps.bed", 3, 21),
        ("exclude genes.gff#exon", 2, 15),
        ("windows 4", 5, 15),
        ("min_length 3", 3, 12),
    ]


def test_other_order_other_result():
    source = table(("chr1", 0, 10))
    cut_first = sets.apply_steps(source, [Step(windows=4), Step(min_length=4)], lambda *_: source, LENGTHS)
    cut_last = sets.apply_steps(source, [Step(min_length=4), Step(windows=4)], lambda *_: source, LENGTHS)
    assert (cut_first.intervals.height, cut_last.intervals.height) == (2, 3)


def test_windows_of_windows_and_merged_windows_keep_their_loci_together():
    source = table(("chr1", 0, 10), ("chr1", 12, 22))
    again = sets.apply_steps(source, [Step(windows=5), Step(windows=2)], lambda *_: source, LENGTHS).intervals
    assert again["locus"].unique().sort().to_list() == ["chr1:0-10(.)", "chr1:12-22(.)"]
    holes = table(("chr1", 4, 6), ("chr1", 15, 17))
    neighbours = table(("chr1", 0, 10), ("chr1", 11, 21))
    steps = [Step(windows=5), Step(subtract="holes"), Step(merge=1)]
    joined = sets.apply_steps(neighbours, steps, lambda *_: holes, LENGTHS).intervals
    # the middle run holds windows of both loci, so that the pieces left of it and right of it belong together
    assert places(joined) == [("chr1", 0, 4), ("chr1", 6, 15), ("chr1", 17, 21)]
    assert joined["locus"].unique().to_list() == ["chr1:0-10(.)"]


OPERATIONS = {
    "merge": (lambda a, b, g: sets.merge(a), ["merge", "-i", "a"]),
    "merge -d": (lambda a, b, g: sets.merge(a, 2), ["merge", "-i", "a", "-d", "2"]),
    "subtract": (lambda a, b, g: sets.subtract(a, b), ["subtract", "-a", "a", "-b", "b"]),
    "intersect": (lambda a, b, g: sets.within(a, sets.merge(b)), ["intersect", "-a", "a", "-b", "merged"]),
    "intersect -v": (lambda a, b, g: sets.exclude(a, b), ["intersect", "-v", "-a", "a", "-b", "b"]),
    "makewindows": (lambda a, b, g: sets.windows(a, 4), ["makewindows", "-b", "a", "-w", "4"]),
    "slop": (lambda a, b, g: sets.slop(a, 3, g), ["slop", "-b", "3", "-i", "a", "-g", "g"]),
}


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")
@pytest.mark.parametrize("intervals", ["10,000 random", "every pair of edges"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_equals_bedtools(tmp_path, name, intervals):
    operation, command = OPERATIONS[name]
    a, b, lengths = random_tables() if intervals == "10,000 random" else edge_tables()
    for file, content in (("a", a), ("b", b), ("merged", sets.merge(b))):
        content.select(PLACE).write_csv(tmp_path / file, separator="\t", include_header=False)
    (tmp_path / "g").write_text("".join(f"{chrom}\t{length}\n" for chrom, length in lengths.items()))
    done = subprocess.run(["bedtools", *command], cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = sorted((c, int(s), int(e)) for c, s, e in (line.split("\t")[:3] for line in done.stdout.splitlines()))
    assert len(expected) > 300
    assert places(operation(a, b, lengths)) == expected


def random_tables():
    return scattered(10_000, 1), scattered(10_000, 2), BIG


def edge_tables():
    """Every two intervals of a chromosome of seven bases, each pair on a chromosome of its own; a also holds a third at its end."""
    every = list(combinations(range(8), 2))
    pairs = [(f"c{i:04d}", *pair) for i, pair in enumerate(product(every, every))]
    a = table(*((c, *first) for c, first, _ in pairs), *((c, 6, 7) for c, first, _ in pairs if first != (6, 7)))
    return a.sort(PLACE), table(*((c, *second) for c, _, second in pairs)), {c: 7 for c, _, _ in pairs}


BIG = {"chr1": 3_000_000, "chr10": 1_000_000, "chr2": 2_000_000}


def scattered(n, seed):
    """Return n random intervals of 1 to 300 bases, sorted as bedtools wants them."""
    random = np.random.default_rng(seed)
    chrom = np.sort(random.choice(sorted(BIG), n))
    start = (random.random(n) * [BIG[c] - 300 for c in chrom]).astype(np.int64)
    rows = table(
        *(
            (c, s, e)
            for c, s, e in zip(
                chrom.tolist(), start.tolist(), (start + random.integers(1, 301, n)).tolist(), strict=True
            )
        )
    )
    return rows.sort(PLACE)


def test_names_keeps_whole_matches_only():
    source = table(("chr1", 0, 5, "OR1A1"), ("chr1", 6, 9, "ORAI1"), ("chr1", 10, 12, "DEFB1"), ("chr1", 13, 15))
    kept = sets.apply_steps(source, [Step(names=r"OR\d+[A-Z]\w*|DEF[AB]")], lambda *_: source, LENGTHS).intervals
    assert kept["name"].to_list() == ["OR1A1"]
    with pytest.raises(DataError, match=r"step names = '\(': is no regular expression"):
        sets.apply_steps(source, [Step(names="(")], lambda *_: source, LENGTHS)


def test_loci_cut_a_region_into_parts_that_need_not_stay_together():
    source = table(("chr1", 0, 25))
    cut = sets.apply_steps(source, [Step(loci=10), Step(windows=4)], lambda *_: source, LENGTHS).intervals
    assert cut["locus"].n_unique() == 3
    assert cut.filter(pl.col("locus") == "chr1:10-20(.)").select("start", "end").rows() == [
        (10, 14),
        (14, 18),
        (18, 20),
    ]
