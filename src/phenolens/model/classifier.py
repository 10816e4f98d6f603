"""A classifier that someone has trained, from whatever they have of it: a run, a Hugging Face folder, or model and tokenizer in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phenolens.core.errors import DataError, InputError
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.architecture import configuration, longest_input
from phenolens.model.load import Loaded, load_folder, of_folder
from phenolens.model.quiet import quiet
from phenolens.model.vocabulary import kmer_length, kmer_rule, tokenizer_rule

_NO_LIMIT = 1 << 20  # tokens; the model's own longest input is less
_SETTINGS = {"max_tokens": _NO_LIMIT}


@contextmanager
def classifier(model: Any, tokenizer: Any = None, **settings: Any) -> Iterator[Loaded]:
    """Yield a trained classifier; a model that was given in memory is as it was after the block.

    Parameters
    ----------
    model : a `Loaded`; a run folder (its first run), a folder that phenolens wrote, or any Hugging Face folder of a sequence
        classifier; or such a model of transformers.
    tokenizer : of a model in memory.
    settings : of TrainSettings, e.g. cut and trust_remote_code; a folder that phenolens wrote has its own cut.

    Raises
    ------
    InputError : no such folder, or one whose classifier was not trained.
    DataError : something else than a sequence classifier, or one in memory without its tokenizer.
    """
    if isinstance(model, Loaded):
        yield model
    elif isinstance(model, str | Path):
        yield open_classifier(Path(model).expanduser(), **settings)
    else:
        loaded, pad = _in_memory(model, tokenizer, settings), model.config.pad_token_id
        try:
            model.config.pad_token_id = loaded.rule.pad
            yield loaded
        finally:
            model.config.pad_token_id = pad


def open_classifier(folder: Path, **settings: Any) -> Loaded:
    """Return the trained classifier of a folder; parameters and errors as in `classifier`."""
    run = folder / "train" / "run-0"
    folder = run if run.is_dir() else folder
    if (folder / "phenolens.json").is_file():
        return load_folder(folder, trust_remote_code=bool(settings.get("trust_remote_code")))
    if not folder.is_dir():
        raise InputError(
            folder, "no such folder", expected="a run of phenolens, or the Hugging Face folder of a classifier"
        )
    chosen = TrainSettings.model_validate(_SETTINGS | settings)
    with quiet():
        labels = _labels(configuration(folder, chosen))
        loaded, fresh = of_folder(folder, folder.name, labels, chosen)
    if fresh:
        raise InputError(
            folder,
            f"holds no trained classifier: {', '.join(fresh)} would start from random weights",
            remedy="train it first: phenolens run, with this folder as train.model",
        )
    return loaded


def _in_memory(model: Any, tokenizer: Any, settings: dict[str, Any]) -> Loaded:
    kind = type(model).__name__
    if not kind.endswith("ForSequenceClassification"):
        raise DataError("model", f"is a {kind}", expected="a folder, or a ...ForSequenceClassification of transformers")
    if tokenizer is None:
        raise DataError("tokenizer", "is missing", expected="the tokenizer of the model", remedy="tokenizer=...")
    chosen, vocabulary = TrainSettings.model_validate(_SETTINGS | settings), tokenizer.get_vocab()
    if kmer_length(vocabulary):
        rule = kmer_rule(vocabulary, chosen)
    else:
        rule = tokenizer_rule(tokenizer, chosen, model.config.pad_token_id, model.config.vocab_size)
    longest = longest_input(model) or _NO_LIMIT
    return Loaded(model, rule._replace(max_tokens=min(longest, chosen.max_tokens)), _labels(model.config), kind)


def _labels(config: Any) -> tuple[str, ...]:
    return tuple(config.id2label[i] for i in range(len(config.id2label)))
