"""The run folder: whole files or none, who owns it, and when a stage counts as done."""

import json
import os
import signal
import subprocess
import sys

import polars as pl
import pytest

from phenolens.core import run
from phenolens.core.errors import InputError, RunFolderError, WriteError
from phenolens.core.table import Column, Schema


def make_stage(tmp_path, content="x", settings=None):
    source = tmp_path / "input.txt"
    if not source.exists() or source.read_text() != content:
        source.write_text(content)
    return run.stage(tmp_path / "out" / "dataset", settings or {"a": 1}, [source], ["up"])


def work(stage, text="result"):
    with run.working(stage):
        run.write_text(text, stage.folder / "result.txt")


def test_a_stage_is_done_only_after_its_work_and_while_nothing_changed(tmp_path):
    assert not run.is_done(make_stage(tmp_path))
    work(make_stage(tmp_path))
    assert run.is_done(make_stage(tmp_path))
    assert not run.is_done(make_stage(tmp_path, settings={"a": 2}))
    assert not run.is_done(make_stage(tmp_path, content="y"))
    assert run.is_done(make_stage(tmp_path, content="x")), "the same content again, though its time changed"


def test_a_lost_or_shortened_output_is_not_done(tmp_path):
    stage = make_stage(tmp_path)
    work(stage)
    (stage.folder / "result.txt").write_text("res")
    assert not run.is_done(make_stage(tmp_path))
    (stage.folder / "result.txt").unlink()
    assert not run.is_done(make_stage(tmp_path))


def test_logs_may_grow_or_go(tmp_path):
    stage = make_stage(tmp_path)
    log = stage.folder / "run-0" / "logs" / "events"
    with run.working(stage):
        run.write_text("result", stage.folder / "result.txt")
        run.write_text("one", log)
    assert run.is_done(make_stage(tmp_path))
    log.write_text("one two")
    assert run.is_done(make_stage(tmp_path))
    log.unlink()
    assert run.is_done(make_stage(tmp_path))


def test_a_run_in_a_folder_called_logs_has_outputs(tmp_path):
    (tmp_path / "logs").mkdir()
    work(make_stage(tmp_path / "logs"))
    (tmp_path / "logs" / "out" / "dataset" / "result.txt").unlink()
    assert not run.is_done(make_stage(tmp_path / "logs"))


def test_the_manifest_holds_true_hashes(tmp_path):
    stage = make_stage(tmp_path)
    work(stage)
    manifest = json.loads((stage.folder / "manifest.json").read_text())
    sums = subprocess.run(
        ["sha256sum", stage.folder / "result.txt", tmp_path / "input.txt"], capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in sums.stdout.splitlines()] == [
        manifest["outputs"][0]["sha256"],
        manifest["inputs"][0]["sha256"],
    ]
    assert not (stage.folder / "started.json").exists()


def test_unfinished_work_of_the_same_settings_is_kept_and_of_others_removed(tmp_path):
    stage = make_stage(tmp_path)

    def interrupted():
        with run.working(stage):
            run.write_text("half", stage.folder / "checkpoint.txt")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not run.is_done(make_stage(tmp_path))
    with run.working(make_stage(tmp_path)):
        assert (stage.folder / "checkpoint.txt").read_text() == "half"
    with run.working(make_stage(tmp_path, settings={"a": 2})):
        assert not (stage.folder / "checkpoint.txt").exists()


def test_a_missing_input_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.bed: no such file; check the path"):
        run.stage(tmp_path, {}, [tmp_path / "nowhere.bed"], [])


def test_a_foreign_folder_and_another_studys_folder_are_refused(tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.doc").write_text("precious")
    with (
        pytest.raises(RunFolderError, match="is not empty and not a run of phenolens"),
        run.run_folder(foreign, "s", {}),
    ):
        pass
    with run.run_folder(tmp_path / "mine", "s", {}):
        pass
    with (
        pytest.raises(RunFolderError, match="belongs to the study 's'; expected 'other'; choose another --out"),
        run.run_folder(tmp_path / "mine", "other", {}),
    ):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="is a file"), run.run_folder(tmp_path / "file", "s", {}):
        pass
    assert (foreign / "thesis.doc").read_text() == "precious"


def test_two_runs_do_not_share_a_folder_and_a_dead_one_leaves_no_lock(tmp_path):
    code = f"""
import time
from pathlib import Path
from phenolens.core import run
with run.run_folder(Path({str(tmp_path / "mine")!r}), "s", {{}}):
    print("held", flush=True)
    time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with (
        pytest.raises(RunFolderError, match="another phenolens run works in it"),
        run.run_folder(tmp_path / "mine", "s", {}),
    ):
        pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    with run.run_folder(tmp_path / "mine", "s", {}):
        pass


@pytest.mark.parametrize("name", ["t.parquet", "t.tsv"])
def test_a_table_survives_and_null_is_not_zero(tmp_path, name):
    table = pl.DataFrame({"a": [0.1 + 0.2, None, 0.0], "b": ["x", None, "y"]})
    run.write_table(table, tmp_path / name)
    read = (
        pl.read_parquet(tmp_path / name) if name.endswith("parquet") else pl.read_csv(tmp_path / name, separator="\t")
    )
    assert read.equals(table)


@pytest.mark.parametrize("kind", ["t.parquet", "t.tsv", "t.txt"])
def test_a_full_disk_leaves_the_old_file_whole_and_no_part(tmp_path, kind):
    """The kernel refuses to let any file grow beyond 4 kB in the child: the same error path as a full disk."""
    (tmp_path / kind).write_text("old")
    code = f"""
import resource, signal, sys
from pathlib import Path
import polars as pl
from phenolens.core import run
from phenolens.core.errors import WriteError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
table = pl.DataFrame({{"a": [str(i * 7919 % 100003) for i in range(50000)]}})
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
path = Path({str(tmp_path / kind)!r})
try:
    run.write_text("z" * 100000, path) if path.suffix == ".txt" else run.write_table(table, path)
except WriteError as error:
    sys.exit(str(error))
"""
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "POLARS_MAX_THREADS": "1"}
    )
    assert child.returncode == 1
    assert f"{tmp_path / kind}: could not be written (" in child.stderr
    assert "free some space" in child.stderr
    assert "Traceback" not in child.stderr
    assert [p.name for p in tmp_path.iterdir()] == [kind]
    assert (tmp_path / kind).read_text() == "old"


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="could not be written"):
        run.write_text("x", tmp_path / "file" / "below.txt")


def test_a_growing_table_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "explain" / "t.parquet"
    tables = [pl.DataFrame({"a": [i, i + 1], "s": [[0.5 * i], []]}) for i in range(5)]
    with run.growing(path, tables[0][:0]) as add:
        for table in tables:
            add(table)
            assert not path.exists()
    assert pl.read_parquet(path).equals(pl.concat(tables))
    assert [p.name for p in path.parent.iterdir()] == ["t.parquet"]
    other = tmp_path / "u.parquet"

    def fails():
        with run.growing(other, tables[0][:0]) as add:
            add(tables[1])
            raise KeyError("stopped")

    with pytest.raises(KeyError, match="stopped"):
        fails()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["explain"]


def test_a_table_of_another_version_is_none_and_that_of_this_one_comes_back(tmp_path):
    schema = Schema("S", {"name": Column(pl.String, "x"), "n": Column(pl.Int64, "x", nullable=True)})
    table = pl.DataFrame({"name": ["12", "b"], "n": [None, 3]}, schema={"name": pl.String, "n": pl.Int64})
    run.write_table(table, tmp_path / "now.tsv")
    run.write_table(table.rename({"n": "count"}), tmp_path / "before.tsv")
    assert run.read_table_of_other_run(tmp_path / "now.tsv", schema).equals(table)
    assert run.read_table_of_other_run(tmp_path / "before.tsv", schema) is None
    assert run.read_table_of_other_run(tmp_path / "never.tsv", schema) is None
