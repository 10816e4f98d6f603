"""Files of single variants held against the genome: what is used, and what a file that gives nothing is said to be."""

from pathlib import Path

import polars as pl
import pysam
import pytest

from phenolens.core.errors import InputError
from phenolens.core.ground import ground
from phenolens.core.settings_annotate import ScoreSettings
from phenolens.core.study import load_study
from phenolens.inputs import open_inputs
from phenolens.inputs_files import annotate_files
from phenolens.overlays import check_overlays, open_depth, open_scores, open_variants

ANNOTATION = Path(__file__).parents[2] / "shared" / "data" / "annotation"
GENOME = {"chr1": "ACGTTGCA" * 200, "chr2": "TTGACCA" * 200}
NAMES = "#CHROM\tPOS\tREF\tALT\tPHRED\tRawScore\n"
VCF = "##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture
def study(tmp_path):
    """Text of [annotate] -> Study with a genome."""
    with (tmp_path / "genome.fa").open("w") as out:
        out.writelines(f">{name}\n{letters}\n" for name, letters in GENOME.items())
    (tmp_path / "a.bed").write_text("chr1\t1\t90\n")

    def load(annotate=""):
        head = 'name = "s"\n[dataset]\ngenome = "genome.fa"\n[[dataset.classes]]\nlabel = "a"\nintervals = "a.bed"\n'
        (tmp_path / "study.toml").write_text(f"{head}[annotate]\n{annotate}")
        return load_study(tmp_path / "study.toml")

    return load


def wanted(*places):
    return ground(pl.DataFrame(places, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64}, orient="row"))


def rows(chrom, bases, shift=0, score=10):
    """Rows whose REF is the genome's base `shift` bases on."""
    letters = GENOME["chr" + chrom.removeprefix("chr")]
    lines = ((base, letters[base + shift]) for base in bases)
    return "".join(f"{chrom}\t{base + 1}\t{ref}\t{'CGTA'['ACGT'.index(ref)]}\t{score}\t1\n" for base, ref in lines)


def read(study, tmp_path, text, *places, **asked):
    (tmp_path / "scores.tsv").write_text(text)
    stretches = wanted(*places) if places else wanted(("chr1", 100, 200))
    with open_inputs(study()) as inputs:
        overlay, tables = open_scores(inputs, "x", ScoreSettings(file="scores.tsv", **asked), stretches, None)
        table = pl.concat(list(tables))
        return table, overlay.account(stretches)


def refused(study, tmp_path, text, *places):
    with pytest.raises(InputError) as caught:
        read(study, tmp_path, text, *places)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_rows_that_fit_are_used_and_few_that_do_not_are_counted(study, tmp_path):
    text = NAMES + rows("1", range(100, 140)) + "1\t141\tA\tC\t9\t1\n" * (GENOME["chr1"][140] != "A")
    table, account = read(study, tmp_path, text)
    assert table["start"].to_list() == list(range(100, 140))
    assert account == {
        "name": "x", "kind": "scores", "file": "scores.tsv", "format": "cadd, column PHRED", "threshold": 20.0, "rows": 40, "bases": 100,
        "note": "1 rows left out: with another REF than the genome",
    }  # fmt: skip


def test_the_threshold_belongs_to_the_usual_column(study, tmp_path):
    text = NAMES + rows("chr1", [120])
    assert read(study, tmp_path, text, column="RawScore")[1]["threshold"] is None
    assert read(study, tmp_path, text, column="RawScore", harmful=3)[1]["threshold"] == 3


def test_another_build_is_refused_where_rows_lie_on_the_sequences(study, tmp_path):
    text = NAMES + rows("chr1", range(100, 300), shift=1)
    assert refused(study, tmp_path, text) == (
        f"scores.tsv: {100 - sum(a == b for a, b in zip(GENOME['chr1'][100:200], GENOME['chr1'][101:201], strict=True))} of 100 rows have another REF than the genome, "
        "the first: C at chr1:101, where genome.fa has T; expected the build of genome.fa; "
        "check that both are of one build (hg19 = GRCh37, hg38 = GRCh38), or lift one over"
    ).replace("C at chr1:101, where genome.fa has T", _first(100))


def _first(base):
    here = next(b for b in range(base, base + 9) if GENOME["chr1"][b] != GENOME["chr1"][b + 1])
    return f"{GENOME['chr1'][here + 1]} at chr1:{here + 1}, where genome.fa has {GENOME['chr1'][here]}"


def test_another_build_is_refused_where_no_row_lies_on_the_sequences(study, tmp_path):
    sentence = refused(study, tmp_path, NAMES + rows("chr1", range(900, 940), shift=1))
    assert "of 40 rows have another REF than the genome" in sentence
    beyond = NAMES + "".join(f"chr1\t{5000 + i}\tA\tC\t1\t1\n" for i in range(9))
    assert (
        "9 of 9 rows have another REF than the genome, the first: A at chr1:5000, where genome.fa has no base"
        in refused(study, tmp_path, beyond)
    )


def test_a_file_without_the_chromosomes_of_the_sequences_is_refused(study, tmp_path):
    sentence = refused(study, tmp_path, NAMES + rows("chr2", range(50)))
    assert sentence == (
        "scores.tsv: has no row on the chromosomes of the sequences (chr1); expected them; it has chr2; name the file of these chromosomes"
    )


def test_a_file_that_scores_other_bases_is_said_to(study, tmp_path):
    table, account = read(study, tmp_path, NAMES + rows("chr1", range(900, 940)))
    assert table.is_empty()
    assert account["note"].startswith("no row on the sequences, though REF is the genome's elsewhere")


def test_a_chromosome_that_is_missing_is_said(study, tmp_path):
    _, account = read(study, tmp_path, NAMES + rows("chr1", [120]), ("chr1", 100, 200), ("chr2", 0, 9))
    assert account["note"] == "has nothing on chr2, where sequences lie"


def test_frequencies_and_depth_are_read_by_the_genomes_names(study, tmp_path):
    ref = GENOME["chr1"][149]
    (tmp_path / "p.vcf").write_text(f"{VCF}1\t150\t.\t{ref}\t<DEL>,{'CGTA'['ACGT'.index(ref)]}\t.\tPASS\tAF=0.1,0.2\n")
    (tmp_path / "d.tsv").write_text("#path\tstart\tend\tmean.depth\nGRCh38#0#chr1\t0\t150\t90\nHG1#1#x\t0\t9\t3\n")
    stretches = wanted(("chr1", 100, 200), ("chr2", 0, 5))
    with open_inputs(study()) as inputs:
        overlay, tables = open_variants(inputs, "p.vcf", stretches)
        assert pl.concat(list(tables)).select("chrom", "start", "frequency").rows() == [("chr1", 149, 0.2)]
        assert (
            overlay.account(stretches)["note"]
            == "1 rows left out: no letters; has nothing on chr2, where sequences lie"
        )
        overlay, tables = open_depth(inputs, "d.tsv", None, stretches)
        assert pl.concat(list(tables)).rows() == [("chr1", 0, 150, 90.0)]
        note = (
            "1 rows left out: on paths that are no chromosome of the genome; has nothing on chr2, where sequences lie"
        )
        assert overlay.account(stretches)["note"] == note


def test_a_vcf_of_other_chromosomes_is_refused(study, tmp_path):
    (tmp_path / "p.vcf").write_text(VCF + "2\t5\t.\tA\tC\t.\tPASS\tAF=0.1\n")
    with open_inputs(study()) as inputs, pytest.raises(InputError) as caught:
        list(open_variants(inputs, "p.vcf", wanted(("chr1", 0, 9)))[1])
    assert "has no row on the chromosomes of the sequences (chr1); expected them; it has chr1, chr2" in str(
        caught.value
    )


def test_a_wrong_file_is_found_before_training(study, tmp_path):
    settings = 'scores = { a = "a.tsv", b = { file = "b.tsv", column = "RawScore" }, c = "c.vcf.gz" }\nvariants = ["p.vcf"]\ndepth = "d.tsv"\n'
    (tmp_path / "a.tsv").write_text(NAMES + rows("chr1", range(90)))
    (tmp_path / "b.tsv").write_text(NAMES + rows("chr1", range(90)))
    with pysam.BGZFile(str(tmp_path / "c.vcf.gz"), "wb") as out:
        out.write(VCF.encode())
    (tmp_path / "p.vcf").write_text(VCF)
    (tmp_path / "d.tsv").write_text("chr1\t0\t150\t90\n")
    with open_inputs(study(settings)) as inputs:
        assert check_overlays(inputs) == [
            "scores a: cadd, column PHRED",
            "scores b: cadd, column RawScore",
            "scores c: ClinVar's VCF, 2 chromosomes",
            "variants p.vcf: 2 chromosomes",
            "depth: 1 rows of the first 1 lie on the genome",
        ]
        assert [p.name for p in annotate_files(inputs.study)][-5:] == ["a.tsv", "b.tsv", "c.vcf.gz", "p.vcf", "d.tsv"]
    (tmp_path / "b.tsv").write_text(NAMES + rows("chr1", range(90), shift=1))
    with (
        open_inputs(study(settings)) as inputs,
        pytest.raises(InputError, match=r"b\.tsv: \d+ of 50 rows have another REF"),
    ):
        check_overlays(inputs)


@pytest.mark.shared_data
@pytest.mark.skipif(not ANNOTATION.exists(), reason="needs ../shared/data")
def test_real_files_of_hg19_fit_the_real_chromosome_22_and_another_does_not(tmp_path):
    head = 'name = "s"\n[dataset]\ngenome = "{}"\n[[dataset.classes]]\nlabel = "a"\nintervals = "demo:erv.bed.gz"\n'
    (tmp_path / "study.toml").write_text(head.format(ANNOTATION.parent / "genome" / "chr22.hg19.fa.gz"))
    places = wanted(("chr22", 17_070_000, 17_080_000), ("chr22", 17_660_000, 17_690_000))
    asked = {
        "clinvar": ScoreSettings(file=str(ANNOTATION / "clinvar.chr22.GRCh37.tsv.gz")),
        "sift": ScoreSettings(file=str(ANNOTATION / "dbnsfp_phylop_phastcons.chr22.hg19.txt.gz"), column="SIFT_score"),
        "alphamissense": ScoreSettings(file=str(ANNOTATION / "alphamissense.hg38.head.tsv")),
    }
    with open_inputs(load_study(tmp_path / "study.toml")) as inputs:
        for name in ("clinvar", "sift"):
            overlay, tables = open_scores(inputs, name, asked[name], places, None)
            table = pl.concat(list(tables))
            assert table.height == overlay.rows > 5
            letters = [inputs.genome.fetch("chr22", at, at + 1).upper() for at in table["start"]]
            assert all(letter in (ref, "N") for letter, ref in zip(letters, table["ref"], strict=True))
            assert letters.count("N") <= 1
        with pytest.raises(
            InputError, match=r"has no row on the chromosomes of the sequences \(chr22\); expected them; it has chr1;"
        ):
            list(open_scores(inputs, "alphamissense", asked["alphamissense"], places, None)[1])
