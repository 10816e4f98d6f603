"""Covariates of intervals: counted letter by letter from the text, and by bedtools."""

import subprocess
from shutil import which

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenolens.dataset import covariates
from phenolens.dataset.covariates import CHUNK, Track, landscape, read_letters, values

ALL = ("gc", "masked", "cpg", "covered", "gene_distance")


def codes(text):
    return np.frombuffer(text.encode(), dtype=np.uint8)


def pieces(rows):
    return pl.DataFrame(rows, schema={"start": pl.Int64, "end": pl.Int64}, orient="row")


def by_letter(text, start, end, covered, genes):
    """Return the five covariates of one interval, from its letters and a walk over every interval."""
    part = text[start:end]
    upper = part.upper()
    known = sum(letter in "ACGT" for letter in upper)
    gaps = [0 if s < end and e > start else (s - end if s >= end else start - e) + 1 for s, e in genes]
    return [
        sum(letter in "GC" for letter in upper) / known if known else 0,
        sum(letter.islower() for letter in part) / len(part),
        sum(upper[i : i + 2] == "CG" for i in range(len(part) - 1)) / len(part),
        sum(any(s <= i < e for s, e in covered) for i in range(start, end)) / len(part),
        np.log10(1 + min(gaps, default=len(text))),
    ]


spans = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 30)).map(lambda x: (x[0], x[0] + x[1])), max_size=5)


@settings(deadline=None, max_examples=80)
@given(
    st.text(alphabet="ACGTacgtCGcgNnRy", min_size=181, max_size=200),
    spans,
    spans,
    st.integers(0, 180),
    st.integers(1, 60),
)
def test_values_are_what_the_letters_say(text, covered, genes, start, length):
    length = min(length, len(text) - start)
    place = landscape(codes(text), ALL, pieces(covered), pieces(genes))
    got = values(place, ALL, np.array([start]), np.array([length]))[0]
    assert got == pytest.approx(by_letter(text, start, start + length, covered, genes), abs=1e-12)


def test_values_of_every_short_interval():
    text = "".join(np.random.default_rng(1).choice(list("CCGGcgATaN"), 150))
    covered, genes = [(10, 40), (30, 50), (90, 91)], [(20, 30), (100, 140)]
    start, length = (side.ravel() for side in np.meshgrid(np.arange(130), [1, 2, 3, 20]))
    got = values(landscape(codes(text), ALL, pieces(covered), pieces(genes)), ALL, start, length)
    expected = [by_letter(text, s, s + n, covered, genes) for s, n in zip(start.tolist(), length.tolist(), strict=True)]
    assert got == pytest.approx(np.array(expected), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="ACGTNngcR", min_size=1, max_size=400), st.sampled_from([64, 128, 192]))
def test_nothing_depends_on_where_the_letters_are_cut(text, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(covariates, "CHUNK", chunk)
        tracks, (start, end) = read_letters(codes(text), ("gc", "masked", "cpg"))
    at = np.arange(len(text) + 1)
    pairs = zip(text.upper(), text.upper()[1:] + "-", strict=True)
    for name, holds in {
        "gc": [letter in "GCgc" for letter in text],
        "masked": [letter.islower() for letter in text],
        "cpg": [pair == ("C", "G") for pair in pairs],
    }.items():
        assert tracks[name].up_to(at).tolist() == [sum(holds[:i]) for i in range(len(text) + 1)]
    painted = np.zeros(len(text), dtype=int)
    for first, last in zip(start, end, strict=True):
        painted[first:last] += 1
    assert painted.tolist() == [letter not in "ACGTacgt" for letter in text]
    assert (start[1:] > end[:-1]).all()


@pytest.mark.parametrize("chunk", [64, CHUNK])
def test_a_chromosome_of_several_chunks(monkeypatch, chunk):
    """Runs of N across, at, and beside the borders; the same numbers as one array of the whole chromosome gives."""
    monkeypatch.setattr(covariates, "CHUNK", chunk)
    random = np.random.default_rng(2)
    text = random.choice(codes("ACGTacgt"), 3 * CHUNK + 77)
    for first, last in ((CHUNK - 5, CHUNK + 5), (2 * CHUNK, 2 * CHUNK + 9), (3 * CHUNK - 3, 3 * CHUNK), (0, 4)):
        text[first:last] = ord("N")
    text[2 * CHUNK - 1], text[2 * CHUNK] = ord("c"), ord("G")
    place = landscape(text, ("gc", "masked", "cpg"))
    assert list(zip(*(edges.tolist() for edges in place.unknown), strict=True)) == [
        (0, 4),
        (CHUNK - 5, CHUNK + 5),
        (2 * CHUNK + 1, 2 * CHUNK + 9),
        (3 * CHUNK - 3, 3 * CHUNK),
    ]
    upper = np.where(text >= 97, text - 32, text)
    holds = {
        "gc": np.isin(upper, codes("CG")),
        "masked": text >= 97,
        "cpg": np.append((upper[:-1] == ord("C")) & (upper[1:] == ord("G")), False),
    }
    at = random.integers(0, len(text) + 1, 2000)
    for name, array in holds.items():
        assert (place.tracks[name].up_to(at) == np.concatenate([[0], np.cumsum(array)])[at]).all()


def test_counts_of_very_long_chromosomes_do_not_run_over():
    track = Track(np.full(3, ~np.uint64(0)), np.array([2**40, 2**40 + 64, 2**40 + 128]))
    assert track.within(np.array([3]), np.array([130])).tolist() == [127]


def test_a_chromosome_without_genes_or_covered_bases():
    place = landscape(codes("ACGT" * 25), ALL)
    assert values(place, ALL, np.array([4]), np.array([8]))[0].tolist() == [0.5, 0, 0.25, 0, np.log10(101)]
    assert values(place, (), np.array([4, 5]), np.array([8, 8])).shape == (2, 0)


@pytest.mark.skipif(which("bedtools") is None, reason="bedtools is not installed")
def test_bedtools_measures_the_same_distance_and_coverage(tmp_path):
    random = np.random.default_rng(3)
    size = 1_000_000

    def table(n, longest):
        start = random.integers(0, size - longest, n)
        return pieces(np.column_stack([start, start + random.integers(1, longest, n)]).tolist()).sort("start", "end")

    wanted, covered, genes = table(500, 3000), table(400, 2000), table(60, 5000)
    # touching and one base apart
    edge = int(genes["end"].max())
    wanted = pl.concat([wanted, pieces([(edge, edge + 9), (edge + 1, edge + 9)])]).sort("start", "end")
    for name, rows in (("a", wanted), ("covered", covered), ("genes", genes)):
        rows.insert_column(0, pl.lit("c").alias("chrom")).write_csv(
            tmp_path / name, separator="\t", include_header=False
        )

    def bedtools(*arguments):
        done = subprocess.run(["bedtools", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    distance = [int(row[-1]) for row in bedtools("closest", "-d", "-t", "first", "-a", "a", "-b", "genes")]
    share = [float(row[-3]) / float(row[-2]) for row in bedtools("coverage", "-a", "a", "-b", "covered")]
    place = landscape(np.full(size, ord("A"), dtype=np.uint8), ALL, covered, genes)
    start = wanted["start"].to_numpy()
    got = values(place, ("covered", "gene_distance"), start, wanted["end"].to_numpy() - start)
    assert got[:, 0] == pytest.approx(share, abs=1e-12)
    assert got[:, 1] == pytest.approx(np.log10(1 + np.array(distance)), abs=1e-12)
    assert {0, 1, 2} <= set(distance)
