"""Where a token rule comes from: a k-mer vocabulary in DNABERT's order, a folder's files, or BPE trained on sequences.

A vocabulary that holds all 4^k k-mers of one length, and no other word of bases, means overlapping k-mers whatever the
tokenizer's own files say: Hugging Face's BertTokenizer reads raw DNA, lower case, and a folder with vocab.txt only as [UNK].
One with all k-mers and single letters, or letters alone, means blocks, where the tokenizer itself reads a probe the same way.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, BertTokenizer
from transformers import PreTrainedTokenizerFast as FastTokenizer

from phenolens.core.errors import InputError
from phenolens.core.run import write_text
from phenolens.core.settings_learn import TrainSettings
from phenolens.model.blocks import BASES, Blocks, block_table, block_tokens
from phenolens.model.offsets import letters_left_out
from phenolens.model.tokens import TokenRule, end_to_end

_FAST: Any = FastTokenizer
DNABERT_ORDER = "ATCG"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
END_OF_TEXT = "<|endoftext|>"
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")
BPE_BASES = 10_000_000  # more sequence does not change a small vocabulary, and training time grows with it
_PROBE = "ACGTTGCAAGCTTACG" * 4
_TRAPS = (_PROBE, "A", "ACGTTGCAA", "NACGTTGCAAGCNNACGTTGCA", "RRACGTTGCAAYACGRNNRK", "NNNN", "RYK", "TGCARGCAT", "")
AMINO_ACIDS = frozenset("ACDEFGHIKLMNPQRSTVWY")
NUCLEOTIDES = frozenset("ACGTUNRYSWKMBDHV")


def kmer_vocabulary(k: int) -> dict[str, int]:
    """Return DNABERT's vocabulary: five special tokens, then all k-mers with the letters in the order A T C G."""
    words = ("".join(letters) for letters in itertools.product(DNABERT_ORDER, repeat=k))
    return {token: i for i, token in enumerate(itertools.chain(SPECIALS, words))}


def kmer_length(vocabulary: Iterable[str]) -> int:
    """Return k if the vocabulary holds all k-mers of one length from 3 to 6 and no other word of bases, else 0."""
    words = {token.upper() for token in vocabulary if token and set(token.upper()) <= set(BASES)}
    lengths = {len(word) for word in words}
    if len(lengths) != 1:
        return 0
    k = lengths.pop()
    return k if 3 <= k <= 6 and len(words) == 4**k else 0


def kmer_rule(vocabulary: dict[str, int], settings: TrainSettings) -> TokenRule:
    """Return the rule for overlapping k-mers of a vocabulary that `kmer_length` accepts."""
    k = kmer_length(vocabulary)
    upper = {token.upper(): i for token, i in vocabulary.items()}
    lookup = np.array([upper["".join(word)] for word in itertools.product(BASES, repeat=k)], dtype=np.int32)
    return TokenRule(
        kind="kmer",
        vocabulary=vocabulary,
        prefix=(_special(vocabulary, "[CLS]"),),
        suffix=(_special(vocabulary, "[SEP]"),),
        pad=_special(vocabulary, "[PAD]"),
        unknown=_special(vocabulary, "[UNK]"),
        cut=settings.cut,
        max_tokens=settings.max_tokens,
        max_unknown=settings.max_unknown,
        k=k,
        lookup=lookup,
    )


def _special(vocabulary: dict[str, int], token: str) -> int:
    for name in (token, token.lower().replace("[", "<").replace("]", ">")):
        if name in vocabulary:
            return vocabulary[name]
    raise InputError("tokenizer", f"k-mer vocabulary without {token}", expected=" ".join(SPECIALS[:4]))


def bpe_rule(sequences: Sequence[str], size: int, settings: TrainSettings) -> TokenRule:
    """Return the rule of a byte-level BPE tokenizer trained on these sequences, without regular-expression split (METHOD 2).

    Parameters
    ----------
    sequences : training sequences; the first 10 million bases are used.
    size : tokens of the vocabulary, the end-of-text token (also padding) included.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    # Without the whole byte alphabet a letter that training did not meet would vanish from the input without a word.
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[END_OF_TEXT], initial_alphabet=alphabet, show_progress=False
    )
    reached = np.cumsum([len(s) for s in sequences]) - [len(s) for s in sequences]
    tokenizer.train_from_iterator(
        (s.upper() for s, at in zip(sequences, reached, strict=True) if at < BPE_BASES), trainer
    )
    fast = _FAST(tokenizer_object=tokenizer, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT)
    return tokenizer_rule(fast, settings)


def tokenizer_rule(
    tokenizer: Any, settings: TrainSettings, pad: int | None = None, size: int | None = None
) -> TokenRule:
    """Return the rule of a Hugging Face tokenizer: blocks where it reads like `block_tokens`, else its own offsets.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast; a slow one only for blocks.
    pad : padding id of the model's configuration, where it has one; else the tokenizer's, else end of text.
    size : tokens that the model has; a padding token beyond them is passed over.

    Raises
    ------
    InputError : no padding token, or a slow tokenizer that reads in another way.
    """
    name = tokenizer.name_or_path or "tokenizer"
    unknown = (
        -1 if tokenizer.unk_token_id is None or tokenizer.unk_token == END_OF_TEXT else int(tokenizer.unk_token_id)
    )
    candidates = (pad, tokenizer.pad_token_id, tokenizer.eos_token_id)
    chosen = next((int(c) for c in candidates if c is not None and (size is None or c < size)), None)
    if chosen is None:
        raise InputError(name, "has no padding and no end-of-text token", remedy="set pad_token in it")
    upper = _misread(tokenizer, _PROBE, unknown) <= _misread(tokenizer, _PROBE.lower(), unknown)
    probe = _PROBE if upper else _PROBE.lower()
    plain, whole = _read(tokenizer, probe), tokenizer(probe)["input_ids"]
    at = next(i for i in range(len(whole) - len(plain) + 1) if whole[i : i + len(plain)] == plain)
    special = set(tokenizer.all_special_tokens)
    words = {token: i for token, i in tokenizer.get_vocab().items() if token not in special}
    rule = TokenRule(
        kind="tokenizer",
        vocabulary={},
        prefix=tuple(whole[:at]),
        suffix=tuple(whole[at + len(plain) :]),
        pad=chosen,
        unknown=unknown,
        cut=settings.cut,
        max_tokens=settings.max_tokens,
        max_unknown=settings.max_unknown,
        tokenizer=tokenizer,
        upper=upper,
        foreign=foreign_share(words),
    )
    for joins in (True, False):
        table = block_table(words, joins=joins)
        if table and _reads_like(tokenizer, table, rule):
            return rule._replace(kind="blocks", blocks=table, k=table.k)
    if not tokenizer.is_fast:
        raise InputError(
            name,
            "its tokenizer does not tell which bases a token covers",
            expected="a fast tokenizer (tokenizer.json), or a vocabulary of k-mers and letters",
        )
    return rule._replace(left_out=letters_left_out(tokenizer, probe))


def _read(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _misread(tokenizer: Any, text: str, unknown: int) -> tuple[int, int, int]:
    """Return (letters under no token, unknown tokens, tokens): the smaller, the better the tokenizer knows this case."""
    ids, covered = _read(tokenizer, text), len(text)
    if tokenizer.is_fast:
        spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        covered = sum(end - start for start, end in spans)
    return len(text) - covered, sum(i == unknown for i in ids), len(ids)


def _reads_like(tokenizer: Any, table: Blocks, rule: TokenRule) -> bool:
    """Return whether a tokenizer gives the ids of `block_tokens` on sequences with every trap."""
    for text in _TRAPS:
        ids, _, _ = block_tokens(table, *end_to_end([text]), rule.unknown)
        if _read(tokenizer, text if rule.upper else text.lower()) != ids.tolist():
            return False
    return True


def foreign_share(words: Iterable[str]) -> float:
    """Return the share of a vocabulary's words of two letters or more that no DNA can give (`the`, `##ing`); 0 without such words.

    DNA has the nucleotide codes of IUPAC and U, in either case. Where there are single letters alone, and among them all 20 amino
    acids but no lower case, it is a vocabulary of proteins and the share is 1.
    """
    plain = {word.strip("#▁Ġ") for word in words if not word.startswith(("<", "["))}
    longer = [word for word in plain if len(word) > 1]
    if not longer:
        return float(plain >= AMINO_ACIDS and not any(word.islower() for word in plain))
    return sum(not set(word.upper()) <= NUCLEOTIDES for word in longer) / len(longer)


def folder_rule(folder: Path, settings: TrainSettings, pad: int | None = None, size: int | None = None) -> TokenRule:
    """Return the token rule of a local Hugging Face folder; pad and size as in `tokenizer_rule`.

    Raises
    ------
    InputError : no tokenizer in the folder, an unreadable one, or one that cannot tell which bases a token covers.
    """
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError(
            folder,
            "has no tokenizer",
            expected="vocab.txt or tokenizer.json",
            remedy="copy the tokenizer files of the model into it",
        )
    for vocabulary in (_words_of_json(folder / "tokenizer.json"), _words_of_text(folder / "vocab.txt")):
        if kmer_length(vocabulary):
            return kmer_rule(vocabulary, settings)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(folder, f"tokenizer cannot be read ({_first_line(error)})") from error
    return tokenizer_rule(tokenizer, settings, pad, size)


def _words_of_json(source: Path) -> dict[str, int]:
    """Return the vocabulary of whole words in a tokenizer.json, empty for BPE and other kinds whose words are pieces."""
    if not source.is_file():
        return {}
    try:
        model = json.loads(source.read_text(encoding="utf-8"))["model"]
        return dict(model["vocab"]) if model.get("type") in ("WordPiece", "WordLevel") else {}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(source, f"cannot be read ({_first_line(error)})") from error


def _words_of_text(source: Path) -> dict[str, int]:
    """Return the vocabulary of a vocab.txt, one word a line, empty where there is none."""
    if not source.is_file():
        return {}
    try:
        return {word.strip(): i for i, word in enumerate(source.read_text(encoding="utf-8").splitlines())}
    except ValueError as error:
        raise InputError(source, f"cannot be read ({_first_line(error)})") from error


def save_tokenizer(rule: TokenRule, folder: Path) -> None:
    """Write the tokenizer so that Hugging Face's AutoTokenizer loads it; a k-mer one reads k-mers joined by spaces."""
    if rule.tokenizer is not None:
        rule.tokenizer.save_pretrained(folder)
        return
    BertTokenizer(vocab=dict(rule.vocabulary), do_lower_case=False).save_pretrained(folder)
    ordered = sorted(rule.vocabulary, key=lambda token: rule.vocabulary[token])
    write_text("".join(f"{token}\n" for token in ordered), folder / "vocab.txt")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
