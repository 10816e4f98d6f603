import numpy as np
import polars as pl
import pytest

from phenolens.core.schemas import GENES, INTERVALS, REGIONS, SEQUENCES
from phenolens.core.table import check, empty


def fill(schema, rows, **defaults):
    """A table of the schema: rows as dicts, other columns from defaults or null."""
    names = list(schema.columns)
    full = [{name: row.get(name, defaults.get(name)) for name in names} for row in rows]
    types = {name: column.dtype for name, column in schema.columns.items()}
    return check(pl.DataFrame(full, schema=types) if full else empty(schema), schema)


@pytest.fixture
def sequences_of():
    """rows -> SEQUENCES; a row needs sequence_id and sequence, and chrom, start, strand where it lies on a genome."""

    def make(rows):
        for row in rows:
            if row.get("chrom"):
                row.setdefault("end", row["start"] + len(row["sequence"]))
        text = dict.fromkeys(("locus", "group", "split", "random_split"), "x")
        return fill(SEQUENCES, rows, origin="intervals", label="a", **text)

    return make


@pytest.fixture
def regions_of():
    """(SEQUENCES, (sequence_id, start, end[, label]) ...) -> REGIONS with genome coordinates where the sequence has them."""

    def make(sequences, places):
        by_id = {row["sequence_id"]: row for row in sequences.iter_rows(named=True)}
        rows = []
        for i, (name, start, end, *label) in enumerate(places):
            home = by_id[name]
            row = {"region_id": f"r{i:05d}", "sequence_id": name, "label": (label or ["a"])[0], "chrom": home["chrom"]}
            row |= {"sequence_start": start, "sequence_end": end, "strand": home["strand"], "mean_score": 1.0}
            row["sequence"] = home["sequence"][start:end].upper()
            if home["chrom"]:
                low = home["end"] - end if home["strand"] == "-" else home["start"] + start
                row |= {"start": low, "end": low + end - start}
            rows.append(row)
        return fill(REGIONS, rows)

    return make


@pytest.fixture
def intervals_of():
    """(chrom, start, end) ... -> INTERVALS."""
    return lambda places: fill(
        INTERVALS, [dict(zip(("chrom", "start", "end"), p, strict=True)) for p in places], strand="."
    )


@pytest.fixture
def genes_at():
    """(chrom, start, end, gene_id) ... -> GENES."""

    def make(places):
        rows = [dict(zip(("chrom", "start", "end", "gene_id"), place, strict=True)) for place in places]
        named = [row | {"gene_name": row["gene_id"].upper()} for row in rows]
        return fill(GENES, named, strand="+", feature="gene", gene_type="protein_coding")

    return make


@pytest.fixture
def genome(sequences_of):
    """Forty sequences of 200-400 bases on both strands of two chromosomes, and a few without a place: (sequences, generator)."""
    generator = np.random.default_rng(5)
    rows = []
    for i in range(40):
        length = int(generator.integers(200, 400))
        letters = "".join(generator.choice(list("ACGT"), length))
        place = {"chrom": f"chr{1 + i % 2}", "start": 500 * i + 7, "strand": "+-."[i % 3]} if i % 10 else {}
        rows.append({"sequence_id": f"s{i}", "sequence": letters} | place)
    return sequences_of(rows), generator


@pytest.fixture
def random_places():
    """(generator, SEQUENCES, n, labels, widths) -> n places (sequence_id, start, end, label), uniform in their sequences."""

    def make(generator, sequences, n, *, labels=("a",), widths=(1, 30)):
        names, lengths = sequences["sequence_id"].to_list(), sequences["sequence"].str.len_bytes().to_numpy()
        chosen = generator.integers(0, len(names), n)
        width = generator.integers(*widths, n)
        start = generator.integers(0, lengths[chosen] - width + 1)
        rows = zip(chosen.tolist(), start.tolist(), (start + width).tolist(), strict=True)
        return [(names[name], low, high, labels[i % len(labels)]) for i, (name, low, high) in enumerate(rows)]

    return make
