"""A track hub: three small text files that tell UCSC's browser which bigWig and bigBed files to show, and how.

    hub.txt         what the hub is
    genomes.txt     which genome, and where its list of tracks is
    GENOME/trackDb.txt      one stanza a track; its data lie beside it

All paths are relative, so that the folder can be put on any web server. https://genome.ucsc.edu/goldenPath/help/hgTrackHubHelp.html
"""

import html
import re
from collections.abc import Sequence
from typing import NamedTuple

SHORT, LONG = 17, 80  # letters that UCSC shows


class HubTrack(NamedTuple):
    """One track.

    file : its data, beside trackDb.txt.
    kind : UCSC's type, e.g. bigWig or bigBed 9.
    short, long : names; cut to what UCSC shows.
    colour : red,green,blue.
    settings : further lines of its stanza.
    """

    file: str
    kind: str
    short: str
    long: str
    colour: str
    settings: tuple[tuple[str, str], ...] = ()


def hub_files(name: str, assembly: str, tracks: Sequence[HubTrack], notes: Sequence[str]) -> dict[str, str]:
    """Return path -> text of the hub's text files.

    Parameters
    ----------
    name : of the study.
    assembly : UCSC's name of the genome.
    tracks : in the order shown.
    notes : sentences of the description page that every track links to.
    """
    hub = {
        "hub": _word(name),
        "shortLabel": _line(name, SHORT),
        "longLabel": _line(f"{name}: what the model reads", LONG),
        "genomesFile": "genomes.txt",
        "email": "unknown@example.org",
        "descriptionUrl": f"{assembly}/description.html",
    }
    genomes = {"genome": assembly, "trackDb": f"{assembly}/trackDb.txt"}
    stanzas = [_stanza(i, track) for i, track in enumerate(tracks, start=1)]
    paragraphs = "".join(f"<p>{html.escape(note)}</p>\n" for note in notes)
    page = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(name)}</title></head>\n<body><h1>{html.escape(name)}</h1>\n{paragraphs}</body></html>\n'
    return {
        "hub.txt": _text(hub),
        "genomes.txt": _text(genomes),
        f"{assembly}/trackDb.txt": "\n".join(map(_text, stanzas)),
        f"{assembly}/description.html": page,
    }


def _stanza(number: int, track: HubTrack) -> dict[str, str]:
    return {
        "track": f"{_word(track.short)}_{number}",
        "bigDataUrl": track.file,
        "type": track.kind,
        "shortLabel": _line(track.short, SHORT),
        "longLabel": _line(track.long, LONG),
        "color": track.colour,
        "priority": str(number),
        "html": "description",
        **dict(track.settings),
    }


def _text(stanza: dict[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in stanza.items())


def _line(text: str, limit: int) -> str:
    one = " ".join(text.split()) or "unnamed"
    return one[:limit].rstrip()


def _word(text: str) -> str:
    """Return text as a name that UCSC takes: begins with a letter; letters, digits and _ of ASCII."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return word if word[:1].isalpha() else f"t_{word}"
