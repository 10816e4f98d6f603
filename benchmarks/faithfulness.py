"""Do the bases with high scores matter to the model, by method, and are models that have learned nothing at chance?

    python benchmarks/faithfulness.py DATA OUT [planted] [demo] [ltr7]      DATA holds herv/ltr7_copies.hg19.fa

Three studies, all unless some are named. planted: two classes of random sequences with the dinucleotides of the human genome, one with a 16-base motif
at a random place and on a random strand (phenolens.simulate.planted): the truth is known and the answer must be yes. demo: the built-in study with a larger
sample. ltr7: which of the 11 subfamilies of LTR7. The last two have no known truth. Each is run up to explain, with the
random-weights control, the first also with a model trained on permuted labels; printed are the mean differences in probability from every control (the same
runs elsewhere, bases of the same letters, random bases) and their 95 % intervals, pairs of methods, and how alike an untrained model's scores are to the model's.
"""

import re
import sys
from pathlib import Path

import polars as pl

from phenolens.core.study import demo_study, load_study
from phenolens.pipeline import run
from phenolens.simulate import planted

EXPLAIN = """
[train]
model = "bert-scratch"
epochs = {epochs}
batch_size = 16
learning_rate = {rate}
reverse_complement = true
[explain]
splits = ["validation", "test"]
heads = false
layers = false
shuffles = 0
sample = {sample}
copies = {copies}
permuted_labels = {permuted}
"""
PLANTED = """
name = "planted"
[dataset]
group_by = []
[[dataset.classes]]
label = "motif"
sequences = "{motif}"
[[dataset.classes]]
label = "background"
sequences = "{background}"
"""
LTR7 = """
name = "ltr7-subfamilies"
[dataset]
group_by = ["similarity"]      # copies of at least 95 % identity over 80 % of their length together
similarity_identity = 0.95
similarity_coverage = 0.8
[[dataset.classes]]
label = "LTR7"
sequences = "{ltr7}"
label_separator = "|"
limit = 1500
"""
DEMO = ("explain.sample=64", "explain.copies=2", "explain.heads=false", "explain.layers=false", "explain.shuffles=0")


def main(data: Path, out: Path, names: list[str]) -> None:
    """Run the studies and print their tables."""
    out.mkdir(parents=True, exist_ok=True)
    for name in names or ["planted", "demo", "ltr7"]:
        study = demo_study(DEMO) if name == "demo" else load_study(written(name, data, out))
        run(study, out / name, last="explain")
        print(f"\n## {name}\n")
        print(quality(out / name))
        print("\n".join(table(out / name / "explain")), flush=True)


def written(name: str, data: Path, out: Path) -> Path:
    """Return the path of a study file, after writing it and the sequences that it names."""
    files = {key: out.resolve() / f"{key}.fa" for key in ("motif", "background", "ltr7")}
    if name == "planted":
        made = planted({"motif": "TGACTCAGCATTGCAC"}, 500, 160, mutations=0, background=500, seed=1)
        for (label,), part in made.group_by("label"):
            files[label].write_text("".join(f">{n}\n{s}\n" for n, s in part.select("name", "sequence").iter_rows()))
        text = PLANTED + EXPLAIN.format(epochs=20, rate=1e-3, sample=32, copies=2, permuted="true")
    else:
        copies = (data / "herv" / "ltr7_copies.hg19.fa").read_text()
        files["ltr7"].write_text(re.sub(r"^>(\w+)\.(\d+)\.(\d+)\|", r">\1:\2-\3|", copies, flags=re.M))
        text = LTR7 + EXPLAIN.format(epochs=6, rate=3e-4, sample=12, copies=1, permuted="false")
    study = out / f"{name}.toml"
    study.write_text(text.format(**files))
    return study


def quality(folder: Path) -> str:
    """Return numbers of sequences and the model's accuracy on test."""
    metrics = pl.read_csv(folder / "evaluate" / "metrics.tsv", separator="\t", infer_schema_length=None)
    overall = metrics.filter(pl.col("class").is_null(), pl.col("bin").is_null(), split="test", run="run-0")
    value, low, high, n = overall.filter(metric="accuracy").select("value", "low", "high", "n").row(0)
    return f"test accuracy {value:.3f} ({low:.3f} to {high:.3f}), {n} sequences\n"


def table(folder: Path) -> list[str]:
    """Return Markdown: every comparison over all classes, deletion beside insertion, and the likeness of the controls' scores."""
    areas = pl.read_csv(folder / "faithfulness.tsv", separator="\t", infer_schema_length=None)
    areas = areas.filter(pl.col("label").is_null())
    lines = ["| scores | against | n | deletion | q | insertion | q |", "|---|---|---|---|---|---|---|"]
    for (model, method, control), part in areas.group_by("model", "method", "control", maintain_order=True):
        cells = [
            f"{row['area']:.3f} ({row['low']:.3f} to {row['high']:.3f}) | {row['q_value']:.2g}"
            for row in part.sort("curve").iter_rows(named=True)
        ]
        name = method if model == "trained" else f"{method}, {model}"
        lines.append(f"| {name} | {control} | {part['n'][0]} | {' | '.join(cells)} |")
    sanity = pl.read_csv(folder / "sanity.tsv", separator="\t", infer_schema_length=None)
    lines += ["", "| scores | other model | correlation with the trained model's |", "|---|---|---|"]
    for row in sanity.iter_rows(named=True):
        shown = f"{row['correlation']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        lines.append(f"| {row['method']} | {row['model']} | {shown} |")
    return lines


if __name__ == "__main__":
    if len(sys.argv) < 3 or set(sys.argv[3:]) - {"planted", "demo", "ltr7"}:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
