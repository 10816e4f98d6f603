"""Packed sequences read back letter by letter; one sequence in any case and on any strand is one."""

import numpy as np
import polars as pl
import pytest

from phenolens.dataset.packed import counts_before, fetch, pack, running_counts

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def reverse_complement(text):
    return text[::-1].translate(COMPLEMENT)


def read(packed, cell, length):
    """Return the letters of some cells, one base at a time; N where masked."""
    letters = ""
    for c in range(cell, cell + length):
        word, hole = (int(store[c // 32]) >> (62 - 2 * (c % 32)) for store in (packed.words, packed.masked))
        letters += "N" if hole & 1 else "ACGT"[word & 3]
    return letters


@pytest.fixture(scope="module")
def texts():
    random = np.random.default_rng(1)
    return [
        "".join(random.choice(list("ACGTN"), n, p=[0.24] * 4 + [0.04]))
        for n in (1, 5, 31, 32, 33, 63, 64, 65, 100, 400)
    ]


def test_every_letter_is_read_back_on_both_strands_and_padding_is_masked(texts):
    packed, member = pack(pl.Series(texts))
    for text, number in zip(texts, member, strict=True):
        start, n = int(packed.starts[number]), len(text)
        assert packed.lengths[number] == n
        assert read(packed, start, n) == text
        assert read(packed, 2 * packed.cells - start - n, n) == reverse_complement(text)
        assert read(packed, start + n, 32) == read(packed, start - 32, 32) == "N" * 32
        assert set(packed.owner[start // 32 : (start + n - 1) // 32 + 1]) == {number}


def test_fetch_gives_the_32_bases_at_any_cell(texts):
    packed, member = pack(pl.Series(texts))
    cells = packed.starts[member[-1]] + np.arange(300)
    for cell, word in zip(cells.tolist(), fetch(packed.words, cells).tolist(), strict=True):
        hidden = read(packed, cell, 32)
        read_out = "".join("ACGT"[word >> (62 - 2 * i) & 3] for i in range(32))
        assert all(a == b for a, b in zip(read_out, hidden, strict=True) if b != "N")


def test_case_and_strand_do_not_make_a_sequence_new_but_a_letter_or_the_length_does(texts):
    longer = [
        texts[-1] + "A",
        texts[-1][:-1],
        ("C" if texts[-1][200] == "A" else "A").join([texts[-1][:200], texts[-1][201:]]),
    ]
    rows = [*texts, *[reverse_complement(x).lower() for x in texts], *longer, "N" * 50, "N" * 60]
    packed, member = pack(pl.Series(rows))
    assert member[: len(texts)].tolist() == member[len(texts) : 2 * len(texts)].tolist()
    assert len(set(member[len(texts) :])) == len(packed.lengths) == len(texts) + 5


def test_the_order_of_rows_does_not_matter(texts):
    rows = [*texts, *[reverse_complement(x) for x in texts]]
    order = np.random.default_rng(2).permutation(len(rows))
    packed, member = pack(pl.Series(rows))
    other, other_member = pack(pl.Series([rows[i] for i in order]))
    assert (other.words == packed.words).all()
    assert (other_member == member[order]).all()


def test_counts_are_those_of_the_letters(texts):
    packed, member = pack(pl.Series(texts))
    running = running_counts(packed)
    for text, number in zip(texts, member, strict=True):
        cells = packed.starts[number] + np.arange(len(text) + 1)
        found = counts_before(packed, running, cells)
        assert (found - found[0]).tolist() == [[text[:n].count(x) for x in "ACGT"] for n in range(len(text) + 1)]
