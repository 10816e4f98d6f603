"""The lines of Python on a model card that give the probabilities of the run with transformers alone."""

import json
from typing import NamedTuple

_HEAD = '''import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

FOLDER = {folder}
model = AutoModelForSequenceClassification.from_pretrained(FOLDER).eval()
tokenizer = AutoTokenizer.from_pretrained(FOLDER)


def probabilities(sequence):
    """Return class -> probability of one DNA sequence."""
    sequence = sequence.{case}()
'''
_TAIL = """    with torch.no_grad():
        logits = torch.stack([model(torch.tensor([{before} + row + {after}])).logits[0] for row in rows]).mean(0)
    return {{model.config.id2label[i]: p for i, p in enumerate(torch.softmax(logits, -1).tolist())}}
"""
_KMERS = """    words = [sequence[i : i + {k}] for i in range(len(sequence) - {k} + 1)]  # overlapping {k}-mers
    ids = tokenizer.convert_tokens_to_ids(words)
"""
_OTHERS = """    ids = tokenizer(sequence, add_special_tokens=False)["input_ids"]
"""
_CUTS = {
    "head_tail": "    rows = [ids if len(ids) <= {room} else ids[:{head}] + ids[-{tail}:]]  # both ends of a longer one\n",
    "head": "    rows = [ids[:{room}]]  # the beginning of a longer one\n",
    "paper": "    rows = [(ids[:300] + ids[-212:])[:{room}]]  # the first 300 and the last 212 tokens, as in the paper\n",
    "windows": (
        "    count = max(-(-len(ids) // {room}), 1)  # windows over a longer one, whose logits are averaged\n"
        "    starts = [i * max(len(ids) - {room}, 0) // max(count - 1, 1) for i in range(count)]\n"
        "    rows = [ids[start : start + {room}] for start in starts]\n"
    ),
}


class Reading(NamedTuple):
    """How a model reads a sequence, as its card has to say it.

    kind, k, cut : of its token rule.
    room, head : tokens of a row besides the special ones, and how many of them are from the beginning of a longer sequence.
    before, after : ids of the special tokens on both sides.
    upper : whether it reads upper-case letters.
    """

    kind: str
    k: int
    cut: str
    room: int
    head: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    upper: bool


def code(reading: Reading, folder: str) -> str:
    """Return a Python program that defines `probabilities(sequence)`.

    Parameters
    ----------
    reading : of the model.
    folder : what the program loads: OWNER/NAME on the hub, or a folder.
    """
    cut = "head" if reading.cut == "paper" and reading.kind != "kmer" else reading.cut
    rows = _CUTS[cut].format(room=reading.room, head=reading.head, tail=reading.room - reading.head)
    words = _KMERS.format(k=reading.k) if reading.kind == "kmer" else _OTHERS
    head = _HEAD.format(folder=json.dumps(folder), case="upper" if reading.upper else "lower")
    return head + words + rows + _TAIL.format(before=list(reading.before), after=list(reading.after))
