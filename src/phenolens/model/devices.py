"""What this machine computes with: processor and accelerators, their memory, and the precisions that they have."""

import os
from typing import NamedTuple

import torch


class Device(NamedTuple):
    """A processor or accelerator.

    name : of an accelerator as its maker calls it.
    kind : threads and instructions of a processor; empty for an accelerator.
    memory : bytes of an accelerator; of a processor None.
    precisions : values of train.precision that it takes; the first one is what `auto` takes.
    note : what one should know about it; empty where nothing.
    """

    name: str
    kind: str
    memory: int | None
    precisions: tuple[str, ...]
    note: str


def devices() -> list[Device]:
    """Return the processor, then every accelerator that PyTorch sees."""
    used = torch.get_num_threads()
    has = os.cpu_count() or 1
    kind = f"{used} of {has} threads, {torch.backends.cpu.get_cpu_capability()}"
    limit = os.environ.get("OMP_NUM_THREADS")
    note = f"OMP_NUM_THREADS={limit} keeps the others from being used" if limit and used < has else ""
    found = [Device("processor", kind, None, ("fp32", "bf16"), note)]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            half = ("bf16", "fp16") if torch.cuda.is_bf16_supported(including_emulation=False) else ("fp16",)
        found.append(Device(properties.name, "", properties.total_memory, (*half, "fp32"), ""))
    return found
