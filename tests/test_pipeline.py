"""End to end on a synthetic genome: the planted motif is found again, a finished run is left alone, a killed one goes on.

The truth is what was planted: which bases carry the motif (tests/planted.py), not what any part of the program says.
"""

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pybigtools
import pytest
import torch
from planted import MOTIF, STUDY, write_planted
from transformers import BertConfig, BertForSequenceClassification

from phenolens.cli import main
from phenolens.model.load import load_folder
from phenolens.model.predict import predict
from phenolens.model.vocabulary import kmer_vocabulary

CLI = [sys.executable, "-c", "from phenolens.cli import main; main()"]
PROMISED = [
    "dataset/sequences.parquet", "dataset/quality.json", "train/run-0/model.safetensors", "train/run-0/config.json",
    "evaluate/predictions.parquet", "evaluate/metrics.tsv", "explain/alrw.parquet", "explain/regions.bed",
    "explain/alrw.element.bw", "explain/tracks.tsv", "explain/igv_session.xml", "explain/token_regions.tsv", "explain/region_chance.tsv",
    "explain/layers.tsv", "explain/projection.parquet",
    "annotate/hits.tsv", "annotate/enrichment.tsv", "annotate/motif_sets.tsv", "annotate/motif_regions.tsv", "annotate/overlap.tsv",
    "annotate/conservation.tsv", "report/index.html", "manifest.json",
]  # fmt: skip


def phenolens(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line in this process, because a new one takes seconds to import what it needs."""
    out, notes = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(notes),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["phenolens", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    out.flush()
    return subprocess.CompletedProcess(arguments, stop.value.code, out.buffer.getvalue().decode(), notes.getvalue())


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A synthetic genome, a model folder with random weights, and the study that uses both."""
    made = write_planted(tmp_path_factory.mktemp("planted"))
    torch.manual_seed(0)
    vocabulary = kmer_vocabulary(6)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertForSequenceClassification(
        BertConfig(vocab_size=len(vocabulary), max_position_embeddings=256, **sizes)
    ).save_pretrained(made.folder / "model")
    (made.folder / "model" / "vocab.txt").write_text("\n".join(vocabulary))
    (made.folder / "study.toml").write_text(STUDY.replace("MODEL", "model"))
    return made


@pytest.fixture(scope="module")
def finished(planted):
    command, environment = [*CLI, "run", "study.toml", "--out", "run"], {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=planted.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "report: run/report/index.html"
    return planted.folder / "run"


def sums(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(p.relative_to(folder)): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_every_promised_file_is_there(finished):
    assert [name for name in PROMISED if not (finished / name).is_file()] == []
    assert not list(finished.rglob(".part-*"))


def test_the_model_tells_the_classes_apart(finished):
    metrics = pl.read_csv(finished / "evaluate" / "metrics.tsv", separator="\t", infer_schema_length=None)
    auroc = metrics.filter(
        (pl.col("run") == "run-0")
        & (pl.col("split") == "test")
        & (pl.col("metric") == "auroc_macro")
        & pl.col("class").is_null()
        & pl.col("bin").is_null()
    )
    assert auroc["value"].item() > 0.95


def test_the_regions_lie_on_the_planted_motifs_of_the_genome(planted, finished):
    bed = [line.split("\t") for line in (finished / "explain" / "regions.bed").read_text().splitlines()[1:]]
    regions = [(r[0], int(r[1]), int(r[2])) for r in bed if r[3].startswith("element:")]
    found = [any(c == chrom and s < at + len(MOTIF) and at < e for c, s, e in regions) for chrom, at in planted.places]
    on_motif = [
        any(c == chrom and s < at + len(MOTIF) and at < e for chrom, at in planted.places) for c, s, e in regions
    ]
    assert sum(found) / len(found) > 0.7, "recall: planted motifs under a region"
    assert sum(on_motif) / len(on_motif) > 0.9, "precision: regions on a planted motif"


def test_the_track_is_highest_on_the_motifs(planted, finished):
    with pybigtools.open(str(finished / "explain" / "alrw.element.bw")) as track:
        inside = [
            v for chrom, at in planted.places for v in track.values(chrom, at, at + len(MOTIF), fillna=None) if v == v
        ]
        all_values = [
            v
            for chrom, start, end, _ in planted.elements
            for v in track.values(chrom, start, end, fillna=None)
            if v == v
        ]
    assert len(all_values) == 160 * len(planted.elements), "every base of every element has a score"
    assert sum(inside) / len(inside) > 2 * sum(all_values) / len(all_values)


def test_the_planted_motif_ranks_first_and_its_signal_stands_out(finished):
    enriched = pl.read_csv(finished / "annotate" / "enrichment.tsv", separator="\t")
    for _, table in enriched.group_by("case", "scope", "control"):
        assert table.sort("p_value")["motif_name"][0] == "PLANTED"
    assert enriched.filter((pl.col("motif_name") != "PLANTED") & (pl.col("q_value") < 0.05)).is_empty()
    assert enriched.filter("enriched")["motif_name"].unique().to_list() == ["PLANTED"]
    sets = pl.read_csv(finished / "annotate" / "motif_sets.tsv", separator="\t")
    assert ("element: regions and whole sequences", "regions & whole sequences", 1) in sets.select(
        sets.columns[:3]
    ).rows()
    places = pl.read_csv(finished / "annotate" / "motif_regions.tsv", separator="\t")
    assert places["motifs"].unique().to_list() == ["PLANTED"]
    signal_row = (
        pl.read_csv(finished / "annotate" / "conservation.tsv", separator="\t")
        .filter(pl.col("label") == "element")
        .row(0, named=True)
    )
    assert signal_row["observed"] > signal_row["high"] > signal_row["expected"]
    assert signal_row["p_value"] == pytest.approx(2 / 201)


def test_signals_lie_along_the_letters_as_they_are_read(finished):
    sequences = pl.read_parquet(finished / "dataset" / "sequences.parquet")
    along = pl.read_parquet(finished / "annotate" / "signals.parquet").join(sequences, on="sequence_id")
    assert set(along["strand"]) == {"+", "-"}
    high = {"+": "", "-": ""}
    for strand, letters, values in along.filter(label="element").select("strand", "sequence", "values").iter_rows():
        assert len(letters) == len(values)
        high[strand] += "".join(letter for letter, value in zip(letters, values, strict=True) if value == 1)
    for letters in high.values():
        assert letters == MOTIF * (len(letters) // len(MOTIF)) != ""


def test_single_variants_are_read_where_the_regions_lie(finished):
    def table(name):
        return pl.read_csv(finished / "annotate" / f"{name}.tsv", separator="\t", infer_schema_length=None)

    def row(name, measure):
        return table(name).filter(label="element", measure=measure).row(0, named=True)

    harm = row("pathogenicity", "mean score")
    assert harm["observed"] > harm["high"] > harm["expected"] > 0.1
    assert harm["p_value"] == pytest.approx(2 / 201)
    assert row("pathogenicity", "covered bases")["observed"] == 1
    spared = row("population", "diversity")
    assert spared["observed"] < spared["low"]
    variants = table("pathogenic_variants")
    assert set(variants["score"]) == {0.9}
    assert variants["change"].str.strip_chars("VL").cast(pl.Int64).to_list() == variants["start"].to_list()
    assert variants["model_change"].count() == 1000  # annotate.model_variants
    # a broken motif makes an element look less like one
    assert variants["model_change"].min() < -0.5
    assert variants["model_change"].max() < 0.1
    cross = table("population_cross")
    assert cross.filter((pl.col("value") < 90) | (pl.col("conservation") > 0.3)).is_empty()
    assert table("overlays").select("name", "kind").rows() == [
        ("am", "scores"),
        ("alleles.vcf", "variants"),
        ("depth", "depth"),
    ]


def test_the_model_sees_a_substitution_on_the_strand_that_it_reads(finished):
    variants = pl.read_csv(finished / "annotate" / "pathogenic_variants.tsv", separator="\t", infer_schema_length=None)
    sequences = pl.read_parquet(finished / "dataset" / "sequences.parquet").select(
        "sequence_id", "strand", "sequence", pl.col("start").alias("first")
    )
    asked = (
        variants.drop_nulls("model_change")
        .sort(pl.col("model_change").abs(), descending=True)
        .join(sequences, on="sequence_id")
    )
    model, other = load_folder(finished / "train" / "run-0"), str.maketrans("ACGTacgt", "TGCAtgca")
    for strand in "+-":
        for row in asked.filter(strand=strand).head(3).iter_rows(named=True):
            forward = row["sequence"] if strand == "+" else row["sequence"].translate(other)[::-1]
            at = row["start"] - row["first"]
            assert forward[at].upper() == row["ref"]
            put = forward[:at] + row["alt"] + forward[at + 1 :]
            texts = [text if strand == "+" else text.translate(other)[::-1] for text in (forward, put)]
            p = predict(model, texts)[:, model.labels.index(row["label"])].astype(float)
            assert row["model_change"] == pytest.approx(np.diff(np.log(p / (1 - p)))[0], abs=2e-3)


def test_a_finished_run_is_kept_to_the_byte_and_the_second(planted, finished):
    before = sums(finished)
    again = phenolens(planted.folder, "run", "study.toml", "--out", "run")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("done before, unchanged") == 6
    assert sums(finished) == before


def test_a_changed_setting_runs_its_stage_and_what_follows_only(planted, finished):
    result = phenolens(planted.folder, "annotate", "study.toml", "--out", "run", "--set", "annotate.controls=150")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("done before, unchanged") == 4
    back = phenolens(planted.folder, "run", "study.toml", "--out", "run")
    assert back.returncode == 0, back.stderr


def test_the_same_study_gives_the_same_numbers_even_when_it_was_killed_twice(planted, finished):
    """kill -9 while it trains and again when it explains; the metrics must equal those of the uninterrupted run."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = planted.folder / "killed"
    for awaited in ("train/run-0/checkpoints/checkpoint-*", "explain/started.json"):
        process = subprocess.Popen(
            [*CLI, "run", "study.toml", "--out", "killed"],
            cwd=planted.folder,
            env=environment,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not list(killed.glob(awaited)):
            assert process.poll() is None, f"finished before {awaited} was seen"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = phenolens(planted.folder, "run", "study.toml", "--out", "killed")
    assert done.returncode == 0, done.stderr
    for name in (
        "evaluate/metrics.tsv",
        "dataset/sequences.parquet",
        "explain/alrw.parquet",
        "annotate/enrichment.tsv",
    ):
        assert (killed / name).read_bytes() == (finished / name).read_bytes(), name


def test_predict_reads_fasta_and_intervals_alike(planted, finished):
    elements = pl.read_parquet(finished / "dataset" / "sequences.parquet").filter(pl.col("label") == "element").head(20)
    (planted.folder / "some.fa").write_text(
        "".join(f">{name}\n{text}\n" for name, text in elements.select("sequence_id", "sequence").iter_rows())
    )
    rows = elements.select("chrom", "start", "end", "name", pl.lit(0), "strand").rows()
    (planted.folder / "some.bed").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    fasta = phenolens(planted.folder, "predict", "run/train/run-0", "some.fa")
    bed = phenolens(planted.folder, "predict", "run/train/run-0", "some.bed", "--genome", "genome.fa")
    assert (fasta.returncode, bed.returncode) == (0, 0), fasta.stderr + bed.stderr
    a, b = (pl.read_csv(text.stdout.encode(), separator="\t") for text in (fasta, bed))
    assert a.drop("sequence_id").equals(b.drop("sequence_id"))
    assert (a["predicted"] == "element").mean() > 0.9


def test_check_says_what_would_run_and_changes_nothing(planted, finished):
    before = sums(planted.folder)
    done = phenolens(planted.folder, "check", "study.toml", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "report: done and unchanged" in done.stdout
    new = phenolens(planted.folder, "check", "study.toml", "--out", "elsewhere")
    assert "dataset: would run" in new.stdout
    assert "motifs: 21 in motifs.meme" in new.stdout
    assert sums(planted.folder) == before


def test_the_bases_that_the_model_reads_matter_to_it_and_those_of_random_weights_do_not(finished):
    areas = pl.read_csv(finished / "explain" / "faithfulness.tsv", separator="\t", infer_schema_length=None)
    chance = areas.filter(pl.col("label").is_null(), control="shift")
    for method in ("alrw", "integrated_gradients", "occlusion"):
        assert (chance.filter(model="trained", method=method)["low"] > 0).all()
    assert (chance.filter(model="random weights")["low"] < 0).all()
    assert "ALRW is better than bases elsewhere here" in (finished / "report" / "index.html").read_text()


def test_the_papers_figures_are_drawn_from_a_finished_run_which_stays_as_it_is(planted, finished):
    before = sums(finished)
    done = phenolens(planted.folder, "report", "study.toml", "--out", "run", "--paper-figures", "paper")
    assert done.returncode == 0, done.stderr
    assert sums(finished) == before
    listed = pl.read_csv(planted.folder / "paper" / "contents.tsv", separator="\t")
    for name, written, missing in listed.select("name", "written", "missing").iter_rows():
        table = planted.folder / "paper" / f"{name}.tsv"
        assert table.is_file() == written
        assert written or f"not {name}: {missing}" in done.stdout
        drawings = {path.suffix for path in table.parent.glob(f"{name}.*")} - {".tsv"}
        assert drawings == ({".svg", ".pdf"} if written and not name.startswith("table") else set())
    motifs = pl.read_csv(planted.folder / "paper" / "table-3-motifs.tsv", separator="\t", infer_schema_length=None)
    assert set(motifs["motif_name"]) == {"PLANTED"}
