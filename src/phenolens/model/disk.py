"""One error for a disk that does not take a model's files; each library reports it in its own class."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from phenolens.core.errors import WriteError

_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
# torch.save and safetensors say the reason only in their text.
_REASONS = (
    "no space left",
    "disk quota",
    "file too large",
    "read-only file system",
    "input/output error",
    "permission denied",
    "file write failed",
    "unexpected pos",
)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a failure to write inside the block into WriteError with the folder's name; every other error passes.

    Raises
    ------
    WriteError : the disk is full or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NUMBERS:
            raise
        raise WriteError(folder, f"the model could not be written ({error.strerror})") from error
    except (SafetensorError, RuntimeError) as error:
        if not any(reason in str(error).lower() for reason in _REASONS):
            raise
        raise WriteError(folder, f"the model could not be written ({str(error).splitlines()[0]})") from error
