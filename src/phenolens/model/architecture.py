"""A Hugging Face configuration made ready for these classes, and the classifier built from it with weights of a folder or random ones."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig
from transformers import AutoModelForSequenceClassification as AutoClassifier

from phenolens.core.errors import InputError
from phenolens.core.run import read_json
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.registry import FAMILIES

_CLASSIFIER: Any = AutoClassifier
_UNUSED = "contact_head"  # of ESM; part of the encoder, but no classifier reads it
_OWN_CODE = "set train.trust_remote_code = true if you trust its author: its config.json names code of its own (auto_map), which was not run"


def configuration(folder: Path, settings: TrainSettings) -> Any:
    """Return the configuration of a Hugging Face folder.

    Raises
    ------
    InputError : there is none, it cannot be read, or it needs code of its own and train.trust_remote_code is off.
    """
    source = folder / "config.json"
    if not source.is_file():
        raise InputError(
            folder,
            "has no config.json",
            expected="a Hugging Face model folder",
            remedy="give the folder that holds config.json and the weights",
        )
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raw = read_json(source)
        if isinstance(raw, dict) and "auto_map" in raw and not settings.trust_remote_code:
            raise InputError(
                source, f"transformers does not know model_type {raw.get('model_type')!r}", remedy=_OWN_CODE
            ) from error
        raise InputError(source, f"cannot be used ({_first_line(error)})") from error


def fit(config: Any, labels: Sequence[str], settings: TrainSettings) -> list[str]:
    """Set classes and dropout of a configuration, and return notes; attention is computed without an L x L matrix where the model can."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    config.problem_type = "single_label_classification"
    config._attn_implementation = None  # transformers then takes sdpa, or eager for a model without it
    family = FAMILIES.get(config.model_type)
    if family is None:
        return [f"train.dropout is not known to {config.model_type} models: the dropout of config.json stays"]
    for key in family.dropout:
        setattr(config, key, settings.dropout)
    if family.attention_dropout:
        setattr(config, family.attention_dropout, 0.0)
    if settings.dropout and not family.dropout:
        return [f"{config.model_type} models have no dropout: train.dropout changes nothing"]
    return []


def random_model(config: Any, settings: TrainSettings) -> Any:
    """Return a classifier of this configuration with random weights in float32.

    Raises
    ------
    InputError : no sequence classifier belongs to the configuration.
    """
    try:
        return _CLASSIFIER.from_config(config, dtype=torch.float32, trust_remote_code=settings.trust_remote_code)
    except (ValueError, KeyError) as error:
        raise InputError("config.json", f"gives no classifier ({_first_line(error)})") from error


def trained_model(folder: Path, config: Any, settings: TrainSettings) -> tuple[Any, list[str]]:
    """Return (classifier in float32 with the folder's weights, names of the modules that start from random ones).

    Raises
    ------
    InputError : weights that are absent, damaged, or not of this configuration; only a head may be missing.
    """
    try:
        model, info = _CLASSIFIER.from_pretrained(
            folder,
            config=config,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            dtype=torch.float32,
            trust_remote_code=settings.trust_remote_code,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise InputError(
            folder,
            f"its weights cannot be loaded ({_first_line(error)})",
            expected="model.safetensors of this config.json",
        ) from error
    names = (*info["missing_keys"], *(key[0] for key in info["mismatched_keys"]))
    fresh = [name for name in names if _UNUSED not in name.split(".")]
    wrong = sorted(name for name in fresh if not is_head(model, name))
    if wrong:
        raise InputError(
            folder,
            f"weights do not fit its config.json: {len(wrong)} missing or of another shape, the first {wrong[0]}",
            remedy=_OWN_CODE if getattr(config, "auto_map", None) and not settings.trust_remote_code else None,
        )
    return model, sorted(_modules(model, fresh))


def is_head(model: Any, name: str) -> bool:
    """Return whether a parameter is part of the head: outside the encoder, or the pooler, which masked pre-training does not have."""
    prefix = model.base_model_prefix
    if not prefix or not hasattr(model, prefix):
        return any(part in ("classifier", "score", "pooler") for part in name.split("."))
    return not name.startswith(f"{prefix}.") or "pooler" in name.split(".")


def _modules(model: Any, names: Iterable[str]) -> set[str]:
    """Return the parts of a head by the name that stands at the top of the model, or pooler."""
    inside = f"{model.base_model_prefix}."
    return {"pooler" if name.startswith(inside) else name.split(".")[0] for name in names}


def longest_input(model: Any) -> int | None:
    """Return the most tokens that the model can read, None where nothing limits them.

    Position tables with a padding row (ESM, RoBERTa) number the tokens from the padding id + 1 on, so that many rows are never used.
    """
    longest = getattr(model.config, "max_position_embeddings", None)
    if not longest:
        return None
    tables = (m for name, m in model.named_modules() if "position" in name and isinstance(m, torch.nn.Embedding))
    unused = max((m.padding_idx + 1 for m in tables if m.padding_idx is not None), default=0)
    return int(longest) - unused


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
