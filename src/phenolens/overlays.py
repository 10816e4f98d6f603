"""The annotate stage's files of single variants, read where the regions' sequences lie, and held against the genome.

Such a file fits or it does not: other chromosomes, or another build, give few rows or none without a word. So REF of every row that is used
is compared with the genome, and a file without any row on the sequences says why: its chromosomes, its build, or that it scores other bases.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from phenolens.core.errors import InputError
from phenolens.core.ground import Ground
from phenolens.core.schemas_variants import OVERLAYS
from phenolens.core.settings_annotate import ScoreSettings
from phenolens.inputs import Inputs
from phenolens.io.annotated_vcf import FrequencyRows, clinvar_rows, frequency_rows, vcf_names
from phenolens.io.chromosomes import listed
from phenolens.io.depth import depth_rows
from phenolens.io.genome import GenomeFile
from phenolens.io.score_layouts import FORMATS, VCF_PATHOGENIC, Asked, find_layout
from phenolens.io.text import blocks
from phenolens.io.variant_scores import ScoreFile, ScoreRows

WRONG = 0.05  # share of rows whose REF is not the genome's, from which a file is of another build
UNKNOWN = ord("N")
ENOUGH = 200  # rows after which that is judged, before the end
BUILDS = "check that both are of one build (hg19 = GRCh37, hg38 = GRCh38), or lift one over"
NOTHING = "no row on the sequences, though REF is the genome's elsewhere: the file scores other bases (most score coding bases only)"


class Held:
    """Rows held against the genome.

    seen, wrong : rows, and those among them with another REF.
    """

    def __init__(self, path: Path, genome: GenomeFile) -> None:
        self.path, self.genome = path, genome
        self.seen, self.wrong = 0, 0
        self._first: dict[str, Any] | None = None

    @property
    def is_other_build(self) -> bool:
        """Whether too many did not fit for chance."""
        return self.wrong > WRONG * self.seen

    def add(self, table: pl.DataFrame, fits: np.ndarray) -> None:
        """Count rows (chrom, start, ref) that fit or not."""
        self.seen, self.wrong = self.seen + len(fits), self.wrong + int((~fits).sum())
        if self._first is None and not fits.all():
            self._first = table.row(int(np.flatnonzero(~fits)[0]), named=True)

    def look_up(self, table: pl.DataFrame) -> None:
        """Count some rows of any place, those on chromosomes of the genome, each looked up on its own."""
        lengths = self.genome.lengths
        rows = table.drop_nulls().filter(pl.col("chrom").is_in(list(lengths)))
        fits = [
            0 <= start < lengths[chrom] and self._base(chrom, start) in (ref[:1].upper(), "N")
            for chrom, start, ref in rows.select("chrom", "start", "ref").iter_rows()
        ]
        self.add(rows, np.array(fits, dtype=bool))

    def _base(self, chrom: str, start: int) -> str:
        inside = start < self.genome.lengths[chrom]
        return self.genome.fetch(chrom, start, start + 1).upper() if inside else "no base"

    def refuse(self) -> None:
        """Return nothing when the rows fit.

        Raises
        ------
        InputError : the file is of another build.
        """
        if not self.is_other_build or self._first is None:
            return
        chrom, start, ref = (self._first[name] for name in ("chrom", "start", "ref"))
        own = self._base(chrom, start)
        raise InputError(
            self.path,
            f"{self.wrong:,} of {self.seen:,} rows have another REF than the genome, the first: {ref} at {chrom}:{start + 1}, where {self.genome.path.name} has {own}",
            expected=f"the build of {self.genome.path}",
            remedy=BUILDS,
        )


class Overlay:
    """One file, read once by iterating over it: tables of its rows on the ground, those with a wrong REF left out.

    name, kind, path, format, threshold : as in OVERLAYS.
    chroms : the genome's names of the chromosomes that the file was seen to have; whole when it was read.
    declared : those that its header names. notes : sentences on it. rows : rows used.
    """

    def __init__(self, name: str, kind: str, path: Path, form: str, threshold: float | None = None) -> None:
        self.name, self.kind, self.path, self.format, self.threshold = name, kind, path, form, threshold
        self.chroms: dict[str, None] = {}
        self.declared: Collection[str] = ()
        self.notes: list[str] = []
        self.rows = 0

    def take(
        self, batches: Iterable[ScoreRows | FrequencyRows], wanted: Ground, genome: GenomeFile | None
    ) -> Iterator[pl.DataFrame]:
        """Yield the rows whose REF is the genome's; at the end say what was left out.

        Raises
        ------
        InputError : another build, or none of the sequences' chromosomes; as the reader.
        """
        if genome is None:
            for batch in batches:
                self.rows += batch.table.height
                yield self._met(batch, Counter())
            return self.finish(wanted)
        letters, skipped = wanted.letters(genome.fetch), Counter[str]()
        here, elsewhere = Held(self.path, genome), Held(self.path, genome)
        for batch in batches:
            table = self._met(batch, skipped)
            elsewhere.look_up(batch.probe)
            bases = np.frombuffer("".join(table["ref"].str.slice(0, 1)).encode(), dtype=np.uint8)
            own = letters[wanted.find(table["chrom"], table["start"].to_numpy())]
            fits = (own == bases) | (own == UNKNOWN)
            here.add(table, fits)
            if here.seen >= ENOUGH:
                here.refuse()
            kept = table.filter(pl.Series(fits, dtype=pl.Boolean))
            self.rows += kept.height
            yield kept
        here.refuse()
        skipped["with another REF than the genome"] += here.wrong
        self.notes += [f"{n:,} rows left out: {reason}" for reason, n in skipped.items() if n]
        if not self.rows:
            elsewhere.refuse()
        return self.finish(wanted)

    def _met(self, batch: ScoreRows | FrequencyRows, skipped: "Counter[str]") -> pl.DataFrame:
        skipped.update(batch.skipped)
        self.chroms |= dict.fromkeys(batch.probe["chrom"])
        return batch.table

    def finish(self, wanted: Ground) -> None:
        """Say why no row was found, and which chromosomes are missing.

        Raises
        ------
        InputError : none of the sequences' chromosomes is in the file.
        """
        absent = [chrom for chrom in wanted.chroms if chrom not in self.chroms]
        if wanted.bases and len(absent) == len(wanted.chroms):
            raise InputError(
                self.path,
                f"has no row on the chromosomes of the sequences ({listed(wanted.chroms)})",
                expected=f"them; it has {listed(self.chroms or self.declared) or 'none that the genome has'}",
                remedy="name the file of these chromosomes",
            )
        if absent:
            self.notes.append(f"has nothing on {listed(absent)}, where sequences lie")
        if not self.rows:
            self.notes.append(NOTHING if wanted.bases else "no region has genome coordinates, so it was not read")

    def account(self, wanted: Ground) -> dict[str, Any]:
        """Return the file's row of OVERLAYS."""
        values = (self.name, self.kind, self.path.name, self.format, self.threshold, self.rows, wanted.bases)
        return dict(zip(OVERLAYS.columns, (*values, "; ".join(self.notes) or None), strict=True))


def open_scores(
    inputs: Inputs, name: str, asked: ScoreSettings, wanted: Ground, index_folder: Path | None
) -> tuple[Overlay, Iterator[pl.DataFrame]]:
    """Return a file of scored substitutions and the tables of SCORED that it has on the ground; to be read once.

    Parameters
    ----------
    inputs : the study's files.
    name, asked : of the scores in the study file.
    wanted : the ground.
    index_folder : where an index may be made.
    """
    path, known = inputs.study.path(asked.file), _known(inputs, wanted)
    if _is_vcf(path):
        overlay = Overlay(name, "scores", path, "clinvar, VCF", _threshold(asked, VCF_PATHOGENIC))
        names = vcf_names(path, known)
        overlay.chroms, overlay.declared = dict.fromkeys(names.indexed), names.chroms
        return overlay, overlay.take(clinvar_rows(path, wanted, names), wanted, inputs.genome)
    layout = find_layout(path, Asked(asked.format, asked.column, asked.chromosome, asked.position))
    file = ScoreFile(path, layout, known)
    form = f"{layout.format}, column {layout.score_name}"
    usual = FORMATS[layout.format]
    of_usual = layout.score_name == usual.score
    overlay = Overlay(name, "scores", path, form, _threshold(asked, usual.pathogenic if of_usual else None))

    def batches() -> Iterator[ScoreRows]:
        yield from file.rows(wanted, index_folder) if wanted.bases else ()
        overlay.chroms |= file.chroms
        overlay.notes += file.notes

    return overlay, overlay.take(batches(), wanted, inputs.genome)


def open_variants(inputs: Inputs, file: str, wanted: Ground) -> tuple[Overlay, Iterator[pl.DataFrame]]:
    """Return a VCF and the tables of FREQUENCIES that it has on the ground; to be read once."""
    path = inputs.study.path(file)
    overlay = Overlay(path.name, "variants", path, "VCF")
    names = vcf_names(path, _known(inputs, wanted))
    overlay.chroms, overlay.declared = dict.fromkeys(names.indexed), names.chroms
    rows = frequency_rows(path, wanted, names) if wanted.bases else ()
    return overlay, overlay.take(rows, wanted, inputs.genome)


def open_depth(inputs: Inputs, file: str, paths: str | None, wanted: Ground) -> tuple[Overlay, Iterator[pl.DataFrame]]:
    """Return a table of depths and the tables of DEPTHS that it has on the ground; to be read once."""
    path = inputs.study.path(file)
    overlay = Overlay("depth", "depth", path, "odgi depth")

    def tables() -> Iterator[pl.DataFrame]:
        others = 0
        for batch in depth_rows(path, wanted, _known(inputs, wanted), paths):
            overlay.chroms |= dict.fromkeys(batch.chroms)
            others += batch.others
            overlay.rows += batch.table.height
            yield batch.table
        if others:
            overlay.notes.append(f"{others:,} rows left out: on paths that are no chromosome of the genome")
        overlay.finish(wanted)

    return overlay, tables()


def check_overlays(inputs: Inputs) -> list[str]:
    """Return one line for every such file, after reading its head, so that a wrong one is found before training.

    Raises
    ------
    InputError : as the readers, or the first rows have another REF than the genome.
    """
    settings, lines = inputs.study.settings.annotate, []
    nowhere = pl.DataFrame(schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64})
    known = {} if inputs.genome is None else inputs.genome.lengths
    for name, asked in settings.scored.items():
        path = inputs.study.path(asked.file)
        if _is_vcf(path):
            lines.append(f"scores {name}: ClinVar's VCF, {len(vcf_names(path, known).chroms)} chromosomes")
            continue
        layout = find_layout(path, Asked(asked.format, asked.column, asked.chromosome, asked.position))
        probe = ScoreFile(path, layout, known).head().probe
        if inputs.genome is not None:
            held = Held(path, inputs.genome)
            held.look_up(probe)
            held.refuse()
        lines.append(f"scores {name}: {layout.format}, column {layout.score_name}")
    for file in settings.variants:
        lines.append(f"variants {Path(file).name}: {len(vcf_names(inputs.study.path(file), known).chroms)} chromosomes")
    if settings.depth is not None:
        first = next(
            depth_rows(inputs.study.path(settings.depth), None, known or nowhere["chrom"], settings.depth_paths)
        )
        lines.append(
            f"depth: {first.table.height} rows of the first {first.table.height + first.others} lie on the genome"
        )
    return lines


def _threshold(asked: ScoreSettings, usual: float | None) -> float | None:
    return usual if asked.harmful is None else asked.harmful


def _known(inputs: Inputs, wanted: Ground) -> Collection[str]:
    return wanted.chroms if inputs.genome is None else inputs.genome.lengths


def _is_vcf(path: Path) -> bool:
    start = next(blocks(path, size=1 << 12))[1]
    return start.startswith((b"##fileformat=VCF", b"BCF\x02"))
