"""Every mistake of the list: one line on standard error with place, found, expected, remedy; exit code 2; nothing half-written.

The command line runs in this process through its own entry point; only what needs a real process gets one.
"""

import gzip
import os
import subprocess
import sys

import pytest
from planted import STUDY, write_planted

from phenolens import cli


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A small valid study in the present folder."""
    write_planted(tmp_path, elements=24)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY.replace("MODEL", "bert-scratch"))
    return tmp_path


def phenolens(capsys, *arguments):
    """Return (exit code, standard output, standard error) of the command line."""
    sys.argv = ["phenolens", *arguments]
    try:
        cli.main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def refused(capsys, study, *parts, command="dataset", arguments=()):
    """Assert exit code 2, one line with all parts, no traceback, and no table left behind."""
    code, _, err = phenolens(capsys, command, "study.toml", "--out", "run", *arguments)
    line = [text for text in err.splitlines() if text.startswith("phenolens: error:")]
    assert code == 2, err
    assert len(line) == 1, err
    assert "Traceback" not in err
    for part in parts:
        assert part in line[0]
    assert not list((study / "run").rglob("*.parquet"))
    assert not list((study / "run").rglob(".part-*"))


def edit(study, old, new):
    text = (study / "study.toml").read_text()
    assert old in text
    (study / "study.toml").write_text(text.replace(old, new))


def test_missing_file(study, capsys):
    (study / "elements.bed").unlink()
    refused(capsys, study, "elements.bed: no such file", "check the path; it is relative to the study file")


def test_empty_bed(study, capsys):
    (study / "elements.bed").write_text("")
    refused(capsys, study, "elements.bed", "empty", "expected")


def test_end_before_start(study, capsys):
    with (study / "elements.bed").open("a") as bed:
        bed.write("chr1\t180\t120\tx\t0\t+\n")
    refused(capsys, study, "elements.bed, line 25: end 120 is not after start 180")


def test_beyond_the_chromosome(study, capsys):
    with (study / "elements.bed").open("a") as bed:
        bed.write("chr1\t199990\t200200\tx\t0\t+\n")
    refused(capsys, study, "elements.bed", "chr1:199990-200200", "200000", "build")


def test_names_without_chr_follow_the_genome_and_that_is_said(study, capsys):
    text = (study / "elements.bed").read_text()
    (study / "elements.bed").write_text(text.replace("chr", ""))
    code, _, err = phenolens(capsys, "dataset", "study.toml", "--out", "run")
    assert code == 0, err
    assert (
        "elements.bed: 2 chromosome names follow the genome's: 1 -> chr1, 2 -> chr2"
        in (study / "run" / "dataset" / "quality.json").read_text()
    )


def test_names_that_no_rule_brings_to_the_genome(study, capsys):
    text = (study / "elements.bed").read_text()
    (study / "elements.bed").write_text(text.replace("chr", "contig"))
    refused(capsys, study, "elements.bed", "does not have: contig1, contig2; expected its names: chr1, chr2")


def test_carriage_returns_are_read(study, capsys):
    text = (study / "elements.bed").read_text()
    (study / "elements.bed").write_bytes(text.replace("\n", "\r\n").encode())
    code, out, err = phenolens(capsys, "dataset", "study.toml", "--out", "run")
    assert code == 0, err
    assert out == "dataset: run/dataset\n"


def test_gzip_that_is_not_bgzip(study, capsys):
    (study / "genome.fa.gz").write_bytes(gzip.compress((study / "genome.fa").read_bytes()))
    edit(study, 'genome = "genome.fa"', 'genome = "genome.fa.gz"')
    refused(capsys, study, "genome.fa.gz", "gzip", "bgzip")


def test_the_same_interval_twice(study, capsys):
    lines = (study / "elements.bed").read_text().splitlines(keepends=True)
    (study / "elements.bed").write_text("".join([*lines, lines[3]]))
    refused(capsys, study, "elements.bed, line 25", "line 4")


@pytest.mark.parametrize(
    ("setting", "file", "parts"),
    [
        ('motifs = "motifs.meme"', "elements.bed", ("elements.bed, line 1", "MEME version 4")),
        ('genes = "genes.gff3.gz"', "motifs.meme", ("motifs.meme, line 1", "GFF3")),
        ('signals = { planted = "signal.bw" }', "elements.bed", ("elements.bed", "bigWig")),
    ],
)
def test_a_wrong_file_of_a_late_stage_stops_the_run_before_its_first(study, capsys, setting, file, parts):
    edit(study, setting, setting.replace(setting.split('"')[1], file))
    refused(capsys, study, *parts, command="run")


def test_a_typo_in_the_study(study, capsys):
    edit(study, "patience = 16", "patiense = 16")
    refused(capsys, study, "study.toml, train.patiense: unknown key; did you mean patience?")


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("bert-smal", ("no folder and no known model is called 'bert-smal'", "bert-scratch")),
        ("./nowhere", ("train.model", "nowhere")),
        ("empty", ("empty", "config.json")),
    ],
)
def test_a_model_that_is_none(study, capsys, model, parts):
    (study / "empty").mkdir()
    code, _, err = phenolens(capsys, "train", "study.toml", "--out", "run", "--set", f"train.model={model}")
    assert code == 2
    assert all(part in err.splitlines()[-1] for part in parts), err
    assert "Traceback" not in err


def test_a_model_folder_without_tokenizer(study, capsys):
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertForSequenceClassification(BertConfig(vocab_size=4101, **sizes)).save_pretrained(study / "bare")
    code, _, err = phenolens(capsys, "train", "study.toml", "--out", "run", "--set", "train.model=bare")
    assert code == 2
    assert "bare" in err
    assert "tokenizer" in err.splitlines()[-1]


def test_a_class_with_one_group(study, capsys):
    text = (study / "elements.bed").read_text()
    (study / "elements.bed").write_text(
        "".join(line.replace(line.split("\t")[3], "one", 1) + "\n" for line in text.splitlines())
    )
    refused(capsys, study, "element", "1 group", "expected")


def test_not_enough_background(study, capsys):
    (study / "little.bed").write_text("chr1\t0\t500\nchr2\t0\t500\n")
    edit(study, "margin = 200", 'margin = 200\nwithin = ["little.bed"]')
    refused(
        capsys, study, "24 intervals are wanted", "loosen within, exclude or margin", "while drawing class background"
    )


def test_a_sequence_that_is_all_n_is_left_out_and_counted(study, capsys):
    genome = (study / "genome.fa").read_text()
    first = (study / "elements.bed").read_text().split("\t")
    with (study / "genome.fa").open("w") as out:
        chroms = genome.split(">")[1:]
        for chrom in chroms:
            name, _, letters = chrom.partition("\n")
            letters = letters.replace("\n", "")
            if name == first[0]:
                letters = letters[: int(first[1])] + "N" * 160 + letters[int(first[2]) :]
            out.write(f">{name}\n{letters}\n")
    code, _, err = phenolens(capsys, "dataset", "study.toml", "--out", "run")
    assert code == 0, err
    account = (study / "run" / "dataset" / "account.tsv").read_text()
    assert "element\tleft out\tonly N\t1\t160" in account


def test_the_run_folder_of_another_study(study, capsys):
    assert phenolens(capsys, "dataset", "study.toml", "--out", "run")[0] == 0
    edit(study, 'name = "planted"', 'name = "other"')
    code, _, err = phenolens(capsys, "dataset", "study.toml", "--out", "run")
    assert code == 2
    assert "run: belongs to the study 'planted'; expected 'other'; choose another --out" in err


@pytest.mark.parametrize("stage", ["dataset", "train"])
def test_a_full_disk(study, stage):
    """The kernel refuses files beyond a limit in the child, which is the error a full disk gives; no file stays half-written."""
    done = subprocess.run(
        [sys.executable, "-c", "from phenolens.cli import main; main()", "dataset", "study.toml", "--out", "run"],
        cwd=study,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    if stage == "dataset":
        (study / "run" / "dataset" / "manifest.json").unlink()
        before = (study / "run" / "dataset" / "sequences.parquet").read_bytes()
    limit = 2000 if stage == "dataset" else 100_000
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from phenolens.cli import main
main()
"""
    arguments = [stage, "study.toml", "--out", "run", "--set", "train.epochs=1"]
    full = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=study,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert full.returncode == 2, full.stderr
    assert full.stderr.count("phenolens: error:") == 1
    assert "free some space" in full.stderr
    assert "Traceback" not in full.stderr
    if stage == "dataset":
        assert (study / "run" / "dataset" / "sequences.parquet").read_bytes() == before
    assert not (study / "run" / stage / "manifest.json").exists()


def test_help_of_every_command_begins_with_a_command_to_paste(capsys):
    code, out, _ = phenolens(capsys, "--help")
    assert code == 0
    for command in (
        "demo",
        "init",
        "check",
        "run",
        "dataset",
        "train",
        "evaluate",
        "explain",
        "annotate",
        "report",
        "predict",
        "models",
    ):
        code, shown, _ = phenolens(capsys, command, "--help")
        assert code == 0
        assert f"phenolens {command}" in shown.split("Arguments:")[0].split("Options:")[0]
        assert command in out


def test_the_template_is_a_valid_study(tmp_path, capsys):
    from phenolens.core.study import load_study

    code, out, _ = phenolens(capsys, "init", "--name", 'my "own" study')
    (tmp_path / "study.toml").write_text(out)
    assert code == 0
    assert load_study(tmp_path / "study.toml").settings.name == 'my "own" study'


def test_interrupted_by_the_user(study, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt  # a test runner in the background may ignore a real SIGINT

    monkeypatch.setattr("phenolens.pipeline.plan", interrupted)
    code, _, err = phenolens(capsys, "dataset", "study.toml", "--out", "run")
    assert code == 130
    assert "run the same command again to go on" in err


def test_help_loads_nothing_heavy():
    """What makes --help slow is importing; the list of what it imported is the measure that no busy machine changes."""
    code = "import sys; sys.argv = ['phenolens', '--help']\nfrom phenolens.cli import main\ntry:\n    main()\nexcept SystemExit:\n    print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(done.stderr.splitlines()[-1]))
    assert not loaded & {
        "torch",
        "transformers",
        "polars",
        "numpy",
        "matplotlib",
        "sklearn",
        "scipy",
        "pydantic",
        "pysam",
    }
