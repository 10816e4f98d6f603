"""The files that a stage reads, so that it runs again when one of them changes."""

from pathlib import Path

from phenolens.core.study import Study
from phenolens.inputs import motif_file
from phenolens.io.labelled_files import BESIDE_FASTA, bare
from phenolens.io.tabular import kind_of


def dataset_files(study: Study) -> list[Path]:
    """Return every file that the dataset stage reads, each once, in the order of the settings; of a folder all its files."""
    settings = study.settings.dataset
    names = [settings.genome]
    for source in settings.classes:
        names += [source.intervals, source.sequences, *source.within, *source.exclude, source.genes, source.covered_by]
        names += [name for step in source.steps for name in (step.subtract, step.within, step.exclude)]
    paths = [study.path(name) for name in (*names, *settings.variants) if name]
    if settings.labelled is not None:
        paths += _labelled_files(study.path(settings.labelled))
    return list(dict.fromkeys(paths))


def _labelled_files(path: Path) -> list[Path]:
    """Return the files of a labelled set: those of a folder, or the file and, of a FASTA file, the labels beside it."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file()) or [path]
    if not path.is_file() or kind_of(path) != "fasta":
        return [path]
    beside = (path.with_name(bare(path) + ending) for ending in BESIDE_FASTA)
    return [path, *(file for file in beside if file.is_file())]


def annotate_files(study: Study) -> list[Path]:
    """Return every file that the annotate stage reads, each once."""
    settings = study.settings.annotate
    names = [settings.genes, *settings.features.values(), *settings.signals.values()]
    names += [source.file for source in settings.scored.values()]
    names += [*settings.variants, settings.depth, settings.families]
    names += [*settings.alignments.values(), *settings.gene_sets.values()]
    motifs = [motif_file(study, settings.motifs)] if settings.motifs else []
    return list(dict.fromkeys([*motifs, *(study.path(name) for name in names if name)]))
