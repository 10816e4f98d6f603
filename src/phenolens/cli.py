"""The command line: parse, call one function of the pipeline, stop.

Results go to standard output, notes and progress to standard error. Exit codes: 0 done, 1 the dataset's certificate fails
(check --strict) or the doctor found something to mend, 2 an input or setting is wrong (one line says which and what to do),
130 interrupted.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from phenolens.cli_models import tools
from phenolens.cli_runs import results
from phenolens.cli_speech import INTERRUPTED, begin, say_error, watched, watching
from phenolens.core import processes
from phenolens.core.errors import PhenolensError, RunFolderError

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
@watched
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="run folder")] = Path("demo-run"),
    overrides: Set = None,
) -> None:
    """phenolens demo

    Run the whole way on the built-in data: endogenous retroviruses of human chromosome 22.
    """
    from phenolens import pipeline

    with watching() as progress:
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
@watched
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
    with watching() as progress:
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
@watched
def run(study: StudyFile, out: Out = None, overrides: Set = None) -> None:
    """phenolens run study.toml --out my-run

    Run all stages; what is already done and unchanged is skipped, what was killed goes on where it was.
    """
    _run(study, out, overrides, "report")


def _run(study: Path, out: Path | None, overrides: list[str] | None, last: str) -> None:
    from phenolens import pipeline

    with watching() as progress:
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
    app.command(name=stage, short_help=f"one stage: {what[0].lower()}{what[1:]}")(watched(command))


_stage_command("dataset", "Build the labelled, matched, grouped and split sequences")
_stage_command("train", "Fine-tune the model")
_stage_command("evaluate", "Measure how good the model is, beside baselines")
_stage_command("explain", "Score what the model reads, base by base")
_stage_command("annotate", "Motifs, enrichment, overlap, conservation and genes of the high-score regions")


@app.command(short_help="one stage: write the page")
@watched
def report(
    study: StudyFile,
    out: Out = None,
    overrides: Set = None,
    paper_figures: Annotated[
        Path | None,
        typer.Option(
            "--paper-figures",
            metavar="DIR",
            help="write the paper's main figures and tables there too (SVG, PDF, TSV; what is missing says why); of several runs: compare",
            show_default=False,
        ),
    ] = None,
) -> None:
    """phenolens report study.toml

    Write the page, after the stages before it where they are not done yet.
    """
    _run(study, out, overrides, "report")
    if paper_figures and processes.rank() == 0:
        from phenolens import pipeline, publishing

        folder = pipeline.folder_of(pipeline.load_study(study, overrides or ()), out)
        for line in publishing.lines(publishing.publish([folder], paper_figures)):
            print(line)


# these stand beside a study, not in it: their own file, one list of commands
app.add_typer(tools)
app.add_typer(results)


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
    begin()
    try:
        app(prog_name="phenolens")
    except PhenolensError as error:
        if processes.rank() == 0 or isinstance(error, RunFolderError):
            say_error("; ".join([str(error), *getattr(error, "__notes__", [])]), error.exit_code)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            say_error("interrupted; run the same command again to go on", INTERRUPTED)
        raise


if __name__ == "__main__":
    main()
