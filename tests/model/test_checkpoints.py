import json

import polars as pl
import pytest
import torch
from safetensors.torch import save_file
from tiny import planted, tiny_settings

from phenolens.model.checkpoints import claim, fingerprint, is_whole, last_whole, stopped_after

TABLE = planted(20, 30, 1).table


def write_checkpoint(folder, step, *, best=None, waited=0, epoch=1.0):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    save_file({"w": torch.ones(100)}, path / "model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({"state": torch.ones(10)}, path / name)
    stopping = {"EarlyStoppingCallback": {"attributes": {"early_stopping_patience_counter": waited}}}
    state = {"global_step": step, "epoch": epoch, "best_model_checkpoint": best, "stateful_callbacks": stopping}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


def test_fingerprint_changes_with_all_that_determines_a_training():
    base = fingerprint(TABLE, ("a", "b"), tiny_settings(), 1)
    changed = (
        fingerprint(TABLE.reverse(), ("a", "b"), tiny_settings(), 1),
        fingerprint(TABLE.with_columns(split=pl.lit("train")), ("a", "b"), tiny_settings(), 1),
        fingerprint(TABLE.with_columns(label=pl.lit("x")), ("a", "b"), tiny_settings(), 1),
        fingerprint(TABLE.with_columns(pl.col("sequence").str.reverse()), ("a", "b"), tiny_settings(), 1),
        fingerprint(TABLE, ("b", "a"), tiny_settings(), 1),
        fingerprint(TABLE, ("a", "b"), tiny_settings(dropout=0.1), 1),
        fingerprint(TABLE, ("a", "b"), tiny_settings(), 2),
    )
    assert len({base, *changed}) == 8
    assert fingerprint(TABLE.clone(), ("a", "b"), tiny_settings(), 1) == base
    logged = tiny_settings(log_to=["tensorboard"], checkpoint_steps=7)
    assert fingerprint(TABLE, ("a", "b"), logged, 1) == base


def test_claim_keeps_its_own_and_removes_others(tmp_path):
    claim(tmp_path / "c", "one")
    write_checkpoint(tmp_path / "c", 5)
    claim(tmp_path / "c", "one")
    assert last_whole(tmp_path / "c").name == "checkpoint-5"
    claim(tmp_path / "c", "two")
    assert last_whole(tmp_path / "c") is None


def test_newest_by_number_not_by_name_and_other_folders_are_passed_over(tmp_path):
    for step in (9, 10, 100, 20):
        write_checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    assert last_whole(tmp_path).name == "checkpoint-100"


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]
)
@pytest.mark.parametrize("left", [None, 0, 40])
def test_every_file_must_be_there_to_its_last_byte(tmp_path, name, left):
    path = write_checkpoint(tmp_path, 8)
    assert is_whole(path, 8)
    file = path / name
    content = file.read_bytes()
    file.unlink() if left is None else file.write_bytes(content[:left])
    assert not is_whole(path, 8)
    write_checkpoint(tmp_path, 4)
    assert last_whole(tmp_path).name == "checkpoint-4"
    assert not path.exists()


def test_the_random_state_of_each_process_counts(tmp_path):
    path = write_checkpoint(tmp_path, 8)
    (path / "rng_state.pth").rename(path / "rng_state_0.pth")
    assert is_whole(path, 8)
    (path / "rng_state_1.pth").write_bytes((path / "rng_state_0.pth").read_bytes()[:40])
    assert not is_whole(path, 8)


def test_best_checkpoint_is_looked_for_beside_the_last(tmp_path):
    path = write_checkpoint(tmp_path, 8, best="/elsewhere/checkpoints/checkpoint-4")
    last_whole(tmp_path)
    assert json.loads((path / "trainer_state.json").read_text())["best_model_checkpoint"] == str(
        tmp_path / "checkpoint-4"
    )


def test_a_training_that_had_stopped_early_is_known_by_its_patience(tmp_path):
    path = write_checkpoint(tmp_path, 8, waited=2, epoch=4.0)
    assert [stopped_after(path, patience) for patience in (1, 2, 3)] == [4, 4, None]
