"""A study's files as the stages get them: chosen features, the genome's chromosome names, and a note of everything that was changed."""

import gzip
import re

import polars as pl
import pytest

from phenolens.core.errors import InputError, SettingsError
from phenolens.core.schemas import INTERVALS, VARIANTS
from phenolens.core.study import load_study
from phenolens.core.table import check
from phenolens.inputs import open_inputs, read_annotation
from phenolens.inputs_files import annotate_files, dataset_files

LENGTHS = {"chr1": 900, "chr2": 600, "chrX": 400, "chrM": 120, "chr1_KI270706v1_random": 80}
RMSK = "585\t463\t13\t6\t17\t{}\t{}\t{}\t-9\t+\t{}\t{}\t{}\t1\t471\t0\t1\n"
VCF = "##fileformat=VCFv4.2\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{records}"


@pytest.fixture
def study(tmp_path):
    """Return (settings of [dataset], rest of the study) -> Study, in a folder with a genome of UCSC's names."""
    with (tmp_path / "genome.fa").open("w") as out:
        out.writelines(f">{chrom}\n{('ACGTTGCA' * size)[:size]}\n" for chrom, size in LENGTHS.items())
    (tmp_path / "a.bed").write_text("chr1\t1\t90\n")

    def load(dataset="", rest=""):
        classes = "" if "labelled" in dataset else '[[dataset.classes]]\nlabel = "a"\nintervals = "a.bed"\n'
        genome = "" if "genome" in dataset else 'genome = "genome.fa"\n'
        (tmp_path / "study.toml").write_text(f'name = "s"\n[dataset]\n{genome}{dataset}\n{classes}{rest}')
        return load_study(tmp_path / "study.toml")

    return load


def read(study, name):
    """Return (rows of chrom, start, end; notes) of a file of intervals."""
    with open_inputs(study) as inputs:
        table = inputs.intervals(name)
        assert inputs.intervals(name) is table
        return check(table, INTERVALS).select("chrom", "start", "end").rows(), inputs.notes


def refused(study, name):
    with open_inputs(study) as inputs, pytest.raises(InputError) as caught:
        inputs.intervals(name)
    return str(caught.value)


def test_names_follow_the_genome_and_a_note_says_so(study, tmp_path):
    names = ["1", "2", "X", "MT", "KI270706.1"]
    (tmp_path / "other.bed").write_text("".join(f"{name}\t{i}\t{i + 5}\n" for i, name in enumerate(names)))
    rows, notes = read(study(), "other.bed")
    assert rows == [(chrom, i, i + 5) for i, chrom in enumerate(LENGTHS)]
    assert notes == [
        "other.bed: 5 chromosome names follow the genome's: 1 -> chr1, 2 -> chr2, X -> chrX, MT -> chrM, KI270706.1 -> chr1_KI270706v1_random"
    ]
    refseq = "".join(f"{name}\t3\t9\n" for name in ("NC_000001.11", "CM000664.2", "chrM"))
    (tmp_path / "refseq.bed").write_text(refseq)
    rows, notes = read(study(), "refseq.bed")
    assert [chrom for chrom, _, _ in rows] == ["chr1", "chr2", "chrM"]
    assert notes == ["refseq.bed: 2 chromosome names follow the genome's: NC_000001.11 -> chr1, CM000664.2 -> chr2"]
    assert read(study(), "a.bed") == ([("chr1", 1, 90)], [])


def test_features_choose_and_stay_apart(study, tmp_path):
    rows = [
        ("chr1", 5, 60, "LTR7", "LTR", "ERV1"),
        ("chr2", 9, 70, "AluY", "SINE", "Alu"),
        ("chr2", 100, 170, "LTR5", "LTR", "ERVK"),
    ]
    with gzip.open(tmp_path / "rmsk.txt.gz", "wt") as out:
        out.writelines(RMSK.format(*row) for row in rows)
    loaded = study()
    with open_inputs(loaded) as inputs:
        assert inputs.intervals("rmsk.txt.gz#LTR")["name"].to_list() == ["LTR7", "LTR5"]
        assert inputs.intervals("rmsk.txt.gz#LTR/ERVK, AluY")["name"].to_list() == ["AluY", "LTR5"]
        assert inputs.intervals("rmsk.txt.gz").height == 3
        assert inputs.notes == []
    assert (
        "has no feature 'ltr'; expected one of: LTR, SINE, LTR/ERV1, LTR/ERVK, SINE/Alu; did you mean 'LTR'?"
        in refused(loaded, "rmsk.txt.gz#ltr")
    )
    assert "is named as 'a.bed#'" in refused(loaded, "a.bed#")


def test_rows_without_a_place_are_noted(study, tmp_path):
    rows = [("1", "7"), ("", ""), ("", ""), ("1;2", "5;6"), ("X", "9")]
    lines = ["CHR_ID\tCHR_POS\tDISEASE/TRAIT", *(f"{chrom}\t{position}\tAsthma" for chrom, position in rows)]
    (tmp_path / "gwas.tsv").write_text("\n".join(lines) + "\n")
    places, notes = read(study(), "gwas.tsv#asthma")
    assert places == [("chr1", 6, 7), ("chrX", 8, 9)]
    assert notes == [
        "gwas.tsv: 2 chromosome names follow the genome's: 1 -> chr1, X -> chrX",
        "gwas.tsv#asthma: 2 rows left out: no mapped position",
        "gwas.tsv#asthma: 1 rows left out: several variants at once",
    ]


def test_absent_chromosomes_are_an_error_or_counted(study, tmp_path):
    (tmp_path / "more.bed").write_text("1\t5\t9\nchr9\t5\t9\nHSCHR6_MHC\t1\t4\nchr9\t15\t19\n2\t1\t4\n")
    said = refused(study(), "more.bed")
    assert "3 of 5 intervals lie on chromosomes that" in said
    assert said.endswith(
        'name the genome that they were made on, or set dataset.absent_chromosomes = "drop" to leave them out and count them'
    )
    rows, notes = read(study('absent_chromosomes = "drop"'), "more.bed")
    assert rows == [("chr1", 5, 9), ("chr2", 1, 4)]
    assert notes[1] == (
        "more.bed: 3 of 5 intervals left out, on 2 chromosomes that the genome does not have: chr9, HSCHR6_MHC"
    )
    # nothing left is never what was meant, and a place beyond the end is another build
    (tmp_path / "none.bed").write_text("chr9\t5\t9\n")
    assert "1 of 1 intervals lie on chromosomes" in refused(study('absent_chromosomes = "drop"'), "none.bed")
    (tmp_path / "beyond.bed").write_text("MT\t5\t121\n")
    assert "chrM:5-121, where chrM has 120 bases" in refused(study('absent_chromosomes = "drop"'), "beyond.bed")
    (tmp_path / "both.bed").write_text("1\t5\t9\nchr1\t15\t19\n")
    assert "calls one chromosome by two names: 1 and chr1" in refused(study(), "both.bed")


@pytest.mark.parametrize("declared", [True, False])
def test_alleles_are_found_under_the_file_s_names(study, tmp_path, declared):
    names = ["1", "MT", "KI270706.1", "9"]
    contigs = "".join(f"##contig=<ID={name}>\n" for name in names) if declared else ""
    records = "".join(
        f"{name}\t10\tv{name}\tA\tA{'CAGT' * 50}\t.\t.\t.\n{name}\t70\t.\tA\tC\t.\t.\t.\n" for name in names
    )
    (tmp_path / "sv.vcf").write_text(VCF.format(contigs=contigs, records=records))
    regions = pl.DataFrame({"chrom": list(LENGTHS), "start": [0] * 5, "end": [80] * 5})
    with open_inputs(study()) as inputs:
        found, skipped = inputs.variants("sv.vcf", regions, 150)
        assert inputs.variants("sv.vcf", regions.filter(chrom="chr2"), 150)[0].is_empty()
        assert inputs.notes == [
            "sv.vcf: 3 chromosome names follow the genome's: 1 -> chr1, MT -> chrM, KI270706.1 -> chr1_KI270706v1_random"
        ]
    assert check(found, VARIANTS).select("chrom", "start", "variant_id").rows() == [
        ("chr1", 9, "v1"), ("chr1_KI270706v1_random", 9, "vKI270706.1"), ("chrM", 9, "vMT"),
    ]  # fmt: skip
    assert skipped.select("reason", "n").rows() == [("shorter than 150", 3)]


def test_a_vcf_of_another_genome_is_never_silent(study, tmp_path):
    (tmp_path / "sv.vcf").write_text(VCF.format(contigs="##contig=<ID=2L>\n", records="2L\t5\t.\tA\tAC\t.\t.\t.\n"))
    with open_inputs(study()) as inputs, pytest.raises(InputError) as caught:
        inputs.variants("sv.vcf", pl.DataFrame({"chrom": ["chr1"], "start": [0], "end": [9]}), 1)
    assert "chromosomes that" in str(caught.value)
    assert "2L" in str(caught.value)
    (tmp_path / "sv.vcf").write_text("chr1\t5\t.\tA\tAC\t.\t.\t.\n")
    with open_inputs(study()) as inputs, pytest.raises(InputError, match="expected a VCF file"):
        inputs.variants("sv.vcf", pl.DataFrame({"chrom": ["chr1"], "start": [0], "end": [9]}), 1)


def test_a_labelled_set_lies_on_the_genome(study, tmp_path):
    rows = ["1,5,50,+,a", "2,5,50,-,b", "MT,5,50,+,a", "9,5,50,+,b", "X,7,60,+,b", "X,100,160,+,a"]
    (tmp_path / "set.csv").write_text("\n".join(["chrom,start,end,strand,label", *rows]) + "\n")
    with open_inputs(study('labelled = "set.csv"')) as inputs, pytest.raises(InputError, match="1 of 6 intervals lie"):
        inputs.labelled()
    with open_inputs(study('labelled = "set.csv"\nabsent_chromosomes = "drop"')) as inputs:
        table = inputs.labelled()
        assert table["chrom"].to_list() == ["chr1", "chr2", "chrM", "chrX", "chrX"]
        assert table["label"].to_list() == ["a", "b", "a", "b", "a"]
        assert "set.csv: 1 of 6 intervals left out, on 1 chromosomes that the genome does not have: 9" in inputs.notes
    with open_inputs(study()) as inputs, pytest.raises(SettingsError, match=r"dataset\.labelled: is missing"):
        inputs.labelled()


def test_given_sequences_need_no_place_on_the_genome(study, tmp_path):
    rows = ["9,5,13,a,ACGTACGT", "9,5,13,b,ACGTACGA", "9,25,33,b,ACGTACCA", ",,,a,ACGTAAAA"]
    (tmp_path / "set.csv").write_text("\n".join(["chrom,start,end,label,sequence", *rows]) + "\n")
    with open_inputs(study('labelled = "set.csv"')) as inputs:
        assert inputs.labelled()["sequence"].to_list() == ["ACGTACGT", "ACGTACGA", "ACGTACCA", "ACGTAAAA"]


def test_genes_and_features_of_the_annotation_follow_the_genome(study, tmp_path):
    gene = "{0}\tx\tgene\t11\t90\t.\t+\t.\tID=g{0};Name=G{0};biotype=protein_coding\n"
    (tmp_path / "genes.gff3").write_text("".join(gene.format(chrom) for chrom in ("1", "X", "9")))
    (tmp_path / "kinds.bed").write_text("2\t5\t9\tA\n2\t15\t19\tB\n")
    rest = '[annotate]\nmotifs = ""\ngenes = "genes.gff3"\nfeatures = { chosen = "kinds.bed#B" }\n'
    with open_inputs(study(rest=rest)) as inputs:
        assert inputs.genes()["chrom"].to_list() == ["chr1", "9", "chrX"]
        assert inputs.features()["chosen"].select("chrom", "start").rows() == [("chr2", 15)]
        assert sorted(inputs.features()["gene"]["chrom"]) == ["9", "chr1", "chrX"]
        assert read_annotation(inputs) == ["feature gene: 3 intervals", "feature chosen: 1 intervals"]
        assert inputs.notes[0] == "genes.gff3: 2 chromosome names follow the genome's: 1 -> chr1, X -> chrX"


ALL_KEYS = """\
variants = ["a.vcf.gz", "b.vcf"]
[[dataset.classes]]
label = "one"
intervals = "one.gff3#exon"
steps = [{ subtract = "subtract.bed#x" }, { merge = 3 }, { within = "within_step.bed" }, { exclude = "exclude_step.bed" }]
[[dataset.classes]]
label = "two"
sequences = "two.fa"
[[dataset.classes]]
label = "three"
matched_to = "one"
within = ["within.bed", "one.gff3#gene"]
exclude = ["exclude.bed#a,b"]
match = ["gc", "gene_distance", "covered"]
genes = "nearest.gtf"
covered_by = "mappable.bed"
"""
ANNOTATE = """
[annotate]
motifs = "m.meme"
genes = "g.gff3"
features = { one = "f.bed#x", two = "f.bed#y", three = "h.bed" }
signals = { s = "s.bw" }
"""


def test_every_file_that_a_study_names_belongs_to_a_stage(study, tmp_path):
    loaded = study(ALL_KEYS, ANNOTATE)
    # every text of the study file that looks like a file, but for the features that are taken of it
    text = (tmp_path / "study.toml").read_text()
    written = {re.sub("#.*", "", name) for name in re.findall(r'"([\w.]+\.\w+(?:#[\w,]+)?)"', text)}
    found = [*dataset_files(loaded), *annotate_files(loaded)]
    assert {path.name for path in found} == written
    assert len(found) == len(set(found))
    assert {path.parent for path in found} == {tmp_path}
    assert {path.name for path in annotate_files(loaded)} == {"m.meme", "g.gff3", "f.bed", "h.bed", "s.bw"}


def test_files_of_a_labelled_set(study, tmp_path):
    folder = tmp_path / "set"
    (folder / "train").mkdir(parents=True)
    for name in ("train/a.csv", "train/b.csv", "metadata.yaml"):
        (folder / name).write_text("sequence\nACGT\n")
    names = [path.relative_to(tmp_path).as_posix() for path in dataset_files(study('labelled = "set"'))]
    assert names == ["genome.fa", "set/metadata.yaml", "set/train/a.csv", "set/train/b.csv"]
    (tmp_path / "set.fa").write_text(">a\nACGT\n")
    (tmp_path / "set.labels.tsv").write_text("name\tlabel\na\tx\n")
    names = [path.name for path in dataset_files(study('labelled = "set.fa"'))]
    assert names == ["genome.fa", "set.fa", "set.labels.tsv"]
    assert [path.name for path in dataset_files(study('labelled = "absent.csv"'))] == ["genome.fa", "absent.csv"]


def test_shuffled_sequences_need_no_genome(tmp_path):
    classes = '[[dataset.classes]]\nlabel = "a"\nsequences = "a.fa"\n[[dataset.classes]]\nlabel = "b"\n{}\n'
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    path = tmp_path / "study.toml"
    path.write_text('name = "s"\n[dataset]\n' + classes.format('shuffled_from = "a"'))
    with open_inputs(load_study(path)) as inputs:
        assert inputs.genome is None
        assert inputs.sequences("a.fa")["sequence"].to_list() == ["ACGT"]
    path.write_text('name = "s"\n[dataset]\n' + classes.format('matched_to = "a"'))
    with pytest.raises(SettingsError, match="class b is cut from a genome"), open_inputs(load_study(path)):
        pass


def test_one_note_tells_all_renamed_chromosomes_of_a_file(study, tmp_path):
    (tmp_path / "deep").mkdir()
    rows = [
        ("1", 5, 60, "LTR7", "LTR", "ERV1"),
        ("2", 5, 60, "AluY", "SINE", "Alu"),
        ("2", 90, 99, "LTR5", "LTR", "ERVK"),
    ]
    (tmp_path / "deep" / "r.txt").write_text("".join(RMSK.format(*row) for row in rows))
    with open_inputs(study()) as inputs:
        inputs.intervals("deep/r.txt#LTR/ERV1")
        assert inputs.notes == ["r.txt: 1 chromosome names follow the genome's: 1 -> chr1"]
        inputs.intervals("deep/r.txt#SINE")
        inputs.intervals("deep/r.txt")
        assert inputs.notes == ["r.txt: 2 chromosome names follow the genome's: 1 -> chr1, 2 -> chr2"]
    assert study().path("deep/r.txt#LTR/ERV1") == tmp_path / "deep" / "r.txt"
