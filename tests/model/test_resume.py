"""A training that was interrupted in any way ends with the numbers of one that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trainings import UNEVEN, StoppedError, equal, stop_at, trained, weights_of

KILLED = """
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from trainings import UNEVEN, trained

torch.set_num_threads(1)

def on_progress(done, *_):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

trained(Path(sys.argv[2]), table=UNEVEN, on_progress=on_progress, **json.loads(sys.argv[4]))
"""
COMMON = {"epochs": 4, "dropout": 0.1, "accumulate": 2}
AUGMENTED = {"batch_tokens": 300, "reverse_complement": True, "mask_tokens": 0.1, "checkpoint_steps": 3}
# name -> settings, step of the kill, step that it goes on after; both have 4 steps an epoch
KILLS = {
    "at an epoch's end": (COMMON | {"batch_size": 8}, 6, 4),
    "within an epoch": (COMMON | AUGMENTED, 7, 6),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """One process for each of KILLS, that kills itself in the middle of epoch 2: name -> (process, folder)."""
    here = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(here.parent / "src"), "OMP_NUM_THREADS": "1"}
    started = {}
    for name, (changes, step, _) in KILLS.items():
        folder = tmp_path_factory.mktemp("killed")
        command = [sys.executable, "-c", KILLED, here, folder, str(step), json.dumps(changes)]
        started[name] = subprocess.Popen(command, env=environment), folder
    return started


@pytest.mark.parametrize("name", KILLS)
def test_killed_training_goes_on_to_the_same_result(killed, tmp_path, name):
    (changes, _, last), (process, folder) = KILLS[name], killed[name]
    whole, first = trained(tmp_path, table=UNEVEN, **changes)
    assert process.wait(timeout=400) == -signal.SIGKILL
    assert max(int(p.name.split("-")[1]) for p in (folder / "checkpoints").glob("checkpoint-*")) == last
    told = []
    resumed, second = trained(folder, table=UNEVEN, on_progress=lambda *call: told.append(call), **changes)
    assert min(call[0] for call in told) == last + 1
    assert {call[1] for call in told} == {16}
    assert resumed.equals(whole)
    assert resumed["epoch"].to_list() == [1, 2, 3, 4]
    assert equal(weights_of(first), weights_of(second))
    assert not (folder / "checkpoints").exists()


def test_within_an_epoch_is_saved_but_not_before_the_epoch_s_last_loss_is_known(tmp_path):
    seen = []

    def on_progress(done, *_):
        seen.append((done, sorted(p.name for p in (tmp_path / "checkpoints").glob("checkpoint-*"))))

    trained(tmp_path, epochs=2, checkpoint_steps=2, on_progress=on_progress)  # 4 steps an epoch
    assert [names for done, names in seen if done == 3] == [["checkpoint-2"]]
    assert [names for done, names in seen if done == 4] == [
        ["checkpoint-2"]
    ] * 2  # after the step, and with the validation loss
    assert "checkpoint-4" in next(names for done, names in seen if done == 5)
    assert "checkpoint-6" in next(names for done, names in seen if done == 7)


HALF = {"epochs": 4, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def half_way(tmp_path_factory):
    """A whole training, and the folder of one that crashed in its last epoch, with two checkpoints."""
    folder = tmp_path_factory.mktemp("half")
    history, loaded = trained(folder / "whole", **HALF)
    for name, step in (("cut", 14), ("earlier", 10)):  # the Trainer keeps one checkpoint besides the best
        with pytest.raises(StoppedError):
            trained(folder / name, on_progress=stop_at(step), **HALF)
    (folder / "earlier" / "checkpoints" / "checkpoint-8").rename(folder / "cut" / "checkpoints" / "checkpoint-8")
    return history, weights_of(loaded), folder / "cut"


@pytest.mark.parametrize("damaged", ["trainer_state.json", "model.safetensors"])
def test_half_written_checkpoint_is_passed_over(half_way, tmp_path, damaged):
    history, weights, folder = half_way
    shutil.copytree(folder, tmp_path / "cut")
    file = tmp_path / "cut" / "checkpoints" / "checkpoint-12" / damaged
    file.write_bytes(file.read_bytes()[:-100])
    steps = []
    resumed, loaded = trained(tmp_path / "cut", on_progress=lambda done, *_: steps.append(done), **HALF)
    assert min(steps) == 9
    assert resumed.equals(history)
    assert equal(weights_of(loaded), weights)


def dies_before_tidying_up(folder, monkeypatch, **changes):
    def dies(*_):
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr("phenolens.model.trainer.FineTuner._load_best_model", dies)
        with pytest.raises(StoppedError):
            trained(folder, **changes)


@pytest.mark.parametrize("when", ["while it waits", "before tidying up"])
def test_early_stop_and_best_weights_survive_a_crash_and_a_move_of_the_folder(tmp_path, monkeypatch, when):
    changes = {"epochs": 8, "patience": 2, "learning_rate": 5e-2}  # so large that the best epoch is an early one
    whole, first = trained(tmp_path / "whole", **changes)
    best = whole["validation_loss"].arg_min() + 1
    assert whole.height == best + 2 < 8
    if when == "before tidying up":
        dies_before_tidying_up(tmp_path / "cut", monkeypatch, **changes)
    else:
        with pytest.raises(StoppedError):
            trained(tmp_path / "cut", on_progress=stop_at(4 * (best + 1) + 2), **changes)
    (tmp_path / "cut").rename(tmp_path / "moved")
    resumed, second = trained(tmp_path / "moved", **changes)
    assert resumed.equals(whole)
    assert equal(weights_of(first), weights_of(second))
