"""Which known motifs LTR7 copies have more often than matched background, and each subfamily more often than the others, cross-fitted.

    python benchmarks/ltr7_motifs.py DATA OUT      DATA holds herv/ltr7_copies.hg19.fa and genome/chr22.hg19.fa.gz

Whole sequences, no model: what the DNA itself says. Built-in JASPAR vertebrates, p < 1e-4, background letters of the control. Near-copies never lie in
both halves of one comparison: LTR7 against background is halved by subfamily, subfamilies by chromosome (there copies of one
kind lie in both halves, so that only the choice of motifs is honest, not the count of independent copies). Prints the first ten distinct motifs (nearly identical
ones once) of each comparison, and what became of the factors that the literature names for LTR7.
"""

import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
from ltr7 import BINARY

from phenolens.annotate.contrasts import OTHERS, Contrast, motif_enrichment
from phenolens.annotate.pvalues import background
from phenolens.core.study import load_study
from phenolens.io.fasta import read_fasta
from phenolens.io.motifs import read_motifs
from phenolens.pipeline import run
from phenolens.scanning import BUILT_IN

NAMED = (
    "POU5F1",
    "Pou5f1::Sox2",
    "SOX2",
    "Nanog",
    "KLF4",
    "TP53",
    "Tfcp2l1",
    "FOXA1",
    "GATA6",
    "EOMES",
    "ZNF534",
    "Stat3",
)
SHOWN = ("LTR7", "LTR7Y", "LTR7B", "7up1", "LTR7C")


def main(data: Path, out: Path) -> None:
    """Print both comparisons."""
    out.mkdir(parents=True, exist_ok=True)
    copies = (data / "herv" / "ltr7_copies.hg19.fa").resolve()
    study = out / "binary.toml"
    study.write_text(BINARY.format(genome=(data / "genome" / "chr22.hg19.fa.gz").resolve(), copies=copies, limit=1000))
    run(load_study(study), out / "binary", last="dataset")
    show(pl.read_parquet(out / "binary" / "dataset" / "sequences.parquet"), ["LTR7"], "background")
    placed = read_fasta(copies).with_columns(
        group=pl.col("name").str.extract(r"^(\w+?)\."), label=pl.col("name").str.extract(r"\|(.*)$"), sequence_id="name"
    )
    show(placed, placed["label"].unique().sort().to_list(), OTHERS)


def show(sequences: pl.DataFrame, cases: list[str], control: str) -> None:
    """Print the first ten distinct motifs of each case, and the named ones."""
    regions = sequences.select(
        "sequence_id", "label", "sequence", region_id="sequence_id", sequence_start=pl.lit(0, pl.Int64),
        sequence_end=pl.col("sequence").str.len_bytes().cast(pl.Int64),
    )  # fmt: skip
    letters = background(
        sequences.filter(pl.col("label").is_in(cases).not_() if control != OTHERS else pl.lit(True))["sequence"]
    )
    _, table = motif_enrichment(
        read_motifs(BUILT_IN), regions, sequences, cases=cases, how=Contrast(np.array(letters), seed=1)
    )
    for case in cases:
        own = table.filter(case=case, scope="regions", control=control)
        if own.is_empty():
            continue
        found = own.filter("enriched").sort("crossfit_q", "p_value")
        first = found.unique("cluster", keep="first", maintain_order=True)
        total = f"{own['case_total'][0]} against {own['control_total'][0]}"
        print(f"\n{case} ({total}): {found.height} motifs in {first.height} clusters enriched")
        for row in first.head(10).iter_rows(named=True):
            print(line(row))
        if case in SHOWN:
            known = own.filter(pl.col("motif_name").is_in(NAMED))
            print("  named in the literature:", *(line(row) for row in known.iter_rows(named=True)), sep="\n  ")


def line(row: dict) -> str:
    """Return one motif as a line of a table."""

    def ratio(*names: str) -> str:
        value, low, high = (row[name] for name in names)
        return "-" if value is None else f"{value:.2f} ({low:.2f}-{high:.2f})"

    q = "-" if row["crossfit_q"] is None else f"{row['crossfit_q']:.1e}"
    name = re.sub(r"\s+", " ", row["motif_name"] or row["motif_id"])
    return (
        f"| {name} | {row['tf_family'] or '-'} | {row['case_hits']} | {row['control_hits']} | {ratio('odds_ratio', 'low', 'high')} | {row['q_value']:.1e} | "
        f"{ratio('crossfit_odds_ratio', 'crossfit_low', 'crossfit_high')} | {q} |"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
