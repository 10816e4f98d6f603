"""Against a count letter by letter: which bases lie under a stretch of tokens, and what they are like."""

import math
from itertools import pairwise

import numpy as np
import oracles
import polars as pl
import pytest
from scipy.stats import entropy
from tiny import random_sequences, tiny_loaded

from phenolens.explain.token_regions import token_regions
from phenolens.model.tokens import encode

EDGES = [0, 50, 150, 250, 350, 450, 512]


def measures(pieces):
    """The four measures of bases that lie in these stretches of neighbouring letters."""
    letters = [base for piece in pieces for base in piece if base in "ACGT"]
    runs = [run for piece in pieces for run in "".join(b if b in "ACGT" else " " for b in piece).split()]
    words = [run[i : i + 6] for run in runs for i in range(len(run) - 5)]
    c, g, n = letters.count("C"), letters.count("G"), len(letters)
    cpg = sum(run[i : i + 2] == "CG" for run in runs for i in range(len(run) - 1))
    return {
        "gc": (c + g) / n if n else math.nan,
        "distinct_6mers": len(set(words)) / len(words) if words else math.nan,
        "entropy": entropy([letters.count(b) for b in "ACGT"], base=2) if n else math.nan,
        "cpg": cpg * n / (c * g) if c * g else math.nan,
    }


def pieces_of(sequence, covered):
    text = "".join(base if i in covered else " " for i, base in enumerate(sequence.upper()))
    return text.split(" ")


def under_tokens(sequence, cut, room):
    """Bases under each stretch of the overlapping 6-mers that the model keeps of a sequence."""
    count = max(len(sequence) - 5, 0)
    kept = oracles.kept_tokens(count, room, cut)
    return [{b for t in kept[a:z] for b in range(t, t + 6)} for a, z in pairwise(EDGES)]


def fifths(sequence):
    n = len(sequence)
    return [{i for i in range(n) if k * n / 5 <= i + 0.5 < (k + 1) * n / 5} for k in range(5)]


def mixed_sequences():
    texts = [s[:n] for s, n in zip(random_sequences(9, 900, 3), (5, 6, 60, 151, 300, 512, 517, 640, 900), strict=True)]
    texts[3] = texts[3][:40] + "N" * 30 + texts[3][70:]
    texts[4] = texts[4].lower()
    texts[5] = "A" * 400 + texts[5][400:]
    return texts


@pytest.mark.parametrize("cut", ["head_tail", "head"])
def test_equals_counting_letter_by_letter(cut):
    texts = mixed_sequences()
    rule = tiny_loaded("bert", max_tokens=512, cut=cut).rule
    labels, groups = list("abababaab"), [str(i) for i in range(9)]
    table = token_regions(rule, texts, labels, groups, resamples=0)
    found = {row[:4]: row[4:] for row in table.select("label", "coordinates", "stretch", "measure", "mean", "n").rows()}
    expected = {}
    for label in "ab":
        mine = [t for t, of in zip(texts, labels, strict=True) if of == label]
        for kind, cover, names in (
            (
                "tokens",
                lambda s: under_tokens(s, cut, 510),
                [f"{a}-{z}" for a, z in pairwise(EDGES)],
            ),
            ("sequence", fifths, [f"{20 * k}-{20 * k + 20} %" for k in range(5)]),
        ):
            values = [[measures(pieces_of(s, covered)) for covered in cover(s)] for s in mine]
            for place, name in enumerate(names):
                for measure in ("gc", "distinct_6mers", "entropy", "cpg"):
                    defined = [v[place][measure] for v in values if not math.isnan(v[place][measure])]
                    if defined:
                        expected[label, kind, name, measure] = (np.mean(defined), len(defined))
    assert found.keys() == expected.keys()
    for key, (mean, n) in expected.items():
        assert found[key] == (pytest.approx(mean, abs=1e-6), n), key


def test_tokens_of_several_bases_count_with_all_of_them():
    texts = random_sequences(4, 700, 5)
    rule = tiny_loaded("gpt2", max_tokens=512).rule
    table = token_regions(rule, texts, ["a"] * 4, list("wxyz"), resamples=0)
    gc = (
        table.filter((pl.col("coordinates") == "tokens") & (pl.col("measure") == "gc")).select("stretch", "mean").rows()
    )
    wanted = []
    for text in texts:
        spans = [s for s in encode(rule, [text]).spans.tolist() if s[1] > s[0]]
        part = "".join(text[a:b] for a, b in spans[50:150])
        wanted.append((part.count("G") + part.count("C")) / len(part))
    assert dict(gc)["50-150"] == pytest.approx(np.mean(wanted), abs=1e-6)


def test_windows_cover_what_any_window_does_and_chunks_change_nothing(monkeypatch):
    texts = random_sequences(6, 300, 8)
    rule = tiny_loaded("bert", max_tokens=102, cut="windows").rule  # room for 100: three windows of 295 tokens
    table = token_regions(rule, texts, ["a"] * 6, list("uvwxyz"), resamples=50)
    gc = table.filter((pl.col("stretch") == "0-50") & (pl.col("measure") == "gc"))["mean"].item()
    starts = [0, 97.5, 195]
    covered = [
        {b for s in starts for b in range(math.floor(s), math.floor(s) + 55)},
        {b for s in starts for b in range(math.ceil(s), math.ceil(s) + 55)},
    ]
    wanted = [np.mean([measures(pieces_of(t, c))["gc"] for t in texts]) for c in covered]
    assert min(abs(gc - w) for w in wanted) < 1e-6
    monkeypatch.setattr("phenolens.explain.token_regions.CHUNK_BASES", 700)
    assert token_regions(rule, texts, ["a"] * 6, list("uvwxyz"), resamples=50).equals(table)


def test_the_interval_is_a_bootstrap_of_whole_groups():
    """Twelve groups of five copies: the interval is as wide as that of twelve sequences, whose mean has a known spread."""
    texts = [s[:200] for s in random_sequences(12, 200, 9)]
    rule = tiny_loaded("bert", max_tokens=512).rule
    copies, groups = [t for t in texts for _ in range(5)], [f"g{i}" for i in range(12) for _ in range(5)]
    table = token_regions(rule, copies, ["a"] * 60, groups, resamples=4000, seed=3)
    row = table.filter((pl.col("stretch") == "40-60 %") & (pl.col("measure") == "gc")).row(0, named=True)
    values = np.array([measures([t[80:120]])["gc"] for t in texts])
    assert row["n"] == 60
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * values.std() / 12**0.5, rel=0.12)
    alone = token_regions(rule, texts, ["a"] * 12, ["g"] * 12, resamples=100)
    assert alone["low"].null_count() == alone.height


def test_nothing_to_measure_is_an_empty_table():
    rule = tiny_loaded("bert", max_tokens=64).rule
    assert token_regions(rule, [], [], []).height == 0
    assert token_regions(rule, ["NNNNNNNN"], ["a"], ["g"]).height == 0
