"""Which weights a training moves: all of them, the head on a frozen encoder, or the head and low-rank updates (LoRA).

LoRA (Hu et al., ICLR 2022): a frozen weight W of shape (out, in) becomes W + alpha / r * B A, with B (out, r) and A (r, in)
trained and B = 0 at the start, so that the untrained model is the one that was loaded. The head is everything outside the
encoder, and the pooler: masked pre-training leaves both at random weights.
"""

from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as UpdatedLayer
from transformers.pytorch_utils import Conv1D

from phenolens.core.errors import SettingsError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.architecture import is_head
from phenolens.model.registry import FAMILIES

_ADAPTER = "default"
_MATRICES = (torch.nn.Linear, Conv1D)


def adapt(model: Any, settings: TrainSettings) -> None:
    """Freeze and add what settings.adapt says, in place.

    Parameters
    ----------
    model : classifier of transformers; its class stays, so that it trains, saves and predicts as any other.
    settings : adapt, lora_rank, lora_alpha, lora_targets, and dropout, which also goes before the updates.

    Raises
    ------
    SettingsError : targets that the model does not have, or a model whose encoder cannot be told from its head.
    """
    if settings.adapt == "full":
        return
    if not hasattr(model, model.base_model_prefix or " "):
        raise SettingsError(
            "settings",
            "train.adapt",
            f"{type(model).__name__} does not say which part is its encoder",
            expected='adapt = "full" for this model',
        )
    if settings.adapt == "lora":
        _add_updates(model, settings)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = is_head(model, name) or "lora_" in name
    if settings.adapt == "frozen":
        getattr(model, model.base_model_prefix).register_forward_pre_hook(_evaluate)


def _evaluate(encoder: torch.nn.Module, _: Any) -> None:
    """Keep a frozen encoder without dropout: the Trainer puts the whole model into training mode before every step."""
    encoder.eval()


def _add_updates(model: Any, settings: TrainSettings) -> None:
    family = FAMILIES.get(model.config.model_type)
    wanted = settings.lora_targets or (family.lora if family else ())
    inside = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _MATRICES) and not is_head(model, f"{name}.weight")
    }
    known = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in inside}))
    if not wanted:
        found = f"no default for {model.config.model_type} models"
        raise SettingsError("settings", "train.lora_targets", found, expected=f"some of its modules: {known}")
    chosen: list[str] = []
    for target in wanted:
        matching = [name for name in inside if name == target or name.endswith(f".{target}")]
        if not matching:
            found = f"the model has no module {target!r} in its encoder"
            raise SettingsError("settings", "train.lora_targets", found, expected=f"some of its modules: {known}")
        chosen.extend(matching)
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.dropout,
        target_modules=sorted(set(chosen)),
        fan_in_fan_out=isinstance(inside[chosen[0]], Conv1D),
    )
    inject_adapter_in_model(config, model, adapter_name=_ADAPTER)


def plain_weights(model: Any) -> dict[str, torch.Tensor]:
    """Return the weights of the model as it was before `adapt`, with trained updates added to them; the model stays as it is."""
    updates = {name: m for name, m in model.named_modules() if isinstance(m, UpdatedLayer)}
    if not updates:
        weights: dict[str, torch.Tensor] = model.state_dict()
        return weights
    plain = {key.replace(".base_layer.", "."): w for key, w in model.state_dict().items() if "lora_" not in key}
    with torch.no_grad():
        for name, layer in updates.items():
            plain[f"{name}.weight"] = plain[f"{name}.weight"] + layer.get_delta_weight(_ADAPTER)
    return plain


def parameters(model: Any) -> tuple[int, int]:
    """Return (parameters of the model without added updates, parameters that training moves)."""
    sizes = [(name, p.numel(), p.requires_grad) for name, p in model.named_parameters()]
    return sum(n for name, n, _ in sizes if "lora_" not in name), sum(n for _, n, moves in sizes if moves)
