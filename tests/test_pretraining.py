"""`phenolens pretrain`: a FASTA in, a folder with weights, tokenizer, loss curve and model card out."""

import polars as pl
import pytest
from tiny import random_sequences
from transformers import AutoModelForMaskedLM
from typer.testing import CliRunner

from phenolens.cli import app
from phenolens.core.errors import DataError, InputError, SettingsError
from phenolens.io.fasta import read_fasta
from phenolens.pretraining import settings_of

SETTINGS = [
    f"--set={pair}"
    for pair in ("k=3", "layers=1", "width=32", "heads=2", "intermediate=32", "lengths=[32]", "batch_tokens=256")
] + ["--set=tokens=2048", "--set=report_steps=4"]


@pytest.fixture
def files(tmp_path):
    chromosomes = random_sequences(60, 500, 1)
    (tmp_path / "genome.fa").write_text("".join(f">c{i}\n{text}\n" for i, text in enumerate(chromosomes)))
    (tmp_path / "test.fa").write_text(f">held\n{chromosomes[3][100:200]}\n>short\nACGT\n")
    return tmp_path


def pretrain(*arguments: object):
    return CliRunner().invoke(app, ["pretrain", *map(str, arguments)], catch_exceptions=True)


def test_the_folder_is_whole_and_the_card_says_what_was_read(files):
    out = files / "model"
    result = pretrain(files / "genome.fa", "--exclude", files / "test.fa", "--out", out, *SETTINGS)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    AutoModelForMaskedLM.from_pretrained(out)
    curve = pl.read_csv(out / "loss.tsv", separator="\t")
    assert curve["tokens"].to_list() == [1024, 2048]
    card = (out / "README.md").read_text()
    assert "| genome.fa | 29,900 | 100 |" in card  # 60 x 500 bases without the 100 held-out ones
    assert "phenolens pretrain genome.fa --exclude test.fa --out DIR --seed 1 --set k=3" in card
    assert "--set lengths=[32]" in card
    again = pretrain(files / "genome.fa", "--out", out, *SETTINGS)
    assert isinstance(again.exception, InputError)
    assert "holds a model already" in str(again.exception)


def test_nothing_is_left_to_read(files):
    result = pretrain(files / "genome.fa", "--exclude", files / "genome.fa", "--out", files / "model", *SETTINGS)
    assert isinstance(result.exception, DataError)
    assert "0 bases in 0 stretches" in str(result.exception)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("layer=2", "layer: Extra inputs"),
        ("layers=two", "layers: Input should be a valid integer"),
        ("layers", "is not an assignment"),
    ],
)
def test_a_wrong_setting(override, sentence):
    with pytest.raises(SettingsError, match=sentence):
        settings_of([override])


def test_the_exclude_file_must_be_fasta(files):
    (files / "bad.fa").write_text("no header\n")
    result = pretrain(files / "genome.fa", "--exclude", files / "bad.fa", "--out", files / "model", *SETTINGS)
    assert isinstance(result.exception, InputError)
    with pytest.raises(InputError):
        read_fasta(files / "bad.fa")
