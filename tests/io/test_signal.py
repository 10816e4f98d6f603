import shutil
import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenolens.core.errors import DataError, InputError, WriteError
from phenolens.io import signal
from phenolens.io.signal import read_signal, write_bigwig

LENGTHS = {"chr1": 300, "chr10": 40, "chr2": 50}


def runs(*rows):
    return pl.DataFrame(
        rows, schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "value": pl.Float64}, orient="row"
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(LENGTHS)), st.integers(0, 38), st.floats(-1e3, 1e3, width=32)),
        min_size=1,
        max_size=40,
    ),
    st.integers(-20, 60),
    st.integers(0, 80),
    st.randoms(use_true_random=False),
)
def test_round_trip_against_an_array_a_chromosome(tmp_path, drawn, start, length, shuffle):
    base = {(chrom, at): value for chrom, at, value in drawn}
    rows = [(chrom, at, at + 1, value) for (chrom, at), value in base.items()]
    shuffle.shuffle(rows)
    path = tmp_path / "a.bw"
    write_bigwig(path, runs(*rows), LENGTHS)
    with read_signal(path) as opened:
        for chrom in {chrom for chrom, _ in base}:
            assert opened.chroms[chrom] == LENGTHS[chrom]
            expected = np.array(
                [base.get((chrom, at), np.nan) for at in range(start, start + length)], dtype=np.float32
            )
            found = opened.values(chrom, start, start + length)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, expected)


def test_zero_is_a_value_and_absent_is_nan(tmp_path):
    path = tmp_path / "a.bw"
    write_bigwig(
        path,
        runs(("chr1", 2, 4, 0.0), ("chr1", 6, 7, float("nan")), ("chr1", 7, 8, None), ("chr1", 298, 300, 2.5)),
        LENGTHS,
    )
    with read_signal(path) as opened:
        np.testing.assert_array_equal(opened.values("chr1", 0, 9), [np.nan, np.nan, 0, 0, *[np.nan] * 5])
        np.testing.assert_array_equal(opened.values("chr1", 297, 303), [np.nan, 2.5, 2.5, np.nan, np.nan, np.nan])
        assert opened.values("chr1", 400, 402).shape == (2,)
        assert np.isnan(opened.values("chr1", 400, 402)).all()
        assert opened.values("chr1", 5, 5).shape == (0,)


def test_many_rows(tmp_path):
    generator = np.random.default_rng(6)
    n = 50_000
    values = generator.normal(size=n).astype(np.float32)
    table = pl.DataFrame({"chrom": ["c"] * n, "start": np.arange(n), "end": np.arange(n) + 1, "value": values})
    write_bigwig(tmp_path / "a.bw", table, {"c": n})
    with read_signal(tmp_path / "a.bw") as opened:
        np.testing.assert_array_equal(opened.values("c", 0, n), values)
        for start in generator.integers(0, n - 100, 50):
            np.testing.assert_array_equal(opened.values("c", start, start + 100), values[start : start + 100])


def test_order_of_rows_changes_no_byte_of_the_file(tmp_path):
    rows = [(chrom, at, at + 1, at / 7) for chrom in LENGTHS for at in range(30)]
    for name, seed in (("a.bw", 1), ("b.bw", 2)):
        write_bigwig(tmp_path / name, runs(*rows).sample(fraction=1, shuffle=True, seed=seed), LENGTHS)
    assert (tmp_path / "a.bw").read_bytes() == (tmp_path / "b.bw").read_bytes()


def test_unknown_chromosome(tmp_path):
    path = tmp_path / "a.bw"
    write_bigwig(path, runs(("chr1", 2, 4, 1.0)), LENGTHS)
    with read_signal(path) as opened:
        for name, end in (("1", '; add "chr" to the chromosome names of the intervals: 1 becomes chr1'), ("chrX", "")):
            with pytest.raises(InputError) as caught:
                opened.values(name, 0, 5)
            assert str(caught.value) == f"{path}: has no chromosome {name}; expected one of: chr1{end}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; expected at least one line; check that its download or copy was whole"),
        (
            b"track type=wiggle_0\n",
            "begins with b'trac'; expected a bigWig file; convert wiggle or bedGraph text: wigToBigWig, bedGraphToBigWig",
        ),
        (
            b"ab",
            "begins with b'ab'; expected a bigWig file; convert wiggle or bedGraph text: wigToBigWig, bedGraphToBigWig",
        ),
        (
            struct.pack("<I", 0x8789F2EB) + bytes(60),
            "is a bigBed file; expected a bigWig file; convert it to BED: bigBedToBed",
        ),
        (
            struct.pack("<I", 0x888FFC26) + b"\x04",
            "is a damaged or cut bigWig file; expected a whole one; download or copy it again",
        ),
    ],
)
def test_no_bigwig(tmp_path, content, sentence):
    path = tmp_path / "a.bw"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_signal(path)
    assert str(caught.value) == f"{path}: {sentence}"


def test_missing_file_and_any_name(tmp_path):
    path = tmp_path / "a.bw"
    with pytest.raises(InputError) as caught:
        read_signal(path)
    assert str(caught.value) == f"{path}: does not exist; expected a file; check the path"
    write_bigwig(path, runs(("chr1", 2, 4, 1.0)), LENGTHS)
    shutil.copy(path, tmp_path / "conservation.2024")
    with read_signal(tmp_path / "conservation.2024") as opened:
        assert opened.values("chr1", 2, 3) == 1


def test_truncated_file(tmp_path):
    path = tmp_path / "a.bw"
    n = 20_000
    values = np.random.default_rng(0).normal(size=n)
    write_bigwig(
        path,
        pl.DataFrame({"chrom": ["c"] * n, "start": np.arange(n), "end": np.arange(n) + 1, "value": values}),
        {"c": n},
    )
    whole = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with (
            pytest.raises(
                InputError,
                match=r"a.bw: is a damaged or cut bigWig file; expected a whole one; download or copy it again",
            ),
            read_signal(path) as opened,
        ):
            opened.values("c", 0, n)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("chr1", 2, 4, float("nan"))], "has no value; expected at least one row with a number"),
        ([], "has no value; expected at least one row with a number"),
        (
            [("chr1", 5, 9, 1.0), ("chr2", 1, 9, 1.0), ("chr1", 2, 6, 2.0)],
            "chr1:2-6 and chr1:5-9 overlap; expected one value a base; average or drop one of the rows",
        ),
        ([("chr2", 49, 51, 1.0)], "chr2:49-51 is not on the genome; expected 0 <= start < end <= 50"),
        ([("chr2", -1, 5, 1.0)], "chr2:-1-5 is not on the genome; expected 0 <= start < end <= 50"),
        ([("chr2", 5, 5, 1.0)], "chr2:5-5 is not on the genome; expected 0 <= start < end <= 50"),
        ([("chrX", 5, 6, 1.0)], "chrX:5-6 is not on the genome; expected one of: chr1, chr10, chr2"),
    ],
)
def test_what_cannot_be_written(tmp_path, rows, sentence):
    path = tmp_path / "a.bw"
    with pytest.raises(DataError) as caught:
        write_bigwig(path, runs(*rows), LENGTHS)
    assert str(caught.value) == f"table for {path}: {sentence}"
    assert not path.exists()


def test_nested_rows_behind_a_short_one_are_found(tmp_path):
    with pytest.raises(DataError, match="overlap"):
        write_bigwig(
            tmp_path / "a.bw", runs(("chr1", 0, 100, 1.0), ("chr1", 10, 20, 1.0), ("chr1", 30, 40, 1.0)), LENGTHS
        )


class LosingWriter:
    """A writer that, like pybigtools on a full disk, says nothing and leaves a file that is not whole."""

    def __init__(self, path):
        self.path = path

    def write(self, chroms, rows):
        with open(self.path, "wb") as handle:  # noqa: PTH123
            handle.write(struct.pack("<I", 0x888FFC26))


@pytest.mark.parametrize("name", ["a.bw", "a.bw.part"])
def test_a_write_that_was_lost_is_noticed_and_leaves_nothing(tmp_path, monkeypatch, name):
    path = tmp_path / name
    real = signal.pybigtools.open
    monkeypatch.setattr(
        signal.pybigtools, "open", lambda name, mode="r": LosingWriter(name) if mode == "w" else real(name)
    )
    with pytest.raises(WriteError) as caught:
        write_bigwig(path, runs(("chr1", 2, 4, 1.0)), LENGTHS)
    written = tmp_path / "a.bw" if name == "a.bw" else tmp_path / "a.bw.part.bw"
    assert str(caught.value) == (
        f"{written}: is not whole after writing (is a damaged or cut bigWig file); "
        "free some space or choose another folder, then run again: what is finished is kept"
    )
    assert list(tmp_path.iterdir()) == []


def test_any_name_can_be_written(tmp_path):
    path = tmp_path / "a.bw.part"
    write_bigwig(path, runs(("chr1", 2, 4, 1.0)), LENGTHS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.bw.part"]
    with read_signal(path) as opened:
        assert opened.values("chr1", 2, 3) == 1


def test_folder_that_is_not_there(tmp_path):
    path = tmp_path / "none" / "a.bw"
    with pytest.raises(WriteError) as caught:
        write_bigwig(path, runs(("chr1", 2, 4, 1.0)), LENGTHS)
    assert str(caught.value) == (
        f"{path}: cannot be written: No such file or directory; "
        "free some space or choose another folder, then run again: what is finished is kept"
    )
