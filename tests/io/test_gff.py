import gzip

import pytest

from phenolens.core.errors import InputError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import check
from phenolens.io.gff import read_features
from phenolens.io.intervals import read_intervals

# as homo_sapiens.GRCh38.Regulatory_Build.regulatory_features.20221007.gff.gz has them
BUILD = """\
##gff-version 3
GL000008.2\tRegulatory_Build\topen_chromatin_region\t8951\t9350\t.\t.\t.\tID=open_chromatin_region:ENSR00000898744;bound_end=9350;bound_start=8951;description=Open chromatin region;feature_type=Open chromatin region
18\tRegulatory_Build\tTF_binding_site\t76429380\t76430144\t.\t.\t.\tID=TF_binding_site:ENSR00000572865;bound_end=76430144;bound_start=76429380;description=Transcription factor binding site;feature_type=TF binding site
8\tRegulatory_Build\tenhancer\t66405962\t66406502\t.\t.\t.\tID=enhancer:ENSR00000853670;bound_end=66406502;bound_start=66405962;description=Predicted enhancer;feature_type=Enhancer
4\tRegulatory_Build\tCTCF_binding_site\t184315901\t184316096\t.\t.\t.\tID=CTCF_binding_site:ENSR00000736129;bound_end=184316096;bound_start=184315901;description=CTCF binding site;feature_type=CTCF Binding Site
X\tRegulatory_Build\tpromoter\t74423400\t74426201\t.\t.\t.\tID=promoter:ENSR00000246790;bound_end=74426201;bound_start=74423400;description=Predicted promoter;feature_type=Promoter
8\tRegulatory_Build\tenhancer\t1\t12\t.\t-\t.\tbound_end=12;bound_start=1
"""
GENE = "22\t.\tgene\t11\t90\t.\t+\t.\tID=gene:G1\n"
NAME = "homo_sapiens.GRCh38.Regulatory_Build.regulatory_features.20221007.gff.gz"


def written(tmp_path, text, name=NAME):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n")])
def test_regulatory_build(tmp_path, change):
    path = written(tmp_path, change(BUILD))
    table = check(read_intervals(path), INTERVALS)
    assert table.select("chrom", "start", "end", "name", "strand").rows() == [
        ("GL000008.2", 8950, 9350, "open_chromatin_region:ENSR00000898744", "."),
        ("18", 76429379, 76430144, "TF_binding_site:ENSR00000572865", "."),
        ("8", 66405961, 66406502, "enhancer:ENSR00000853670", "."),
        ("4", 184315900, 184316096, "CTCF_binding_site:ENSR00000736129", "."),
        ("X", 74423399, 74426201, "promoter:ENSR00000246790", "."),
        ("8", 0, 12, None, "-"),
    ]
    assert read_intervals(path, ("enhancer",))["start"].to_list() == [66405961, 0]
    assert read_intervals(path, ("promoter", "TF_binding_site"))["chrom"].to_list() == ["18", "X"]


def test_kinds_and_no_kinds_partition_the_file(tmp_path):
    path = written(tmp_path, BUILD)
    kinds = ["open_chromatin_region", "TF_binding_site", "enhancer", "CTCF_binding_site", "promoter"]
    parts = [row for kind in kinds for row in read_intervals(path, (kind,)).rows()]
    assert sorted(parts, key=str) == sorted(read_intervals(path).rows(), key=str)


def test_an_absent_kind_names_those_there(tmp_path):
    path = written(tmp_path, BUILD)
    with pytest.raises(InputError) as caught:
        read_intervals(path, ("CTCF_site",))
    assert str(caught.value) == (
        f"{path}: has no feature 'CTCF_site'; expected one of: CTCF_binding_site, TF_binding_site, enhancer, open_chromatin_region, "
        "promoter; did you mean 'CTCF_binding_site'?"
    )


@pytest.mark.parametrize(
    "text",
    [
        BUILD + GENE, GENE + BUILD, "22\t.\tpseudogene\t1\t9\t.\t.\t.\tID=p\n", "22\t.\texon\t1\t9\t.\t.\t.\tName=e; Parent=t1\n",
        '22\tx\texon\t1\t9\t.\t.\t.\tgene_id "H1"; transcript_id "H1.1";\n',
    ],
)  # fmt: skip
def test_a_file_of_genes_is_told_wherever_its_first_gene_lies(tmp_path, text):
    assert read_features(written(tmp_path, text)) is None


def test_what_is_no_parent(tmp_path):
    table = read_features(written(tmp_path, "1\t.\trepeat_region\t1\t9\t.\t?\t.\tID=a%3Bb;GrandParent=x\n"))
    assert table.select("chrom", "end", "name", "strand").rows() == [("1", 9, "a;b", ".")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("##gff-version 3\n", ": has no feature; expected lines of nine columns, as GFF3 and GTF have"),
        (BUILD.replace("76429380\t", "x\t"), ", line 3: start is 'x'; expected a whole number, 1-based"),
        (BUILD.replace("\tTF_binding_site\t", "\t"), ", line 3: has 8 columns; expected 9, separated by tabs, as GFF3 and GTF have"),
        ("1\t.\tenhancer\t1\t9\t.\t.\t.\tsome text\n", ", line 1: column 9 is 'some text'; expected tag=value (GFF3) or tag \"value\" (GTF)"),
    ],
)  # fmt: skip
def test_one_line_for_what_is_wrong(tmp_path, text, sentence):
    path = written(tmp_path, text, "a.gff3")
    with pytest.raises(InputError) as caught:
        read_intervals(path)
    assert str(caught.value) == f"{path}{sentence}"
