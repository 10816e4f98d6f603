import pytest

from phenolens.core.errors import InputError
from phenolens.io.choice import parse_features, refuse_absent


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("a/b.bed", ()), ("a.gff3#exon", ("exon",)), ("demo:a.gff3#exon, CDS", ("exon", "CDS")),
        ("a.bed#CTCF Binding Site,Enhancer", ("CTCF Binding Site", "Enhancer")), ("r.txt.gz#LTR/ERV1", ("LTR/ERV1",)),
        ("g.gtf#gene:protein_coding", ("gene:protein_coding",)),
    ],
)  # fmt: skip
def test_what_follows_the_mark(name, features):
    assert parse_features(name) == features


@pytest.mark.parametrize("name", ["a.bed#", "a.bed#x,", "a.bed# ,y"])
def test_a_mark_without_a_feature(name):
    with pytest.raises(InputError) as caught:
        parse_features(name)
    assert str(caught.value) == (
        f"a.bed: is named as '{name}'; expected FILE or FILE#FEATURE,FEATURE; name a feature, or remove #"
    )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["ltr"], "a.out: has no feature 'ltr'; expected one of: DNA, LINE, LTR; did you mean 'LTR'?"),
        (["LTR", "zz"], "a.out: has no feature 'zz'; expected one of: DNA, LINE, LTR; change what follows # in the study file"),
    ],
)  # fmt: skip
def test_an_absent_feature_names_those_there(asked, sentence):
    with pytest.raises(InputError) as caught:
        refuse_absent("a.out", asked, ["DNA", "LINE", "LTR"])
    assert str(caught.value) == sentence


def test_what_is_there_passes():
    refuse_absent("a.out", ["LTR", "DNA"], ["DNA", "LTR"])
    refuse_absent("a.out", [], [])
    with pytest.raises(InputError, match="its name without #"):
        refuse_absent("a.bed", ["x"], [])
