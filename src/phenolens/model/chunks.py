"""Sequences some at a time, so that memory does not grow with their number."""

from collections.abc import Iterator, Sequence


def chunks(sequences: Sequence[str], *, bases: int, most: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield (first, one past the last) of stretches of whole sequences, in order, at least one sequence each.

    Parameters
    ----------
    sequences : n strings.
    bases : letters in a stretch, at most, unless it is one longer sequence.
    most : sequences in a stretch, at most.
    """
    first = total = 0
    for i, sequence in enumerate(sequences):
        if i > first and (i - first == most or total + len(sequence) > bases):
            yield first, i
            first, total = i, 0
        total += len(sequence)
    if len(sequences):
        yield first, len(sequences)
