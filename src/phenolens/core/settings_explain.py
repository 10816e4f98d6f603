"""Settings of the explain stage: what the model reads, base by base, and how far that can be trusted."""

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from phenolens.core.section import NotNegative, Positive, Section


class ExplainSettings(Section):
    """What the model reads, base by base."""

    mode: Literal["default", "paper"] = Field(
        "default", description="paper: bit for bit the paper's ALRW, with its edge dilution"
    )
    layer: int | Literal["rollout"] = Field(
        -1,
        description="layer whose attention is read: -1 the last, 0 the first, ..., or rollout, which follows attention through all layers",
    )
    heads: bool = Field(True, description="also the mean of every attention head alone, by class and position")
    splits: tuple[Literal["train", "validation", "test"], ...] = Field(
        ("test",), description="sequences that are explained"
    )
    region_rule: Literal["paper", "calibrated"] = Field(
        "paper",
        description="scores that make a region: paper, above the sequence's mean; calibrated, above a threshold that shuffled sequences seldom reach",
    )
    false_positive_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05,
        description="with region_rule = calibrated: share of dinucleotide-shuffled copies of the explained sequences that still have a region",
    )
    shuffles: NotNegative = Field(
        500, description="shuffled copies that are scored to see what the region rule finds by chance; 0 for none"
    )
    min_run: Positive = Field(8, description="fewest neighbouring positions of a high-score region")
    times_min: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="a region's scores also exceed this many times the sequence's minimum (the paper's 10 over zero-padded rows is always true: 0 here)",
    )
    widen: NotNegative = Field(4, description="bases added on each side of a region")
    assembly: str | None = Field(
        None,
        description="UCSC's name of the genome (hg38, mm39 ...), for the track hub and IGV; hg19 and hg38 are known by their chromosomes' lengths",
        pattern=r"^[A-Za-z0-9._-]+$",
    )
    methods: tuple[Literal["alrw", "integrated_gradients", "gradient_x_input", "occlusion", "mutagenesis"], ...] = (
        Field(
            ("alrw", "integrated_gradients", "gradient_x_input", "occlusion"),
            description="ways to score bases, compared on a sample; mutagenesis predicts three changed sequences per base",
        )
    )
    sample: Positive = Field(
        64, description="sequences per class, drawn with the seed, on which methods are compared and tested"
    )
    copies: Positive = Field(
        2,
        description="shuffled copies of each sampled sequence, whose letters replace its bases to see which ones matter",
    )
    permuted_labels: bool = Field(
        False,
        description="also train a model on permuted labels, whose scores must not matter (as long as one training)",
    )
    both_strands: bool = Field(
        False,
        description="methods on the sample score both strands of a sequence and take the mean of a base and its partner",
    )
    batch_size: Positive = Field(64, description="sequences per step")
    layers: bool = Field(True, description="what a linear probe reads from every layer, before and after fine-tuning")
    layer_splits: tuple[Literal["train", "validation", "test"], ...] = Field(
        ("validation", "test"),
        description="sequences that are probed; features of sequences that were trained on already hold their class",
    )
    layer_sample: Positive = Field(
        1000,
        description="sequences that are probed at most, drawn with the seed as evenly as can be over class and split",
    )
    probe_folds: Annotated[int, Field(ge=2)] = Field(
        5, description="parts of the probe's cross-validation, whole groups each"
    )
    projections: tuple[Literal["pca", "tsne", "umap"], ...] = Field(
        ("pca", "tsne"), description="pictures of the layers in two dimensions; umap needs umap-learn"
    )
    projection_layers: tuple[int, ...] = Field(
        (-1,), description="layers that are projected: 0 = embeddings, 1 = first layer, -1 = last"
    )
    projection_sample: Positive = Field(500, description="sequences that are projected at most")

    @field_validator("projections")
    @classmethod
    def _installed(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if "umap" in names and find_spec("umap") is None:
            raise ValueError("umap is not installed: pip install umap-learn, or leave it out")
        return names

    @model_validator(mode="after")
    def _enough_shuffles(self) -> "ExplainSettings":
        if self.region_rule == "calibrated" and (self.shuffles + 1) * self.false_positive_rate < 1:
            raise ValueError("region_rule = calibrated needs at least 1 / false_positive_rate - 1 shuffles")
        return self
