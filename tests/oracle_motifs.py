"""Slow, obvious references for motif scanning: every word enumerated, every window scored letter by letter.

Written from FIMO's description alone; the product never imports it.
"""

import itertools
import math
import random

COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


def reverse_complement(sequence):
    return sequence[::-1].translate(COMPLEMENT)


def integer_scores(matrix, sites, background):
    """Return (rows of integer scores, scale, offset)."""
    log_odds = [
        [math.log2((p * sites + 0.1 * b) / (sites + 0.1) / b) for p, b in zip(row, background, strict=True)]
        for row in matrix
    ]
    offset = math.floor(min(map(min, log_odds)))
    scale = math.floor(1000 / (max(map(max, log_odds)) - offset))
    return [[math.floor((x - offset) * scale + 0.5) for x in row] for row in log_odds], scale, offset


def enumerated_p_values(scores, background):
    """Return {score: chance of at least this score} over all 4^w words."""
    chance = {}
    for word in itertools.product(range(4), repeat=len(scores)):
        score = sum(row[letter] for row, letter in zip(scores, word, strict=True))
        chance[score] = chance.get(score, 0.0) + math.prod(background[letter] for letter in word)
    p_values, above = {}, 0.0
    for score in sorted(chance, reverse=True):
        above += chance[score]
        p_values[score] = above
    return p_values


def windows(sequence, width):
    """Yield (start, strand, letters in the motif's direction) of every window of A, C, G, T."""
    for start in range(len(sequence) - width + 1):
        letters = sequence[start : start + width].upper()
        if set(letters) <= set("ACGT"):
            yield start, "+", letters
            yield start, "-", reverse_complement(letters)


def scan(matrix, sites, background, sequences, ids, p_threshold):
    """Return sorted (id, start, end, strand, score in bits, p, letters) of every hit, both strands."""
    scores, scale, offset = integer_scores(matrix, sites, background)
    p_values = enumerated_p_values(scores, background)
    width, hits = len(matrix), []
    for name, sequence in zip(ids, sequences, strict=True):
        for start, strand, letters in windows(sequence, width):
            score = sum(row["ACGT".index(letter)] for row, letter in zip(scores, letters, strict=True))
            if p_values[score] <= p_threshold:
                bits = score / scale + width * offset
                hits.append((name, start, start + width, strand, bits, p_values[score], letters))
    return sorted(hits)


def bootstrapped_null_share(p_values, seed):
    """Return FIMO's estimate of the share of true nulls, with its bootstrap: 1,000 samples of 1,000 p-values."""
    generator = random.Random(seed)
    lambdas = [(i + 1) / 100 * 0.5 for i in range(100)]

    def share(sample):
        sample = sorted(sample, reverse=True)
        result, count = [0.0] * 100, 0
        for i in reversed(range(100)):
            while count < len(sample) and sample[count] >= lambdas[i]:
                count += 1
            result[i] = count / len(sample) / (1 - lambdas[i])
        return result

    whole = share(p_values)
    errors = [0.0] * 100
    for _ in range(200):
        for i, estimate in enumerate(share(generator.choices(p_values, k=1000))):
            errors[i] += (estimate - min(whole)) ** 2
    return min(1.0, whole[errors.index(min(errors))])
