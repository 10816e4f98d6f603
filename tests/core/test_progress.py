"""Rates and times left against a clock that the test moves, and what a terminal and a log show of them."""

import io
import json
import os
import pty
import subprocess
import sys
import warnings

import pytest

from phenolens.core.events import EVENTS, Events
from phenolens.core.progress import Pace, as_duration, as_rate
from phenolens.core.terminal import Lines


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_rate_and_time_left_are_those_of_the_steps_since_this_work_began():
    clock = Clock()
    pace = Pace(clock)
    assert pace.step(50, 100, "run-0: loss 0.9") == (True, None, None)  # a training that goes on at its 50th step
    clock.now += 4
    assert pace.step(58, 100, "run-0: loss 0.8") == (False, 2.0, 21.0)
    clock.now += 100
    assert pace.step(1, 100, "run-1: loss 0.9").new
    clock.now += 10
    assert pace.step(2, None, "run-1: loss 0.9") == (False, 0.1, None)
    assert pace.step(1, None, "run-1: again").new


@pytest.mark.parametrize(
    ("rate", "text"), [(None, ""), (1234.5, "1,234/s"), (2.04, "2.0/s"), (0.1, "6.0/min"), (0.004, "0.2/min")]
)
def test_rates_are_read_at_a_glance(rate, text):
    assert as_rate(rate) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0.4, "0:00"), (59.6, "1:00"), (3725, "1:02:05")])
def test_durations_are_read_at_a_glance(seconds, text):
    assert as_duration(seconds) == text


def test_verbose_lines_have_stage_count_rate_and_time_left(capsys):
    clock = Clock()
    with Lines(verbose=True, clock=clock) as progress:
        progress.stage("train", "running")
        for done in range(1, 31):
            progress.step(done, 30, f"run-0: loss {1 / done:.2f}")
            clock.now += 2
        progress.stage("train", "done")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "train     ..."
    assert lines[1] == "  train: run-0: loss 1.00, 1/30"
    assert lines[2] == "  train: run-0: loss 0.17, 6/30, 0.5/s, 0:48 left"
    assert lines[-2] == "  train: run-0: loss 0.03, 30/30, 0.5/s, 0:00 left"
    assert lines[-1] == "train     done in 1:00"
    assert len(lines) == 9  # one each ten seconds, the first and the last


def test_a_log_for_programs_has_one_object_a_line_at_most_one_a_second_of_the_same_work():
    clock, stream = Clock(), io.StringIO()
    with Events(stream, clock) as progress, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("of a library", UserWarning, stacklevel=1)
        progress.stage("train", "running")
        for done in range(1, 101):
            progress.step(done, 100, 'run-0: "loss"\n0.5')
            clock.now += 0.125
        progress.line("epoch 1")
        progress.note("näher")
        progress.error("wrong", 2)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {event["event"] for event in events} == set(EVENTS)
    assert all(event["time"].endswith("Z") for event in events)
    steps = [event for event in events if event["event"] == "step"]
    assert [step["done"] for step in steps] == [*range(1, 98, 8), 100]
    assert steps[1] == {
        "time": steps[1]["time"], "event": "step", "stage": "train", "text": 'run-0: "loss"\n0.5',
        "done": 9, "total": 100, "rate": 8.0, "left": 11.375,
    }  # fmt: skip
    assert warnings.showwarning is not progress._warning


SHOW = """
import time
from phenolens.core.terminal import Lines
with Lines() as progress:
    progress.stage("train", "running")
    for done in (1, 2, 3):
        progress.step(done, 3, "run-0: loss 0.5")
        time.sleep(0.15)
"""


@pytest.mark.parametrize(("colour", "term"), [("", "xterm-256color"), ("1", "xterm-256color"), ("", "dumb")])
def test_a_terminal_gets_a_bar_with_rate_and_time_left_and_colours_unless_it_wants_none(colour, term):
    terminal, end = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")}
    environment |= {"TERM": term, "COLUMNS": "100"} | ({"NO_COLOR": colour} if colour else {})
    done = subprocess.Popen([sys.executable, "-c", SHOW], stderr=end, env=environment)
    os.close(end)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    assert done.wait() == 0
    coloured = b"\x1b[38;" in shown or b"\x1b[3" in shown
    if term == "dumb":
        assert b"\x1b" not in shown
    else:
        assert b"run-0: loss 0.5" in shown
        assert b"/s" in shown
        assert b"left" in shown
        assert coloured is not bool(colour)
