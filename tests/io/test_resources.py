"""The registry of public files: every entry can be used, and it lists for each preset the files that its study reads."""

import re

import pytest

from phenolens.core.errors import InputError, SettingsError
from phenolens.core.study import STUDIES, presets
from phenolens.io.resources import PAPER, Resource, listing, registry, select, url_name
from phenolens.io.transfer import check_address

RESOURCES = registry()


def files_named(preset):
    return set(re.findall(r"sources/([\w.-]+)", (STUDIES / f"{preset}.toml").read_text()))


@pytest.mark.parametrize("preset", presets())
def test_every_file_that_a_preset_names_is_fetched_for_it(preset):
    named = files_named(preset)
    fetched = {r.file for r in RESOURCES.values() if preset.removesuffix(PAPER) in r.used_by}
    assert named == {file for file in fetched if not file.endswith(".tbi")}
    assert {file.removesuffix(".tbi") for file in fetched} == named, "an index goes with its file"


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_every_resource_says_where_it_is_and_under_which_licence(resource):
    for url in (*resource.urls, resource.page, *filter(None, [resource.checksums])):
        check_address(url)
        assert " " not in url
    assert all(url_name(url) for url in resource.urls)
    assert len(set(resource.urls)) == len(resource.urls)
    assert resource.licence
    assert resource.version
    assert resource.format


def test_no_two_resources_share_a_file():
    files = [resource.file for resource in RESOURCES.values()]
    assert len(set(files)) == len(files)
    assert not set(RESOURCES) & set(presets()), "a name means a preset or a file, not both"


def test_the_atlas_has_its_42_body_sites():
    names = {url_name(url) for url in RESOURCES["serve"].urls}
    assert len(names) == 42
    assert {"Liver_HERV.gtf", "Whole_Blood_HERV.gtf", "Adipose_Visceral_HERV.gtf"} < names


def test_presets_files_and_names_are_taken_once_each():
    herv = {r.name for r in select(["herv"], RESOURCES)}
    assert {"genome", "genes", "repeats", "serve", "hprc", "1000g"} <= herv
    assert {r.name for r in select(["herv-paper"], RESOURCES)} == herv
    assert [r.name for r in select(["rmsk.txt.gz", "repeats", "genome"], RESOURCES)] == ["repeats", "genome"]
    assert len(select(["herv", "gwas", "genome"], RESOURCES)) == len(herv | {"gwas-catalog"})


def test_an_unknown_name_brings_the_nearest():
    with pytest.raises(SettingsError, match=r"fetch, hervs: is not known; expected a preset .*; did you mean herv\?"):
        select(["hervs"], RESOURCES)


def test_the_list_has_a_line_for_each():
    lines = listing()
    assert len(lines) == len(RESOURCES) + 1
    assert all(resource.file in line for resource, line in zip(RESOURCES.values(), lines[1:], strict=True))
    assert "(by hand)" in lines[list(RESOURCES).index("hervd") + 1]


ABOUT = 'title = "t"\nversion = "1"\nformat = "BED"\nlicence = "CC0"\npage = "https://example.org"\n'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a\n", "is not valid TOML"),
        (f'[a]\nfile = "a.bed"\n{ABOUT}', r"\[a\] a resource has either url or manual"),
        (f'[a]\nfile = "../a.bed"\nurl = "https://e.org/a"\n{ABOUT}', r"\[a.file\] String should match"),
        (f'[a]\nfile = "a.bed"\nurl = "https://e.org/a"\nmd5 = "abc"\n{ABOUT}', r"\[a.md5\] String should match"),
        (f'[a]\nfile = "a.bed"\nurl = "https://e.org/a"\nurll = "x"\n{ABOUT}', r"\[a.urll\] Extra inputs"),
        (f'[a]\nfile = "a.bed"\nurl = "https://e.org/a"\nparts = ["x"]\n{ABOUT}', r"\[a\] parts, \{part\} in url"),
    ],
)
def test_a_mistake_in_the_registry_is_named(tmp_path, text, found):
    (tmp_path / "sources.toml").write_text(text)
    with pytest.raises(InputError, match=found):
        registry(tmp_path / "sources.toml")


def test_a_resource_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        RESOURCES["genome"].file = "x"
    assert isinstance(RESOURCES["genome"], Resource)
