"""A session of the desktop browser IGV: which genome, where to look, and which files to show, in one XML file.

The elements are those that IGV's session reader knows: Session (genome, locus, version), Resources, Resource (path, name, type, color). Paths
are relative to the session file, so that the folder can be moved.
"""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

VERSION = "8"


class IgvTrack(NamedTuple):
    """One file: path relative to the session, name shown, IGV's format (bigwig, bed ...), red,green,blue (None: as in the file)."""

    path: str
    name: str
    kind: str
    colour: str | None = None


def igv_session(genome: str, locus: str | None, tracks: Sequence[IgvTrack]) -> str:
    """Return the XML text.

    Parameters
    ----------
    genome : a name that IGV knows (hg38), or the path of a FASTA file.
    locus : chrom:start-end, 1-based, end included, as IGV shows it; None for the whole genome.
    tracks : in the order shown.
    """
    root = ElementTree.Element("Session", genome=genome, locus=locus or "All", version=VERSION)
    resources = ElementTree.SubElement(root, "Resources")
    for track in tracks:
        given = {"path": track.path, "name": " ".join(track.name.split()), "type": track.kind}
        ElementTree.SubElement(resources, "Resource", given | ({"color": track.colour} if track.colour else {}))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'
