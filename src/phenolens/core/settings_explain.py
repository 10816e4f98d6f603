"""Settings of the explain stage: what the model reads, base by base, and how far that can be trusted."""

from typing import Annotated, Literal

from pydantic import Field

from phenolens.core.section import NotNegative, Positive, Section


class ExplainSettings(Section):
    """What the model reads, base by base."""

    mode: Literal["default", "paper"] = Field(
        "default", description="paper: bit for bit the paper's ALRW, with its edge dilution"
    )
    splits: tuple[Literal["train", "validation", "test"], ...] = Field(
        ("test",), description="sequences that are explained"
    )
    min_run: Positive = Field(8, description="fewest neighbouring positions of a high-score region")
    times_min: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="a region's scores also exceed this many times the sequence's minimum (the paper's 10 over zero-padded rows is always true: 0 here)",
    )
    widen: NotNegative = Field(4, description="bases added on each side of a region")
    batch_size: Positive = Field(64, description="sequences per step")
