"""From a model's name to a model that is ready to be trained on these classes, and to and from a Hugging Face folder."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers import AutoConfig, BertConfig, GPT2Config
from transformers import AutoModelForSequenceClassification as AutoClassifier

from phenolens.core.errors import InputError, SettingsError
from phenolens.core.run import read_json, write_json
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.disk import disk_errors
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.registry import ATTENTION_DROPOUT, DROPOUT, REGISTRY, Model
from phenolens.model.tokens import TokenRule
from phenolens.model.vocabulary import bpe_rule, folder_rule, kmer_rule, kmer_vocabulary, save_tokenizer

_CLASSIFIER: Any = AutoClassifier
_CONFIGS: dict[str, Any] = {"bert": BertConfig, "gpt2": GPT2Config}
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_SAFE_FILES = ("*.json", "*.txt", "*.safetensors", "*.model")
_HEADS = ("classifier", "score", "pooler", "summary")


class Loaded(NamedTuple):
    """A classifier with all that is needed to use it.

    model : Hugging Face model for sequence classification.
    rule : how sequences become its tokens.
    labels : C class names; column c of a prediction belongs to labels[c].
    name : as it was asked for.
    notes : sentences that the user should read, e.g. that the head starts from random weights.
    """

    model: Any
    rule: TokenRule
    labels: tuple[str, ...]
    name: str
    notes: tuple[str, ...] = ()


def load(
    model: str, labels: Sequence[str], settings: TrainSettings, seed: int, training_sequences: Sequence[str] = ()
) -> Loaded:
    """Return a model with a head for these classes, ready to be trained.

    Parameters
    ----------
    model : a name of the registry, a local Hugging Face folder, or a name on the Hugging Face hub.
    labels : C class names.
    settings : dropout, max_tokens, cut and trust_remote_code are used.
    seed : of random initial weights.
    training_sequences : needed by a model whose tokenizer is trained on them (gpt2-small).

    Raises
    ------
    SettingsError : no model of this name, or the hub cannot be reached.
    InputError : a folder that is not a whole model with its tokenizer.
    """
    row, folder = REGISTRY.get(model), Path(model).expanduser()
    with quiet(), own_randomness(seed):
        if row is not None and row.from_scratch:
            return _from_scratch(model, row, tuple(labels), settings, training_sequences)
        if folder.is_dir():
            return _from_folder(folder, model, tuple(labels), settings)
        if row is None and not (_HUB_NAME.fullmatch(model) and model[0] not in "./~"):
            near = difflib.get_close_matches(model, REGISTRY, n=2, cutoff=0.5) or list(REGISTRY)
            raise SettingsError(
                "settings",
                "train.model",
                f"no folder and no known model is called {model!r}",
                expected="a name that `phenolens models` lists, a Hugging Face folder, or owner/name on the hub",
                remedy="nearest known: " + ", ".join(near),
            )
        return _from_folder(_download(model, settings), model, tuple(labels), settings)


def _from_scratch(
    name: str, row: Model, labels: tuple[str, ...], settings: TrainSettings, sequences: Sequence[str]
) -> Loaded:
    if row.tokens == "kmer":
        rule = kmer_rule(kmer_vocabulary(row.k), settings)
        sizes = {"vocab_size": len(rule.vocabulary), "max_position_embeddings": settings.max_tokens}
    else:
        if not sequences:
            raise SettingsError(
                "settings",
                "train.model",
                f"{name} needs training sequences for its tokenizer",
                expected="a dataset with split train",
            )
        rule = bpe_rule(sequences, row.vocabulary, settings)
        sizes = {
            "vocab_size": len(rule.tokenizer),
            "n_positions": settings.max_tokens,
            "bos_token_id": rule.pad,
            "eos_token_id": rule.pad,
        }
    config = _CONFIGS[row.family](**row.config, **sizes, pad_token_id=rule.pad)
    _adapt(config, labels, settings)
    return Loaded(_CLASSIFIER.from_config(config), rule, labels, name, (f"{name}: {row.meaning}",))


def _adapt(config: Any, labels: tuple[str, ...], settings: TrainSettings) -> None:
    """Set classes, dropout and attention of a configuration; sdpa never holds an L x L matrix per head."""
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    config.problem_type = "single_label_classification"
    config._attn_implementation = "sdpa"
    for key in DROPOUT.get(config.model_type, ()):
        setattr(config, key, settings.dropout)
    if config.model_type in ATTENTION_DROPOUT:
        setattr(config, ATTENTION_DROPOUT[config.model_type], 0.0)


def _from_folder(folder: Path, name: str, labels: tuple[str, ...], settings: TrainSettings) -> Loaded:
    config = _config(folder, settings)
    rule = folder_rule(folder, settings, getattr(config, "pad_token_id", None), config.vocab_size)
    notes = []
    longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if longest and longest < rule.max_tokens:
        notes.append(
            f"{name} reads at most {longest} tokens, so train.max_tokens = {settings.max_tokens} becomes {longest}"
        )
        rule = rule._replace(max_tokens=longest)
    config.pad_token_id = rule.pad
    _adapt(config, labels, settings)
    model, info = _weights(folder, config, settings)
    tokens = rule.tokenizer.vocab_size if rule.tokenizer is not None else len(rule.vocabulary)
    if tokens > config.vocab_size:
        found = f"its tokenizer has {tokens} tokens, its model {config.vocab_size}"
        raise InputError(folder, found, remedy="copy the tokenizer that belongs to the model")
    fresh = sorted(
        {key.split(".")[-2] for key in info["missing_keys"]}
        | {key[0].split(".")[-2] for key in info["mismatched_keys"]}
    )
    if fresh:
        notes.append(
            f"{name}: {', '.join(fresh)} {'starts' if len(fresh) == 1 else 'start'} from random weights for {len(labels)} classes"
        )
    return Loaded(model, rule, labels, name, tuple(notes))


def _config(folder: Path, settings: TrainSettings) -> Any:
    if not (folder / "config.json").is_file():
        raise InputError(
            folder,
            "has no config.json",
            expected="a Hugging Face model folder",
            remedy="give the folder that holds config.json and the weights",
        )
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(folder / "config.json", f"cannot be used ({_first_line(error)})") from error


def _weights(folder: Path, config: Any, settings: TrainSettings) -> tuple[Any, dict[str, Any]]:
    """Return (model in float32, what was missing in the checkpoint); only a head may be missing."""
    try:
        model, info = _CLASSIFIER.from_pretrained(
            folder,
            config=config,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            dtype="float32",
            trust_remote_code=settings.trust_remote_code,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(
            folder,
            f"its weights cannot be loaded ({_first_line(error)})",
            expected="model.safetensors of this config.json",
        ) from error
    wrong = [
        key
        for key in (*info["missing_keys"], *(k[0] for k in info["mismatched_keys"]))
        if not any(h in key for h in _HEADS)
    ]
    if wrong:
        raise InputError(
            folder,
            f"weights do not fit its config.json: {len(wrong)} missing or of another shape, the first {wrong[0]}",
        )
    return model, info


def _download(name: str, settings: TrainSettings) -> Path:
    """Return the local folder of a hub model: from the cache, else downloaded; safetensors where the hub has them."""
    patterns = [*_SAFE_FILES, *(["*.py"] if settings.trust_remote_code else [])]
    try:
        folder = Path(snapshot_download(name, allow_patterns=patterns))
        if not any(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*patterns, "pytorch_model*.bin"]))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise SettingsError(
            "settings",
            "train.model",
            f"{name} is no local folder and could not be fetched from the Hugging Face hub ({_first_line(error)})",
            remedy="check the name and the network, or give a local folder with its files; bert-small and gpt2-small need none",
        ) from error
    return folder


def save(loaded: Loaded, folder: Path) -> None:
    """Write a complete Hugging Face folder: config.json, model.safetensors, tokenizer files, and last phenolens.json with the token rule.

    Raises
    ------
    WriteError : the disk is full or the place cannot be written; without phenolens.json `load_folder` refuses what is there.
    """
    with quiet(), disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "phenolens.json").unlink(missing_ok=True)
        loaded.model.save_pretrained(folder)
        save_tokenizer(loaded.rule, folder)
    rule = {key: getattr(loaded.rule, key) for key in ("kind", "k", "cut", "max_tokens", "max_unknown")}
    write_json({"model": loaded.name, "labels": list(loaded.labels), "tokens": rule}, folder / "phenolens.json")


def load_folder(folder: Path) -> Loaded:
    """Return a classifier that `save` wrote.

    Raises
    ------
    InputError : not such a folder, or damaged.
    """
    described = read_json(folder / "phenolens.json")
    if not isinstance(described, dict):
        raise InputError(
            folder,
            "is not a model trained by phenolens (no readable phenolens.json)",
            remedy="give DIR/train/run-0 of a finished run",
        )
    rule = described["tokens"]
    settings = TrainSettings.model_validate({key: rule[key] for key in ("cut", "max_tokens", "max_unknown")})
    with quiet():
        loaded = _from_folder(folder, described["model"], tuple(described["labels"]), settings)
    if loaded.notes:
        raise InputError(folder, f"is damaged: {loaded.notes[0]}", remedy="train again")
    return loaded


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
