"""What a model card and a dataset card have in common: YAML that the hub reads above Markdown that people read."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from phenolens.report import text

PAPER = "Du, Zhong, Liu. Enhancing recognition and interpretation of functional phenotypic sequences through fine-tuning pre-trained genomic models. J Transl Med 22:756 (2024). doi:10.1186/s12967-024-05567-z"
TAGS = ("biology", "genomics", "dna", "phenolens")


def card(metadata: Mapping[str, Any], lines: Sequence[str]) -> str:
    """Return the text of a README.md: metadata as YAML between two lines of dashes, then the lines.

    Parameters
    ----------
    metadata : keys as the hub knows them; plain values, lists and dictionaries.
    lines : Markdown.
    """
    front = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{front}---\n\n" + "\n".join(lines).rstrip() + "\n"


def plain(value: object) -> str:
    """Return text from a file as it may stand in Markdown: one line, and nothing in it is markup.

    >>> plain("a <i>x</i>")
    'a &lt;i&gt;x&lt;/i&gt;'
    """
    line = " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|" else letter for letter in line)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return a Markdown table; cells are text that may hold anything, an absent one is a dash."""
    cells = [[text.NONE if cell is None else plain(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (list(heads), ["---"] * len(heads), *cells)]


def certificate(quality: Mapping[str, Any]) -> list[str]:
    """Return the verdict of the dataset's certificate with its reasons as Markdown.

    Parameters
    ----------
    quality : the certificate; any key may be missing.
    """
    verdict = quality.get("verdict")
    if not verdict:
        return ["The run holds no certificate of its dataset."]
    reasons = [f"- {plain(reason)}" for reason in quality.get("reasons") or []]
    return [f"Verdict of the dataset's certificate: **{plain(verdict)}**.", *([""] if reasons else []), *reasons]
