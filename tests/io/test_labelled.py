"""Labelled sets in every format that people keep them in, read as the same table."""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenolens.core.errors import InputError
from phenolens.io import text
from phenolens.io.labelled import read_labelled
from phenolens.io.labelled_columns import LABELLED

SHARED = Path(__file__).parents[3] / "shared" / "data" / "labelled"
WORDS = {"train": "train", "dev": "validation", "test": "test"}
RNG = np.random.default_rng(7)
ROWS = [("".join(RNG.choice(list("ACGTacgtN"), 40)), int(i % 3)) for i in range(30)]
NAMES = ["promoter", "enhancer", "open chromatin"]


def frame(rows=ROWS):
    return pl.DataFrame(rows, schema={"sequence": pl.String, "label": pl.Int64}, orient="row")


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def delimited(rows=ROWS, header="sequence,label", separator=","):
    return "\n".join([header, *(separator.join(map(str, row)) for row in rows)]) + "\n"


def fails(path, *words, **columns):
    with pytest.raises(InputError) as error:
        read_labelled(path, **columns)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


def save_to_disk(folder, splits, names=NAMES, shards=1):
    """Write what the library's save_to_disk writes: lists of files, features, Arrow streams."""
    write(folder / "dataset_dict.json", json.dumps({"splits": list(splits)}))
    for split, table in splits.items():
        save_split(folder / split, table, names, shards)
    return folder


def save_split(folder, table, names=NAMES, shards=1):
    files = [f"data-{i:05d}-of-{shards:05d}.arrow" for i in range(shards)]
    write(folder / "state.json", json.dumps({"_data_files": [{"filename": f} for f in files], "_split": None}))
    label = {"names": names, "_type": "ClassLabel"}
    features = {"sequence": {"dtype": "string", "_type": "Value"}, "label": label}
    write(folder / "dataset_info.json", json.dumps({"features": features}))
    step = -(-table.height // shards)
    for i, file in enumerate(files):
        buffer = io.BytesIO()
        table[i * step : (i + 1) * step].write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
        write(folder / file, buffer.getvalue())


def as_csv(folder):
    return write(folder / "a.csv", delimited())


def as_windows_csv_with_a_mark(folder):
    return write(folder / "a.csv", "\ufeff" + delimited().replace("\n", "\r\n"))


def as_tsv_gz(folder):
    return write(folder / "a.txt.gz", delimited([(b, a) for a, b in ROWS], "Label\tSEQ", "\t"))


def as_semicolons_with_blank_lines(folder):
    return write(folder / "a.csv", delimited(separator=";", header="dna;class").replace("\n", "\n\n"))


def as_quoted_csv_with_an_index(folder):
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerows([["", "note", "sequence", "label"], *([i, "a, b", *row] for i, row in enumerate(ROWS))])
    return write(folder / "a.csv", buffer.getvalue())


def as_floats(folder):
    return write(folder / "a.csv", delimited([(s, float(y)) for s, y in ROWS]))


def as_json_lines(folder):
    lines = [
        json.dumps({"text": s, "target": y} if i % 2 else {"target": y, "text": s}) for i, (s, y) in enumerate(ROWS)
    ]
    return write(folder / "a.jsonl.gz", "\n".join(lines))


def as_parquet(folder):
    frame().with_columns(pl.col("label").cast(pl.Float32)).write_parquet(folder / "a.parquet")
    return folder / "a.parquet"


def as_arrow_file(folder):
    frame().with_columns(pl.col("label").cast(pl.String).cast(pl.Categorical)).write_ipc(folder / "a.arrow")
    return folder / "a.arrow"


def as_arrow_stream(folder):
    frame().write_ipc_stream(folder / "a.arrow")
    return folder / "a.arrow"


def as_fasta_with_labels(folder):
    records = [f">r{i} note\n{s[:25]}\n{s[25:]}\n" for i, (s, _) in enumerate(ROWS)]
    write(folder / "a.labels.tsv", delimited([(f"r{i}", y) for i, (_, y) in enumerate(ROWS)], "id\tlabel", "\t"))
    return write(folder / "a.fa.gz", "".join(reversed(records)))


ONE_FILE = [value for name, value in list(globals().items()) if name.startswith("as_")]


@pytest.mark.parametrize("size", [50, 1 << 24])
@pytest.mark.parametrize("make", ONE_FILE)
def test_every_format_of_one_file_gives_the_same_set(tmp_path, make, size, monkeypatch):
    monkeypatch.setitem(text.line_batches.__kwdefaults__, "size", size)
    table = read_labelled(make(tmp_path))
    assert dict(table.schema) == LABELLED
    assert table.select("sequence", "label").rows() == [(s, str(y)) for s, y in ROWS]
    assert table["name"].n_unique() == 30
    assert table.select("chrom", "start", "end", "strand", "split").null_count().row(0) == (30,) * 5


def test_columns_that_the_user_names_win_over_those_found_by_name(tmp_path):
    path = write(tmp_path / "a.csv", delimited([(s, y, s[::-1], f"c{y}") for s, y in ROWS], "sequence,label,mine,kind"))
    table = read_labelled(path, sequence_column="mine", label_column="kind")
    assert table.select("sequence", "label").rows() == [(s[::-1], f"c{y}") for s, y in ROWS]
    assert read_labelled(path)["label"].to_list() == [str(y) for _, y in ROWS]


def test_labels_stay_as_they_are_written(tmp_path):
    words = ["yes", "1e", "01"]
    path = write(tmp_path / "a.csv", delimited([(s, words[y]) for s, y in ROWS]))
    assert read_labelled(path)["label"].to_list() == [words[y] for _, y in ROWS]


def test_names_are_the_files_own_once_each(tmp_path):
    rows = [(f"id{i // 2}", s, y) for i, (s, y) in enumerate(ROWS)]
    table = read_labelled(write(tmp_path / "a.csv", delimited(rows, "Name,sequence,label")))
    assert table["name"].head(4).to_list() == ["id0", "id0/2", "id1", "id1/2"]
    unnamed = read_labelled(
        write(tmp_path / "b.csv", delimited([(s, y, "Dev") for s, y in ROWS], "sequence,label,split"))
    )
    assert unnamed["name"][2] == "validation-3"
    assert set(unnamed["split"]) == {"validation"}


def test_a_files_name_fills_the_empty_cells_of_its_split_column(tmp_path):
    rows = [(s, y, "Training" if y else "") for s, y in ROWS]
    write(tmp_path / "train.csv", delimited(rows, "sequence,label,split"))
    assert read_labelled(tmp_path)["split"].to_list() == ["train"] * 30


def test_a_column_of_folds_is_no_split(tmp_path):
    path = write(tmp_path / "a.csv", delimited([(s, y, y) for s, y in ROWS], "sequence,label,fold"))
    assert read_labelled(path)["split"].null_count() == 30


@pytest.mark.parametrize(("first", "made"), [(0, 100), (1, 99)])
def test_the_length_of_the_sequences_tells_how_coordinates_count(tmp_path, first, made):
    rows = [(s, y, "chr1", 100, 140 - first, "+-"[i % 2]) for i, (s, y) in enumerate(ROWS)]
    table = read_labelled(write(tmp_path / "a.csv", delimited(rows, "sequence,label,Chr,start,stop,strand")))
    assert set(table.select("chrom", "start", "end").rows()) == {("chr1", made, 140 - first)}
    assert table["strand"].head(2).to_list() == ["+", "-"]


def split_folder(folder, make, suffix):
    for i, name in enumerate(WORDS):
        make(folder / f"{name}{suffix}", ROWS[i * 10 : i * 10 + 10])
    write(folder / "README.md", "a card")
    return folder


def parquet(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame(rows).write_parquet(path)


def fasta_pair(path, rows):
    write(path.with_suffix(".fa"), "".join(f">{i}\n{s}\n" for i, (s, _) in enumerate(rows)))
    write(path, delimited([(i, y) for i, (_, y) in enumerate(rows)], "name,label"))


FOLDERS = {
    "gue": lambda folder: split_folder(folder, lambda path, rows: write(path, delimited(rows)), ".csv.gz"),
    "fasta": lambda folder: split_folder(folder, fasta_pair, ".csv"),
    "hub": lambda folder: split_folder(folder / "data", parquet, "-00000-of-00001.parquet").parent,
    "hub folders": lambda folder: split_folder(folder, parquet, "/0000.parquet"),
    "saved": lambda folder: save_to_disk(
        folder, {n: frame(ROWS[i * 10 : i * 10 + 10]) for i, n in enumerate(WORDS)}, ["0", "1", "2"], shards=2
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_of_splits_gives_the_same_set(tmp_path, name):
    table = read_labelled(FOLDERS[name](tmp_path / "set"))
    assert table.select("sequence", "label").rows() == [(s, str(y)) for s, y in ROWS]
    assert table["split"].to_list() == [split for split in WORDS.values() for _ in range(10)]
    assert table["name"].n_unique() == 30


def test_classes_of_the_hugging_face_library_get_their_names(tmp_path):
    expected = [NAMES[y] for _, y in ROWS]
    saved = save_to_disk(tmp_path / "dict", {"train": frame()})
    assert read_labelled(saved)["label"].to_list() == expected
    save_split(tmp_path / "single", frame())
    single = read_labelled(tmp_path / "single")
    assert single["label"].to_list() == expected
    assert single["split"].null_count() == 30
    info = {"info": {"features": {"label": {"_type": "ClassLabel", "names": NAMES}}}}
    frame().write_parquet(tmp_path / "a.parquet", metadata={"huggingface": json.dumps(info)})
    assert read_labelled(tmp_path / "a.parquet")["label"].to_list() == expected


def genomic_benchmarks(folder):
    write(
        folder / "metadata.yaml",
        "classes:\n  negative:\n    type: fa.gz\n    url: x\n  'positive':\n    type: fa.gz\nversion: 0\n",
    )
    for split in ("train", "test"):
        for number, label in enumerate(("negative", "positive")):
            rows = [(i, i, f"chr{1 + number}", 100 * i, 100 * i + 50, "+-"[i % 2]) for i in range(5)]
            write(folder / split / f"{label}.csv.gz", delimited(rows, ",id,region,start,end,strand"))
    return folder


def test_intervals_of_genomic_benchmarks(tmp_path):
    table = read_labelled(genomic_benchmarks(tmp_path))
    expected = [
        (f"{split}-{label}-{i}", label, None, f"chr{chrom}", 100 * i, 100 * i + 50, "+-"[i % 2], split)
        for split in ("train", "test")
        for chrom, label in ((1, "negative"), (2, "positive"))
        for i in range(5)
    ]
    assert table.rows() == expected


def test_texts_of_genomic_benchmarks(tmp_path):
    genomic_benchmarks(tmp_path)
    expected = set()
    for split in ("train", "test"):
        for number, label in enumerate(("negative", "positive")):
            (tmp_path / split / f"{label}.csv.gz").unlink()
            for i in range(5):
                sequence = ROWS[10 * number + i][0]
                write(tmp_path / split / label / f"{i}.txt", sequence + "\n" * number)
                expected.add((f"{split}-{label}-{i}", label, sequence, split))
    table = read_labelled(tmp_path)
    assert set(table.select("name", "label", "sequence", "split").rows()) == expected
    assert table.height == 20
    write(tmp_path / "test" / "positive" / "3.txt", "ACGU")
    fails(tmp_path, "test/positive/3.txt: its sequence holds 'U'", "RNA")
    write(tmp_path / "test" / "positive" / "3.txt", b"AC\xffGT")
    fails(tmp_path, "test/positive/3.txt: its sequence holds")


HEAD = "sequence,label\nACGT,0\nACGT,1\n"
WRONG_TEXT = {
    "no sequence column": ("bases,label\nACGT,0\n", ["no column of DNA among bases, label", "dataset.sequence_column"]),
    "no label column": ("sequence,kind\nACGT,0\n", ["no column of labels among sequence, kind", "dataset.label_column"]),
    "RNA": (HEAD + "ACGU,0\n", ["line 4", "'U'", "write T for U"]),
    "protein": (HEAD + "\nMKUEL,0\n", ["line 5", "'E'", "a protein"]),
    "k-mers": (HEAD + "ACG CGT,0\n", ["line 4", "' '", "k-mers"]),
    "gap": (HEAD + "AC-GT,0\n", ["line 4", "'-'", "alignment"]),
    "digits": (HEAD + "123,0\n", ["line 4", "'1'"]),
    "empty sequence": (HEAD + " ,0\n", ["line 4", "has no sequence"]),
    "no label": (HEAD + "ACGT,\n", ["line 4", "has no label"]),
    "one member": (HEAD + "ACGT,0\nACGT,2\n", ["2 of 3 classes with a single sequence: 1, 2"]),
    "one class": ("sequence,label\nACGT,0\nACGT,0\n", ["one class, 0"]),
    "regression": ("sequence,label\nACGT,0.5\nACGT,1\n", ["0.5", "regression target"]),
    "exponents": ("sequence,label\nACGT,1e300\nACGT,1\n", ["1e300", "regression target"]),
    "uneven": (HEAD + "ACGT,0,1\n", ["line 4", "has 3 cells", "expected 2"]),
    "short": (HEAD + "ACGT\n", ["line 4", "has 1 cell;"]),
    "quoted and uneven": (HEAD + '"ACGT",0,1\n', ["is no whole CSV file"]),
    "a line break in a cell": (HEAD + '"AC\nGT",0\n', ["a cell with a line break"]),
    "no names": ("ACGTACGTAA,0\nACGT,1\n", ["line 1", "begins with a sequence", "sequence,label"]),
    "twice": ("sequence,label,label\nACGT,0,0\n", ["the column label twice"]),
    "only names": ("sequence,label\n", ["has no row"]),
    "blank": ("\n \n", ["blank"]),
    "split word": ("sequence,label,split\nACGT,0,left\n", ["split left", "train, training, dev"]),
    "some splits": ("sequence,label,split\nA,0,train\nA,0,\n", ["1 of 2 rows without a split"]),
    "two splits": ("sequence,label,split,set\nA,0,train,test\n", ["two splits that differ", "split and set"]),
    "start": ("sequence,label,chrom,start,end\nA,0,c,x,9\n", ["line 2", "start is 'x'", "whole number"]),
    "no end": ("sequence,label,chrom,start,end\nA,0,c,1,\n", ["line 2", "end is ''"]),
    "backwards": ("label,chrom,start,end\n0,c,5,5\n", ["line 2", "end 5 is not after start 5"]),
    "negative": ("label,chrom,start,end\n0,c,-5,5\n", ["line 2", "start -5 is negative"]),
    "strand": ("label,chrom,start,end,strand\n0,c,1,5,x\n", ["line 2", "strand is 'x'"]),
    "no place": ("label,chrom,start,end\n0,,1,5\n", ["line 2", "has no sequence"]),
    "JSON": ('{"sequence": "ACGT", "label": 0}\n{"sequence": \n', ["line 2", "no JSON object"]),
    "JSON in one piece": ('[{"sequence": "ACGT"}]', ["JSON in one piece", "jq -c"]),
    "lists": ('{"sequence": "ACGT", "label": [0, 1]}', ["label cells of type List"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_TEXT)
def test_what_is_wrong_with_a_text_is_one_line(tmp_path, name):
    content, words = WRONG_TEXT[name]
    fails(write(tmp_path / "a.csv", content), "a.csv", *words)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = as_csv(tmp_path)
    fails(
        path,
        "has no column bases",
        "one of: sequence, label",
        "change dataset.sequence_column",
        sequence_column="bases",
    )
    fails(path, "has no column kind", "change dataset.label_column", label_column="kind")


def test_rows_of_binary_tables_are_numbered(tmp_path):
    table = frame([*ROWS, ("ACGU", 1), ("", 2)])
    table.write_parquet(tmp_path / "a.parquet")
    fails(tmp_path / "a.parquet", "a.parquet: row 31: its sequence holds 'U'")
    save_split(tmp_path / "saved", frame([(s, 3) for s, _ in ROWS]))
    fails(tmp_path / "saved", "class 3 in its column label", "0 to 2")
    save_split(tmp_path / "test", frame([(s, -1) for s, _ in ROWS]))
    fails(tmp_path / "test", "row 1: has no label")


@pytest.mark.parametrize("make", [as_parquet, as_arrow_stream, as_arrow_file])
def test_a_binary_file_that_is_cut_off_anywhere_is_one_line(tmp_path, make):
    path = make(tmp_path)
    whole = path.read_bytes()
    for length in [6, *range(9, len(whole) - 1, 61), len(whole) - 8, len(whole) - 1]:
        path.write_bytes(whole[:length])
        fails(path, path.name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.text(alphabet='ACGT01,\t";\n{}:.-sequncelab ', max_size=80), lead=st.sampled_from(["", HEAD, "{"]))
def test_no_text_whatever_gives_a_traceback(tmp_path, content, lead):
    path = write(tmp_path / "a.csv", lead + content)
    if path.stat().st_size:
        message, table = "", None
        try:
            table = read_labelled(path)
        except InputError as error:
            message = str(error)
        assert "\n" not in message
        assert table is None or table.null_count().select("name", "label").row(0) == (0, 0)


def test_what_is_wrong_with_a_fasta_and_its_labels_is_one_line(tmp_path):
    path = write(tmp_path / "a.fa", ">x\nACGT\n>y\nAC\n")
    fails(path, "no labels beside it", "a.labels.tsv", "label_separator")
    write(tmp_path / "a.tsv", "name\tlabel\nx\t0\n")
    fails(path, "a.fa: has the record y without a label in a.tsv")
    write(tmp_path / "a.tsv", "name\tlabel\nx\t0\ny\t1\nz\t1\n")
    fails(path, "a.tsv: has the name z, which is no record of a.fa")
    write(tmp_path / "a.tsv", "name\tlabel\nx\t0\ny\t1\ny\t1\n")
    fails(path, "a.tsv: has the name y twice")
    write(tmp_path / "a.tsv", "who\tlabel\nx\t0\ny\t1\n")
    fails(path, "a.tsv: has no column of names among who, label")
    write(tmp_path / "a.csv", "name,label\nx,0\n")
    fails(path, "a.tsv and a.csv beside it")


def test_what_is_wrong_with_a_folder_is_one_line(tmp_path):
    fails(tmp_path / "none", "does not exist")
    (tmp_path / "empty").mkdir()
    fails(tmp_path / "empty", "it is empty", "train.csv, dev.csv, test.csv")
    write(tmp_path / "other" / "genome.fa", ">a\nA")
    fails(tmp_path / "other", "no file or folder of a split: genome.fa")
    write(tmp_path / "twice" / "dev.csv", delimited())
    write(tmp_path / "twice" / "valid.csv", delimited())
    fails(tmp_path / "twice", "several validation files: dev.csv, valid.csv")
    write(tmp_path / "says" / "train.csv", delimited([(s, y, "test") for s, y in ROWS], "sequence,label,split"))
    fails(tmp_path / "says", "train.csv: is the train file and has rows of test in its column split")
    parquet(tmp_path / "shards" / "train-00001-of-00002.parquet", ROWS)
    fails(tmp_path / "shards", "has 1 of the 2 shards of train")
    genomic_benchmarks(tmp_path / "gb")
    (tmp_path / "gb" / "test" / "positive.csv.gz").unlink()
    fails(tmp_path / "gb", "gb/test: has no class positive, which metadata.yaml names")


def test_what_is_wrong_with_a_saved_dataset_is_one_line(tmp_path):
    def made(name):
        return save_to_disk(tmp_path / name, {"train": frame(), "test": frame()}, shards=2)

    shard = "data-00001-of-00002.arrow"
    (made("shard") / "train" / shard).unlink()
    fails(tmp_path / "shard", f"shard/train/{shard}: does not exist")
    path = made("cut") / "test" / shard
    path.write_bytes(path.read_bytes()[:-8])
    fails(tmp_path / "cut", f"cut/test/{shard}: is an Arrow stream that is cut off")
    write(made("json") / "dataset_dict.json", '{"splits": ["tr')
    fails(tmp_path / "json", "dataset_dict.json: is no whole JSON file")
    write(made("list") / "train" / "state.json", "[1]")
    fails(tmp_path / "list", "train/state.json: has no _data_files")
    write(made("split") / "dataset_dict.json", '{"splits": ["train", "dev"]}')
    fails(tmp_path / "split", "has no split dev, which its dataset_dict.json names")
    fails(save_to_disk(tmp_path / "word", {"unlabelled": frame()}), "has a split unlabelled", "train, training")


def test_a_gzip_that_is_cut_off_is_one_line(tmp_path):
    path = write(tmp_path / "a.csv.gz", delimited())
    path.write_bytes(path.read_bytes()[:-40])
    fails(path, "ends in the middle of its gzip data")


def shared_rows(path):
    with gzip.open(path, "rt", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["gue_prom_300_tata", "gue_prom_core_all", "gue_splice", "gue_tf_0"])
def test_gue_against_reading_its_files_by_hand(name):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip("the shared data is not here")
    table = read_labelled(folder)
    files = {word: shared_rows(folder / f"{word}.csv.gz") for word in WORDS if (folder / f"{word}.csv.gz").is_file()}
    assert sum(map(len, files.values())) == table.height
    for word, rows in files.items():
        part = table.filter(split=WORDS[word])
        assert part.select("sequence", "label").rows() == [(row["sequence"], row["label"]) for row in rows]


@pytest.mark.shared_data
def test_the_known_duplicates_of_prom_core_all_are_kept():
    if not (SHARED / "gue_prom_core_all").is_dir():
        pytest.skip("the shared data is not here")
    table = read_labelled(SHARED / "gue_prom_core_all")
    assert dict(table.group_by("split").len().iter_rows()) == {"train": 47356, "validation": 5920, "test": 5920}
    splits = {s: set(table.filter(split=s)["sequence"].str.to_uppercase()) for s in WORDS.values()}
    assert len(splits["test"] & splits["train"]) == 42
    assert len(splits["validation"] & splits["train"]) == 54


@pytest.mark.shared_data
def test_a_set_with_sequences_and_coordinates_against_reading_it_by_hand():
    path = SHARED / "regulatory_promoter_enhancer_ocr.csv.gz"
    if not path.is_file():
        pytest.skip("the shared data is not here")
    columns = ("sequence", "label", "split", "chrom", "start", "end")
    expected = [tuple(row[c] for c in columns) for row in shared_rows(path)]
    found = read_labelled(path).select(*columns).cast(pl.String).rows()
    assert found == expected
