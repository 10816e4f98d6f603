"""Gradients of the explained score at the model's embedding layer, for any classifier of transformers.

The tokens go in as always, so that padding and the position that is read stay what they are; only what the embedding layer answers is
replaced. Positions and token types are added after it and are part of the model, not of the input.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from phenolens.explain.target import contrast
from phenolens.model.forward import logits

Gradient = Callable[..., tuple[torch.Tensor, torch.Tensor]]


@contextmanager
def embedding_gradients(model: Any) -> Iterator[Gradient]:
    """Yield gradient(ids, mask, target, embeddings) -> (score (B,), its gradient at the embeddings (B, T, D)); safe in several threads.

    Parameters
    ----------
    model : classifier in evaluation mode.
    """
    place = threading.local()

    def answer(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = getattr(place, "embeddings", output)
        return found

    def gradient(
        ids: torch.Tensor, mask: torch.Tensor, target: torch.Tensor, embeddings: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            place.embeddings = embeddings.detach().clone().requires_grad_()
            score = contrast(logits(model, ids.clone(), mask.clone()).float(), target.clone())
            (found,) = torch.autograd.grad(score.sum(), place.embeddings)
            del place.embeddings
        return score.detach(), found

    hook = model.get_input_embeddings().register_forward_hook(answer)
    try:
        yield gradient
    finally:
        hook.remove()
