import errno
import os

import pytest
import torch
from safetensors.torch import save_file
from tiny import file_size_limit

from phenolens.core.errors import WriteError
from phenolens.model.disk import disk_errors


def save_with_torch(folder):
    torch.save(torch.ones(100_000), folder / "a.pt")


def save_with_safetensors(folder):
    save_file({"a": torch.ones(100_000)}, folder / "a.safetensors")


def save_with_python(folder):
    (folder / "a").write_bytes(b"0" * 400_000)


@pytest.mark.parametrize("write", [save_with_torch, save_with_safetensors, save_with_python])
def test_each_librarys_full_disk_is_one_error(tmp_path, write):
    with (
        pytest.raises(WriteError, match=f"^{tmp_path}: the model could not be written"),
        disk_errors(tmp_path),
        file_size_limit(50_000),
    ):
        write(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_reasons_of_the_disk_are_translated(tmp_path, number):
    with pytest.raises(WriteError, match=os.strerror(number)), disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    "error",
    [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), OSError(errno.ECHILD, "no child"), ValueError("x")],
)
def test_every_other_error_passes(tmp_path, error):
    with pytest.raises(type(error)) as caught, disk_errors(tmp_path):
        raise error
    assert caught.value is error
