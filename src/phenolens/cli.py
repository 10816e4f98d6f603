"""The command line: parse, call one function of the pipeline, stop.

Results go to standard output, notes and progress to standard error. Exit codes: 0 done, 1 the dataset's certificate fails
(check --strict), 2 an input or setting is wrong (one line says which and what to do), 130 interrupted.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from phenolens.core import processes
from phenolens.core.errors import PhenolensError
from phenolens.core.terminal import Lines

INTERRUPTED = 130

app = typer.Typer(
    name="phenolens",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""phenolens demo

    From genomic intervals that carry a phenotype, to a DNA classifier that was tested honestly, to the motifs it reads.

    Begin with `phenolens demo`, then `phenolens init > study.toml`, edit it, `phenolens check study.toml` and `phenolens run study.toml`.
    """,
)

StudyFile = Annotated[
    Path, typer.Argument(metavar="STUDY.toml", help="study file; `phenolens init` makes one", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="run folder (default: NAME-run, NAME from the study)", show_default=False
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="override a setting, e.g. train.epochs=5; repeatable", show_default=False
    ),
]


@app.command(short_help="run the whole way on the built-in data")
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="run folder")] = Path("demo-run"),
    overrides: Set = None,
) -> None:
    """phenolens demo

    Run the whole way on the built-in data: endogenous retroviruses of human chromosome 22.
    """
    from phenolens import pipeline

    with Lines() as progress:
        report = pipeline.run(pipeline.demo_study(overrides or ()), out, progress=progress)
    _say(f"report: {report}")


@app.command(short_help="write a study file to begin with")
def init(
    name: Annotated[str | None, typer.Option(help="name of the study", show_default=False)] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="PRESET",
            help="one of the paper's datasets: herv, gwas, specific-genes, immune, regulatory, random; with -paper its own constants and random split",
            show_default=False,
        ),
    ] = None,
) -> None:
    """phenolens init > study.toml

    Write a study file to begin with to standard output.
    """
    from phenolens.core.study import template

    print(template(name or preset or "my-study", preset), end="")


@app.command(short_help="download the public files that a preset needs")
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...", help="presets (herv, ...) or single files; none lists all", show_default=False
        ),
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="folder of the files")] = Path("sources"),
) -> None:
    """phenolens fetch herv --to sources

    Download the public files that a preset needs, with checksums; a download that was cut goes on where it was.
    """
    from phenolens import download

    if not names:
        for line in download.listing():
            print(line)
        return
    with Lines() as progress:
        for path in download.fetch(names, to, progress):
            print(path)


@app.command(short_help="read every input, say what is wrong, change nothing")
def check(
    study: StudyFile,
    out: Out = None,
    overrides: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when the dataset's certificate fails")] = False,
) -> None:
    """phenolens check study.toml

    Read every input, say what is wrong and what would be run; change nothing.
    """
    from phenolens import check as checking
    from phenolens import pipeline

    for line in checking.check(pipeline.load_study(study, overrides or ()), out, strict=strict):
        print(line)


@app.command(short_help="run all stages; what is done is skipped")
def run(study: StudyFile, out: Out = None, overrides: Set = None) -> None:
    """phenolens run study.toml --out my-run

    Run all stages; what is already done and unchanged is skipped, what was killed goes on where it was.
    """
    _run(study, out, overrides, "report")


def _run(study: Path, out: Path | None, overrides: list[str] | None, last: str) -> None:
    from phenolens import pipeline

    with Lines() as progress:
        result = pipeline.run(pipeline.load_study(study, overrides or ()), out, last=last, progress=progress)
    _say(f"{last}: {result}")


def _say(result: str) -> None:
    """Print a result, once for all processes that made it together."""
    if processes.rank() == 0:
        print(result)


def _stage_command(stage: str, what: str) -> None:
    def command(study: StudyFile, out: Out = None, overrides: Set = None) -> None:
        _run(study, out, overrides, stage)

    command.__doc__ = (
        f"phenolens {stage} study.toml\n\n    {what}, after the stages before it where they are not done yet."
    )
    app.command(name=stage, short_help=f"one stage: {what[0].lower()}{what[1:]}")(command)


_stage_command("dataset", "Build the labelled, matched, grouped and split sequences")
_stage_command("train", "Fine-tune the model")
_stage_command("evaluate", "Measure how good the model is, beside baselines")
_stage_command("explain", "Score what the model reads, base by base")
_stage_command("annotate", "Motifs, enrichment, overlap, conservation and genes of the high-score regions")
_stage_command("report", "Write the page")


@app.command(short_help="classify sequences with a model of a run")
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
    batch_size: Annotated[int, typer.Option(min=1, help="sequences per step, at most")] = 64,
) -> None:
    """phenolens predict my-run sequences.fa > classes.tsv

    Classify sequences with a model of a run: one line each, with the probability of every class. Memory does not grow with the
    input, and nothing is written before all of it is read. A sequence that the model cannot read (too short, mostly N) has empty cells.
    """
    from phenolens import classify

    options = classify.Options(both_strands, raw, batch_size)
    with Lines() as progress:
        told = classify.Told(progress.note, lambda done: progress.step(done, None, f"predict: {done:,} sequences"))
        classify.classify_file(model, sequences, out or sys.stdout.buffer, genome, options, told)


@app.command(short_help="two finished runs side by side, on the same sequences")
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN1", help="run folder", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="RUN2", help="run folder", show_default=False)],
    split: Annotated[str, typer.Option(help="validation, test, random validation or random test")] = "test",
    run: Annotated[
        str | None,
        typer.Option(
            help="vote, run-0 ... or a baseline (default: vote if both have it, else run-0)", show_default=False
        ),
    ] = None,
    tsv: Annotated[
        Path | None, typer.Option("--tsv", metavar="FILE", help="write the table there too", show_default=False)
    ] = None,
) -> None:
    """phenolens compare small-run large-run

    Two finished runs side by side: every metric, their difference with a 95 % interval (whole groups resampled, the same for
    both), and McNemar's exact test for accuracy.
    """
    from phenolens import comparing

    compared = comparing.compare(first, second, split=split, run=run)
    if tsv:
        comparing.write(compared, tsv)
    for line in comparing.as_lines(compared, first, second):
        print(line)


@app.command(short_help="pre-train a small model of your own on unlabelled DNA")
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
    with Lines() as progress:
        print(pretraining.pretrain_files(genomes, out, settings, seed, exclude=exclude or (), progress=progress))


@app.command(short_help="list what can be named in train.model")
def models() -> None:
    """phenolens models

    List what can be named in train.model.
    """
    from phenolens import classify

    for line in classify.known_models():
        print(line)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"phenolens {version('phenolens')}")
        raise typer.Exit


@app.callback()
def _options(
    show: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="show the version and stop")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line; our own errors become one line on standard error and exit code 2."""
    try:
        app()
    except PhenolensError as error:
        if processes.rank() == 0:
            print(f"phenolens: error: {'; '.join([str(error), *getattr(error, '__notes__', [])])}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print("phenolens: interrupted; run the same command again to go on", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
