"""Bases of intervals and records: reading direction, N, coordinates."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import empty
from phenolens.dataset.intervals import with_locus
from phenolens.dataset.sequences import GAP, STRETCH, from_intervals, from_records, reverse_complement


class TextGenome:
    def __init__(self, **chroms):
        self.chroms = chroms
        self.lengths = {name: len(text) for name, text in chroms.items()}
        self.fetched = 0

    def fetch(self, chrom, start, end):
        assert 0 <= start < end <= len(self.chroms[chrom])
        self.fetched += end - start
        return self.chroms[chrom][start:end]

    def letters(self, chrom):
        return np.frombuffer(self.chroms[chrom].encode(), dtype=np.uint8)


def intervals(*rows):
    return with_locus(pl.DataFrame(rows, schema=empty(INTERVALS).schema, orient="row"))


def records(**named):
    return pl.DataFrame(
        {"name": list(named), "sequence": list(named.values())}, schema={"name": pl.String, "sequence": pl.String}
    )


PAIRS = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))  # IUPAC-IUB 1984, table 3


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet="ACGTRYSWKMBDHVN" + "acgtryswkmbdhvn", max_size=30))
def test_reverse_complement_follows_iupac_and_keeps_case(text):
    slow = "".join(PAIRS[c] if c.isupper() else PAIRS[c.upper()].lower() for c in reversed(text))
    assert reverse_complement(text) == slow
    assert reverse_complement(slow) == text


def test_strand_gives_the_reading_direction_and_case_is_kept():
    genome = TextGenome(c="AACCGGttgA")
    got = from_intervals(
        intervals(("c", 2, 8, "f", None, "-"), ("c", 2, 8, "f", None, "+"), ("c", 2, 8, "f", None, ".")),
        genome,
        label="x",
        min_length=1,
    )
    assert got.pieces["sequence"].to_list() == ["aaCCGG", "CCGGtt", "CCGGtt"]
    assert got.left_out.height == 0


letters = st.text(alphabet="ACgtNNn", min_size=1, max_size=25)


@settings(deadline=None, max_examples=40)
@given(letters, st.sampled_from("+-."), st.integers(1, 4))
def test_every_piece_reads_back_from_the_genome_at_its_coordinates(text, strand, min_length):
    genome = TextGenome(c="TTT" + text + "GG")
    got = from_intervals(
        intervals(("c", 3, 3 + len(text), None, None, strand)), genome, label="x", min_length=min_length
    )
    for start, end, sequence in got.pieces.select("start", "end", "sequence").iter_rows():
        plus = genome.fetch("c", start, end)
        assert sequence == (reverse_complement(plus) if strand == "-" else plus)
        assert "NN" not in sequence.upper()
        assert len(sequence) >= min_length
    kept = int(got.pieces["sequence"].str.len_bytes().sum())
    assert kept + int(got.left_out["bases"].sum()) == len(text)


def test_runs_of_two_n_cut_and_single_n_stay():
    genome = TextGenome(c="ACGNTTNNGGACNNNNNAT" + "NNNN")
    got = from_intervals(
        intervals(("c", 0, 19, "f", None, "-"), ("c", 19, 23, "g", None, "+")), genome, label="x", min_length=3
    )
    assert sorted(got.pieces.select("start", "end", "sequence").rows()) == [(0, 6, "AANCGT"), (8, 12, "GTCC")]
    assert got.pieces["locus"].unique().to_list() == ["c:0-19(-)"]
    assert got.left_out.rows() == [("only N", 1, 4), ("runs of N cut out", 1, 7), ("shorter than 3", 1, 2)]


def test_chromosomes_that_the_genome_lacks_are_counted_and_all_of_them_is_an_error():
    genome = TextGenome(chr1="ACGTACGT")
    got = from_intervals(
        intervals(("chr1", 0, 8, None, None, "+"), ("chr9", 0, 5, None, None, "+")), genome, label="x", min_length=1
    )
    assert got.left_out.rows() == [("chromosome is not in the genome", 1, 5)]
    with pytest.raises(
        DataError,
        match=r"class x: none of its 1 intervals lies on a chromosome .*they are on 1 .*expected names such as chr1",
    ):
        from_intervals(intervals(("1", 0, 8, None, None, "+")), genome, label="x", min_length=1)


def test_an_end_beyond_the_chromosome_tells_of_another_build():
    with pytest.raises(DataError, match=r"the first at chr1:9; expected at most 8; .*another genome build"):
        from_intervals(intervals(("chr1", 2, 9, None, None, "+")), TextGenome(chr1="ACGTACGT"), label="x", min_length=1)


def test_rows_keep_their_order_whatever_lies_beside_and_inside_them():
    """Far apart, touching, nested, equal, across the border of what is read together, on two chromosomes and both strands."""
    random = np.random.default_rng(4)
    genome = TextGenome(**{name: "".join(random.choice(list("ACGTacgt"), 3 * STRETCH // 2)) for name in ("a", "b")})
    starts = np.concatenate([random.integers(0, STRETCH, 300), STRETCH + random.integers(-40, 40, 60), np.full(5, 700)])
    ends = starts + random.choice([1, 30, 500, 9000], len(starts))
    rows = [
        ("ab"[i % 2], int(start), int(end), str(i), None, "+-."[i % 3])
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    rows.append(("a", 5, STRETCH + 5, "long", None, "-"))
    got = from_intervals(intervals(*rows), genome, label="x", min_length=1).pieces
    assert got["name"].to_list() == [row[3] for row in rows]
    for row, sequence in zip(rows, got["sequence"], strict=True):
        plus = genome.chroms[row[0]][row[1] : row[2]]
        assert sequence == (reverse_complement(plus) if row[5] == "-" else plus)


def test_what_lies_far_from_every_interval_is_not_read():
    genome = TextGenome(c="A" * (20 * GAP))
    table = intervals(("c", 10, 20, None, None, "+"), ("c", 5 * GAP, 5 * GAP + 10, None, None, "+"))
    from_intervals(table, genome, label="x", min_length=1)
    assert genome.fetched == 20


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("chr1:10-15(-)", ("chr1", 10, 15, "-")),
        ("LTR7::chr1:10-15(+)", ("chr1", 10, 15, "+")),
        ("chr1:10-15", ("chr1", 10, 15, ".")),
        ("chr1:10-14", (None, None, None, None)),  # samtools faidx: 1-based, five bases
        ("HLA-A", (None, None, None, None)),
        ("chr1.10.15", (None, None, None, None)),
        ("chr1:99999999999999999999-5", (None, None, None, None)),
    ],
)
def test_only_getfasta_names_whose_span_fits_give_coordinates(name, place):
    got = from_records(records(**{name: "ACGTA"}), label="x", label_separator=None, min_length=1)
    assert got.pieces.select("chrom", "start", "end", "strand").row(0) == place


def test_pieces_of_a_minus_record_count_from_its_end():
    got = from_records(records(**{"c:100-110(-)": "AACCNNGGTT"}), label="x", label_separator=None, min_length=1)
    assert got.pieces.select("start", "end", "sequence").rows() == [(106, 110, "AACC"), (100, 104, "GGTT")]


def test_labels_follow_the_last_separator():
    got = from_records(
        records(**{"chr1:0-4(+)|LTR7B": "ACGT", "a|b|LTR7": "GGGG"}), label="unused", label_separator="|", min_length=1
    )
    assert got.pieces.select("label", "chrom", "name").rows() == [
        ("LTR7B", "chr1", "chr1:0-4(+)|LTR7B"),
        ("LTR7", None, "a|b|LTR7"),
    ]


@pytest.mark.parametrize("name", ["plain", "plain|", "plain| "])
def test_a_name_without_label_is_named(name):
    with pytest.raises(DataError, match=r"record plain.*: has nothing after '\|' \(1 of 2 records\)"):
        from_records(records(**{"a|b": "ACGT", name: "ACGT"}), label="unused", label_separator="|", min_length=1)


def test_many_sequences_are_read_without_a_slow_path():
    text = "".join(np.random.default_rng(1).choice(list("ACGTacgt"), 20_000))
    start = np.arange(0, 19_000)
    table = intervals(*(("c", int(s), int(s) + 500, None, None, "-") for s in start))
    got = from_intervals(table, TextGenome(c=text), label="x", min_length=30)
    assert got.pieces.height == len(start)


def test_a_family_can_stand_in_the_name_beside_a_fixed_label():
    records = pl.DataFrame({"name": ["chr1.9.99|7up", "chr2:5-13(-)|7b"], "sequence": ["ACGTACGT", "ACGTACGA"]})
    pieces = from_records(records, label="LTR7", family_separator="|", min_length=4).pieces
    assert pieces["name"].to_list() == ["7up", "7b"]
    assert pieces["label"].to_list() == ["LTR7", "LTR7"]
    assert pieces["locus"].to_list() == records["name"].to_list()
    assert pieces.select("chrom", "start", "end", "strand").rows() == [(None, None, None, None), ("chr2", 5, 13, "-")]
