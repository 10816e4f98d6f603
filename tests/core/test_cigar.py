"""Alleles on the reference: pysam's reading of a CIGAR, and base-by-base oracles."""

import numpy as np
import polars as pl
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.core.cigar import cigar_of, genome_spans, operations, piece, reference_positions

SEQUENCES = {"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "strand": pl.String, "allele": pl.String}
SEQUENCES |= {"cigar": pl.String, "sequence": pl.String, "sequence_start": pl.Int64, "sequence_end": pl.Int64}


@st.composite
def alleles(draw):
    """A REF and an ALT that share a beginning and an end more often than chance has it."""
    front, middle, other, back = (draw(st.text(alphabet="ACgt", max_size=6)) for _ in range(4))
    return (front + middle + back or "A").upper(), front + other + back or "c"


def columns(start, cigar):
    """The alignment column by column: (reference coordinate or None, number of the allele's base or None)."""
    found, place, base = [], start, 0
    for count, operation in operations(cigar):
        for _ in range(count):
            found.append((place if operation != "I" else None, base if operation != "D" else None))
            place, base = place + (operation != "I"), base + (operation != "D")
    return found


@settings(deadline=None, max_examples=200)
@given(alleles())
def test_a_cigar_aligns_all_of_both_alleles_and_matches_equal_letters(pair):
    ref, alt = pair
    aligned = columns(0, cigar_of(ref, alt))
    assert [place for place, _ in aligned if place is not None] == list(range(len(ref)))
    assert [base for _, base in aligned if base is not None] == list(range(len(alt)))
    if len(ref) != len(alt):
        matched = [(ref[place], alt[base].upper()) for place, base in aligned if None not in (place, base)]
        assert all(a == b for a, b in matched)


@settings(deadline=None, max_examples=200)
@given(alleles())
def test_prefix_and_suffix_are_as_long_as_they_can_be(pair):
    ref, alt = pair[0], pair[1].upper()
    cigar = cigar_of(*pair)
    front = next((i for i, (a, b) in enumerate(zip(ref, alt, strict=False)) if a != b), min(len(ref), len(alt)))
    back = 0
    while back < min(len(ref), len(alt)) - front and ref[-1 - back] == alt[-1 - back]:
        back += 1
    inserted, deleted = len(alt) - front - back, len(ref) - front - back
    expected = [(front, "M"), (inserted, "I"), (deleted, "D"), (back, "M")]
    same = len(ref) == len(alt)
    assert operations(cigar) == ([(len(alt), "M")] if same else [block for block in expected if block[0]])


@settings(deadline=None, max_examples=100)
@given(alleles(), st.integers(0, 1000))
def test_reference_positions_are_pysams(pair, start):
    ref, alt = pair
    read = pysam.AlignedSegment()
    read.query_sequence, read.reference_start, read.cigarstring = alt, start, cigar_of(ref, alt)
    theirs = [-1 if place is None else place for place in read.get_reference_positions(full_length=True)]
    assert reference_positions(start, cigar_of(ref, alt)).tolist() == theirs


@pytest.mark.parametrize("length", [2, 49, 50, 300])
def test_an_inversion_keeps_no_coordinates_and_a_short_substitution_does(length):
    ref = "".join(np.random.default_rng(length).choice(list("AC"), length))
    swapped = ref.translate(str.maketrans("AC", "TG"))[::-1]
    cigar = cigar_of(f"G{ref}T", f"G{swapped}T")
    assert cigar == (f"{length + 2}M" if length < 50 else f"1M{length}I{length}D1M")


def test_a_long_stretch_with_few_other_letters_is_one_to_one():
    ref = "".join(np.random.default_rng(1).choice(list("AC"), 200))
    assert cigar_of(ref, f"T{ref[1:100]}G{ref[101:199]}T") == "200M"


blocks = st.lists(st.tuples(st.integers(1, 4), st.sampled_from("MID")), min_size=1, max_size=6)


@settings(deadline=None, max_examples=300)
@given(blocks, st.integers(0, 20), st.data())
def test_a_piece_lies_where_its_bases_lie(parts, start, data):
    cigar = "".join(f"{n}{o}" for n, o in parts)
    total = sum(n for n, o in parts if o != "D")
    if not total:
        return
    first = data.draw(st.integers(0, total - 1))
    last = data.draw(st.integers(first + 1, total))
    places = reference_positions(start, cigar)[first:last]
    found = piece(start, cigar, first, last)
    assert sum(n for n, o in operations(found.cigar) if o != "D") == last - first
    if (places >= 0).any():
        placed = places[places >= 0]
        assert (found.start, found.end) == (placed.min(), placed.max() + 1)
        assert reference_positions(found.start, found.cigar).tolist() == places.tolist()
        return
    aligned = columns(start, cigar)
    here = next(i for i, (_, base) in enumerate(aligned) if base == first)
    before = [place for place, _ in aligned[:here] if place is not None]
    anchor = before[-1] if before else max(start - 1, 0)
    assert found == (anchor, anchor + 1, f"{last - first}I")


@settings(deadline=None, max_examples=200)
@given(blocks, st.integers(0, 20), st.sampled_from(["+", "-", ".", None]), st.booleans(), st.data())
def test_spans_lie_on_the_genome_only_where_every_base_follows_the_one_before(parts, start, strand, allele, data):
    cigar = "".join(f"{n}{o}" for n, o in parts)
    places = reference_positions(start, cigar) if allele else np.arange(start, start + 9)
    if not len(places):
        return
    end = max(places.max() + 1, start + 1)
    read = places[::-1] if strand == "-" else places
    spans = [(i, j) for i in range(len(read)) for j in range(i + 1, len(read) + 1)]
    rows = [("c", start, end, strand, "v" if allele else None, cigar if allele else None, "A" * len(read), i, j) for i, j in spans]  # fmt: skip
    found = genome_spans(pl.DataFrame(rows, schema=SEQUENCES, orient="row")).rows()
    for (i, j), got in zip(spans, found, strict=True):
        low, high = int(read[i:j].min()), int(read[i:j].max()) + 1
        blocked = allele and not _in_one_block(cigar, len(read) - j if strand == "-" else i, j - i)
        expected = (low, high) if low >= 0 and high - low == j - i and not blocked else (None, None)
        assert got == expected


def _in_one_block(cigar, first, size):
    """Neighbouring M blocks (5M5M, or 5M0D5M) are never made; drawn at random they are, and count as two."""
    at = 0
    for count, operation in operations(cigar):
        if operation != "D":
            if at <= first and first + size <= at + count:
                return operation == "M"
            at += count
    return False


def test_what_has_no_place_has_no_span():
    rows = [
        ("c", 10, 14, "+", None, None, "ACGT", 1, 3),
        (None, None, None, None, None, None, "ACGT", 1, 3),
        ("c", 10, 15, "+", None, None, "ACGT", 1, 3),
        ("c", 10, 11, "+", "v", "1M3I", "ACGT", 0, 1),
        ("c", 10, 11, "-", "v", "1M3I", "ACGT", 3, 4),
        ("c", 10, 11, "-", "v", "1M3I", "ACGT", 0, 1),
        ("c", 10, 11, "+", "v", "1M9I", "ACGT", 0, 1),
        ("c", 10, 14, "+", "v", None, "ACGT", 0, 1),
    ]
    found = genome_spans(pl.DataFrame(rows, schema=SEQUENCES, orient="row"))
    assert found["start"].to_list() == [11, None, None, 10, 10, None, None, None]
    assert found["end"].to_list() == [13, None, None, 11, 11, None, None, None]
