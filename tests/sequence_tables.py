"""SEQUENCES made by hand for the tests of the certificate."""

import numpy as np
import polars as pl

from phenolens.core.schemas import SEQUENCES

COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")
NO_ACCOUNT = pl.DataFrame(
    schema={"label": pl.String, "kind": pl.String, "reason": pl.String, "n": pl.Int64, "bases": pl.Int64}
)


def dna(random, length, gc=0.4):
    p = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return "".join(random.choice(list("ACGT"), length, p=p))


def turned(text):
    """The reverse complement."""
    return text.translate(COMPLEMENT)[::-1]


def sequence_table(rows):
    """SEQUENCES of (label, split, sequence); every row its own locus and group, without coordinates, unless overwritten."""
    ids = [f"s{i}" for i in range(len(rows))]
    given = {
        "sequence_id": ids, "origin": ["intervals"] * len(rows), "locus": ids, "sequence": [r[2] for r in rows],
        "label": [r[0] for r in rows], "group": ids, "split": [r[1] for r in rows], "random_split": [r[1] for r in rows],
    }  # fmt: skip
    columns = {
        name: pl.Series(name, given.get(name, [None] * len(rows)), dtype=column.dtype)
        for name, column in SEQUENCES.columns.items()
    }
    return pl.DataFrame(columns)


def fair(seed=1, n=200, gc=(0.4, 0.4), length=150):
    """Two classes a and b of random sequences, half of them train, a quarter validation, a quarter test."""
    random = np.random.default_rng(seed)
    splits = ["train"] * (n // 2) + ["validation"] * (n // 4) + ["test"] * (n - n // 2 - n // 4)
    return sequence_table([(label, split, dna(random, length, gc[label == "b"])) for label in "ab" for split in splits])


def families(seed=2, count=12, copies=10, length=200, mutated=0.05, split="group"):
    """Two classes of `count` families each; copies differ in some bases. By group, a family lies in one split; else it is dealt at random."""
    random = np.random.default_rng(seed)
    rows, groups = [], []
    for label in "ab":
        for family in range(count):
            ancestor = np.array(list(dna(random, length, 0.5)))
            part = ("train", "train", "validation", "test")[family % 4]
            for _ in range(copies):
                copy = ancestor.copy()
                changed = random.random(length) < mutated
                copy[changed] = random.choice(list("ACGT"), int(changed.sum()))
                own = (
                    part
                    if split == "group"
                    else str(random.choice(["train", "validation", "test"], p=[0.5, 0.25, 0.25]))
                )
                rows.append((label, own, "".join(copy)))
                groups.append(f"{label}{family}")
    return sequence_table(rows).with_columns(group=pl.Series(groups))
