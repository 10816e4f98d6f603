"""The blocks of the pages of docs/, and how a line of the command line is run in this process."""

import re
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import typer

from phenolens.cli import app, main

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("docs/*.md"))
GENERATED = ("settings.md", "tables.md", "sources.md", "cli.md", "api.md")
GROUP = typer.main.get_command(app)


def blocks(page, kind):
    """Return the fenced blocks of this kind (empty: of none)."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def shown(page):
    """Return every line of the page that shows a command of phenolens, run or not, without its comment."""
    if page.name in GENERATED:
        return []
    fenced = [line for kind in ("sh", "slurm", "") for block in blocks(page, kind) for line in block.splitlines()]
    indented = re.findall(r"^    (\S.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), flags=re.M)
    found = [
        re.search(r"(?:^|-m |\s)(phenolens (?:[a-z-]+)(?: .*)?)$", line.split(" #")[0]) for line in [*fenced, *indented]
    ]
    return [match[1] for match in found if match]


def parsed(line):
    """Parse a command as it would be, without running it; typer raises where it does not know a word."""
    words = shlex.split(line.split(" > ")[0])[1:]
    command = GROUP.commands[words[0]]
    command.make_context(words[0], words[1:]).close()


def run(line):
    """Run a command in this process, `> FILE` included; return its exit code."""
    words = shlex.split(line)
    into = Path(words.pop()) if ">" in words else None
    words = [word for word in words if word != ">"]
    assert words[0] == "phenolens", line
    before, code = sys.argv, 0
    sys.argv = words
    try:
        if into is None:
            main()
        else:
            with into.open("w") as stream, redirect_stdout(stream):
                main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    return code
