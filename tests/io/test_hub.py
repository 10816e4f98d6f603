"""Hub and session as their readers parse them: stanzas of one setting a line, XML; names that would break either."""

import re
from xml.etree import ElementTree

import pytest

from phenolens.io.hub import HubTrack, hub_files
from phenolens.io.igv import IgvTrack, igv_session

ODD = ['ERV "1" & <2>', "12 é\nnext", "__", "a" * 200]


def stanzas(text):
    """Parse as UCSC's ra files: stanzas parted by empty lines, each line a key and a value."""
    return [dict(line.split(" ", 1) for line in part.splitlines()) for part in re.split(r"\n\n+", text.strip())]


@pytest.mark.parametrize("name", ODD)
def test_every_stanza_has_what_ucsc_requires_whatever_the_names(name):
    tracks = [HubTrack(f"{i}.bw", "bigWig", name, name, "1,2,3", (("visibility", "full"),)) for i in range(3)]
    files = hub_files(name, "hg38", tracks, ["one & two"])
    (hub,), (genome,) = stanzas(files["hub.txt"]), stanzas(files["genomes.txt"])
    assert {"hub", "shortLabel", "longLabel", "genomesFile", "email"} <= hub.keys()
    assert genome == {"genome": "hg38", "trackDb": "hg38/trackDb.txt"}
    assert hub["genomesFile"] in files
    assert genome["trackDb"] in files
    assert hub["descriptionUrl"] in files
    found = stanzas(files["hg38/trackDb.txt"])
    assert [t["bigDataUrl"] for t in found] == ["0.bw", "1.bw", "2.bw"]
    assert len({t["track"] for t in found}) == 3
    for track in found:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", track["track"])
        assert 0 < len(track["shortLabel"]) <= 17
        assert 0 < len(track["longLabel"]) <= 80
        assert track["type"] == "bigWig"
        assert track["html"] == "description"
    assert "one &amp; two" in files["hg38/description.html"]
    assert "<2>" not in files["hg38/description.html"]


@pytest.mark.parametrize("name", ODD)
def test_a_session_is_xml_with_the_names_inside(name):
    root = ElementTree.fromstring(
        igv_session(
            "hg19", "chr22:1-20", [IgvTrack("a.bw", name, "bigwig", "1,2,3"), IgvTrack("b.bed", name, "bed")]
        ).encode()
    )
    assert (root.tag, root.get("genome"), root.get("locus")) == ("Session", "hg19", "chr22:1-20")
    assert int(root.get("version")) > 0
    resources = root.findall("Resources/Resource")
    assert [r.get("path") for r in resources] == ["a.bw", "b.bed"]
    assert resources[0].get("name") == " ".join(name.split())
    assert [r.get("color") for r in resources] == ["1,2,3", None]
