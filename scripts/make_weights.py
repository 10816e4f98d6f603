"""Pre-train the two built-in small models on real human DNA, apart from every labelled sequence that they are measured on.

    python scripts/make_weights.py DATA OUT bert-small
    python scripts/make_weights.py DATA OUT gpt2-small

DATA holds genome/*.fa.gz, labelled/*/{test,dev}.csv.gz, labelled/regulatory_promoter_enhancer_ocr.csv.gz and
herv/ltr7_copies.hg19.fa; see src/phenolens/weights/README.md for what these are. OUT/heldout.fa gets the sequences that are
kept out: test and dev splits, all LTR7 copies, and all sequences of the built-in demo. Interrupted, the same command goes on.
"""

import sys
from pathlib import Path

import polars as pl

from phenolens.core.settings_learn import PretrainSettings
from phenolens.core.terminal import Lines
from phenolens.io.fasta import read_fasta
from phenolens.pipeline import demo_study, run
from phenolens.pretraining import pretrain_files

GENOMES = ("chr22.hg19.fa.gz", "chr20_0-1Mb.GRCh38.fa.gz", "chr21_windows.GRCh38.fa.gz")
MODELS = {
    "bert-small": PretrainSettings(tokens=18_000_000, batch_tokens=4096, precision="bf16"),
    "gpt2-small": PretrainSettings(
        family="gpt2", tokens=8_000_000, batch_tokens=4096, lengths=(512,), precision="bf16"
    ),
}


def heldout(data: Path, out: Path) -> Path:
    """Return a FASTA file of every labelled sequence that the models are measured on."""
    target = out / "heldout.fa"
    if target.exists():
        return target
    named: list[tuple[str, pl.Series]] = []
    for path in sorted((data / "labelled").glob("*/*.csv.gz")):
        if path.name.startswith(("test", "dev")):
            named.append((f"{path.parent.name}.{path.name.split('.')[0]}", pl.read_csv(path)["sequence"]))
    regulatory = pl.read_csv(data / "labelled" / "regulatory_promoter_enhancer_ocr.csv.gz")
    named.append(("regulatory.test", regulatory.filter(pl.col("split") == "test")["sequence"]))
    named.append(("ltr7", read_fasta(data / "herv" / "ltr7_copies.hg19.fa")["sequence"]))
    folder = run(demo_study(), out / "demo", last="dataset")
    named.append(("demo", pl.read_parquet(folder / "sequences.parquet")["sequence"]))
    with target.open("w") as file:
        for name, sequences in named:
            for i, text in enumerate(sequences):
                file.write(f">{name}.{i}\n{text}\n")
    return target


def main() -> None:
    """Pre-train one of the two models."""
    data, out, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    out.mkdir(parents=True, exist_ok=True)
    genomes = [data / "genome" / genome for genome in GENOMES]
    with Lines() as progress:
        pretrain_files(genomes, out / name, MODELS[name], 1, exclude=[heldout(data, out)], progress=progress)


if __name__ == "__main__":
    main()
