"""Every setting of a study, one class per stage; type, default and help text are declared once, here.

The same fields are the keys of the study file (TOML), of `--set stage.key=value`, and of docs/settings.md.
Paths are written relative to the study file; `demo:NAME` names a file of the built-in data.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from phenolens.core.section import NotNegative, Positive, Section, Seed, Share
from phenolens.core.settings_annotate import AnnotateSettings
from phenolens.core.settings_explain import ExplainSettings
from phenolens.core.settings_learn import EvaluateSettings, TrainSettings


class Step(Section):
    """One set operation on intervals; exactly one of its keys is given. Steps run in the order written."""

    merge: NotNegative | None = Field(None, description="merge intervals that overlap or lie within this many bases")
    subtract: str | None = Field(None, description="remove the bases of this file's intervals")
    within: str | None = Field(None, description="keep only the bases inside this file's intervals")
    exclude: str | None = Field(None, description="drop whole intervals that overlap this file's intervals")
    slop: NotNegative | None = Field(None, description="widen by this many bases on both sides, within the chromosome")
    windows: Positive | None = Field(
        None, description="cut into windows of this many bases; the last one may be shorter"
    )
    loci: Positive | None = Field(
        None, description="before windows: cut into loci of this many bases, which may lie in different splits"
    )
    min_length: Positive | None = Field(None, description="drop intervals shorter than this")
    names: str | None = Field(
        None, description="keep intervals whose whole name matches this regular expression, e.g. `OR\\d.*`"
    )

    @model_validator(mode="after")
    def _one_operation(self) -> "Step":
        if len(self.operation) != 1:
            raise ValueError("a step has exactly one of: " + ", ".join(type(self).model_fields))
        return self

    @property
    def operation(self) -> dict[str, Any]:
        """The step as {operation: value}."""
        return {n: v for n, v in self if v is not None}


class ClassSettings(Section):
    """Where the sequences of one class come from: exactly one of `intervals`, `regions`, `random_length`, `matched_to`, `shuffled_from`, `sequences`."""

    label: str = Field(description="name of the class", min_length=1)
    intervals: str | None = Field(
        None,
        description="file of intervals: BED, narrowPeak, GFF3, GTF, RepeatMasker or GWAS catalogue; `FILE#FEATURE,FEATURE` takes these features of it",
    )
    regions: tuple[str, ...] = Field(
        (), description="intervals written here, chrom:start-end as genome browsers do (first base is 1, end included)"
    )
    random_length: Positive | None = Field(
        None, description="random places of the genome of this many bases, per chromosome in proportion to its length"
    )
    random_bases: Positive | None = Field(None, description="with random_length: bases in all")
    matched_to: str | None = Field(None, description="label of the class that random genomic background is matched to")
    shuffled_from: str | None = Field(
        None, description="label of the class whose sequences are shuffled, dinucleotide counts kept"
    )
    sequences: str | None = Field(None, description="FASTA of sequences, where the DNA itself is given")
    label_separator: str | None = Field(
        None, description="with sequences: the label is the name's text after this, and `label` is ignored"
    )
    family_separator: str | None = Field(
        None, description="with sequences: the family, which groups them, is the name's text after this"
    )
    deal_into: tuple[str, ...] = Field(
        (), description="labels dealt at random over the loci in place of `label`: a control that no model may beat"
    )
    steps: tuple[Step, ...] = Field((), description="set operations on the intervals, in order")
    within: tuple[str, ...] = Field(
        (), description="matched background lies inside these files' intervals (all of them)"
    )
    exclude: tuple[str, ...] = Field(
        (), description="matched background overlaps none of these files' intervals, e.g. a blacklist"
    )
    margin: NotNegative = Field(
        0, description="matched background keeps this many bases away from every other class and excluded interval"
    )
    match: tuple[Literal["gc", "masked", "cpg", "gene_distance", "covered"], ...] = Field(
        ("gc",),
        description="what background is matched in besides length: GC content, soft-masked share, CpG per base, distance to the nearest gene (of `genes`), share covered by `covered_by`",
    )
    genes: str | None = Field(None, description="with match = gene_distance: file of genes")
    covered_by: str | None = Field(
        None, description="with match = covered: file of intervals, e.g. of uniquely mappable bases"
    )
    place: Literal["chromosome", "genome"] = Field(
        "chromosome", description="background comes from its partner's chromosome, or from anywhere in the genome"
    )
    ratio: Annotated[float, Field(gt=0)] = Field(
        1.0, description="matched or shuffled background sequences per sequence of its class"
    )
    limit: Positive | None = Field(None, description="take at most this many sequences, drawn at random with the seed")

    @model_validator(mode="after")
    def _one_source(self) -> "ClassSettings":
        sources = (self.intervals, self.regions or None, self.random_length, self.matched_to, self.shuffled_from)
        if sum(source is not None for source in (*sources, self.sequences)) != 1:
            raise ValueError(
                "a class has exactly one of: intervals, regions, random_length, matched_to, shuffled_from, sequences"
            )
        for first, second in (("random_length", "random_bases"), ("random_bases", "random_length")):
            if getattr(self, first) is not None and getattr(self, second) is None:
                raise ValueError(f"{first} needs {second}")
        if "gene_distance" in self.match and self.genes is None:
            raise ValueError("match = gene_distance needs genes")
        if "covered" in self.match and self.covered_by is None:
            raise ValueError("match = covered needs covered_by")
        return self

    @property
    def is_background(self) -> bool:
        """Whether the class is made to be compared with another: matched or shuffled."""
        return self.matched_to is not None or self.shuffled_from is not None


class DatasetSettings(Section):
    """Which sequences carry which label, and which of them the model never sees while it learns."""

    genome: str | None = Field(None, description="FASTA of the genome, bgzip-compressed or plain")
    classes: tuple[ClassSettings, ...] = Field((), description="the classes, at least two labels in all")
    labelled: str | None = Field(
        None,
        description="in place of classes, a labelled set that exists: a CSV, TSV, Parquet or FASTA file, a folder of train, dev and test files, a Hugging Face dataset folder, or a folder of genomic-benchmarks",
    )
    sequence_column: str | None = Field(None, description="with labelled: column of the DNA (default: found by name)")
    label_column: str | None = Field(None, description="with labelled: column of the class (default: found by name)")
    label_names: dict[str, str] = Field({}, description="with labelled: other names for its labels")
    absent_chromosomes: Literal["error", "drop"] = Field(
        "error", description="intervals on chromosomes that the genome does not have: stop, or leave out and count"
    )
    variants: tuple[str, ...] = Field(
        (), description="VCF files: alternative alleles that overlap a class's intervals become sequences of it"
    )
    variant_min_length: Positive = Field(150, description="alternative alleles shorter than this are left out")
    min_length: Positive = Field(30, description="sequences shorter than this are left out (and counted)")
    max_length: Positive | None = Field(None, description="sequences longer than this are left out (and counted)")
    redundancy: Literal["none", "linclust"] = Field(
        "none",
        description="linclust: keep MMseqs2's representatives of each class (easy-linclust, coverage mode 1, cluster mode 2), as the paper does",
    )
    redundancy_identity: Share = Field(0.95, description="with redundancy: identity above which one of two is enough")
    group_by: tuple[Literal["name", "similarity", "chrom"], ...] = Field(
        ("name", "similarity"),
        description="what keeps sequences in one split: a shared name (family), similarity, the chromosome; windows of one locus and its alleles always stay together",
    )
    similarity_identity: Share | None = Field(
        None, description="identity that two sequences also need to be similar; none: significant alignment is enough"
    )
    similarity_coverage: Share = Field(0.5, description="share of the shorter sequence that must align")
    split: Literal["group", "random", "chromosome", "given"] = Field(
        "group", description="how train, validation and test are made; given: as the labelled set has them"
    )
    validation: Share = Field(0.15, description="share of sequences for validation")
    test: Share = Field(0.2, description="share of sequences for test")
    folds: Annotated[int, Field(ge=3)] | None = Field(
        None, description="with split = group: deal the groups into this many folds; test and validation are one each"
    )
    fold: NotNegative = Field(0, description="with folds: the one that is test; the next one is validation")
    validation_chromosomes: tuple[str, ...] = Field((), description="with split = chromosome")
    test_chromosomes: tuple[str, ...] = Field((), description="with split = chromosome")

    @model_validator(mode="after")
    def _one_set(self) -> "DatasetSettings":
        if bool(self.classes) == (self.labelled is not None):
            raise ValueError("the dataset has either classes or labelled")
        if self.split == "given" and self.labelled is None:
            raise ValueError("split = given needs labelled")
        if self.folds is not None and (self.split != "group" or self.fold >= self.folds):
            raise ValueError("folds need split = group and a fold from 0 to folds - 1")
        return self

    @property
    def background(self) -> dict[str, list[str]]:
        """Label of each background -> the labels of the classes that it was made for."""
        made_for: dict[str, list[str]] = {}
        for source in self.classes:
            if source.is_background:
                made_for.setdefault(source.label, []).append(source.matched_to or source.shuffled_from or "")
        return made_for


class ReportSettings(Section):
    """The page."""

    title: str | None = Field(None, description="title of the page (default: the study's name)")
    question: str | None = Field(None, description="one sentence: what was asked")
    top: Positive = Field(10, description="rows shown of long tables; the files hold all")
    browse: int = Field(2000, ge=0, description="most sequences in the page's sequence browser; 0: no browser")


class StudySettings(Section):
    """A whole study."""

    name: str = Field(description="name of the study", min_length=1)
    seed: Seed = Field(1, description="of everything random; the same study gives the same numbers")
    dataset: DatasetSettings = Field(description="which sequences")
    train: TrainSettings = Field(TrainSettings(), description="which model")
    evaluate: EvaluateSettings = Field(EvaluateSettings(), description="how good")
    explain: ExplainSettings = Field(ExplainSettings(), description="what it reads")
    annotate: AnnotateSettings = Field(AnnotateSettings(), description="what that is")
    report: ReportSettings = Field(ReportSettings(), description="the page")

    @model_validator(mode="after")
    def _scored(self) -> "StudySettings":
        if self.annotate.denovo is not None and self.annotate.denovo not in self.explain.methods:
            raise ValueError(f"annotate.denovo = {self.annotate.denovo} needs that method in explain.methods")
        return self
