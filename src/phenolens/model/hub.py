"""From a model's name to the local folder that holds it: shipped with phenolens, the user's own, or from the Hugging Face hub."""

import difflib
import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from phenolens.core.errors import SettingsError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.registry import REGISTRY

WEIGHTS = Path(__file__).parent.parent / "weights"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_SAFE_FILES = ("*.json", "*.txt", "*.model")


def model_folder(model: str, settings: TrainSettings) -> Path:
    """Return the folder of a model that has one; a model of the hub is downloaded, unless it lies in the cache.

    Parameters
    ----------
    model : a name of the registry, a local folder, or owner/name on the hub.
    settings : trust_remote_code, and from_scratch, which needs no weights.

    Raises
    ------
    SettingsError : no model of this name, or the hub cannot be reached.
    """
    row, folder = REGISTRY.get(model), Path(model).expanduser()
    if row is not None and row.folder:
        return WEIGHTS / row.folder
    if folder.is_dir():
        return folder
    if row is None and not (_HUB_NAME.fullmatch(model) and model[0] not in "./~"):
        near = difflib.get_close_matches(model, REGISTRY, n=2, cutoff=0.5) or list(REGISTRY)
        raise SettingsError(
            "settings",
            "train.model",
            f"no folder and no known model is called {model!r}",
            expected="a name that `phenolens models` lists, a Hugging Face folder, or owner/name on the hub",
            remedy="nearest known: " + ", ".join(near),
        )
    return _download(model, settings)


def _download(name: str, settings: TrainSettings) -> Path:
    """Return the local folder of a hub model: from the cache, else downloaded; safetensors where the hub has them."""
    patterns = [*_SAFE_FILES, *(["*.py"] if settings.trust_remote_code else [])]
    try:
        if settings.from_scratch:
            return Path(snapshot_download(name, allow_patterns=patterns))
        folder = Path(snapshot_download(name, allow_patterns=[*patterns, "*.safetensors"]))
        if not any(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*patterns, "pytorch_model*.bin"]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        found = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SettingsError(
            "settings",
            "train.model",
            f"{name} is no local folder and could not be fetched from the Hugging Face hub ({found})",
            remedy="check the name and the network, or give a local folder with its files; bert-small and gpt2-small need none",
        ) from error
    return folder
