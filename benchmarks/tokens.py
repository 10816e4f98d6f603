"""Ids of 6-mers equal to Hugging Face's, both ways round, and how fast: phenolens.model.tokens beside BertTokenizer on joined k-mers.

    python benchmarks/tokens.py [--sequences 20000] [--vocabulary vocab.txt] [--k 6] [--seed 1]

Sequences of 1-2,000 bases: random, with single N and runs of N, with other letters, soft-masked. Hugging Face's path is the paper's: k-mers
of the upper-case sequence joined by blanks, the tokenizer called on lists of 1,000. Ours is called on the same lists, and
on all sequences together: at first, when its memory is new to the process, and again at the end. Every id is compared; then ids turned into words by Hugging Face's vocabulary must spell the sequence
on our spans. CPU is user + system of this process, all threads. vocab.txt is DNABERT's (without it the same order is made here).
"""

import argparse
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from transformers import BertTokenizer

from phenolens.core.settings_learn import TrainSettings
from phenolens.model.tokens import Tokens, encode
from phenolens.model.vocabulary import kmer_rule, kmer_vocabulary

LONGEST, BATCH = 2000, 1000


class Clock:
    """Seconds of wall clock and of CPU spent under each name."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add what is spent inside the block to a name."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu


def sequences_of(n: int, seed: int) -> list[str]:
    """Return n sequences: one third plain, others with N, runs of N, other letters and lower case."""
    rng, found = np.random.default_rng(seed), []
    for i, length in enumerate(rng.integers(1, LONGEST + 1, size=n)):
        letters = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), size=length)
        start, end = np.sort(rng.integers(0, length + 1, size=2))
        if i % 3:
            letters[rng.random(length) < 0.005] = ord("N")
            letters[start : start + rng.integers(0, 40)] = ord("N")
            letters[rng.random(length) < 0.001] = ord("R")
        text = letters.tobytes().decode()
        found.append(text[:start] + text[start:end].lower() + text[end:] if i % 3 == 2 else text)
    return found


def joined(sequence: str, k: int) -> str:
    """Return the k-mers of a sequence in upper case, with blanks between."""
    text = sequence.upper()
    return " ".join(text[i : i + k] for i in range(len(text) - k + 1))


def spelled(tokens: Tokens, words: list[str], sequences: list[str], k: int) -> bool:
    """Return whether the words of the ids, laid on the spans, are the sequences, wherever a k-mer without a strange letter lies."""
    text = np.frombuffer("".join(sequences).upper().encode(), dtype=np.uint8)
    lengths = np.array([len(s) for s in sequences])
    letters = np.array([list(word.encode()) if len(word) == k else [0] * k for word in words], dtype=np.uint8)
    kmer = np.array([len(word) == k and set(word) <= set("ACGT") for word in words])
    content = kmer[tokens.ids]
    head = np.repeat(np.cumsum(lengths) - lengths, tokens.lengths)[content] + tokens.spans[content, 0]
    made = np.zeros(len(text), dtype=np.uint8)
    for j in range(k):
        made[head + j] = letters[tokens.ids[content], j]
    plain = np.isin(text, list(b"ACGT"))
    expected, at = np.zeros(len(text), dtype=bool), 0
    for length in lengths:
        runs = np.flatnonzero(np.diff(np.concatenate([[0], plain[at : at + length], [0]])))
        for start, end in runs.reshape(-1, 2):
            expected[at + start : at + end] = end - start >= k
        at += length
    return bool((made == np.where(expected, text, 0)).all())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sequences", type=int, default=20_000)
    parser.add_argument("--vocabulary", type=Path, help="vocab.txt of a k-mer model")
    parser.add_argument("--k", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    vocabulary = kmer_vocabulary(options.k)
    if options.vocabulary:
        vocabulary = {word: i for i, word in enumerate(options.vocabulary.read_text().split())}
    rule = kmer_rule(vocabulary, TrainSettings.model_validate({"max_tokens": LONGEST + 2}))
    tokenizer, clock = BertTokenizer(vocab=vocabulary, do_lower_case=False), Clock()
    sequences = sequences_of(options.sequences, options.seed)
    bases = sum(map(len, sequences))
    print(
        f"{len(sequences):,} sequences, {bases / 1e6:.1f} Mb; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python "
        f"{platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("numpy", "transformers", "tokenizers"))
    )
    equal, both = 0, True
    with clock("ours, all together, first call"):
        encode(rule, sequences)
    tokenizer([joined(s, rule.k) for s in sequences[:BATCH]])  # both sides warm
    for at in range(0, len(sequences), BATCH):
        part = sequences[at : at + BATCH]
        with clock("Hugging Face, k-mers joined"):
            text = [joined(s, rule.k) for s in part]
        with clock("Hugging Face, BertTokenizer"):
            expected = tokenizer(text)["input_ids"]
        with clock("ours, lists of 1,000"):
            tokens = encode(rule, part)
        found = np.split(tokens.ids, tokens.offsets[1:-1])
        equal += sum(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
        both &= spelled(tokens, tokenizer.convert_ids_to_tokens(range(len(tokenizer))), part, rule.k)
    with clock("ours, all together, again"):
        encode(rule, sequences)
    report(clock, len(sequences), bases)
    print(f"ids equal: {equal:,} of {len(sequences):,} sequences; ids and spans spell the sequences: {both}")
    if equal < len(sequences) or not both:
        raise SystemExit(1)


def report(clock: Clock, n: int, bases: int) -> None:
    """Print a line for every part and the ratios."""
    theirs = "Hugging Face, both"
    for spent in (clock.wall, clock.cpu):
        spent[theirs] = sum(value for name, value in spent.items() if name.startswith("Hugging Face"))
    print(f"{'':<30}{'wall s':>9}{'CPU s':>9}{'sequences/s':>14}{'Mb/s':>9}{'ratio':>8}{'CPU ratio':>11}")
    for name in sorted(clock.wall):
        wall, cpu = clock.wall[name], clock.cpu[name]
        print(
            f"{name:<30}{wall:9.2f}{cpu:9.2f}{n / wall:14,.0f}{bases / wall / 1e6:9.2f}"
            f"{clock.wall[theirs] / wall:8.1f}{clock.cpu[theirs] / cpu:11.1f}"
        )


if __name__ == "__main__":
    main()
