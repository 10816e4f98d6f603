"""Several finished run folders -> one page that sets them side by side, with its tables beside it.

Figures load here only, so that the comparison on a terminal answers at once.
"""

from collections.abc import Callable
from pathlib import Path

from phenolens.comparing import Tested
from phenolens.comparing_many import SideBySide
from phenolens.comparing_reading import chance_of, explained, motifs_compared, regions_compared, scores_compared
from phenolens.core import run as folders
from phenolens.core.schemas import COMPARISON, STATISTICS
from phenolens.core.schemas_evaluate import CALIBRATION
from phenolens.core.schemas_faithfulness import FAITHFULNESS
from phenolens.report.content_compare import CompareContent, ComparedRun
from phenolens.report.page_compare import compare_page
from phenolens.report.render import files


def write_page(found: SideBySide, target: Path, note: Callable[[str], None] = lambda sentence: None) -> Path:
    """Write index.html, tables and figures into a folder and return the path of the page.

    Parameters
    ----------
    found : of `comparing_many.side_by_side`.
    target : the folder; made where absent, files of these names in it are replaced.
    note : receives what is being done.

    Raises
    ------
    WriteError : the disk is full or the place cannot be written.
    """
    for name, content in files(compare_page(_content(found, note))):
        folders.write_bytes(content, target / name)
    return target / "index.html"


def _content(found: SideBySide, note: Callable[[str], None]) -> CompareContent:
    paths = {name: one.folder for name, one in zip(found.names, found.tested, strict=True)}
    looked = {name: explained(folder) for name, folder in paths.items()}
    present = {name: what for name, what in looked.items() if what is not None}
    chance = chance_of(found.tested[0].folder)
    note("compare: base scores and regions")
    motifs, sets = motifs_compared(paths)
    settings = folders.read_json(found.tested[0].folder / "settings.json") or {}
    return CompareContent(
        version=folders.versions()["phenolens"],
        split=found.split,
        kmer=int(settings.get("settings", {}).get("evaluate", {}).get("kmer", 6)),
        runs=[_run(name, one, looked[name] is not None) for name, one in zip(found.names, found.tested, strict=True)],
        settings=found.settings,
        metrics=found.metrics,
        pairs=found.pairs,
        differences=found.differences,
        scores=scores_compared(present, **chance),
        regions=regions_compared(present, **chance),
        motifs=motifs,
        motif_sets=sets,
    )


def _run(name: str, one: Tested, has_scores: bool) -> ComparedRun:
    folder = one.folder
    manifest = folders.read_json(folder / "evaluate" / "manifest.json") or {}
    return ComparedRun(
        name=name,
        folder=str(folder),
        run=one.run,
        labels=one.labels,
        statistics=folders.read_table_of_other_run(folder / "dataset" / "statistics.tsv", STATISTICS),
        quality=folders.read_json(folder / "dataset" / "quality.json") or {},
        model=folders.read_json(folder / "train" / "model.json") or {},
        comparison=folders.read_table_of_other_run(folder / "evaluate" / "comparison.tsv", COMPARISON),
        calibration=folders.read_table_of_other_run(folder / "evaluate" / "calibration.tsv", CALIBRATION),
        temperatures=folders.read_json(folder / "evaluate" / "calibration.json") or {},
        faithfulness=folders.read_table_of_other_run(folder / "explain" / "faithfulness.tsv", FAITHFULNESS),
        versions=manifest.get("versions", {}),
        explained=has_scores,
    )
