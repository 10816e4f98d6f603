"""A whole dataset from a synthetic genome: sources, background, duplicates, ids, groups, splits."""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS, SEQUENCES, VARIANTS
from phenolens.core.settings import DatasetSettings
from phenolens.core.table import check, empty
from phenolens.dataset.build import build
from phenolens.dataset.intervals import ordered, overlaps, within
from phenolens.dataset.sequences import reverse_complement


class TextGenome:
    def __init__(self, **chroms):
        self.chroms = chroms
        self.lengths = {name: len(text) for name, text in chroms.items()}

    def fetch(self, chrom, start, end):
        return self.chroms[chrom][start:end]

    def letters(self, chrom):
        return np.frombuffer(self.chroms[chrom].encode(), dtype=np.uint8)


def dna(length, seed):
    return "".join(np.random.default_rng(seed).choice(list("ACGTacgt"), length))


def intervals(rows):
    return pl.DataFrame(rows, schema=empty(INTERVALS).schema, orient="row")


def records(**named):
    return pl.DataFrame(
        {"name": list(named), "sequence": list(named.values())}, schema={"name": pl.String, "sequence": pl.String}
    )


def spaced(chrom, n, *, step=1000, length=200, first=0, name=None):
    return [(chrom, first + i * step, first + i * step + length + i, name, None, "+-"[i % 2]) for i in range(n)]


GENOME = TextGenome(chr1=dna(120_000, 1), chr2=dna(60_000, 2))
FILES = {
    "a.bed": intervals(spaced("chr1", 30) + spaced("chr2", 15)),
    "b.bed": intervals(spaced("chr1", 20, first=50_000, length=150)),
    "outside.bed": intervals([("chr1", 80_000, 100_000, None, None, "."), ("chrX", 0, 50, None, None, ".")]),
    "inside.bed": intervals([("chr1", 30_000, 110_000, None, None, "."), ("chr2", 15_000, 60_000, None, None, ".")]),
    "families.bed": intervals(
        [(c, s, e, f"family{i // 4}", None, t) for i, (c, s, e, _, _, t) in enumerate(spaced("chr1", 24, first=90_000))]
    ),
}


class Read(NamedTuple):
    """Readers of tables held in memory."""

    records: dict = {}
    alleles: dict = {}
    table: pl.DataFrame | None = None

    def intervals(self, name):
        return FILES[name]

    def sequences(self, name):
        return self.records[name]

    def variants(self, name, regions, min_length):
        skipped = pl.DataFrame({"reason": ["symbolic"], "n": [3]})
        return self.alleles[name].filter(pl.col("alt").str.len_bytes() >= min_length), skipped

    def labelled(self):
        return self.table


def made(*classes, genome=GENOME, sequences=None, alleles=None, table=None, seed=1, **settings):
    settings = {"group_by": (), "classes": classes, **settings}
    return build(DatasetSettings(**settings), genome, Read(sequences or {}, alleles or {}, table), seed)


A = {"label": "a", "intervals": "a.bed"}
B = {"label": "b", "intervals": "b.bed"}
BACKGROUND = {
    "label": "background",
    "matched_to": "a",
    "exclude": ("outside.bed",),
    "within": ("inside.bed",),
    "margin": 100,
}


@pytest.fixture(scope="module")
def full():
    return made(A, B, BACKGROUND)


def test_it_is_a_valid_table_whose_rows_read_back_from_the_genome(full):
    table = check(full.sequences, SEQUENCES)
    assert table.columns == list(SEQUENCES.columns)
    for row in table.iter_rows(named=True):
        plus = GENOME.fetch(row["chrom"], row["start"], row["end"])
        assert row["sequence"] == (reverse_complement(plus) if row["strand"] == "-" else plus)
        assert row["sequence_id"] == f"{row['label']}:{row['chrom']}:{row['start']}-{row['end']}({row['strand']})"
    assert table["label"].unique(maintain_order=True).to_list() == ["a", "b", "background"]


def test_background_keeps_its_distance_and_its_place(full):
    background = full.sequences.filter(pl.col("label") == "background")
    near = pl.concat([FILES["a.bed"], FILES["b.bed"], FILES["outside.bed"]]).with_columns(
        (pl.col("start") - 100).clip(0), pl.col("end") + 100
    )
    assert background.height == 45
    assert not overlaps(background, near).any()
    placed = background.with_columns(score=pl.lit(None, dtype=pl.Float64)).select(*INTERVALS.columns)
    assert within(placed, FILES["inside.bed"]).equals(ordered(placed))
    targets = full.sequences.filter(pl.col("label") == "a")
    assert (set(background["origin"]), set(targets["origin"])) == ({"matched"}, {"intervals"})
    columns = ["chrom", "length", "strand"]
    sizes = [
        t.with_columns(length=pl.col("end") - pl.col("start")).select(columns).sort(columns)
        for t in (background, targets)
    ]
    assert sizes[0].equals(sizes[1])


def test_background_also_avoids_what_is_too_short_or_over_the_limit():
    genome = TextGenome(chr1=dna(20_000, 5))
    FILES["crowded.bed"] = intervals(
        [("chr1", i * 100, i * 100 + 60, None, None, "+") for i in range(100)]
        + [("chr1", 10_000, 10_300, None, None, "+")]
    )
    steps = ({"min_length": 200},)
    made_of = [
        {"label": "a", "intervals": "crowded.bed", "steps": steps},
        {"label": "n", "matched_to": "a", "ratio": 8},
    ]
    with pytest.raises(DataError, match="class a: all its sequences are in 1 group"):
        made(*made_of, genome=genome)
    FILES["crowded.bed"] = FILES["crowded.bed"].vstack(intervals([("chr1", 12_000, 12_300, None, None, "+")]))
    background = made(*made_of, genome=genome).sequences.filter(pl.col("label") == "n")
    assert background.height == 16
    assert not overlaps(background, FILES["crowded.bed"]).any()
    limited = made(
        {"label": "a", "intervals": "a.bed", "limit": 5}, {"label": "n", "matched_to": "a", "ratio": 10}
    ).sequences
    assert not overlaps(limited.filter(pl.col("label") == "n"), FILES["a.bed"]).any()


def test_two_backgrounds_do_not_overlap():
    other = {**BACKGROUND, "label": "other", "matched_to": "b", "ratio": 3}
    table = made(A, B, BACKGROUND, other).sequences
    first, second = (table.filter(pl.col("label") == label) for label in ("background", "other"))
    assert second.height == 60
    assert not overlaps(first, second).any()


def test_the_same_seed_the_same_table(full):
    assert made(A, B, BACKGROUND).sequences.equals(full.sequences)
    other = made(A, B, BACKGROUND, seed=2).sequences
    assert not other.equals(full.sequences)
    real = pl.col("label") != "background"
    assert other.filter(real)["sequence_id"].equals(full.sequences.filter(real)["sequence_id"])


def test_what_is_taken_and_left_out_adds_up():
    table, account = made(
        {**A, "steps": ({"merge": 0}, {"windows": 100})}, B, {**BACKGROUND, "limit": 50}, min_length=60
    )
    sources = account.filter((pl.col("label") == "a") & (pl.col("kind") == "step"))
    assert sources["reason"].to_list() == ["input", "merge 0", "windows 100"]
    for label in ("a", "b"):
        rows = account.filter(pl.col("label") == label)
        n, bases = rows.filter(pl.col("kind") == "step").select("n", "bases").row(-1)
        gone = rows.filter(pl.col("kind") == "left out")
        taken = rows.filter(pl.col("kind") == "taken")
        assert n == gone["n"].sum() + taken["n"].sum()
        assert bases == gone["bases"].sum() + taken["bases"].sum()
        mine = table.filter(pl.col("label") == label)
        assert taken.select("n", "bases").row(0) == (mine.height, mine["sequence"].str.len_bytes().sum())
    assert table.filter(pl.col("label") == "background").height == 50


def test_windows_of_a_locus_overlaps_and_names_stay_in_one_split():
    table = made(
        {**A, "steps": ({"windows": 50},)}, B, {"label": "f", "intervals": "families.bed"}, group_by=("name",)
    ).sequences
    for key in ("locus", "group"):
        assert table.group_by(key).agg(pl.col("split").n_unique())["split"].max() == 1
    families = table.filter(pl.col("label") == "f")
    assert families.group_by("name").agg(pl.col("group").n_unique())["group"].to_list() == [1] * 6
    assert families["group"].n_unique() == 6
    assert table.filter(pl.col("label") == "b")["group"].n_unique() == 20  # null names do not group
    assert table.group_by("locus").agg(pl.col("random_split").n_unique())["random_split"].max() > 1
    FILES["shifted.bed"] = FILES["a.bed"].with_columns(pl.col("start") + 100, pl.col("end") + 100)
    both = made(A, {"label": "shifted", "intervals": "shifted.bed"}).sequences
    assert both["group"].n_unique() == 45


def test_similar_sequences_form_one_group_on_either_strand():
    family = [dna(200, 50 + i) for i in range(10)]
    copies = {f"plain{i}": text for i, text in enumerate(family)} | {
        f"turned{i}": reverse_complement(text) + "ACG" for i, text in enumerate(family)
    }
    table = made(
        {"label": "x", "sequences": "x.fa"}, A, sequences={"x.fa": records(**copies)}, group_by=("similarity",)
    ).sequences
    mine = table.filter(pl.col("label") == "x").with_columns(number=pl.col("name").str.extract(r"(\d+)$"))
    assert mine["group"].n_unique() == 10
    assert mine.group_by("number").agg(pl.col("group").n_unique())["group"].max() == 1


def test_chromosomes_form_groups():
    genome = TextGenome(**{f"chr{i}": dna(5000, 400 + i) for i in range(6)})
    FILES["spread.bed"] = intervals([row for i in range(6) for row in spaced(f"chr{i}", 2, first=200)])
    FILES["others.bed"] = intervals([row for i in range(6) for row in spaced(f"chr{i}", 2, first=2600)])
    table = made(
        {"label": "p", "intervals": "spread.bed"},
        {"label": "q", "intervals": "others.bed"},
        genome=genome,
        group_by=("chrom",),
    ).sequences
    assert table.select("chrom", "group").unique().height == 6
    assert table.group_by("chrom").agg(pl.col("split").n_unique())["split"].max() == 1


@pytest.mark.parametrize("split", ["group", "random", "chromosome"])
def test_every_kind_of_split_fills_both_columns(split):
    extra = {"test_chromosomes": ("chr2",)} if split == "chromosome" else {}
    table = made(A, {**BACKGROUND, "within": ()}, split=split, **extra).sequences
    assert table["random_split"].null_count() == 0
    if split == "chromosome":
        assert set(table.filter(pl.col("split") == "test")["chrom"]) == {"chr2"}
        assert (table["random_split"] == "test").sum() == (table["split"] == "test").sum()
    if split == "random":
        assert (table["split"] == table["random_split"]).all()


def test_an_interval_in_two_classes_is_named():
    FILES["c.bed"] = FILES["b.bed"][3:5]
    with pytest.raises(
        DataError,
        match=r"classes b and c: 2 intervals are in both, the first chr1:53000-53153; .*every interval in one class",
    ):
        made(B, {"label": "c", "intervals": "c.bed"})


def test_equal_sequences_are_kept_once_and_contradictory_ones_not_at_all():
    same, other = dna(100, 70), dna(100, 71)
    unique = {f"u{i}": dna(100, 80 + i) for i in range(6)}
    files = {
        "x.fa": records(one=same, two=same.swapcase(), both=other, **{k: unique[k] for k in ("u0", "u1", "u2")}),
        "y.fa": records(contra=other.upper(), **{k: unique[k] for k in ("u3", "u4", "u5")}),
    }
    table, account = made(
        {"label": "x", "sequences": "x.fa"}, {"label": "y", "sequences": "y.fa"}, genome=None, sequences=files
    )
    assert table["sequence_id"].to_list() == ["x:one", "x:u0", "x:u1", "x:u2", "y:u3", "y:u4", "y:u5"]
    assert account.filter(pl.col("kind") == "left out").select("label", "reason", "n").rows() == [
        ("x", "the same sequence again", 1),
        ("x", "the same sequence in another class", 1),
        ("y", "the same sequence in another class", 1),
    ]


def test_labels_from_names_and_unique_ids_for_pieces_of_one_record():
    named = {f"r{i}|{'pq'[i % 2]}": dna(80, 200 + i) for i in range(8)} | {
        "cut|p": dna(60, 300) + "NNNN" + dna(60, 301)
    }
    table = made(
        {"label": "?", "sequences": "x.fa", "label_separator": "|"}, genome=None, sequences={"x.fa": records(**named)}
    ).sequences
    assert table["label"].value_counts().sort("label").rows() == [("p", 6), ("q", 4)]
    assert [i for i in table["sequence_id"] if "cut" in i] == ["p:cut|p", "p:cut|p/2"]
    assert table.filter(pl.col("name") == "cut|p")["group"].n_unique() == 1


def test_lengths_and_limits():
    table, account = made({**A, "limit": 10}, B, min_length=155, max_length=225)
    assert table["sequence"].str.len_bytes().is_between(155, 225).all()
    assert table.filter(pl.col("label") == "a").height == 10
    reasons = account.filter(pl.col("kind") == "left out")["reason"].to_list()
    assert reasons == ["longer than 225", "over the limit of 10", "shorter than 155"]


@pytest.mark.parametrize(
    ("classes", "settings", "message"),
    [
        ([A, {"label": "n", "matched_to": "zzz"}], {}, "class n: matched_to = 'zzz' is no class with sequences"),
        (
            [A, BACKGROUND, {"label": "n", "matched_to": "background"}],
            {},
            "class n: matched_to = 'background' is itself background",
        ),
        ([A], {}, "dataset.classes: 1 class has sequences; expected at least 2 classes"),
        ([A, B], {"min_length": 190}, "class b: no sequence is left"),
        ([A, B], {"validation": 0.5, "test": 0.5}, "leave 0.00 for train"),
        (
            [A, {"label": "n", "matched_to": "a", "exclude": ("everything.bed",)}],
            {},
            "45 intervals are wanted and only 0 fit",
        ),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(classes, settings, message):
    FILES["everything.bed"] = intervals([(c, 0, n, None, None, ".") for c, n in GENOME.lengths.items()])
    with pytest.raises(DataError, match=message) as error:
        made(*classes, **settings)
    assert "\n" not in str(error.value)


def test_intervals_without_a_genome():
    with pytest.raises(DataError, match="class a: needs a genome and none is given"):
        made(A, B, genome=None)


def test_background_for_records_without_coordinates_has_their_length_and_letters():
    generator = np.random.default_rng(5)
    texts = {}
    for i in range(60):
        gc = generator.uniform(0.3, 0.6)
        texts[f"copy{i}"] = "".join(
            generator.choice(list("ACGT"), size=80 + i, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
        )
    table = made(
        {"label": "x", "sequences": "x.fa"},
        {"label": "n", "matched_to": "x"},
        sequences={"x.fa": records(**texts)},
        split="random",
    ).sequences
    x, n = (table.filter(label=label)["sequence"].to_list() for label in ("x", "n"))
    assert sorted(map(len, x)) == sorted(map(len, n))

    def mean_gc(part):
        return np.mean([sum(letter in "GCgc" for letter in text) / len(text) for text in part])

    assert abs(mean_gc(x) - mean_gc(n)) < 0.01
    assert table.filter(label="n")["chrom"].null_count() == 0


def test_background_for_records_with_coordinates_avoids_them():
    spots = {f"chr1:{i * 900}-{i * 900 + 100}(+)": GENOME.fetch("chr1", i * 900, i * 900 + 100) for i in range(20)}
    table = made(
        {"label": "x", "sequences": "x.fa"}, {"label": "n", "matched_to": "x"}, sequences={"x.fa": records(**spots)}
    ).sequences
    first, second = (table.filter(pl.col("label") == label) for label in ("x", "n"))
    assert second.height == 20
    assert not overlaps(second, first).any()


def test_shuffled_background_has_the_composition_and_the_split_of_what_it_was_made_from():
    table = made(A, {"label": "s", "shuffled_from": "a", "ratio": 2}).sequences
    own, shuffled = (table.filter(pl.col("label") == label) for label in "as")
    assert (shuffled.height, set(shuffled["origin"])) == (2 * own.height, {"shuffled"})
    assert shuffled["chrom"].null_count() == shuffled.height
    assert table["sequence_id"].n_unique() == table.height
    source = {row["locus"]: row for row in own.iter_rows(named=True)}
    for row in shuffled.iter_rows(named=True):
        before, after = source[row["locus"]]["sequence"].upper(), row["sequence"].upper()
        assert Counter(pairwise(before)) == Counter(pairwise(after))
        assert before != after
        assert row["split"] == source[row["locus"]]["split"]


def test_alleles_are_sequences_of_the_class_they_overlap_in_the_group_of_their_locus():
    first = FILES["a.bed"].filter(pl.col("chrom") == "chr1").row(3, named=True)
    at, letter = first["start"] + 50, GENOME.fetch("chr1", first["start"] + 50, first["start"] + 51).upper()
    rows = [
        ("chr1", at, at + 1, "sv1", letter, letter + dna(180, 8)),
        ("chr1", at, at + 1, "sv2", letter, letter + "ACGT"),
    ]
    alleles = {"sv.vcf": pl.DataFrame(rows, schema=empty(VARIANTS).schema, orient="row")}
    result = made(A, BACKGROUND, variants=("sv.vcf",), alleles=alleles)
    found = result.sequences.filter(pl.col("origin") == "alleles")
    assert found["allele"].to_list() == ["sv1"]
    locus = result.sequences.filter((pl.col("chrom") == "chr1") & (pl.col("start") == first["start"]))
    assert locus["group"].to_list() == found["group"].to_list() == locus["group"].unique().to_list()
    assert {"sv.vcf: symbolic"} <= set(result.account["reason"])
    assert result.sequences.filter(pl.col("label") == "background").height == 45


def test_two_runs_of_folds_hold_out_other_groups_and_all_of_them_in_turn():
    tests = [made(A, B, folds=4, fold=k).sequences for k in range(4)]
    assert all(t["fold"].equals(tests[0]["fold"]) for t in tests)
    held = [set(t.filter(pl.col("split") == "test")["sequence_id"]) for t in tests]
    assert sum(map(len, held)) == len(set().union(*held)) == tests[0].height
    for k, t in enumerate(tests):
        assert set(t.filter(pl.col("split") == "validation")["fold"]) == {(k + 1) % 4}


def test_dealt_labels_are_even_random_and_whole_loci():
    steps = ({"windows": 100},)
    table = made({"label": "x", "intervals": "a.bed", "steps": steps, "deal_into": ("p", "q", "r")}).sequences
    assert table.group_by("locus").agg(pl.col("label").n_unique())["label"].max() == 1
    loci = table.group_by("label").agg(pl.col("locus").n_unique())
    assert dict(loci.iter_rows()) == {"p": 15, "q": 15, "r": 15}
    other = made({"label": "x", "intervals": "a.bed", "steps": steps, "deal_into": ("p", "q", "r")}, seed=2).sequences
    assert not other.sort("locus", "start")["label"].equals(table.sort("locus", "start")["label"])


def test_linclust_drops_near_copies_within_a_class_only():
    long = dna(400, 21)
    near = long[:200] + ("A" if long[200] != "A" else "C") + long[201:]
    other = {f"s{i}": dna(400, 100 + i) for i in range(6)}
    given = {
        "a.fa": records(one=long, two=near, **other),
        "b.fa": records(three=near[:-1], **{k: v[::-1] for k, v in other.items()}),
    }
    classes = [{"label": label, "sequences": f"{label}.fa"} for label in "ab"]
    table = made(*classes, genome=None, sequences=given, redundancy="linclust").sequences
    assert dict(table.group_by("label").len().iter_rows()) == {"a": 7, "b": 7}


def test_a_labelled_set_with_its_own_split_keeps_its_copies():
    rows = [(f"r{i}", "xy"[i % 2], dna(60, 300 + i), ["train", "validation", "test"][i % 3]) for i in range(30)]
    rows += [("copy", "x", rows[0][2], "test")]
    schema = ["name", "label", "sequence", "split"]
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        *(
            pl.lit(None, t).alias(n)
            for n, t in (("chrom", pl.String), ("start", pl.Int64), ("end", pl.Int64), ("strand", pl.String))
        )
    )
    kept = made(table=table, labelled="set.csv", split="given", label_names={"x": "yes"}, genome=None).sequences
    assert kept.height == 31
    assert dict(kept.group_by("split").len().iter_rows()) == {"train": 10, "validation": 10, "test": 11}
    assert set(kept["label"]) == {"yes", "y"}
    once = made(table=table, labelled="set.csv", genome=None).sequences
    assert once.height == 30
