"""Settings of the stages that learn and are measured: training and evaluation."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from phenolens.core.section import NotNegative, Positive, Section, Share


class TrainSettings(Section):
    """Which pre-trained model is fine-tuned, and how."""

    WITHOUT_EFFECT: ClassVar = ("checkpoint_steps", "log_to")  # a training is the same whatever these are

    model: str = Field(
        "bert-small",
        description="bert-small, gpt2-small, a local Hugging Face folder, or a name on the Hugging Face hub",
    )
    from_scratch: bool = Field(
        False, description="random weights in the same architecture: the control that shows what pre-training gives"
    )
    adapt: Literal["full", "lora", "frozen"] = Field(
        "full",
        description="which weights are trained: all, low-rank updates of the attention (LoRA) and the head, or the head (classifier and pooler) alone",
    )
    lora_rank: Positive = Field(8, description="with adapt = lora: rank of the updates")
    lora_alpha: Positive = Field(16, description="with adapt = lora: updates are scaled by alpha / rank")
    lora_targets: tuple[str, ...] = Field(
        (), description="with adapt = lora: names of the modules that get updates (default: the family's attention)"
    )
    runs: Positive = Field(1, description="models trained, each with its own seed (seed, seed + 1, ...)")
    epochs: Positive = Field(10, description="passes over the training sequences, at most")
    batch_size: Positive = Field(32, description="sequences per step, of all processes together")
    batch_tokens: Positive | None = Field(
        None,
        description="tokens per step, padding included, of all processes together: sequences of similar length, as many as fit; in place of batch_size",
    )
    accumulate: Positive = Field(1, description="steps whose gradients are added up before the weights move")
    learning_rate: Annotated[float, Field(gt=0)] = Field(
        5e-4, description="highest learning rate (2e-5 suits DNA_bert_6)"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="AdamW weight decay")
    warmup: Share = Field(0.1, description="share of the steps with rising learning rate; then cosine to 0")
    patience: Positive = Field(3, description="stop when validation loss has not improved for this many epochs")
    threshold: Annotated[float, Field(ge=0)] = Field(0.0, description="smallest fall of validation loss that counts")
    class_weights: bool = Field(True, description="weight the loss by total / class count")
    reverse_complement: bool = Field(
        False, description="read every training sequence from a strand drawn anew in each epoch"
    )
    mask_tokens: Share = Field(
        0.0,
        description="share of a training sequence's tokens that is hidden from the model (the tokenizer's mask, else its unknown token, else a random one), drawn anew in each epoch",
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="dropout while training")
    max_tokens: Positive = Field(512, description="longest input in tokens, special tokens included")
    cut: Literal["head_tail", "head", "windows", "paper"] = Field(
        "head_tail",
        description="what is kept of longer sequences: both ends, the beginning, everything in windows whose logits are averaged, or the paper's first 300 + last 212 6-mers",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 or fp16 where the device has it, else fp32"
    )
    trust_remote_code: bool = Field(
        False, description="run code that comes with a hub model; off unless you trust its author"
    )
    random_split: bool = Field(
        False, description="also train one model on a random split, to show what leakage would claim"
    )
    checkpoint_steps: Positive | None = Field(
        None, description="a checkpoint also every this many steps, for long epochs (default: one an epoch)"
    )
    log_to: tuple[Literal["tensorboard", "mlflow", "wandb", "comet_ml"], ...] = Field(
        ("tensorboard",), description="where loss and metric are logged; besides TensorBoard its package is needed"
    )
    max_unknown: Share = Field(0.05, description="stop when more than this share of tokens is unknown to the tokenizer")


class EvaluateSettings(Section):
    """How the model's quality is measured."""

    bootstrap: NotNegative = Field(1000, description="resamples of whole groups for the 95 % intervals")
    length_bins: Positive = Field(20, description="equal bins of log length")
    min_bin: Positive = Field(100, description="bins with fewer test sequences are merged into a neighbour")
    both_strands: bool = Field(False, description="average the probabilities of a sequence and its reverse complement")
    calibration_bins: Positive = Field(15, description="equal bins of confidence of the calibration curve and ECE")
    kmer: Annotated[int, Field(ge=1, le=8)] = Field(6, description="k of the k-mer baselines")


class PretrainSettings(Section):
    """How a small model of our own is pre-trained on unlabelled DNA."""

    family: Literal["bert", "gpt2"] = Field(
        "bert", description="bert: hidden stretches of overlapping k-mers; gpt2: next token of a BPE tokenizer"
    )
    k: Annotated[int, Field(ge=3, le=6)] = Field(6, description="with bert: bases of a k-mer")
    vocabulary: Annotated[int, Field(ge=300)] = Field(4096, description="with gpt2: tokens of the BPE tokenizer")
    layers: Positive = Field(4, description="layers")
    width: Positive = Field(128, description="width of the hidden states")
    heads: Positive = Field(4, description="attention heads")
    intermediate: Positive = Field(256, description="width inside the feed-forward layers")
    initializer_range: Annotated[float, Field(gt=0)] = Field(
        0.05, description="spread of the random weights at the start"
    )
    tokens: Positive = Field(40_000_000, description="tokens read in all, padding included")
    batch_tokens: Positive = Field(8192, description="tokens per step")
    lengths: tuple[Annotated[int, Field(ge=16)], ...] = Field(
        (128, 256, 512),
        description="windows are this many tokens long, one of these at random for each step",
        min_length=1,
    )
    masked: Annotated[float, Field(gt=0, lt=1)] = Field(0.15, description="with bert: share of tokens that is hidden")
    span_min: Positive = Field(6, description="with bert: shortest hidden stretch in tokens")
    span_max: Positive = Field(12, description="with bert: longest hidden stretch in tokens")
    summary: Annotated[float, Field(ge=0)] = Field(
        1.0, description="with bert: weight of the second task, [CLS] foretells which k-mers the window has"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(1e-3, description="highest learning rate")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="AdamW weight decay")
    warmup: Share = Field(0.05, description="share of the steps with rising learning rate; then cosine to 0")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="arithmetic of the matrix products")
    report_steps: Positive = Field(200, description="losses and a checkpoint every this many steps")
