"""The commands that work outside a study: predict, serve, pretrain, models, doctor, scan-motifs."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from phenolens.cli_speech import watched, watching

tools = typer.Typer()


@tools.command(short_help="classify sequences with a model of a run")
@watched
def predict(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="run folder (the average of its runs), or one model of it, e.g. my-run/train/run-0",
            show_default=False,
        ),
    ],
    sequences: Annotated[
        Path,
        typer.Argument(
            metavar="SEQUENCES",
            help="FASTA; or BED and other intervals with --genome; - is standard input",
            show_default=False,
        ),
    ],
    genome: Annotated[Path | None, typer.Option(help="FASTA that the intervals lie on", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help=".tsv or .parquet (default: TSV to standard output)", show_default=False
        ),
    ] = None,
    both_strands: Annotated[
        bool, typer.Option("--both-strands", help="average over the sequence and its reverse complement")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="probabilities without the calibration of the run")] = False,
    bf16: Annotated[
        bool,
        typer.Option("--bf16", help="faster where the device has it; probabilities move by up to a few hundredths"),
    ] = False,
) -> None:
    """phenolens predict my-run sequences.fa > classes.tsv

    Classify sequences with a model of a run: one line each, with the probability of every class. Memory does not grow with the
    input, and nothing is written before all of it is read. A sequence that the model cannot read (too short, mostly N) has empty cells.
    """
    from phenolens import classify

    options = classify.Options(both_strands, raw, "bf16" if bf16 else "fp32")
    with watching() as progress:
        told = classify.Told(progress.note, lambda done: progress.step(done, None, f"predict: {done:,} sequences"))
        classify.classify_file(model, sequences, out or sys.stdout.buffer, genome, options, told)


@tools.command(short_help="a model as a page and a JSON API on this machine")
@watched
def serve(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="run folder (the average of its runs), one model of it, or any Hugging Face folder of a sequence classifier",
            show_default=False,
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    host: Annotated[
        str, typer.Option(help="address to listen on; 0.0.0.0 lets every machine that reaches this one use the model")
    ] = "127.0.0.1",
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="requests a second of one client (default: 1000)", show_default=False)
    ] = None,
) -> None:
    """phenolens serve my-run

    A model as a page (paste or upload FASTA, see class probabilities and what the model reads, base by base) and as a JSON API, on
    this machine alone: nothing leaves it, nothing is written to disk. Needs pip install 'phenolens[serve]'. Ctrl-C stops it.
    """
    from phenolens import serving

    told = serving.Told(
        watching().note, lambda address: print(f"serving {model} on {address} (Ctrl-C stops it)", flush=True)
    )
    serving.serve(model, host, port, rate, told)


@tools.command(short_help="pre-train a small model of your own on unlabelled DNA")
@watched
def pretrain(
    genomes: Annotated[
        list[Path], typer.Argument(metavar="GENOME.fa...", help="FASTA files of DNA", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="folder of the model", show_default=False)],
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FASTA", help="sequences that the model must not have read, e.g. test sequences; repeatable"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of weights and batches")] = 1,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="a setting of docs/settings.md [pretrain], e.g. layers=6; repeatable"
        ),
    ] = None,
) -> None:
    """phenolens pretrain genome.fa.gz --exclude test.fa --out my-bert

    Pre-train a small BERT of 6-mers, or with --set family=gpt2 a GPT-2, on unlabelled DNA; interrupted, the same command goes on.
    """
    from phenolens import pretraining

    settings = pretraining.settings_of(overrides or ())
    with watching() as progress:
        print(pretraining.pretrain_files(genomes, out, settings, seed, exclude=exclude or (), progress=progress))


@tools.command(short_help="list what can be named in train.model")
def models() -> None:
    """phenolens models

    List what can be named in train.model.
    """
    from phenolens import classify

    for line in classify.known_models():
        print(line)


@tools.command(short_help="is all here that a study needs, and with what will it compute")
def doctor(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="run folder, for its disk and its size")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="a JSON list of findings")] = False,
) -> None:
    """phenolens doctor

    Is all here that a study needs: Python, packages, devices and their precision, programs, caches, free disk, optional extras.
    Exit code 1 when something has to be mended.
    """
    from phenolens import doctor as examination

    findings = examination.examine(out)
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1, ensure_ascii=False))
    else:
        for line in examination.as_lines(findings):
            print(line)
    if not examination.is_well(findings):
        raise typer.Exit(1)


@tools.command("scan-motifs", short_help="find known motifs in any sequences")
def scan_motifs(
    sequences: Annotated[
        Path,
        typer.Argument(metavar="SEQUENCES.fa", help="FASTA, plain or gzip; - is standard input", show_default=False),
    ],
    motifs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="MEME, JASPAR, TRANSFAC or HOCOMOCO file, FILE#TAXON, or jaspar:2024#vertebrates (default: the built-in JASPAR vertebrates)",
            show_default=False,
        ),
    ] = None,
    p: Annotated[float, typer.Option("--p", min=0, max=1, help="largest p-value of a hit")] = 1e-4,
    background: Annotated[
        str,
        typer.Option(help="sequences, motifs (as their file states), nrdb (FIMO's), or e.g. 0.3,0.2,0.2,0.3"),
    ] = "sequences",
    one_strand: Annotated[bool, typer.Option("--one-strand", help="not the reverse complement")] = False,
    fimo: Annotated[
        bool,
        typer.Option(
            "--fimo", help="columns, 1-based places, digits and q-values of FIMO 5 (default: 0-based, half-open)"
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help=".tsv or .parquet (default: TSV to standard output)", show_default=False
        ),
    ] = None,
) -> None:
    """phenolens scan-motifs sequences.fa > hits.tsv

    Find known motifs in any sequences, on both strands, with FIMO's exact p-values.
    """
    from phenolens import scanning

    options = scanning.ScanOptions(p, background, not one_strand, fimo)
    scanning.write_hits(scanning.scan_file(sequences, motifs, options), out or sys.stdout.buffer)
