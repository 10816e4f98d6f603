"""Settings of the annotate stage: what the high-score regions are."""

from pydantic import Field

from phenolens.core.section import Positive, Section, Share


class AnnotateSettings(Section):
    """What the high-score regions are."""

    motifs: str | None = Field("demo:jaspar_vertebrates.meme.gz", description="motif file (MEME text format)")
    motif_p: Share = Field(1e-4, description="largest p-value of a motif hit")
    genes: str | None = Field(None, description="GFF3 or GTF of genes, same build as the genome")
    features: dict[str, str] = Field({}, description="further interval files to overlap with: name = file")
    signals: dict[str, str] = Field({}, description="bigWig files, e.g. conservation: name = file")
    controls: Positive = Field(1000, description="sets of matched control regions for overlap and conservation")
