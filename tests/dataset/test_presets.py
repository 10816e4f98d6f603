"""Each of the paper's six datasets, ours and as the paper did it, from its sources in their real formats to the annotation, two to the page."""

import tomllib

import polars as pl
import pytest
import torch
from public_sources import SIZES, write_sources
from transformers import BertConfig, BertForSequenceClassification

from phenolens.core.errors import PhenolensError
from phenolens.core.study import load_study, presets, template
from phenolens.model.vocabulary import kmer_vocabulary
from phenolens.pipeline import run

PAGES = ("herv", "regulatory")
DATASETS = ["gwas", "herv", "immune", "random", "regulatory", "specific-genes"]
# what is too large for a genome of a million bases, and what stands for it there
SMALLER = {
    "random_length = 10000": "random_length = 300",
    "random_bases = 200000000": "random_bases = 40000",
    "slop = 5000": "slop = 700",
    "windows = 10000": "windows = 300",
    "loci = 50000": "loci = 600",
    "margin = 1000000": "margin = 1500",
    "chr19:54,015,634-55,094,318": "chr19:40,001-49,000",
    "chr6:28,510,120-33,480,577": "chr6:20,001-26,000",
    "chr14:105,586,437-106,879,844": "chr14:30,001-34,000",
    "chr2:88,857,361-90,235,368": "chr2:30,001-34,000",
    "chr22:22,026,076-22,922,913": "chr22:30,001-34,000",
    "chr14:21,621,904-22,552,132": "chr14:50,001-53,000",
    "chr7:142,299,011-142,813,287": "chr7:30,001-34,000",
    "chr7:38,240,024-38,368,055": "chr7:50,001-52,000",
}
QUICK = (
    "train.epochs=1", "train.runs=1", "train.batch_size=32", "train.accumulate=1", "train.random_split=false",
    "train.reverse_complement=false", "train.dropout=0", "evaluate.bootstrap=20", "annotate.controls=20", "evaluate.min_bin=10", "evaluate.kmer=3",
    "explain.sample=3", "explain.copies=1", "explain.shuffles=20", 'explain.methods=["alrw","occlusion"]',
    "explain.layer_sample=60", "explain.projection_sample=60", "explain.projections=[\"pca\"]",
)  # fmt: skip
LABELS = {
    "gwas": {"Non-GWAS_Coding", "GWAS_Coding", "Non-GWAS_Non-Coding", "GWAS_Non-Coding"},
    "herv": {"Non-HERV_Coding", "HERV_Coding", "Non-HERV_Non-Coding", "HERV_Non-Coding"},
    "immune": {"KIR", "Other_immune", "Neither"},
    "random": {"Random_1", "Random_2", "Random_3", "Random_4"},
    "regulatory": {"Promoter", "Enhancer", "CTCF_binding_site", "TF_binding_site", "Open_chromatin", "Non-regulatory"},
    "specific-genes": {"Defensin", "Olfactory_receptor", "Neither"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("presets")
    write_sources(made / "sources")
    vocabulary = kmer_vocabulary(6)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    BertForSequenceClassification(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(made / "model")
    (made / "model" / "vocab.txt").write_text("\n".join(vocabulary))
    (made / "motifs.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M1 one\nletter-probability matrix: alength= 4 w= 6\n"
        + "0.91 0.03 0.03 0.03\n0.03 0.91 0.03 0.03\n" * 3
    )
    return made


@pytest.fixture(scope="module")
def finished(folder):
    """Return preset -> (run folder, its sequences), each run once."""
    done = {}

    def get(preset):
        if preset not in done:
            text = template(preset, preset)
            for large, small in SMALLER.items():
                text = text.replace(large, small)
            (folder / f"{preset}.toml").write_text(text)
            overrides = [f"train.model={folder / 'model'}", f"annotate.motifs={folder / 'motifs.meme'}", *QUICK]
            last = "report" if preset in PAGES else "annotate"
            run(load_study(folder / f"{preset}.toml", overrides), folder / f"{preset}-run", last=last)
            done[preset] = pl.read_parquet(folder / f"{preset}-run" / "dataset" / "sequences.parquet")
        return folder / f"{preset}-run", done[preset]

    return get


def test_every_dataset_of_the_paper_has_both_presets():
    assert {name for name in presets() if name != "erv-four-classes"} == {*DATASETS, *(f"{d}-paper" for d in DATASETS)}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_two_presets_differ_in_their_constants_and_not_in_their_classes(dataset):
    honest, paper = (tomllib.loads(template("x", name)) for name in (dataset, f"{dataset}-paper"))
    matches = [[c.pop("match", None) for c in study["dataset"]["classes"]] for study in (honest, paper)]
    assert honest["dataset"]["classes"] == paper["dataset"]["classes"]
    assert all(m in (None, []) for m in matches[1])
    assert all(m in (None, ["gc", "masked"]) for m in matches[0])
    wanted = {
        "learning_rate": 2e-5,
        "weight_decay": 0.01,
        "warmup": 0.1,
        "epochs": 50,
        "batch_size": 10,
        "accumulate": 4,
    }
    assert (wanted | {"patience": 10, "threshold": 0.05, "runs": 3, "cut": "paper"}).items() <= paper["train"].items()
    assert (paper["dataset"]["split"], paper["dataset"]["test"], paper["seed"]) == ("random", 0.2, 100)
    assert (paper["dataset"]["redundancy"], paper["dataset"]["redundancy_identity"]) == ("linclust", 0.95)
    assert honest["dataset"]["split"] == "group"


@pytest.mark.parametrize("preset", [*DATASETS, *(f"{d}-paper" for d in DATASETS)])
def test_it_runs_to_its_end_and_every_sequence_lies_where_its_class_says(preset, finished):
    out, table = finished(preset)
    assert (out / "annotate" / "manifest.json").exists()
    assert preset not in PAGES or (out / "report" / "index.html").stat().st_size > 50_000
    assert set(table["label"]) == LABELS[preset.removesuffix("-paper")]
    assert table["sequence"].str.len_bytes().min() >= 150
    assert not table["sequence"].str.to_uppercase().str.contains("NN").any()
    assert "alleles" in set(table["origin"]) or preset.startswith(("random", "immune", "specific"))
    if not preset.endswith("-paper"):
        assert table.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
    reference = table.filter(pl.col("allele").is_null())
    assert (reference["end"] - reference["start"]).to_list() == reference["sequence"].str.len_bytes().to_list()
    assert set(reference["chrom"]) <= set(SIZES)


def test_x_y_m_and_unplaced_contigs_take_part_by_rule(finished):
    out, table = finished("regulatory")
    assert {"chrX", "chrY", "chrM"} <= set(table["chrom"])
    assert "regulatory_build.gff.gz" in (out / "dataset" / "quality.json").read_text()


def test_an_unknown_preset_names_the_near_one():
    with pytest.raises(PhenolensError, match=r"--preset, hervs: is no preset; .* did you mean herv\?"):
        template("x", "hervs")
