"""The command line as its users meet it: help, ways of speaking, exit codes, completion, doctor."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import requires
from pathlib import Path

import pytest
import typer
from docs_commands import parsed
from planted import write_planted

from phenolens.cli import app, main
from phenolens.core.installed import Package, packages

ROOT = Path(__file__).parent.parent
GROUP = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
WATCHED = {
    "demo",
    "fetch",
    "run",
    "dataset",
    "train",
    "evaluate",
    "explain",
    "annotate",
    "report",
    "compare",
    "serve",
    "predict",
    "pretrain",
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    write_planted(folder, elements=24)
    (folder / "study.toml").write_text(
        'name = "small"\n[dataset]\ngenome = "genome.fa"\ngroup_by = ["name"]\n'
        '[[dataset.classes]]\nlabel = "element"\nintervals = "elements.bed"\n'
        '[[dataset.classes]]\nlabel = "background"\nmatched_to = "element"\n'
    )
    return folder


@pytest.fixture
def phenolens(workplace, monkeypatch, capsys):
    """Run the command in this process; return exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.chdir(workplace)
        monkeypatch.setattr(sys, "argv", ["phenolens", *arguments])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_begins_with_a_command_to_paste(command):
    first = GROUP.commands[command].help.splitlines()[0]
    assert first == "phenolens " + command or first.startswith(f"phenolens {command} ")
    parsed(first)


def test_the_first_command_that_the_help_shows_is_the_demo():
    assert GROUP.help.splitlines()[0] == "phenolens demo"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_works_for_long_can_be_told_how_to_speak(command):
    options = {option for parameter in GROUP.commands[command].params for option in parameter.opts}
    assert ({"--quiet", "--verbose", "--log-json"} <= options) == (command in WATCHED)


def test_quiet_says_nothing_and_the_result_still_goes_to_standard_output(phenolens):
    assert phenolens("dataset", "study.toml", "--out", "quiet", "--quiet") == (0, "dataset: quiet/dataset\n", "")


def test_a_log_in_json_is_json_and_nothing_else(phenolens):
    code, out, err = phenolens("dataset", "study.toml", "--out", "logged", "--log-json")
    assert (code, out) == (0, "dataset: logged/dataset\n")
    events = [json.loads(line) for line in err.splitlines()]
    assert [(e["event"], e.get("stage"), e.get("state")) for e in events if e["event"] == "stage"] == [
        ("stage", "dataset", "running"),
        ("stage", "dataset", "done"),
    ]
    code, out, err = phenolens("dataset", "absent.toml", "--log-json")
    (event,) = [json.loads(line) for line in err.splitlines()]
    assert (code, out, event["event"], event["exit_code"]) == (2, "", "error", 2)
    assert event["text"].startswith("absent.toml: no such file")


def test_how_one_command_speaks_is_forgotten_by_the_next(phenolens):
    phenolens("dataset", "absent.toml", "--log-json")
    assert phenolens("check", "absent.toml")[2].startswith("phenolens: error: absent.toml: no such file")


def test_verbose_names_the_place_in_our_code_and_no_other(phenolens):
    code, _, err = phenolens("dataset", "absent.toml", "--verbose")
    assert code == 2
    assert "in load_study" in err
    assert "site-packages" not in err
    assert err.splitlines()[-1].startswith("phenolens: error: absent.toml: no such file")
    assert len(phenolens("dataset", "absent.toml")[2].splitlines()) == 1


def _listening():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner in the background may ignore it


def interrupted(folder):
    """Return the exit code and last line of a run that is interrupted while it waits for its study file."""
    os.mkfifo(folder / "pipe.toml")
    command = [sys.executable, "-m", "phenolens", "run", "pipe.toml"]
    running = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, preexec_fn=_listening)
    with (folder / "pipe.toml").open("w"):  # opens when the run has begun to read
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    return running.returncode, err.splitlines()


def test_the_documented_exit_codes_are_those_that_commands_have(phenolens, workplace):
    page = (ROOT / "docs" / "command-line.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page, flags=re.M)}
    leaking = "sequence,label,split\n" + "".join(
        f"{'ACGTTGCATT' * 4}{letter * 20},{label},{split}\n"
        for split in ("train", "dev", "test")
        for label, letter in (("a", "A"), ("b", "C"))
    )
    (workplace / "leaking.csv").write_text(leaking)
    (workplace / "leaking.toml").write_text('name = "l"\n[dataset]\nlabelled = "leaking.csv"\nsplit = "given"\n')
    stopped, lines = interrupted(workplace)
    assert lines == ["phenolens: interrupted; run the same command again to go on"]
    seen = {
        phenolens("--version")[0]: 0,
        phenolens("check", "leaking.toml", "--strict")[0]: 1,
        phenolens("doctor", "--out", "/proc/self/x")[0]: 1,
        phenolens("check", "absent.toml")[0]: 2,
        phenolens("check", "--no-such-option")[0]: 2,
        stopped: 130,
    }
    assert {code: code for code in documented} == seen


def test_python_m_phenolens_is_the_command():
    done = subprocess.run([sys.executable, "-m", "phenolens", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"phenolens \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_each_shell_offers_the_commands(shell):
    words = {"bash": ("COMP_WORDS", "phenolens scan"), "zsh": ("_TYPER_COMPLETE_ARGS", "phenolens scan")}
    name, value = words.get(shell, ("_TYPER_COMPLETE_ARGS", "phenolens scan"))
    environment = {**os.environ, "_PHENOLENS_COMPLETE": f"complete_{shell}", name: value, "COMP_CWORD": "1"}
    environment["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    code = "import sys; sys.argv = ['phenolens']\nfrom phenolens.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "scan-motifs" in done.stdout, done.stderr


def test_the_doctor_knows_every_package_that_the_project_asks_for(phenolens):
    code, out, _ = phenolens("doctor", "--json")
    findings = json.loads(out)
    assert code == 0, [finding for finding in findings if finding["state"] == "bad"]
    shown = {finding["name"].lower() for finding in findings if finding["topic"] == "package"}
    asked = {re.match(r"[\w.-]+", text)[0].lower() for text in requires("phenolens") if "extra ==" not in text}
    assert shown == asked
    assert {finding["topic"] for finding in findings} == {
        "python", "package", "device", "program", "cache", "disk", "extra",
    }  # fmt: skip
    precision = next(finding for finding in findings if finding["name"] == "processor")
    assert "precision fp32" in precision["found"]


def test_the_doctor_measures_the_run_folder(phenolens, workplace):
    (workplace / "measured" / "train").mkdir(parents=True)
    (workplace / "measured" / "settings.json").write_text("{}")
    (workplace / "measured" / "train" / "weights").write_bytes(bytes(12_300))
    assert re.search(r"^  ok    train/ +12\.3 kB$", phenolens("doctor", "--out", "measured")[1], flags=re.M)


def test_the_doctor_says_what_is_bad_and_exits_with_1(phenolens):
    code, out, _ = phenolens("doctor", "--out", "/proc/self/x")
    assert code == 1
    assert "BAD   free" in out
    assert out.splitlines()[-1].endswith("to mend: free") or "to mend: free" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [(">=5.0,<6", "5.23.0", True), (">=5.0,<6", "6.0", False), (">=2.6", "2.13.0+cpu", True), (">=2", "2.1rc1", True), ("", None, False)],
)  # fmt: skip
def test_a_version_fits_its_range(wanted, found, fits):
    assert Package("x", wanted, found, "").fits is fits


def test_only_packages_of_this_system_are_asked_for():
    assert {package.name.lower() for package in packages() if not package.extra} >= {"torch", "polars", "typer"}
