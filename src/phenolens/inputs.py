"""The files that a study names, opened once: which of them each stage reads, and intervals that fit the genome."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from phenolens.core.errors import SettingsError
from phenolens.core.schemas import GENES
from phenolens.core.study import Study
from phenolens.core.table import empty
from phenolens.io.fasta import read_fasta
from phenolens.io.genes import read_genes
from phenolens.io.genome import GenomeFile, check_chromosomes, open_genome
from phenolens.io.intervals import features, genes_as_intervals, read_intervals
from phenolens.io.motifs import read_motifs
from phenolens.io.signal import read_signal


class Inputs:
    """Readers of a study's files, with what was read already; `genome` is None when the study names none."""

    def __init__(self, study: Study, genome: GenomeFile | None) -> None:
        self.study, self.genome = study, genome
        self._intervals: dict[tuple[str, str | None], pl.DataFrame] = {}
        self._genes: pl.DataFrame | None = None

    def intervals(self, name: str, feature: str | None = None) -> pl.DataFrame:
        """Return the INTERVALS of a file, after checking that they lie on the genome."""
        if (name, feature) not in self._intervals:
            path = self.study.path(name)
            table = read_intervals(path, feature)
            if self.genome is not None:
                check_chromosomes(table, self.genome, path)
            self._intervals[name, feature] = table
        return self._intervals[name, feature]

    def sequences(self, name: str) -> pl.DataFrame:
        """Return the records (name, description, sequence) of a FASTA file."""
        return read_fasta(self.study.path(name))

    def genes(self) -> pl.DataFrame:
        """Return the study's GENES; no rows when it names no gene file."""
        if self._genes is None:
            name = self.study.settings.annotate.genes
            self._genes = empty(GENES) if name is None else read_genes(self.study.path(name))
        return self._genes

    def features(self) -> dict[str, pl.DataFrame]:
        """Return the INTERVALS that regions are overlapped with: each feature of the gene file, and each named file."""
        settings = self.study.settings.annotate
        genes = self.genes()
        found = {name: genes_as_intervals(genes, name) for name in features(genes)}
        return found | {name: self.intervals(path) for name, path in settings.features.items()}

    def signal_along(self, name: str, sequences: pl.DataFrame) -> dict[str, np.ndarray]:
        """Return sequence_id -> float32 (L,), a bigWig's values along each sequence's interval in genome direction.

        Sequences on a chromosome that the file does not have are absent; when it has none of their chromosomes, the
        reader's error says how the names differ.
        """
        placed = sequences.filter(pl.col("chrom").is_not_null() & pl.col("allele").is_null())
        with read_signal(self.study.path(name)) as signal:
            here = placed.filter(pl.col("chrom").is_in(list(signal.chroms)))
            rows = (placed if here.is_empty() else here).select("sequence_id", "chrom", "start", "end").iter_rows()
            return {sequence_id: signal.values(chrom, start, end) for sequence_id, chrom, start, end in rows}


@contextmanager
def open_inputs(study: Study) -> Iterator[Inputs]:
    """Yield the readers of a study's files, with its genome open.

    Raises
    ------
    SettingsError : a class is cut from the genome, but the study names none.
    """
    settings = study.settings.dataset
    if settings.genome is None:
        needing = [c.label for c in settings.classes if c.sequences is None]
        if needing:
            raise SettingsError(
                study.source,
                "dataset.genome",
                f"is missing, but class {needing[0]} is cut from a genome",
                remedy="name the genome's FASTA",
            )
        yield Inputs(study, None)
        return
    with open_genome(study.path(settings.genome)) as genome:
        yield Inputs(study, genome)


def read_annotation(inputs: Inputs) -> list[str]:
    """Return one line for every file of the annotate stage, after reading it, so that a wrong one is found before training.

    Raises
    ------
    InputError : as the readers.
    """
    study, settings = inputs.study, inputs.study.settings.annotate
    lines = [f"motifs: {len(read_motifs(study.path(settings.motifs)))} in {settings.motifs}"] if settings.motifs else []
    lines += [f"feature {name}: {table.height} intervals" for name, table in inputs.features().items()]
    for name, path in settings.signals.items():
        with read_signal(study.path(path)) as signal:
            lines.append(f"signal {name}: {len(signal.chroms)} chromosomes in {path}")
    return lines


def dataset_files(study: Study) -> list[Path]:
    """Return every file that the dataset stage reads, each once, in the order of the settings."""
    settings = study.settings.dataset
    names = [settings.genome] if settings.genome else []
    for source in settings.classes:
        names += [name for name in (source.intervals, source.sequences, *source.within, *source.exclude) if name]
        names += [name for step in source.steps for name in (step.subtract, step.within, step.exclude) if name]
    return [study.path(name) for name in dict.fromkeys(names)]


def annotate_files(study: Study) -> list[Path]:
    """Return every file that the annotate stage reads."""
    settings = study.settings.annotate
    names = [
        name
        for name in (settings.motifs, settings.genes, *settings.features.values(), *settings.signals.values())
        if name
    ]
    return [study.path(name) for name in dict.fromkeys(names)]
