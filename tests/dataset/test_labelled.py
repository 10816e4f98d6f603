"""A labelled set as pieces: renamed, whole or from the genome, with the coordinates that are really its own."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError
from phenolens.dataset.labelled import from_labelled
from phenolens.dataset.sequences import PIECES
from phenolens.io.genome import open_genome
from phenolens.io.labelled import read_labelled

SHARED = Path(__file__).parents[3] / "shared" / "data"
SCHEMA = {
    "name": pl.String,
    "label": pl.String,
    "sequence": pl.String,
    "chrom": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "strand": pl.String,
    "split": pl.String,
}
PAIRS = dict(zip("ACGTNacgtn", "TGCANtgcan", strict=True))
CHROM = "".join(np.random.default_rng(3).choice(list("ACGTacgt"), 400)) + "NNNN" + "ACGTTGCATT" * 10


class TextGenome:
    def __init__(self, **chroms):
        self.chroms = chroms
        self.lengths = {name: len(text) for name, text in chroms.items()}

    def fetch(self, chrom, start, end):
        assert 0 <= start < end <= len(self.chroms[chrom])
        return self.chroms[chrom][start:end]


GENOME = TextGenome(c=CHROM)


def reverse(text):
    return "".join(PAIRS[letter] for letter in reversed(text))


def labelled(*rows):
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def text(name, sequence, label="0", split="train"):
    return (name, label, sequence, None, None, None, None, split)


def place(name, start, end, strand=None, sequence=None, label="0", split="train", chrom="c"):
    return (name, label, sequence, chrom, start, end, strand, split)


def made(*rows, genome=GENOME, min_length=1, **label_names):
    return from_labelled(labelled(*rows), genome, label_names=label_names, min_length=min_length)


def test_given_sequences_stay_as_they_are_and_all_stay():
    rows = [text("a", "acgtNNNNNNacgT"), text("b", "ACGT", "1", "test"), text("c", "ACGT", "0", None)]
    got = made(*rows, text("d", "acgt"), genome=None)
    assert got.pieces.columns == [*PIECES, "given_split"]
    assert got.pieces["sequence"].to_list() == ["acgtNNNNNNacgT", "ACGT", "ACGT", "acgt"]
    assert got.pieces["given_split"].to_list() == ["train", "test", None, "train"]
    assert got.pieces["locus"].to_list() == got.pieces["name"].to_list() == list("abcd")
    assert got.pieces.select("chrom", "start", "end", "strand").null_count().row(0) == (4, 4, 4, 4)
    assert got.left_out.is_empty()


def test_labels_are_renamed_all_at_once():
    got = from_labelled(
        labelled(text("a", "A"), text("b", "C", "1"), text("c", "G", "2")),
        None,
        label_names={"0": "1", "1": "0"},
        min_length=1,
    )
    assert got.pieces["label"].to_list() == ["1", "0", "2"]
    with pytest.raises(DataError, match="the label 7, which the labelled set does not have; expected among 0"):
        from_labelled(labelled(text("a", "A")), None, label_names={"7": "x"}, min_length=1)


def test_short_sequences_and_those_of_n_alone_are_counted():
    got = made(text("a", "ACGTA"), text("b", "ACG"), text("c", "nnNNNN"), text("d", "TT"), min_length=4, genome=None)
    assert got.pieces["name"].to_list() == ["a"]
    assert got.left_out.rows() == [("only N", 1, 6), ("shorter than 4", 2, 5)]


def test_intervals_get_their_bases_from_the_genome_cut_at_runs_of_n():
    rows = [
        place("i", 395, 410, "+"),
        place("j", 395, 410, "-", label="1", split="test"),
        place("k", 10, 20, split=None),
    ]
    got = made(*rows, text("t", "ACGTNNNN"))
    found = {
        (name, label, locus, start, end, strand, split): sequence
        for name, label, locus, start, end, strand, split, sequence in got.pieces.select(
            "name", "label", "locus", "start", "end", "strand", "given_split", "sequence"
        ).iter_rows()
    }
    assert found == {
        ("i", "0", "c:395-410", 395, 400, "+", "train"): CHROM[395:400],
        ("i", "0", "c:395-410", 404, 410, "+", "train"): CHROM[404:410],
        ("j", "1", "c:395-410", 404, 410, "-", "test"): reverse(CHROM[404:410]),
        ("j", "1", "c:395-410", 395, 400, "-", "test"): reverse(CHROM[395:400]),
        ("k", "0", "c:10-20", 10, 20, ".", None): CHROM[10:20],
        ("t", "0", "t", None, None, None, "train"): "ACGTNNNN",
    }
    assert got.left_out.rows() == [("runs of N cut out", 2, 8)]


def test_intervals_need_their_genome():
    with pytest.raises(DataError, match=r"1 of its 2 rows are intervals without a sequence; set dataset\.genome"):
        made(place("a", 1, 5), text("b", "A"), genome=None)
    with pytest.raises(DataError, match="none of its 2 intervals lies on a chromosome of the genome"):
        made(place("a", 1, 5, chrom="1"), place("b", 1, 5, chrom="2", label="1"))
    got = made(place("a", 1, 5, chrom="1", label="1"), place("b", 1, 5))
    assert got.pieces["name"].to_list() == ["b"]
    assert got.left_out.rows() == [("chromosome is not in the genome", 1, 4)]
    with pytest.raises(DataError, match="end beyond their chromosome"):
        made(place("a", 1, 50_000))


@settings(deadline=None, max_examples=60)
@given(
    start=st.integers(0, 300),
    length=st.integers(8, 40),
    strand=st.sampled_from(["+", "-", ".", None]),
    turned=st.booleans(),
    shift=st.sampled_from([0, 0, 1, 37]),
)
def test_a_given_sequence_keeps_the_place_and_strand_where_the_genome_has_it(start, length, strand, turned, shift):
    end = start + length
    bases = CHROM[start + shift : end + shift]
    sequence = (reverse(bases) if turned else bases).swapcase()
    here = CHROM[start:end].upper()
    forward, backward = sequence.upper() == here, sequence.upper() == reverse(here)
    got = made(place("a", start, end, strand, sequence))
    row = got.pieces.row(0, named=True)
    assert row["sequence"] == sequence
    if not forward and not backward:
        assert [row[c] for c in ("chrom", "start", "end", "strand")] == [None] * 4
        assert row["locus"] == "a"
        assert got.left_out.rows() == [("coordinates dropped: the genome has other bases there", 1, length)]
        return
    assert (row["chrom"], row["start"], row["end"]) == ("c", start, end)
    assert row["locus"] == f"c:{start}-{end}"
    read = reverse(here) if row["strand"] == "-" else here
    assert read == sequence.upper()
    if strand is not None and (backward if strand == "-" else forward):
        assert row["strand"] == strand


def test_coordinates_that_cannot_be_those_of_the_sequence_are_dropped_and_counted():
    rows = [
        place("a", 5, 9, "+", "ACGTA"),
        place("b", 490, 510, "+", "A" * 20),
        place("c", 0, 3, "+", "ACG", chrom="z"),
    ]
    got = made(*rows)
    assert got.pieces["chrom"].to_list() == [None, None, "z"]
    assert dict(got.left_out.select("reason", "n").iter_rows()) == {
        "coordinates dropped: they span another length than the sequence": 1,
        "coordinates dropped: the genome has other bases there": 1,
    }
    assert made(*rows, genome=None).pieces["chrom"].to_list() == [None, "c", "z"]


@pytest.mark.shared_data
def test_sequences_from_the_real_genome_are_those_of_the_real_set():
    source, genome_file = (
        SHARED / "labelled/regulatory_promoter_enhancer_ocr.csv.gz",
        SHARED / "genome/chr22.hg19.fa.gz",
    )
    if not (source.is_file() and genome_file.is_file()):
        pytest.skip("the shared data is not here")
    table = read_labelled(source).filter(chrom="chr22")
    bare = table.with_columns(sequence=pl.lit(None, pl.String))
    with open_genome(genome_file) as genome:
        given = from_labelled(table, genome, label_names={"ocr": "open"}, min_length=30)
        drawn = from_labelled(bare, genome, label_names={"ocr": "open"}, min_length=30)
    assert given.left_out.is_empty()
    assert given.pieces["chrom"].null_count() == 0
    with gzip.open(source, "rt") as handle:
        expected = [line.split(",", 3)[:3] for line in handle if ",chr22," in line]
    names = {"ocr": "open"}
    wanted = sorted((s.upper(), names.get(label, label), split) for s, label, split in expected)
    for pieces in (given.pieces, drawn.pieces):
        found = pieces.select(pl.col("sequence").str.to_uppercase(), "label", "given_split").rows()
        assert sorted(found) == wanted
