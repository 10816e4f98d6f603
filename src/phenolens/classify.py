"""A trained model on new sequences, outside any study: FASTA or BED in, a table of probabilities out."""

from pathlib import Path

import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.strands import reverse_complement
from phenolens.io.fasta import read_fasta
from phenolens.io.genome import check_chromosomes, open_genome
from phenolens.io.intervals import read_intervals

FASTA = (".fa", ".fasta", ".fna", ".ffn", ".fas")


def predict_file(model: Path, source: Path, genome: Path | None, *, batch_size: int) -> pl.DataFrame:
    """Return sequence_id, predicted class, and p_<class> for every sequence of a FASTA or interval of a BED file.

    Parameters
    ----------
    model : Hugging Face folder of a run, e.g. my-run/train/run-0.
    source : FASTA (by its ending), or any interval file together with `genome`.
    genome : FASTA that the intervals lie on.
    batch_size : sequences per step; the result does not depend on it.

    Raises
    ------
    InputError : no such file, no genome for intervals, or not a model folder.
    """
    from phenolens.model.load import load_folder
    from phenolens.model.predict import predict

    loaded = load_folder(model)
    table = _sequences(source, genome)
    p = predict(loaded, table["sequence"].to_list(), batch_size=batch_size)
    labels = list(loaded.labels)
    best = pl.Series("predicted", [labels[i] for i in p.argmax(axis=1)], dtype=pl.String)
    return table.select("sequence_id").with_columns(
        best, *(pl.Series(f"p_{label}", p[:, i].astype("float64").round(6)) for i, label in enumerate(labels))
    )


def _sequences(source: Path, genome: Path | None) -> pl.DataFrame:
    name = source.name.lower().removesuffix(".gz").removesuffix(".bgz")
    if name.endswith(FASTA):
        return read_fasta(source).select(pl.col("name").alias("sequence_id"), "sequence")
    intervals = read_intervals(source)
    if genome is None:
        raise InputError(
            source,
            "holds intervals, and no genome was given",
            expected="--genome genome.fa",
            remedy="or give the sequences as FASTA",
        )
    with open_genome(genome) as opened:
        check_chromosomes(intervals, opened, source)
        rows = intervals.select("chrom", "start", "end", "strand").rows()
        texts = [opened.fetch(chrom, start, end) for chrom, start, end, _ in rows]
    read = [reverse_complement(text) if row[3] == "-" else text for text, row in zip(texts, rows, strict=True)]
    ids = [f"{chrom}:{start}-{end}({strand})" for chrom, start, end, strand in rows]
    return pl.DataFrame({"sequence_id": ids, "sequence": read})


def known_models() -> list[str]:
    """Return lines of a table of every model that train.model knows by name, its header first; a dash is what is not known."""
    from phenolens.model.registry import REGISTRY

    units = {"kmer": "{}-mers, overlapping", "blocks": "{}-mers, side by side", "bpe": "BPE"}
    table = [("name", "family", "tokens", "parameters", "longest", "weights", "what it is")]
    for name, row in REGISTRY.items():
        size = f"{row.millions:,g} M" if row.millions else "-"
        longest = f"{row.longest:,} tokens" if row.longest else "max_tokens" if row.config else "-"
        weights = "shipped" if row.folder else "random" if row.config else "hub"
        table.append((name, row.family, units[row.tokens].format(row.k), size, longest, weights, row.meaning))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [
        *lines,
        "",
        "or any other sequence classifier of transformers: its folder, or owner/name on the Hugging Face hub",
    ]
