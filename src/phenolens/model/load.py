"""From a model's name to a model that is ready to be trained on these classes, and to and from a Hugging Face folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from transformers import BertConfig, GPT2Config

from phenolens.core.errors import InputError, SettingsError
from phenolens.core.run import read_json, write_json
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.adapt import adapt, plain_weights
from phenolens.model.architecture import configuration, fit, longest_input, random_model, trained_model
from phenolens.model.disk import disk_errors
from phenolens.model.hub import model_folder
from phenolens.model.quiet import own_randomness, quiet
from phenolens.model.registry import REGISTRY, Model
from phenolens.model.tokens import TokenRule, encode
from phenolens.model.vocabulary import bpe_rule, folder_rule, kmer_rule, kmer_vocabulary, save_tokenizer

_CONFIGS: dict[str, Any] = {"bert": BertConfig, "gpt2": GPT2Config}
_PROBE = "ACGTTGCAAGCTTACG" * 4


class Loaded(NamedTuple):
    """A classifier with all that is needed to use it.

    model : Hugging Face model for sequence classification.
    rule : how sequences become its tokens.
    labels : C class names; column c of a prediction belongs to labels[c].
    name : as it was asked for.
    notes : sentences that the user should read, e.g. that the head starts from random weights.
    from_scratch : whether all its weights were random before training.
    """

    model: Any
    rule: TokenRule
    labels: tuple[str, ...]
    name: str
    notes: tuple[str, ...] = ()
    from_scratch: bool = False


def load(
    model: str, labels: Sequence[str], settings: TrainSettings, seed: int, training_sequences: Sequence[str] = ()
) -> Loaded:
    """Return a model with a head for these classes, ready to be trained.

    Parameters
    ----------
    model : a name of the registry, a local Hugging Face folder, or a name on the Hugging Face hub.
    labels : C class names.
    settings : from_scratch, adapt, lora_*, dropout, max_tokens, cut and trust_remote_code are used.
    seed : of random initial weights.
    training_sequences : needed by a model whose tokenizer is trained on them (gpt2-scratch).

    Raises
    ------
    SettingsError : no model of this name, the hub cannot be reached, or modules to adapt that it does not have.
    InputError : a folder that is not a whole model with its tokenizer.
    """
    row = REGISTRY.get(model)
    with quiet(), own_randomness(seed):
        if row is not None and row.config:
            loaded = _of_registry(model, row, tuple(labels), settings, training_sequences)
        else:
            loaded, fresh = of_folder(model_folder(model, settings), model, tuple(labels), settings)
            if fresh:
                verb = "starts" if len(fresh) == 1 else "start"
                note = f"{model}: {', '.join(fresh)} {verb} from random weights for {len(labels)} classes"
                loaded = loaded._replace(notes=(*loaded.notes, note))
        adapt(loaded.model, settings)
    return loaded


def _of_registry(
    name: str, row: Model, labels: tuple[str, ...], settings: TrainSettings, sequences: Sequence[str]
) -> Loaded:
    """Return a model of a row with sizes: random weights, as many positions as asked for."""
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
    notes = fit(config, labels, settings)
    return Loaded(random_model(config, settings), rule, labels, name, (f"{name}: {row.meaning}", *notes), True)


def of_folder(folder: Path, name: str, labels: tuple[str, ...], settings: TrainSettings) -> tuple[Loaded, list[str]]:
    """Return (model of a folder, names of its modules that start from random weights although the others do not)."""
    config = configuration(folder, settings)
    fresh: list[str] = []
    pad, size = getattr(config, "pad_token_id", None), getattr(config, "vocab_size", None)
    rule = folder_rule(folder, settings, pad, size)
    _check_tokens(folder, config, rule, size)
    config.pad_token_id = rule.pad
    notes = fit(config, labels, settings)
    if settings.from_scratch:
        model = random_model(config, settings)
        notes.append("random weights in this architecture (train.from_scratch)")
    else:
        model, fresh = trained_model(folder, config, settings)
    longest = longest_input(model)
    if longest and longest < rule.max_tokens:
        notes.append(f"reads at most {longest} tokens, so train.max_tokens = {settings.max_tokens} becomes {longest}")
        rule = rule._replace(max_tokens=longest)
    loaded = Loaded(model, rule, labels, name, tuple(f"{name}: {note}" for note in notes), settings.from_scratch)
    return loaded, fresh


def _check_tokens(folder: Path, config: Any, rule: TokenRule, size: int | None) -> None:
    """Make sure that every token has a row in the model, and that bases can be told from padding, and masks from bases."""
    tokens = rule.tokenizer.vocab_size if rule.tokenizer is not None else len(rule.vocabulary)
    if size is not None and tokens > size:
        found = f"its tokenizer has {tokens} tokens, its model {size}"
        raise InputError(folder, found, remedy="copy the tokenizer that belongs to the model")
    probe = encode(rule, [_PROBE])
    if size is not None and probe.ids.max() >= size:
        found = f"its tokenizer writes token {probe.ids.max()}, its model has {size}"
        raise InputError(folder, found, remedy="copy the tokenizer_config.json that belongs to the model")
    if rule.pad in probe.ids[probe.spans[:, 0] >= 0]:
        raise InputError(
            folder,
            f"its padding token {rule.pad} also stands for bases, and a classifier finds the end of a sequence by it",
            remedy="set pad_token_id in config.json to a token that never stands for bases",
        )
    if getattr(config, "token_dropout", False) and config.mask_token_id is None:
        # ESM compares every token with it; absent, it cannot even be compared.
        config.mask_token_id = getattr(rule.tokenizer, "mask_token_id", None)
        config.token_dropout = config.mask_token_id is not None


def save(loaded: Loaded, folder: Path) -> None:
    """Write a complete Hugging Face folder: config.json, model.safetensors, tokenizer files, and last phenolens.json with the token rule.

    Low-rank updates are added to the weights, so the folder is that of a plain model.

    Raises
    ------
    WriteError : the disk is full or the place cannot be written; without phenolens.json `load_folder` refuses what is there.
    """
    with quiet(), disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "phenolens.json").unlink(missing_ok=True)
        loaded.model.save_pretrained(folder, state_dict=plain_weights(loaded.model))
        save_tokenizer(loaded.rule, folder)
    rule = {key: getattr(loaded.rule, key) for key in ("kind", "k", "cut", "max_tokens", "max_unknown")}
    described = {"model": loaded.name, "labels": list(loaded.labels), "tokens": rule}
    write_json(described | {"from_scratch": loaded.from_scratch}, folder / "phenolens.json")


def load_folder(folder: Path, *, trust_remote_code: bool = False) -> Loaded:
    """Return a classifier that `save` wrote.

    Parameters
    ----------
    folder : e.g. DIR/train/run-0.
    trust_remote_code : run code that came with the model; what the folder itself says about it is not asked.

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
    rule = {key: described["tokens"][key] for key in ("cut", "max_tokens", "max_unknown")}
    settings = TrainSettings.model_validate(rule | {"trust_remote_code": trust_remote_code})
    with quiet():
        loaded, fresh = of_folder(folder, described["model"], tuple(described["labels"]), settings)
    if fresh or loaded.rule.max_tokens != rule["max_tokens"]:
        found = f"{', '.join(fresh)} not stored" if fresh else f"reads at most {loaded.rule.max_tokens} tokens"
        raise InputError(folder, f"is damaged: {found}", remedy="train again")
    return loaded._replace(notes=(), from_scratch=bool(described.get("from_scratch")))
