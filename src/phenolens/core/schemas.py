"""Every table that passes between stages: its columns, types, meaning and rules, in one place.

Coordinates are 0-based and half-open in all of them. Absent is null, never 0. Rows are found by id.
A stage calls `check(table, SCHEMA)` on what it receives.
"""

import polars as pl

from phenolens.core.table import Column, Schema


def _ordered() -> pl.Expr:
    return (pl.col("start") >= 0) & (pl.col("end") > pl.col("start"))


def _strand() -> pl.Expr:
    return pl.col("strand").is_in(["+", "-", "."])


CHROM = Column(pl.String, "chromosome name as in the genome file", nullable=True)
START = Column(pl.Int64, "first base, 0-based", nullable=True)
END = Column(pl.Int64, "one past the last base", nullable=True)
STRAND = Column(pl.String, "+ or -; . where unknown", nullable=True)

BESIDE_CONTROLS = {
    "low": Column(pl.Float64, "2.5 % quantile of the controls", nullable=True),
    "high": Column(pl.Float64, "97.5 % quantile of the controls", nullable=True),
    "p_value": Column(pl.Float64, "two-sided permutation p, (b + 1) / (n + 1)", nullable=True),
    "q_value": Column(pl.Float64, "Benjamini-Hochberg over the rows", nullable=True),
}

INTERVALS = Schema(
    "INTERVALS",
    {
        "chrom": Column(pl.String, "chromosome name as in the genome file"),
        "start": Column(pl.Int64, "first base, 0-based"),
        "end": Column(pl.Int64, "one past the last base"),
        "name": Column(pl.String, "name or family; null where the file gives none", nullable=True),
        "score": Column(pl.Float64, "score of the source file", nullable=True),
        "strand": Column(pl.String, "+ or -; . where unknown"),
    },
    {"0 <= start < end": _ordered, "strand is + - or .": _strand},
)
GENES = Schema(
    "GENES",
    {
        "chrom": Column(pl.String, "chromosome"),
        "start": Column(pl.Int64, "first base, 0-based"),
        "end": Column(pl.Int64, "one past the last base"),
        "strand": Column(pl.String, "+ or -; . where unknown"),
        "feature": Column(pl.String, "gene, transcript, exon, CDS ... (mRNA and other transcripts are `transcript`)"),
        "gene_id": Column(pl.String, "identifier of the gene this row belongs to"),
        "gene_name": Column(pl.String, "symbol", nullable=True),
        "gene_type": Column(pl.String, "biotype, e.g. protein_coding", nullable=True),
    },
    {"0 <= start < end": _ordered},
)
VARIANTS = Schema(
    "VARIANTS",
    {
        "chrom": Column(pl.String, "chromosome name as in the genome file"),
        "start": Column(pl.Int64, "first base of the reference allele, 0-based"),
        "end": Column(pl.Int64, "one past its last base"),
        "variant_id": Column(pl.String, "ID, else chrom-position-REF length-ALT length; /2, /3 for further alleles"),
        "ref": Column(pl.String, "reference allele, upper case"),
        "alt": Column(pl.String, "alternative allele, case kept"),
    },
    {"0 <= start < end": _ordered},
)
SEQUENCES = Schema(
    "SEQUENCES",
    {
        "sequence_id": Column(pl.String, "unique name of the sequence"),
        "chrom": CHROM,
        "start": START,
        "end": END,
        "strand": STRAND,
        "allele": Column(pl.String, "variant id of an alternative allele; null for the reference", nullable=True),
        "cigar": Column(
            pl.String,
            "of an allele, + strand: M bases lie at start, start + 1, ...; I bases are inserted, D bases deleted; null: every base lies on the reference",
            nullable=True,
        ),
        "name": Column(pl.String, "name or family of the source interval or record", nullable=True),
        "origin": Column(
            pl.String,
            "how the sequence came in: intervals, regions, random, alleles, matched, shuffled, sequences, labelled",
        ),
        "locus": Column(pl.String, "source interval; all its windows share it"),
        "sequence": Column(pl.String, "bases in reading direction; lower case = soft-masked"),
        "label": Column(pl.String, "class"),
        "group": Column(pl.String, "sequences that must lie in one split"),
        "split": Column(pl.String, "train, validation or test: no group on both sides"),
        "random_split": Column(pl.String, "the same shares dealt at random, to show what leakage would claim"),
        "fold": Column(pl.Int64, "fold of the group, from 0; null without folds", nullable=True),
    },
    key=("sequence_id",),
)
LENGTHS = ("min", "median", "mean", "max")
STATISTICS = Schema(
    "STATISTICS",
    {
        "label": Column(pl.String, "class; null = all classes", nullable=True),
        "split": Column(pl.String, "train, validation or test; null = all splits", nullable=True),
        "sequences": Column(pl.Int64, "sequences"),
        "bases": Column(pl.Int64, "their letters"),
        "groups": Column(pl.Int64, "groups of related sequences"),
        **{f"length_{n}": Column(pl.Float64, f"{n} length, bases; null without sequences", True) for n in LENGTHS},
    },
    key=("label", "split"),
)
GENE_TYPES = Schema(
    "GENE_TYPES",
    {
        "label": Column(pl.String, "class of the sequences"),
        "gene_type": Column(pl.String, "biotype of genes; `other` = rarer ones, `no gene` = overlaps none"),
        "sequences": Column(pl.Int64, "sequences with coordinates that overlap such a gene by at least one base"),
        "share": Column(pl.Float64, "of the class's sequences with coordinates; several types may overlap one"),
    },
    key=("label", "gene_type"),
)
METRICS = Schema(
    "METRICS",
    {
        "run": Column(pl.String, "run-0, run-1 ..., vote (mean probability of the runs), or a baseline"),
        "split": Column(pl.String, "validation, test, or random test"),
        "class": Column(pl.String, "class; null = over all classes", nullable=True),
        "bin": Column(pl.String, "length bin, e.g. 150-300; null = all lengths", nullable=True),
        "metric": Column(pl.String, "name of the metric"),
        "value": Column(pl.Float64, "estimate; null where undefined", nullable=True),
        "low": Column(pl.Float64, "lower end of the 95 % bootstrap interval", nullable=True),
        "high": Column(pl.Float64, "upper end of the 95 % bootstrap interval", nullable=True),
        "n": Column(pl.Int64, "sequences it was computed from"),
    },
    key=("run", "split", "class", "bin", "metric"),
)
CONFUSION = Schema(
    "CONFUSION",
    {
        "run": Column(pl.String, "as in METRICS"),
        "split": Column(pl.String, "as in METRICS"),
        "label": Column(pl.String, "true class"),
        "predicted": Column(pl.String, "class with the highest probability"),
        "n": Column(pl.Int64, "sequences"),
    },
    key=("run", "split", "label", "predicted"),
)
COMPARISON = Schema(
    "COMPARISON",
    {
        "run_a": Column(pl.String, "as in METRICS"),
        "run_b": Column(pl.String, "as in METRICS"),
        "split": Column(pl.String, "as in METRICS"),
        "metric": Column(pl.String, "name of the metric, over all classes"),
        "difference": Column(pl.Float64, "metric of run_a minus metric of run_b; null where undefined", nullable=True),
        "low": Column(pl.Float64, "lower end of the 95 % interval of a paired bootstrap over groups", nullable=True),
        "high": Column(pl.Float64, "upper end of that interval", nullable=True),
        "p_value": Column(pl.Float64, "McNemar's exact test, for accuracy only", nullable=True),
        "n": Column(pl.Int64, "sequences that both runs predicted"),
    },
    key=("run_a", "run_b", "split", "metric"),
)
PROFILE = Schema(
    "PROFILE",
    {
        "method": Column(pl.String, "alrw, or another per-base score"),
        "label": Column(pl.String, "class"),
        "position": Column(pl.Int64, "base in the sequence, 0-based"),
        "mean": Column(pl.Float64, "mean over the sequences that reach this position"),
        "low": Column(pl.Float64, "lower end of the 95 % bootstrap interval", nullable=True),
        "high": Column(pl.Float64, "upper end of the 95 % bootstrap interval", nullable=True),
        "n": Column(pl.Int64, "sequences that reach this position"),
    },
    key=("method", "label", "position"),
)
REGIONS = Schema(
    "REGIONS",
    {
        "region_id": Column(pl.String, "unique name of the region"),
        "sequence_id": Column(pl.String, "sequence it lies in"),
        "label": Column(pl.String, "true class of that sequence"),
        "sequence_start": Column(pl.Int64, "first base within the sequence, 0-based"),
        "sequence_end": Column(pl.Int64, "one past the last base within the sequence"),
        "chrom": CHROM,
        "start": START,
        "end": END,
        "strand": STRAND,
        "mean_score": Column(pl.Float64, "mean per-base score inside"),
        "sequence": Column(pl.String, "its bases in reading direction, upper case"),
    },
    key=("region_id",),
)
CONSERVATION = Schema(
    "CONSERVATION",
    {
        "label": Column(pl.String, "class whose regions are tested"),
        "signal": Column(pl.String, "name of the bigWig"),
        "regions": Column(pl.Int64, "regions with at least one covered base"),
        "covered": Column(pl.Float64, "share of region bases that carry a value", nullable=True),
        "observed": Column(pl.Float64, "mean over regions of their mean signal", nullable=True),
        "expected": Column(pl.Float64, "the same over matched control positions", nullable=True),
        **BESIDE_CONTROLS,
        "covered_expected": Column(pl.Float64, "mean covered share over the controls", nullable=True),
        "covered_p_value": Column(pl.Float64, "two-sided permutation p of the covered share", nullable=True),
    },
    key=("label", "signal"),
)
REGION_SCORES = Schema(
    "REGION_SCORES",
    {
        "region_id": Column(pl.String, "region"),
        "signal": Column(pl.String, "name of the bigWig"),
        "mean": Column(pl.Float64, "mean over covered bases; null where none is covered", nullable=True),
        "covered": Column(pl.Float64, "share of its bases that carry a value"),
    },
    key=("region_id", "signal"),
)
REGION_GENES = Schema(
    "REGION_GENES",
    {
        "region_id": Column(pl.String, "region"),
        "gene_id": Column(pl.String, "nearest gene, or each gene it overlaps"),
        "gene_name": Column(pl.String, "symbol", nullable=True),
        "gene_type": Column(pl.String, "biotype", nullable=True),
        "distance": Column(pl.Int64, "bases between region and gene; 0 = overlap"),
        "shared": Column(pl.Int64, "bases that region and gene share"),
    },
    key=("region_id", "gene_id"),
)
GENE_COUNTS = Schema(
    "GENE_COUNTS",
    {
        "label": Column(pl.String, "class of the regions"),
        "gene_id": Column(pl.String, "gene"),
        "gene_name": Column(pl.String, "symbol", nullable=True),
        "gene_type": Column(pl.String, "biotype", nullable=True),
        "regions": Column(pl.Int64, "distinct regions that overlap the gene"),
    },
    key=("label", "gene_id"),
)
TABLES = tuple(table for table in list(globals().values()) if isinstance(table, Schema))


def predictions_schema(labels: list[str]) -> Schema:
    """Return the schema of PREDICTIONS for these classes: run, split, sequence_id, label, and one probability p_<class> each."""
    columns = {
        "run": Column(pl.String, "as in METRICS"),
        "split": Column(pl.String, "as in METRICS"),
        "sequence_id": Column(pl.String, "sequence"),
        "label": Column(pl.String, "true class"),
    } | {f"p_{label}": Column(pl.Float64, f"probability of {label}") for label in labels}
    return Schema("PREDICTIONS", columns, key=("run", "split", "sequence_id"))
