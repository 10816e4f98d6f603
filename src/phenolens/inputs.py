"""The files that a study names, opened once: which of them each stage reads, with the genome's chromosome names, and what to know of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from phenolens.core.errors import SettingsError
from phenolens.core.ground import ground
from phenolens.core.schemas import GENES
from phenolens.core.study import Study
from phenolens.core.table import empty
from phenolens.core.types import Motif
from phenolens.io.choice import parse_features
from phenolens.io.chromosomes import check_lengths, listed, reconcile, renaming
from phenolens.io.fasta import read_fasta
from phenolens.io.gene_sets import read_gene_sets
from phenolens.io.genes import read_genes
from phenolens.io.genome import GenomeFile, open_genome
from phenolens.io.intervals import count_intervals, features, genes_as_intervals
from phenolens.io.jaspar_database import jaspar_named
from phenolens.io.labelled import read_labelled
from phenolens.io.maf import aligned_species, read_alike
from phenolens.io.motifs import read_motifs
from phenolens.io.signal import read_signal
from phenolens.io.variants import Variants, read_variants
from phenolens.io.vcf_names import variant_chromosomes

MOST_TYPES = 6  # types of gene that are features of their own
ABSENT_REMEDY = 'name the genome that they were made on, or set dataset.absent_chromosomes = "drop" to leave them out and count them'


class Inputs:
    """Readers of a study's files, with what was read already; `genome` is None when the study names none."""

    def __init__(self, study: Study, genome: GenomeFile | None) -> None:
        self.study, self.genome = study, genome
        self._renamed: dict[str, dict[str, str]] = {}
        self._left_out: list[str] = []
        self._intervals: dict[str, pl.DataFrame] = {}
        self._genes: pl.DataFrame | None = None

    @property
    def notes(self) -> list[str]:
        """One sentence for each file whose chromosomes were renamed, and for what was left out of a file."""
        renamed = []
        for file, names in self._renamed.items():
            pairs = [f"{name} -> {other}" for name, other in names.items()]
            renamed.append(f"{file}: {len(pairs)} chromosome names follow the genome's: {listed(pairs)}")
        return renamed + self._left_out

    def intervals(self, name: str) -> pl.DataFrame:
        """Return the INTERVALS of `FILE` or `FILE#FEATURE,FEATURE`, with the genome's chromosome names, all of them on it.

        Raises
        ------
        InputError : as count_intervals; two names for one chromosome; intervals on chromosomes that the genome does not have (all of
            them, or any of them while dataset.absent_chromosomes is "error"), or beyond a chromosome's end.
        """
        if name not in self._intervals:
            path = self.study.path(name)
            table, skipped = count_intervals(path, parse_features(name))
            for reason, n in skipped.items():
                self._note(f"{_shown(name)}: {n:,} rows left out: {reason}")
            named = self._named(table, path, _shown(name))
            self._intervals[name] = self._fitting(named, path, _shown(name))
        return self._intervals[name]

    def sequences(self, name: str) -> pl.DataFrame:
        """Return the records (name, description, sequence) of a FASTA file."""
        return read_fasta(self.study.path(name))

    def variants(self, name: str, regions: pl.DataFrame, min_length: int) -> Variants:
        """Return the alleles of a VCF file that overlap regions, with the genome's chromosome names, and what was skipped.

        Parameters
        ----------
        name : the file.
        regions : INTERVALS, with the genome's chromosome names.
        min_length : bases of the shortest allele taken.

        Raises
        ------
        InputError : as read_variants; two names for one chromosome; no chromosome that the genome has.
        """
        path, renamed = self.study.path(name), {}
        if self.genome is not None:
            declared = variant_chromosomes(path)
            renamed = renaming(declared, self.genome.lengths, path)
            if not (renamed or set(declared) & set(self.genome.lengths)):
                places = pl.DataFrame({"chrom": declared}, schema={"chrom": pl.String})
                ends = places.with_columns(start=pl.lit(0), end=pl.lit(0))
                check_lengths(ends, self.genome.lengths, path, self.genome.path)
            self._note_renamed(renamed, name)
        asked = regions.with_columns(pl.col("chrom").replace({to: name for name, to in renamed.items()}))
        found = read_variants(path, asked, min_length=min_length)
        table = found.table.with_columns(pl.col("chrom").replace(renamed))
        return Variants(table.sort("chrom", "start", "end", maintain_order=True), found.skipped)

    def labelled(self) -> pl.DataFrame:
        """Return the labelled set that the study names: name, label, sequence, chrom, start, end, strand, split.

        Chromosomes have the genome's names; rows without a sequence lie on it.

        Raises
        ------
        InputError : as read_labelled, and as intervals for rows without a sequence.
        SettingsError : the study names no labelled set.
        """
        settings = self.study.settings.dataset
        if settings.labelled is None:
            raise SettingsError(self.study.source, "dataset.labelled", "is missing", expected="a labelled set")
        path = self.study.path(settings.labelled)
        table = read_labelled(path, sequence_column=settings.sequence_column, label_column=settings.label_column)
        named = self._named(table, path, path.name).with_row_index("row")
        fitting = self._fitting(named.filter(pl.col("sequence").is_null()), path, path.name)
        kept = pl.col("sequence").is_not_null() | pl.col("row").is_in(fitting["row"].implode())
        return named.filter(kept).drop("row")

    def genes(self) -> pl.DataFrame:
        """Return the study's GENES, with the genome's chromosome names; no rows when it names no gene file."""
        if self._genes is None:
            name = self.study.settings.annotate.genes
            self._genes = empty(GENES)
            if name is not None:
                path = self.study.path(name)
                self._genes = self._named(read_genes(path), path, _shown(name))
        return self._genes

    def features(self) -> dict[str, pl.DataFrame]:
        """Return the INTERVALS that regions are overlapped with: each feature and frequent gene type of the gene file, and each named file."""
        settings = self.study.settings.annotate
        genes = self.genes()
        names = features(genes)
        kinds = genes.filter(feature="gene").unique("gene_id")["gene_type"].drop_nulls().value_counts()
        if kinds.height > 1:
            frequent = kinds.sort("count", "gene_type", descending=[True, False])["gene_type"].head(MOST_TYPES)
            names = [*names, *(f"gene:{kind}" for kind in frequent)]
        found = {name: genes_as_intervals(genes, name) for name in names}
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

    def alignment_along(self, name: str, sequences: pl.DataFrame) -> dict[str, dict[str, np.ndarray]]:
        """Return signal -> sequence_id -> float32 (L,): how alike other species are, along each sequence's interval in genome direction.

        identity : share of the species with a base there that have the reference's; all alike : 1 where all of them are there and have it,
        0 where one differs (with one species the two are the same, and only the first is there).

        Parameters
        ----------
        name : `FILE` or `FILE#REFERENCE,SPECIES,...` of a MAF file.
        sequences : SEQUENCES; those without a place, and alleles, are left out.
        """
        placed = sequences.filter(pl.col("chrom").is_not_null() & pl.col("allele").is_null())
        land = ground(placed)
        alike = read_alike(self.study.path(name), land, parse_features(name))
        tracks = {"identity": alike.share()} | ({"all alike": alike.all_alike()} if len(alike.species) > 1 else {})
        first = land.shift(placed) + placed["start"].to_numpy()
        last = first + (placed["end"] - placed["start"]).to_numpy()
        ids = placed["sequence_id"].to_list()
        return {
            what: {i: track[a:b] for i, a, b in zip(ids, first.tolist(), last.tolist(), strict=True)}
            for what, track in tracks.items()
        }

    def families(self) -> pl.DataFrame | None:
        """Return the INTERVALS whose names are families, None where the study names no file of them."""
        name = self.study.settings.annotate.families
        return None if name is None else self.intervals(name)

    def gene_sets(self) -> dict[str, pl.DataFrame]:
        """Return name -> GENE_SETS of the study's files of gene sets."""
        files = self.study.settings.annotate.gene_sets
        return {name: read_gene_sets(self.study.path(file)) for name, file in files.items()}

    def _named(self, table: pl.DataFrame, path: Path, shown: str) -> pl.DataFrame:
        """Return the table with the genome's chromosome names."""
        if self.genome is None:
            return table
        found = reconcile(table, self.genome.lengths, path)
        self._note_renamed(found.renamed, shown)
        return found.table

    def _fitting(self, table: pl.DataFrame, path: Path, shown: str) -> pl.DataFrame:
        """Return the rows on the genome's chromosomes, after refusing or counting the others."""
        if self.genome is None or table.is_empty():
            return table
        lengths = self.genome.lengths
        absent = reconcile(table, lengths, path).absent
        lost = int(absent["n"].sum())
        kept = table
        if 0 < lost < table.height and self.study.settings.dataset.absent_chromosomes == "drop":
            kept = table.filter(pl.col("chrom").is_in(list(lengths)))
            self._note(
                f"{shown}: {lost:,} of {table.height:,} intervals left out, on {absent.height} chromosomes that the genome does not have: "
                f"{listed(absent['chrom'].to_list())}"
            )
        check_lengths(kept, lengths, path, self.genome.path, remedy=ABSENT_REMEDY)
        return kept

    def _note_renamed(self, renamed: dict[str, str], name: str) -> None:
        if renamed:
            self._renamed.setdefault(_shown(name.partition("#")[0]), {}).update(renamed)

    def _note(self, sentence: str) -> None:
        if sentence not in self._left_out:
            self._left_out.append(sentence)


def _shown(name: str) -> str:
    """Return the text of a setting without its folders: sources/rmsk.txt.gz#LTR -> rmsk.txt.gz#LTR."""
    file, mark, chosen = name.partition("#")
    return Path(file).name + mark + chosen


@contextmanager
def open_inputs(study: Study) -> Iterator[Inputs]:
    """Yield the readers of a study's files, with its genome open.

    Raises
    ------
    SettingsError : a class is cut from the genome, but the study names none.
    """
    settings = study.settings.dataset
    if settings.genome is None:
        needing = [c.label for c in settings.classes if c.sequences is None and c.shuffled_from is None]
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


def read_study_motifs(study: Study) -> list[Motif]:
    """Return the motifs that the study names: `FILE`, `FILE#TAXON,TAXON`, or `jaspar:RELEASE` of the installed pyjaspar, likewise; none without a name.

    Raises
    ------
    InputError : as the readers; pyjaspar or the release is not there.
    """
    name = study.settings.annotate.motifs
    return read_motifs(motif_file(study, name), parse_features(name)) if name else []


def motif_file(study: Study, name: str) -> Path:
    """Return the motif file of a setting: one of pyjaspar's, or a path."""
    return jaspar_named(name) or study.path(name)


def read_annotation(inputs: Inputs) -> list[str]:
    """Return one line for every file of the annotate stage, after reading it, so that a wrong one is found before training.

    Raises
    ------
    InputError : as the readers.
    """
    study, settings = inputs.study, inputs.study.settings.annotate
    lines = [f"motifs: {len(read_study_motifs(study))} in {settings.motifs}"] if settings.motifs else []
    lines += [f"feature {name}: {table.height} intervals" for name, table in inputs.features().items()]
    for name, path in settings.signals.items():
        with read_signal(study.path(path)) as signal:
            lines.append(f"signal {name}: {len(signal.chroms)} chromosomes in {path}")
    for name, path in settings.alignments.items():
        lines.append(f"alignment {name}: {aligned_species(study.path(path), parse_features(path))}")
    if (families := inputs.families()) is not None:
        lines.append(f"families: {families['name'].n_unique()} in {families.height} intervals")
    lines += [f"gene sets {name}: {table['set_name'].n_unique()}" for name, table in inputs.gene_sets().items()]
    return lines
