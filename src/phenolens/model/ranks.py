"""Several processes that train one model: how they meet, and how the first one tells the others what is next."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import torch
from torch import distributed

PATIENCE = timedelta(days=30)  # the others wait while the first one builds a dataset


@contextmanager
def joined() -> Iterator[None]:
    """Meet the other processes, for the time of the block."""
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if cuda else "gloo")
    _waiting()
    yield
    _waiting.cache_clear()
    distributed.destroy_process_group()


@cache
def _waiting() -> Any:
    """Return the group of all processes in which waiting has no practical limit."""
    return distributed.new_group(backend="gloo", timeout=PATIENCE)


def shared(value: Any) -> Any:
    """Return, in every process, what the first one gave; the others wait for it."""
    if not distributed.is_initialized():
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0, group=_waiting())
    return box[0]
