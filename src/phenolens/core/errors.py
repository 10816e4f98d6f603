"""Every error that phenolens raises on purpose; only the command line catches them.

    PhenolensError
    ├── InputError      a file that the user gave: path, place in it, what was found
    ├── SettingsError   the study file or an option
    ├── DataError       inputs are readable but do not allow what was asked
    ├── RunFolderError  the run folder belongs to something else or is in use
    ├── WriteError      the disk did not take what was written
    └── CertificateError    the dataset can be made, but its certificate fails (phenolens check --strict)

Each builds one line of text: where, what was found, what was expected, what to do. Exit code 2, of CertificateError 1.
"""

from pathlib import Path


class PhenolensError(Exception):
    """Base of all errors with a one-line explanation for the user, and the exit code of the command."""

    exit_code = 2


def _sentence(where: str, found: str, expected: str | None, remedy: str | None) -> str:
    parts = [f"{where}: {found}"]
    if expected:
        parts.append(f"expected {expected}")
    if remedy:
        parts.append(remedy)
    return "; ".join(" ".join(part.split()) for part in parts)


STDIN = Path("-")


class InputError(PhenolensError):
    """A file of the user's that cannot be used, with the place in it.

    Parameters
    ----------
    path : the file or folder; STDIN for standard input.
    found : what is there instead of what was expected.
    expected : what a valid file has at this place.
    remedy : what to do.
    line : 1-based line number, where there is one.
    """

    def __init__(
        self,
        path: str | Path,
        found: str,
        *,
        expected: str | None = None,
        remedy: str | None = None,
        line: int | None = None,
    ) -> None:
        self.path, self.line, self.found = Path(path), line, found
        shown = "standard input" if self.path == STDIN else str(path)
        where = shown if line is None else f"{shown}, line {line}"
        super().__init__(_sentence(where, found, expected, remedy))


class SettingsError(PhenolensError):
    """A setting that does not exist, has the wrong type, or contradicts another; `key` is dotted (train.epochs)."""

    def __init__(
        self, source: str | Path, key: str, found: str, *, expected: str | None = None, remedy: str | None = None
    ) -> None:
        self.key = key
        super().__init__(_sentence(f"{source}, {key}" if key else str(source), found, expected, remedy))


class DataError(PhenolensError):
    """Readable inputs that do not allow what was asked: too few groups, too little background; `subject` names the class."""

    def __init__(self, subject: str, found: str, *, expected: str | None = None, remedy: str | None = None) -> None:
        super().__init__(_sentence(subject, found, expected, remedy))


class RunFolderError(PhenolensError):
    """A run folder that belongs to another study, to another program, or to a run that is still going on."""

    def __init__(
        self, folder: str | Path, found: str, *, expected: str | None = None, remedy: str | None = None
    ) -> None:
        super().__init__(_sentence(str(folder), found, expected, remedy))


class CertificateError(PhenolensError):
    """A dataset whose certificate fails where `--strict` asks that it does not."""

    exit_code = 1

    def __init__(self, sentences: list[str]) -> None:
        found = f"{len(sentences)} of its checks fail: {sentences[0]}"
        super().__init__(_sentence("dataset certificate", found, None, None))


class WriteError(PhenolensError):
    """A file that could not be written whole; nothing half-written stays under its name."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(
            _sentence(
                str(path),
                reason,
                None,
                "free some space or choose another folder, then run again: what is finished is kept",
            )
        )
