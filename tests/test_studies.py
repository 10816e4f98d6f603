"""Studies of other shapes: the paper's four classes on real data, and classes that are FASTA files without any genome."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from phenolens.core.study import load_study
from phenolens.dataset.build import build
from phenolens.inputs import open_inputs
from phenolens.model.vocabulary import kmer_vocabulary

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"


def test_the_four_classes_lie_where_their_names_say():
    study = load_study(ROOT / "studies" / "erv-four-classes.toml")
    with open_inputs(study) as inputs:
        made = build(study.settings.dataset, inputs.genome, inputs, 1).sequences
        genes, erv = inputs.intervals("demo:genes.gff3.gz"), inputs.intervals("demo:erv.bed.gz")
    marked = {}
    for name, table in (("gene", genes), ("erv", erv)):
        marked[name] = np.zeros(51_304_566, dtype=bool)
        for start, end in table.select("start", "end").iter_rows():
            marked[name][start:end] = True
    for label, part in made.group_by("label"):
        for start, end in part.select("start", "end").iter_rows():
            inside = marked["gene"][start:end]
            assert not inside.any() if label[0].endswith("intergenic") else inside.all()
            retroviral = marked["erv"][start:end]
            assert retroviral.all() if label[0].startswith("ERV") else not retroviral.any()
    counts = dict(made.group_by("label").len().iter_rows())
    assert set(counts) == {"ERV_genic", "ERV_intergenic", "background_genic", "background_intergenic"}
    assert counts["ERV_genic"] >= 0.95 * counts["background_genic"] > 0
    splits = made.group_by("group").agg(pl.col("split").n_unique())
    assert splits["split"].max() == 1


def test_three_fasta_classes_without_a_genome_run_to_the_report(tmp_path):
    generator = np.random.default_rng(1)
    words = {"a": "TGACTCAGCATT", "b": "CCGGAATTCCAG", "c": ""}
    with (tmp_path / "all.fa").open("w") as out:
        for label, word in words.items():
            for i in range(40):
                text = "".join(generator.choice(list("ACGT"), size=90))
                out.write(f">s{i}{label}|{label}\n{text[:30]}{word}{text[30 + len(word) :]}\n")
    vocabulary = kmer_vocabulary(6)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    BertForSequenceClassification(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "vocab.txt").write_text("\n".join(vocabulary))
    (tmp_path / "study.toml").write_text(
        'name = "three"\n[dataset]\ngroup_by = []\n[[dataset.classes]]\nlabel = "any"\nsequences = "all.fa"\nlabel_separator = "|"\n'
        '[train]\nmodel = "model"\nepochs = 2\n[evaluate]\nbootstrap = 50\nmin_bin = 5\n[annotate]\ncontrols = 20\n'
        '[explain]\nsample = 4\ncopies = 1\nshuffles = 20\nprojections = ["pca"]\n'
    )
    code = "from phenolens.cli import main; main()"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "study.toml", "--out", "run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    predictions = pl.read_parquet(tmp_path / "run" / "evaluate" / "predictions.parquet")
    assert predictions.select("p_a", "p_b", "p_c").sum_horizontal().is_between(0.999, 1.001).all()
    assert not list((tmp_path / "run" / "explain").glob("*.bw"))
    assert (tmp_path / "run" / "report" / "index.html").is_file()


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared real data beside the checkout")
def test_real_ltr7_copies_are_told_from_matched_background_by_their_words(tmp_path):
    """11 subfamilies named in the FASTA; whole subfamilies are held out, and 6-mers still tell them: the sanity check of the data's README."""
    (tmp_path / "study.toml").write_text(
        f'name = "ltr7"\n[dataset]\ngenome = "{SHARED}/genome/chr22.hg19.fa.gz"\ngroup_by = ["name"]\n'
        f'[[dataset.classes]]\nlabel = "LTR7"\nsequences = "{SHARED}/herv/ltr7_copies.hg19.fa"\nfamily_separator = "|"\nlimit = 300\n'
        '[[dataset.classes]]\nlabel = "background"\nmatched_to = "LTR7"\n'
    )
    study = load_study(tmp_path / "study.toml")
    with open_inputs(study) as inputs:
        made = build(study.settings.dataset, inputs.genome, inputs, 1).sequences
    ltr7, background = (made.filter(label=label) for label in ("LTR7", "background"))
    assert ltr7["name"].n_unique() == 11
    assert ltr7.group_by("name").agg(pl.col("split").n_unique())["split"].max() == 1
    assert abs(ltr7["sequence"].str.len_bytes().mean() - background["sequence"].str.len_bytes().mean()) < 5
    gc = pl.col("sequence").str.count_matches("[GCgc]") / pl.col("sequence").str.len_bytes()
    assert abs(ltr7.select(gc.mean()).item() - background.select(gc.mean()).item()) < 0.01
