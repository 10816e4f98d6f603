"""What the INFO column of a VCF says of its alleles: their frequency in people (1000 Genomes, gnomAD sites), or ClinVar's verdict.

Only records on the ground are parsed; genotypes are never looked at. A record of several alleles gives one row for each.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pysam

from phenolens.core.errors import InputError
from phenolens.core.ground import Ground
from phenolens.core.schemas_variants import FREQUENCIES, SCORED
from phenolens.io.chromosomes import renaming
from phenolens.io.genome_index import quiet
from phenolens.io.score_cells import significance
from phenolens.io.variant_scores import NO_SUBSTITUTION, UNSCORED, ScoreRows
from phenolens.io.vcf import ALL_CELLS, record_batches
from phenolens.io.vcf_names import variant_chromosomes

BASES = "^[ACGTN]+$"
FILTERED, NO_FREQUENCY, UNSEEN, SYMBOLIC = (
    "filtered out by the file (FILTER)",
    "without a frequency",
    "seen in nobody",
    "no letters",
)
PROBED = 50


class FrequencyRows(NamedTuple):
    """Some alleles of a file.

    table : FREQUENCIES, those that begin on the ground. probe, skipped : as in ScoreRows.
    """

    table: pl.DataFrame
    probe: pl.DataFrame
    skipped: dict[str, int]


class Names(NamedTuple):
    """Chromosomes of a VCF.

    chroms : the genome's names of those that the header declares, or that have records where it declares none.
    indexed : those that have records, where an index knows; a header may declare more.
    renamed : name in the file -> name in the genome, where they differ.
    """

    chroms: list[str]
    indexed: list[str]
    renamed: dict[str, str]


def vcf_names(path: Path, known: Collection[str]) -> Names:
    """Return the chromosomes of a VCF by the names of the genome.

    Raises
    ------
    InputError : the file cannot be read, or two of its names are one chromosome.
    """
    declared = variant_chromosomes(path)
    renamed = renaming(declared, known, path)
    chroms, indexed = ([renamed.get(name, name) for name in names] for names in (declared, _indexed(path)))
    return Names(chroms, indexed, renamed)


def _indexed(path: Path) -> list[str]:
    """Return the chromosomes of the index beside the file, by the file's names."""
    if not any(Path(f"{path}{ending}").is_file() for ending in (".tbi", ".csi")):
        return []
    try:
        with quiet(), pysam.TabixFile(str(path)) as handle:
            return list(handle.contigs)
    except (OSError, ValueError):
        return []


def frequency_rows(path: Path, wanted: Ground, names: Names) -> Iterator[FrequencyRows]:
    """Yield the frequencies of the alleles that begin on the ground: AC / AN where the record has both, else AF.

    Left out and counted: records that the file filters (FILTER neither PASS nor `.`), alleles without a frequency, with frequency 0,
    and symbolic ones.

    Parameters
    ----------
    path : VCF, plain, gzip or bgzip, or BCF; an index beside it is used where that is cheaper.
    wanted : the stretches, with the genome's chromosome names.
    names : from vcf_names.

    Raises
    ------
    InputError : as `vcf.record_batches`; a POS, AF, AC or AN that is no number, or not one number for each allele.
    """
    for records, probe in _records(path, wanted, names):
        passed = records.filter(pl.col("filter").is_in(["PASS", ".", ""]))
        counts, total, share = (_field(name) for name in ("AC", "AN", "AF"))
        alleles = passed.with_columns(
            pl.col("alt").str.split(","), ac=counts.str.split(","), an=total, af=share.str.split(",")
        )
        alleles = _one_each(path, alleles, ("ac", "af"))
        number = {name: pl.col(name).replace({".": None, "": None}).cast(pl.Float64) for name in ("ac", "an", "af")}
        try:
            alleles = alleles.with_columns(**number)
        except pl.exceptions.PolarsError:
            raise _no_number(path, alleles) from None
        exact = pl.when(pl.col("an") > 0).then(pl.col("ac") / pl.col("an"))
        alleles = alleles.with_columns(frequency=pl.coalesce(exact, "af"), alt=pl.col("alt").str.to_uppercase())
        known = alleles.drop_nulls("frequency")
        seen = known.filter(pl.col("frequency") > 0)
        kept = seen.filter(pl.col("alt").str.contains(BASES) & pl.col("ref").str.contains(BASES))
        lost = {
            FILTERED: records.height - passed.height,
            NO_FREQUENCY: alleles.height - known.height,
            UNSEEN: known.height - seen.height,
            SYMBOLIC: seen.height - kept.height,
        }
        yield FrequencyRows(kept.select(*FREQUENCIES.columns), probe, {reason: n for reason, n in lost.items() if n})


def clinvar_rows(path: Path, wanted: Ground, names: Names) -> Iterator[ScoreRows]:
    """Yield ClinVar's verdict on the substitutions on the ground as SCORED: 1 (likely) pathogenic, 0 (likely) benign; others are counted.

    Parameters and errors as `frequency_rows`; score is read from CLNSIG, gene from GENEINFO, kind is CLNSIG.
    """
    for records, probe in _records(path, wanted, names):
        verdict = _field("CLNSIG").str.replace_all("_", " ", literal=True)
        gene = _field("GENEINFO").str.split("|").list.first().str.split(":").list.first()
        alleles = (
            records.with_columns(pl.col("alt").str.split(","))
            .explode("alt")
            .with_columns(score=significance(verdict), kind=verdict, gene=gene, alt=pl.col("alt").str.to_uppercase())
        )
        one = alleles.filter(pl.col("ref").str.contains("^[ACGT]$") & pl.col("alt").str.contains("^[ACGT]$"))
        kept = one.drop_nulls("score").with_columns(
            protein=pl.lit(None, dtype=pl.String), change=pl.lit(None, dtype=pl.String)
        )
        lost = {NO_SUBSTITUTION: alleles.height - one.height, UNSCORED: one.height - kept.height}
        yield ScoreRows(kept.select(*SCORED.columns), probe, {reason: n for reason, n in lost.items() if n})


def _records(path: Path, wanted: Ground, names: Names) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield (records that begin on the ground: line, chrom, start, ref, alt, filter, info; a few of any place, as a probe)."""
    own = {to: name for name, to in names.renamed.items()}
    asked = wanted.table.with_columns(pl.col("chrom").replace(own))
    probed: set[str] = set()
    for batch in record_batches(path, asked, ALL_CELLS):
        start = pl.col("pos").cast(pl.Int64, strict=False) - 1
        table = batch.with_columns(
            pl.col("chrom").replace(names.renamed), start=start, ref=pl.col("ref").str.to_uppercase()
        )
        wrong = table.filter(pl.col("start").is_null())
        if wrong.height:
            line, pos = wrong.select("line", "pos").row(0)
            raise InputError(path, f"POS is '{pos}'", expected="a whole number", line=line)
        fresh = [name for name in table["chrom"].unique() if name not in probed]
        probed |= set(fresh)
        probe = table.filter(pl.col("chrom").is_in(fresh)).group_by("chrom", maintain_order=True).head(PROBED)
        here = wanted.find(table["chrom"], table["start"].to_numpy()) >= 0
        yield table.filter(pl.Series(here, dtype=pl.Boolean)), probe.select("chrom", "start", "ref")


def _field(name: str) -> pl.Expr:
    """Return the value of a key of INFO, null where it is absent."""
    return pl.col("info").str.extract(rf"(?:^|;){name}=([^;]*)", 1)


def _one_each(path: Path, records: pl.DataFrame, lists: tuple[str, ...]) -> pl.DataFrame:
    """Return one row an allele; null where the record has no value at all."""
    alleles = pl.col("alt").list.len()
    for name in lists:
        uneven = records.filter(pl.col(name).list.len() != alleles)
        if uneven.height:
            row = uneven.row(0, named=True)
            raise InputError(
                path,
                f"has {len(row[name])} values of {name.upper()} for {len(row['alt'])} alleles at {row['chrom']}:{row['start'] + 1}",
                expected="one for each allele",
                line=row["line"],
            )
    absent = pl.lit(None, dtype=pl.String).repeat_by(alleles)
    return records.with_columns(pl.coalesce(name, absent).alias(name) for name in lists).explode("alt", *lists)


def _no_number(path: Path, alleles: pl.DataFrame) -> InputError:
    for name in ("ac", "an", "af"):
        value = pl.col(name)
        wrong = alleles.filter(
            value.cast(pl.Float64, strict=False).is_null() & value.is_not_null() & ~value.is_in([".", ""])
        )
        if wrong.height:
            line, text = wrong.select("line", name).row(0)
            return InputError(path, f"has '{text[:20]}' as {name.upper()}", expected="a number", line=line)
    return InputError(path, "has a frequency that is no number", expected="AC, AN and AF as numbers")
