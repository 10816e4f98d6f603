"""The filter may only save work: its hits are those of scoring every window, whatever the motif's width and sharpness."""

import numpy as np
import oracle_motifs
import pytest

from phenolens.annotate.prefilter import GAP, LANES, WORD, Matrix, groups, search, word_codes

FEW, LEAST = 15, 10


def random_letters(seed, n=1200, other=0.01):
    generator = np.random.default_rng(seed)
    return np.where(generator.random(n) < other, 4, generator.integers(0, 4, n)).astype(np.uint8)


def every_window(matrix, letters):
    """Return {place: score} of the windows of A, C, G, T at or above the lowest score, each added up on its own."""
    width, found = len(matrix.scores), {}
    for place in range(len(letters) - width + 1):
        window = letters[place : place + width].tolist()
        score = sum(int(row[letter]) for row, letter in zip(matrix.scores, window, strict=True) if letter < 4)
        if 4 not in window and score >= matrix.lowest:
            found[place] = score
    return found


def searched(matrices, letters):
    """Return [{place: score}] by matrix, and the groups."""
    made = groups(matrices)
    padded = np.pad(letters, (0, 64), constant_values=4)
    found = [{} for _ in matrices]
    for group in made:
        hits = search(group, word_codes(padded), padded, len(letters))
        for motif, place, score in zip(hits.motif, hits.position, hits.score, strict=True):
            assert place not in found[motif], "a window lies in one lane of its motif"
            found[motif][int(place)] = int(score)
    return found, made


@pytest.mark.parametrize("sharpness", [1, 30, 1000])
def test_hits_are_those_of_scoring_every_window(sharpness):
    """Sharp motifs and such as tell little; the threshold lies where a few windows of a thousand pass."""
    generator = np.random.default_rng(sharpness)
    letters = random_letters(1)
    matrices = []
    for index, width in enumerate([1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 33]):
        scores = np.minimum(generator.integers(0, 1000, (width, 4)), sharpness)
        sums = sorted(every_window(Matrix(0, False, scores, 0), letters).values())
        matrices.append(Matrix(index, bool(index % 2), scores, max(1, sums[-FEW])))
    found, made = searched(matrices, letters)
    assert found == [every_window(matrix, letters) for matrix in matrices]
    assert all(len(hits) >= LEAST for hits in found)
    assert {(m, r) for g in made for m, r in zip(g.motif.tolist(), g.reverse.tolist(), strict=True)} == {
        (i, bool(i % 2)) for i in range(11)
    }


def test_a_motif_that_tells_little_gets_several_lanes():
    flat = np.random.default_rng(3).integers(0, 300, (16, 4))
    sharp = np.eye(4, dtype=int)[np.arange(16) % 4] * 1000
    best = (flat.max(axis=1).sum(), sharp.max(axis=1).sum())
    made = groups([Matrix(0, False, flat, int(0.8 * best[0])), Matrix(1, False, sharp, int(0.9 * best[1]))])
    lanes = [int((np.concatenate([g.motif for g in made]) == i).sum()) for i in (0, 1)]
    assert lanes[0] > 1
    assert lanes[1] == 1


def test_more_lanes_than_a_group_holds_and_what_cannot_be_reached():
    generator, letters = np.random.default_rng(5), random_letters(6, n=300)
    scores = generator.integers(0, 9, (2 * LANES + 5, 5, 4))
    matrices = [Matrix(i, False, s, int(0.8 * s.max(axis=1).sum())) for i, s in enumerate(scores)]
    matrices += [Matrix(len(matrices), False, np.ones((5, 4), dtype=int), 6)]
    found, made = searched(matrices, letters)
    assert found == [every_window(matrix, letters) for matrix in matrices]
    assert not found[-1]
    assert len(matrices) - 1 not in np.concatenate([g.motif for g in made])
    assert len(made) >= 3


def test_word_codes_are_base_four_numbers_and_gaps():
    letters = np.array([0, 1, 2, 3, 3, 2, 1, 0, 1, 4, 2], dtype=np.uint8)
    codes = word_codes(letters)
    assert len(codes) == len(letters) - WORD + 1
    assert codes[0] == int("01233210", 4)
    assert codes[1] == int("12332101", 4)
    assert codes[2] == int("23321010", 4), "another letter reads as A inside a word"
    assert word_codes(np.array([4] * 9, dtype=np.uint8)).tolist() == [GAP, GAP]


def test_words_agree_with_the_slow_oracle_of_reverse_complements():
    """The reversed matrix looks for the reverse complement: the same hits, mirrored."""
    scores = np.random.default_rng(7).integers(0, 1000, (11, 4))
    text = "".join(np.random.default_rng(8).choice(list("ACGT"), 1000))
    code = {letter: i for i, letter in enumerate("ACGT")}
    letters, mirrored = (
        np.array([code[x] for x in t], dtype=np.uint8) for t in (text, oracle_motifs.reverse_complement(text))
    )
    lowest = sorted(every_window(Matrix(0, False, scores, 0), letters).values())[-20]
    forward, _ = searched([Matrix(0, False, scores, lowest)], mirrored)
    reverse, _ = searched([Matrix(0, True, scores[::-1, ::-1], lowest)], letters)
    assert {1000 - 11 - place: score for place, score in forward[0].items()} == reverse[0]
