"""Shuffled sequences with the same dinucleotides: background that has a class's composition and nothing of its order.

A sequence is a walk over its letters; every walk that uses the same steps and starts and ends at the same letters has the
same dinucleotide counts. Such a walk is drawn uniformly (Altschul & Erickson, Mol Biol Evol 2:526, 1985): the last step
out of every letter is drawn so that these steps lead to the final letter, the other steps are permuted. The walk of many
sequences is taken at once, one base at a time.
"""

import numpy as np
import polars as pl

BATCH_BASES = 1 << 24
LOWER = 0x20


def shuffled(sequences: pl.Series, generator: np.random.Generator) -> pl.Series:
    """Return each sequence shuffled, its counts of letters and dinucleotides, and its first and last letter, unchanged.

    Upper and lower case are one letter; the soft mask stays where it was, so that the masked share is unchanged too.

    Parameters
    ----------
    sequences : n sequences, String, of letters.
    generator : random numbers.
    """
    lengths = sequences.str.len_bytes().to_numpy().astype(np.int64)
    order = np.argsort(-lengths, kind="stable")
    texts = sequences.to_list()
    result: list[str] = [""] * len(texts)
    first = 0
    while first < len(order):
        rows = order[first : first + max(1, BATCH_BASES // max(1, int(lengths[order[first]])))]
        width = max(1, int(lengths[rows[0]]))
        padded = b"".join(texts[row].encode("ascii").ljust(width, b"\0") for row in rows)
        letters = np.frombuffer(padded, dtype=np.uint8).reshape(len(rows), width)
        walked = _walk(letters, lengths[rows], generator).tobytes()
        for at, row in enumerate(rows):
            result[row] = walked[at * width : at * width + lengths[row]].decode("ascii")
        first += len(rows)
    return pl.Series(sequences.name, result, dtype=pl.String)


def _walk(letters: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return uint8 (n, L), the rows of `letters` (0 beyond a row's length; rows sorted longest first) shuffled."""
    mask = letters & LOWER
    upper = letters & ~np.uint8(LOWER)
    present = np.flatnonzero(np.bincount(upper.ravel(), minlength=256)).astype(np.uint8)
    number = np.zeros(256, dtype=np.int64)
    number[present] = np.arange(len(present))
    state, states = number[upper], len(present)
    n, width = letters.shape
    row, step = np.nonzero(np.arange(width - 1) < lengths[:, None] - 1)
    if not len(row):
        return letters
    source, target = state[row, step], state[row, step + 1]
    key = generator.random(len(row))
    last = _last_steps(row, source, target, state[np.arange(n), np.maximum(lengths - 1, 0)], states, generator)
    key[last] = 1.0  # the last step out of a letter is taken last
    steps = target[np.argsort(row * states + source + key / 2)]
    count = np.bincount(row * states + source, minlength=n * states)
    pointer = (np.cumsum(count) - count).reshape(n, states)
    walk = np.zeros_like(state)
    walk[:, 0] = state[:, 0]
    open_rows = np.searchsorted(-lengths, -np.arange(width), side="left")  # rows longer than each position
    for position in range(1, width):
        k = np.arange(open_rows[position])
        here = walk[k, position - 1]
        walk[k, position] = steps[pointer[k, here]]
        pointer[k, here] += 1
    return np.asarray(np.where(np.arange(width) < lengths[:, None], present[walk] | mask, 0).astype(np.uint8))


def _last_steps(
    row: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    final: np.ndarray,
    states: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return int64: for every row and letter but its final one, the step that leaves it last, so that all lead to the final letter.

    Steps are drawn uniformly and drawn again for rows where they do not (rejection keeps the draw uniform over the trees).
    """
    n = len(final)
    vertex = row * states + source
    order = np.argsort(vertex, kind="stable")
    count = np.bincount(vertex, minlength=n * states)
    begin = np.cumsum(count) - count
    is_final = np.zeros(n * states, dtype=bool)
    is_final[np.arange(n) * states + final] = True
    needed = (count > 0) & ~is_final
    chosen = np.full(n * states, -1)
    redo = np.arange(n)
    while len(redo):
        vertices = (redo[:, None] * states + np.arange(states)).ravel()
        vertices = vertices[needed[vertices]]
        pick = (generator.random(len(vertices)) * count[vertices]).astype(np.int64)
        chosen[vertices] = order[begin[vertices] + pick]
        # follow the chosen steps: after as many as there are letters every letter must stand at the final one
        place = np.tile(np.arange(states), (len(redo), 1))
        for _ in range(states):
            at = redo[:, None] * states + place
            step = chosen[at]
            place = np.where(needed[at], target[step], place)
        reached = (place == final[redo, None]) | ~needed[redo[:, None] * states + np.arange(states)]
        redo = redo[~reached.all(1)]
    return chosen[needed]
