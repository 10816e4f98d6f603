"""The commands that take finished run folders: compare, export."""

from pathlib import Path
from typing import Annotated

import typer

from phenolens.cli_speech import watched, watching

results = typer.Typer()


@results.command(short_help="finished runs side by side, on the same sequences")
@watched
def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN1 RUN2...", help="two or more run folders", show_default=False)
    ],
    split: Annotated[str, typer.Option(help="validation, test, random validation or random test")] = "test",
    run: Annotated[
        str | None,
        typer.Option(
            help="vote, run-0 ... or a baseline (default: vote if all have it, else run-0)", show_default=False
        ),
    ] = None,
    tsv: Annotated[
        Path | None,
        typer.Option("--tsv", metavar="FILE", help="write the table of differences there too", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="write one page and its tables into this folder", show_default=False
        ),
    ] = None,
    paper_figures: Annotated[
        Path | None,
        typer.Option(
            "--paper-figures",
            metavar="DIR",
            help="write the paper's main figures and tables of these runs there (SVG, PDF, TSV; what is missing says why); of one run: report",
            show_default=False,
        ),
    ] = None,
) -> None:
    """phenolens compare small-run large-run --out compared

    Finished runs (other models, datasets, seeds or splits) side by side: every metric, and for each two runs that were tested on the
    same sequences the difference with a 95 % interval (whole groups resampled, the same for both) and McNemar's exact test for
    accuracy, of more than two runs corrected by Holm's method. With --out also a page: settings that differ, datasets and leakage,
    classes, lengths, baselines, calibration, and whether the models look at the same bases, regions and motifs.
    """
    from phenolens import comparing_many

    found = comparing_many.side_by_side(folders, split=split, run=run)
    if tsv:
        comparing_many.write(found, tsv)
    for line in comparing_many.lines(found):
        print(line)
    if out:
        from phenolens import comparing_page

        with watching() as progress:
            print(f"page: {comparing_page.write_page(found, out, progress.line)}")
    if paper_figures:
        from phenolens import publishing

        for line in publishing.lines(publishing.publish(folders, paper_figures)):
            print(line)


@results.command(short_help="model and dataset of a run with their cards, ready for the Hugging Face hub")
def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="run folder", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="folder to write, new or empty", show_default=False)],
    repository: Annotated[
        str | None,
        typer.Option(
            "--repo",
            metavar="OWNER/NAME",
            help="what the model will be called on the hub, its dataset OWNER/NAME-sequences (default: the study's name)",
            show_default=False,
        ),
    ] = None,
    license_name: Annotated[
        str, typer.Option("--license", metavar="ID", help="as the hub writes it, e.g. apache-2.0")
    ] = "unknown",
    run: Annotated[
        str | None,
        typer.Option(help="run-0 ... (default: the best one on validation)", show_default=False),
    ] = None,
) -> None:
    """phenolens export my-run to-upload --repo me/my-model --license apache-2.0

    Write DIR/model, which transformers loads, and DIR/dataset, which datasets loads, each with a card: how to use it, metrics with intervals,
    baselines, leakage, faithfulness, limits. The exported model is tried on test sequences of the run. Nothing is sent anywhere.
    """
    from phenolens import exporting

    done = exporting.export(folder, target, repository=repository, license_name=license_name, run=run)
    n, difference = done.checked
    print(f"model: {done.model} ({done.run}; {n} test sequences predicted again, differences at most {difference:.1e})")
    print(f"dataset: {done.dataset}")
