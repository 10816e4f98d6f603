"""Settings of the annotate stage: what the high-score regions are."""

from typing import Annotated, Literal

from pydantic import Field

from phenolens.core.section import NotNegative, Positive, Section, Share

ScoreFormat = Literal["alphamissense", "primateai", "cadd", "dbnsfp", "clinvar", "table"]
Variability = Literal["depth", "diversity", "variants_per_kb", "mean_frequency"]


class ScoreSettings(Section):
    """A file of scored substitutions, where its name alone does not say enough: `scores = { revel = { file = "dbNSFP.gz", column = "REVEL_score" } }`."""

    file: str = Field(
        description="AlphaMissense, PrimateAI, CADD, dbNSFP, ClinVar (VCF or table), or any table with CHROM, POS, REF, ALT and a score"
    )
    format: ScoreFormat | None = Field(None, description="what the file is; none: told by its column names")
    column: str | None = Field(None, description="column of the score, which must be higher for harmful substitutions")
    chromosome: str | None = Field(
        None, description="column of the chromosome, where the file has several builds, e.g. `hg19_chr`"
    )
    position: str | None = Field(None, description="column of the 1-based position, e.g. `hg19_pos(1-based)`")
    harmful: float | None = Field(
        None,
        description="score from which a substitution is listed and a region's mean is called harmful; none: 0.5 AlphaMissense, 0.7 PrimateAI, 20 CADD, 1 ClinVar, no list otherwise",
    )


class AnnotateSettings(Section):
    """What the high-score regions are."""

    motifs: str | None = Field(
        "demo:jaspar_vertebrates.meme.gz",
        description="motif file: MEME text, JASPAR, TRANSFAC, HOCOMOCO or JASPAR's SQLite; `FILE#vertebrates` takes one taxon where the file tells it; `jaspar:2024#vertebrates`: of the installed pyjaspar",
    )
    motif_p: Share = Field(1e-4, description="largest p-value of a motif hit")
    motif_background: Literal["controls", "nrdb"] = Field(
        "controls",
        description="letter frequencies behind the p-values: of the matched background (all classes where there is none), or FIMO's default",
    )
    motif_test: Literal["sequences", "paper"] = Field(
        "sequences",
        description="sequences with a hit, cross-fitted between halves of the data; paper: hits with q <= 0.05 counted, no cross-fitting",
    )
    denovo: str | None = Field(
        None,
        description="method of explain.methods, e.g. integrated_gradients, whose scores are written for modisco-lite (motifs that no collection knows)",
    )
    genes: str | None = Field(None, description="GFF3 or GTF of genes, same build as the genome")
    features: dict[str, str] = Field({}, description="further interval files to overlap with: name = file")
    signals: dict[str, str] = Field({}, description="bigWig files, e.g. conservation: name = file")
    alignments: dict[str, str] = Field(
        {},
        description="multiple alignments (MAF) whose identity is a signal: name = file, or `file#Hsap,Ptro,Ggor`: the reference, then the species compared with it",
    )
    families: str | None = Field(
        None,
        description="interval file whose names are families: a sequence has that of its longest overlap; none: the sequences' own names",
    )
    gene_sets: dict[str, str] = Field(
        {}, description="gene sets: name = GMT file, DisGeNET's table, or the GWAS catalogue (a set a trait)"
    )
    gene_set_sizes: tuple[Positive, Positive] = Field(
        (5, 2000), description="fewest and most genes that regions could hit of a set that is tested"
    )
    gene_reach: Positive = Field(1_000_000, description="bases within which the nearest gene counts in gene sets")
    gene_regions: Positive = Field(5, description="distinct regions from which a protein-coding gene is listed")
    gene_bases: Positive = Field(
        1, description="bases that a region must share with a gene to count for it (paper: 10)"
    )
    controls: Positive = Field(1000, description="sets of matched control regions for overlap and conservation")
    scores: dict[str, str | ScoreSettings] = Field(
        {}, description="files of scored substitutions: name = file, or name = { file, format, column, ... }"
    )
    model_variants: NotNegative = Field(
        1000, description="harmful substitutions of each file, highest scores first, that are put to the model"
    )
    variants: tuple[str, ...] = Field((), description="VCF files with AF, or AC and AN (1000 Genomes, gnomAD sites)")
    depth: str | None = Field(
        None, description="table of `odgi depth` over a pangenome graph: path, start, end, mean.depth"
    )
    depth_paths: str | None = Field(
        None, description="beginning of the names of the reference's paths in it, e.g. `GRCh38#`; none: all paths"
    )
    variable: dict[Variability, Annotated[float, Field(ge=0)]] = Field(
        {"depth": 90.0}, description="value from which a region is variable in people, by measure"
    )
    conserved: float = Field(
        0.3,
        description="mean signal up to which a region is hardly conserved: listed, and crossed with what is variable",
    )
    highly_conserved: float = Field(0.9, description="mean signal from which a region is listed as highly conserved")
    conserved_covered: Share = Field(
        0.5, description="share of its bases that a listed region's signal covers, at least"
    )

    @property
    def scored(self) -> dict[str, ScoreSettings]:
        """The files of scored substitutions by name."""
        return {name: ScoreSettings(file=of) if isinstance(of, str) else of for name, of in self.scores.items()}
