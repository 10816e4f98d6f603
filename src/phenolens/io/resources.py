"""The registry of public files (studies/sources.toml): what each is, where it comes from, under which licence, and which presets read it."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phenolens.core.errors import InputError, SettingsError

REGISTRY = Path(__file__).parent.parent / "studies" / "sources.toml"
PAPER = "-paper"


class Resource(BaseModel):
    """One public file: `file` is its name in the folder of sources, `url` its address, or `manual` what to do where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: str = Field(pattern=r"^[\w.-]+$")
    title: str
    url: str | None = None
    parts: tuple[str, ...] = ()
    manual: str | None = None
    version: str
    format: str
    build: str | None = None
    licence: str
    page: str
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    md5: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    size: int | None = Field(None, ge=1)
    checksums: str | None = None
    prepare: Literal["bgzip", "unzip", "join"] | None = None
    used_by: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "Resource":
        if (self.url is None) == (self.manual is None):
            raise ValueError("a resource has either url or manual")
        if bool(self.parts) != (self.prepare == "join") or bool(self.parts) != ("{part}" in (self.url or "")):
            raise ValueError("parts, {part} in url and prepare = join go together")
        if self.parts and (self.sha256 or self.md5 or self.size or self.checksums):
            raise ValueError("checksums of parts are not supported")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of its downloads, in order: several where it has parts, none where it is fetched by hand."""
        if self.url is None:
            return ()
        return tuple(self.url.replace("{part}", part) for part in self.parts) or (self.url,)


def url_name(url: str) -> str:
    """Return the file name at the end of an address.

    >>> url_name("https://example.org/data/HERV%20terms.txt?download=1")
    'HERV terms.txt'
    """
    return Path(unquote(urlsplit(url).path)).name


def registry(path: Path = REGISTRY) -> dict[str, Resource]:
    """Return name -> resource, in the order of the registry.

    Raises
    ------
    InputError : the registry is not TOML, or a table in it is not a resource.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, f"is not valid TOML: {error}") from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = Resource(name=name, **table)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join([name, *map(str, first["loc"])])
            raise InputError(path, f"[{place}] {first['msg'].removeprefix('Value error, ')}") from None
    return found


def select(names: Sequence[str], resources: Mapping[str, Resource]) -> list[Resource]:
    """Return the resources asked for, each once: a name is that of a resource, of its file, or of a preset, which takes all it reads.

    Parameters
    ----------
    names : e.g. herv, herv-paper, genome, rmsk.txt.gz.
    resources : name -> resource.

    Raises
    ------
    SettingsError : a name is none of these; the nearest one is proposed.
    """
    presets = {preset for resource in resources.values() for preset in resource.used_by}
    files = {resource.file: name for name, resource in resources.items()}
    chosen: dict[str, Resource] = {}
    for name in names:
        preset = name.removesuffix(PAPER)
        if preset in presets:
            chosen |= {n: resource for n, resource in resources.items() if preset in resource.used_by}
        elif (known := files.get(name, name)) in resources:
            chosen[known] = resources[known]
        else:
            near = difflib.get_close_matches(name, [*presets, *resources], n=1, cutoff=0.5)
            expected = f"a preset ({', '.join(sorted(presets))}) or a file ({', '.join(resources)})"
            remedy = f"did you mean {near[0]}?" if near else None
            raise SettingsError("fetch", name, "is not known", expected=expected, remedy=remedy)
    return list(chosen.values())


def listing(resources: Mapping[str, Resource] | None = None) -> list[str]:
    """Return one line a resource, in columns: name, file, version, and the presets that read it."""
    rows = [("NAME", "FILE", "PRESETS", "WHAT")]
    for resource in (registry() if resources is None else resources).values():
        by_hand = " (by hand)" if resource.manual else ""
        rows.append((resource.name, resource.file, ", ".join(resource.used_by) or "-", resource.title + by_hand))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows]
