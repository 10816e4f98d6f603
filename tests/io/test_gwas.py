import csv
import gzip
from pathlib import Path

import pytest

from phenolens.core.errors import InputError
from phenolens.core.schemas import INTERVALS
from phenolens.core.table import check
from phenolens.io import text
from phenolens.io.gwas import read_gwas
from phenolens.io.intervals import count_intervals, read_intervals

SHARED = Path(__file__).parents[2] / "../shared/data/annotation/gwas_catalog.hg19.tsv.gz"
NAMES = (
    "DATE ADDED TO CATALOG\tPUBMEDID\tFIRST AUTHOR\tDATE\tJOURNAL\tLINK\tSTUDY\tDISEASE/TRAIT\tINITIAL SAMPLE SIZE\tREPLICATION SAMPLE SIZE\t"
    "REGION\tCHR_ID\tCHR_POS\tREPORTED GENE(S)\tMAPPED_GENE\tUPSTREAM_GENE_ID\tDOWNSTREAM_GENE_ID\tSNP_GENE_IDS\tUPSTREAM_GENE_DISTANCE\t"
    "DOWNSTREAM_GENE_DISTANCE\tSTRONGEST SNP-RISK ALLELE\tSNPS\tMERGED\tSNP_ID_CURRENT\tCONTEXT\tINTERGENIC\tRISK ALLELE FREQUENCY\tP-VALUE\t"
    "PVALUE_MLOG\tP-VALUE (TEXT)\tOR or BETA\t95% CI (TEXT)\tPLATFORM [SNPS PASSING QC]\tCNV"
)
# trait, chromosome, position of a download's rows: single variants, one of them twice, a haplotype, an interaction, two without a place
ROWS = [
    ("Type 2 diabetes", "10", "112998590"), ("Fasting glucose", "10", "112998590"), ("Type 1 DIABETES", "X", "153764217"),
    ("Asthma", "17", "39905943"), ("Asthma (childhood onset)", "6;6;6", "32605884;32606000;32606100"), ("Asthma", "5 x 17", "131995964 x 39905943"),
    ("Asthma", "", ""), ('Height ("tall")', "", ""), ("Height", "MT", "3010"),
]  # fmt: skip


def ebi(rows=ROWS):
    lines = [NAMES]
    for trait, chrom, position in rows:
        cells = ["."] * 34
        cells[7], cells[11], cells[12] = trait, chrom, position
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def ucsc(rows=ROWS):
    lines = []
    for trait, chrom, position in rows:
        if position.isdigit():
            cells = ["x"] * 23
            cells[:5] = ["585", f"chr{chrom}".replace("MT", "M"), str(int(position) - 1), position, "rs1"]
            cells[10] = trait
            lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    return path


def places(table):
    return table.select("chrom", "start", "end").rows()


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_every_place_once_and_the_others_counted(tmp_path, change):
    table, skipped = count_intervals(written(tmp_path, "gwas-catalog-associations.tsv", change(ebi())))
    assert places(check(table, INTERVALS)) == [
        ("10", 112998589, 112998590), ("X", 153764216, 153764217), ("17", 39905942, 39905943), ("MT", 3009, 3010),
    ]  # fmt: skip
    assert table["name"].null_count() == table["score"].null_count() == 4
    assert skipped == {
        "no mapped position": 2,
        "several variants at once": 1,
        "an interaction of variants": 1,
    }


def test_text_of_the_trait_chooses_in_either_case(tmp_path):
    path = written(tmp_path, "a.tsv.gz", ebi())
    assert places(read_intervals(path, ("diabetes",))) == [("10", 112998589, 112998590), ("X", 153764216, 153764217)]
    assert read_intervals(path, ("DIABETES", "asthma"))["chrom"].to_list() == ["10", "X", "17"]
    assert read_gwas(path, ("asthma",)).skipped == {
        "no mapped position": 1,
        "several variants at once": 1,
        "an interaction of variants": 1,
    }
    # the text is no pattern
    assert read_intervals(written(tmp_path, "b.tsv", ebi([('a("x', "1", "5")])), ('("',)).height == 1


def test_pieces_of_any_size_give_the_same_table(tmp_path, monkeypatch):
    path = written(tmp_path, "a.tsv", ebi())
    whole = read_gwas(path, ("asthma", "glucose"))
    monkeypatch.setitem(text.line_batches.__kwdefaults__, "size", 100)
    pieces = read_gwas(path, ("asthma", "glucose"))
    assert pieces.table.equals(whole.table)
    assert pieces.skipped == whole.skipped


def test_ucsc_has_the_same_places(tmp_path):
    ours, _ = count_intervals(written(tmp_path, "gwasCatalog.txt.gz", ucsc()))
    theirs, _ = count_intervals(written(tmp_path, "a.tsv", ebi()))
    assert [(c.removeprefix("chr").replace("M", "MT"), s, e) for c, s, e in places(ours)] == places(theirs)
    header = "#bin\tchrom\tchromStart\tchromEnd\tname\t" + "\t".join(f"c{i}" for i in range(5)) + "\ttrait\t" + "\t".join(f"d{i}" for i in range(12)) + "\n"  # fmt: skip
    assert read_intervals(written(tmp_path, "browser.txt", header + ucsc())).equals(ours)
    assert read_intervals(written(tmp_path, "c.txt", ucsc()), ("height",))["chrom"].to_list() == ["chrM"]


@pytest.mark.parametrize(
    ("rows", "features", "sentence"),
    [
        (ROWS, ("diabtes",), ": has no trait that contains 'diabtes'; expected text of a trait, such as: Type 2 diabetes, Fasting glucose, Type 1 DIABETES, Asthma, Asthma (childhood onset) and 2 more; change what follows # in the study file"),
        (ROWS[4:8], (), ": has no association with a place: no mapped position in 2, several variants at once in 1, an interaction of variants in 1; expected a chromosome and a position"),
        ([("Height", "1", "12a")], (), ", line 2: position is '12a'; expected a whole number, 1 or more"),
        ([("Height", "1", "5"), ("Height", "1", "0")], (), ", line 3: position is '0'; expected a whole number, 1 or more"),
        ([("Height", "1", "5"), ("Height\tx", "1", "7")], (), ", line 3: has 35 columns; expected 34, as the first line has, separated by tabs; download the file again"),
        ([], (), ": has no association; expected a row for each association"),
    ],
)  # fmt: skip
def test_one_line_for_what_is_wrong(tmp_path, rows, features, sentence):
    path = written(tmp_path, "a.tsv", ebi(rows))
    with pytest.raises(InputError) as caught:
        read_intervals(path, features)
    assert str(caught.value) == f"{path}{sentence}"


def test_another_table_is_refused(tmp_path):
    path = written(tmp_path, "a.tsv", "gene\tvalue\nA\t1\n")
    with pytest.raises(InputError) as caught:
        read_gwas(path)
    assert str(caught.value).startswith(f"{path}, line 1: begins with 'gene value'; expected a line of column names")


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_catalogue_of_2016():
    with gzip.open(SHARED, "rt", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    expected = {(r["chrom"], int(r["pos"])) for r in rows}
    table, skipped = count_intervals(SHARED)
    assert {(c, e) for c, _, e in places(table)} == expected
    assert table.height == len(expected)
    assert skipped == {}
    chosen = {(r["chrom"], int(r["pos"])) for r in rows if "diabetes" in r["DISEASE/TRAIT"].lower()}
    assert {(c, e) for c, _, e in places(read_intervals(SHARED, ("Diabetes",)))} == chosen
    # rs7903146 of TCF7L2 is base 114,758,349 of chr10 in hg19, counted from 1
    assert ("chr10", 114758348, 114758349) in set(places(table))
