"""How good is it on real repeat copies: LTR7 against matched background, and the 11 subfamilies of LTR7.

    python benchmarks/ltr7.py DATA OUT      DATA holds herv/ltr7_copies.hg19.fa and genome/chr22.hg19.fa.gz

Prints every run's accuracy, F1, AUROC and MCC with 95 % intervals, grouped and random split side by side. The first study
holds out whole subfamilies; the second, where the subfamily is the question, keeps copies that are at least 95 % identical
over 80 % of their length together.
"""

import re
import sys
from pathlib import Path

import polars as pl

from phenolens.core.study import load_study
from phenolens.pipeline import run

BINARY = """
name = "ltr7-binary"
[dataset]
genome = "{genome}"
group_by = ["name"]
[[dataset.classes]]
label = "LTR7"
sequences = "{copies}"
family_separator = "|"
limit = {limit}
[[dataset.classes]]
label = "background"
matched_to = "LTR7"
"""
SUBFAMILIES = """
name = "ltr7-subfamilies"
[dataset]
split = "chromosome"
group_by = ["chrom"]
test_chromosomes = ["chr2", "chr7", "chr12", "chr19", "chrX"]
validation_chromosomes = ["chr3", "chr10", "chr14"]
[[dataset.classes]]
label = "LTR7"
sequences = "{placed}"
label_separator = "|"
limit = {limit}
"""
TRAINING = """
[train]
model = "bert-scratch"
epochs = {epochs}
batch_size = 16
learning_rate = 3e-4
dropout = 0.1
random_split = true
[explain]
times_min = 2
"""
SHOWN = ["accuracy", "f1_weighted", "auroc_macro", "mcc"]


def main(data: Path, out: Path) -> None:
    """Run both studies to the report and print their tables."""
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "genome": (data / "genome" / "chr22.hg19.fa.gz").resolve(),
        "copies": (data / "herv" / "ltr7_copies.hg19.fa").resolve(),
    }
    files["placed"] = out.resolve() / "placed.fa"
    files["placed"].write_text(
        re.sub(r"^>(\w+)\.(\d+)\.(\d+)\|", r">\1:\2-\3|", files["copies"].read_text(), flags=re.M)
    )
    for name, text, limit, epochs in (("binary", BINARY, 1000, 3), ("subfamilies", SUBFAMILIES, 2701, 8)):
        study = out / f"{name}.toml"
        study.write_text((text + TRAINING).format(**files, limit=limit, epochs=epochs))
        report = run(load_study(study), out / name)
        sequences = pl.read_parquet(out / name / "dataset" / "sequences.parquet")
        print(f"\n{name}: {report}")
        print(
            sequences.group_by("label")
            .agg(pl.len().alias("n"), pl.col("group").n_unique().alias("groups"))
            .sort("label")
            .rows()
        )
        print(table(out / name))


def table(folder: Path) -> str:
    """Return split, run, n and the metrics over all classes and lengths, one run a line."""
    metrics = pl.read_csv(folder / "evaluate" / "metrics.tsv", separator="\t", infer_schema_length=None)
    overall = pl.col("class").is_null() & pl.col("bin").is_null() & pl.col("split").str.ends_with("test")
    lines = []
    for (split, name), part in metrics.filter(overall).group_by("split", "run", maintain_order=True):
        values = {m: (v, low, high) for m, v, low, high in part.select("metric", "value", "low", "high").rows()}
        shown = "  ".join(
            "{} {:.3f} ({:.3f}-{:.3f})".format(m, *(x if x is not None else float("nan") for x in values[m]))
            for m in SHOWN
        )
        lines.append(f"{split:<12} {name:<18} n {part['n'][0]:<5} {shown}")
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
