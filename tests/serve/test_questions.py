"""What a body asks, and the sentence for what it does not say."""

import json

import pytest

from phenolens.serve.limits import Limits, Refusal
from phenolens.serve.questions import ExplainBody, PredictBody, asked, asked_to_explain, parse

KEYS = "fasta, sequences, both_strands, raw"


def test_fasta_and_lists_say_the_same():
    fasta = asked(parse(PredictBody, b'{"fasta": ">0 x\\r\\nACG\\r\\nTTN\\r\\n\\r\\n> 1\\nrYk"}'), Limits())
    listed = asked(parse(PredictBody, b'{"sequences": ["ACGTTN", "rYk"], "raw": true}'), Limits())
    assert fasta == listed == (["0", "1"], ["ACGTTN", "rYk"])


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 400, "the body is empty; expected a JSON object"),
        (b"{", 400, "the body is not JSON: EOF while parsing an object at line 1 column 1; expected a JSON object"),
        (b"[" * 5000, 400, "the body is not JSON: recursion limit exceeded"),
        (b"[]", 422, "the body: found a list; expected an object"),
        (b"{}", 422, "the body has neither fasta nor sequences; expected one of them"),
        (b'{"fasta": "", "sequences": []}', 422, "the body has both fasta and sequences; expected one of them"),
        (b'{"fasta": 3}', 422, "fasta: found 3; expected a valid string"),
        (b'{"sequences": {}}', 422, "sequences: found an object; expected a valid array"),
        (b'{"sequences": ["A", 2]}', 422, "sequences.1: found 2; expected a valid string"),
        (b'{"sequences": []}', 422, "sequences: found an empty list; expected at least one sequence"),
        (b'{"sequences": ["A", ""]}', 422, "sequences.1: found an empty string; expected at least one base"),
        (b'{"sequences": ["A", "AEC"]}', 422, "sequences.1: found 'E'; expected DNA letters (ACGTNRYSWKMBDHV, either case)"),
        (b'{"fasta": ">a\\nACGU"}', 422, "fasta, line 2: record a holds 'U'; expected DNA letters"),
        (b'{"fasta": "ACG"}', 422, "fasta, line 1: begins with 'ACG'; expected a FASTA file"),
        (b'{"fasta": " "}', 422, "fasta: is empty; expected '>name' and its sequence"),
        (b'{"fasta": ">a\\n>b\\nA"}', 422, "fasta, line 1: record a has no sequence"),
        (b'{"fasta": ">a\\nA", "raw": 1}', 422, "raw: found 1; expected a valid boolean"),
        (b'{"fasta": ">a\\nA", "both_strands": NaN}', 422, "both_strands: found nan; expected a valid boolean"),
        (b'{"fasta": ">a\\nA", "threshold": 1}', 422, f"the body has the unknown key 'threshold'; expected {KEYS}"),
    ],
)  # fmt: skip
def test_every_mistake_has_its_sentence(body, status, sentence):
    with pytest.raises(Refusal) as caught:
        asked(parse(PredictBody, body), Limits())
    assert caught.value.status == status
    assert caught.value.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("sequences", "limits", "sentence"),
    [
        (["A"] * 4, Limits(sequences=3), "found 4 sequences; expected at most 3"),
        (["AC"] * 4, Limits(bases=7), "found 8 bases in all; expected at most 7"),
        (["A", "ACGT"], Limits(longest=3), "found 4 bases in one sequence; expected at most 3"),
    ],
)
def test_too_much_is_counted(sequences, limits, sentence):
    body = parse(PredictBody, json.dumps({"sequences": sequences}).encode())
    with pytest.raises(Refusal, match=sentence) as caught:
        asked(body, limits)
    assert caught.value.status == 413


def test_a_method_has_its_own_limit():
    text = "ACGT" * 251
    body = {"sequences": [text], "method": "mutagenesis"}
    with pytest.raises(
        Refusal, match=r"found 1,004 bases in all; expected at most 1,000; that is the limit of mutagenesis"
    ):
        asked_to_explain(parse(ExplainBody, json.dumps(body).encode()), Limits())
    assert asked_to_explain(parse(ExplainBody, json.dumps({"sequences": [text]}).encode()), Limits()).sequences == [
        text
    ]
    with pytest.raises(Refusal, match="found 3 sequences; expected at most 2"):
        asked_to_explain(parse(ExplainBody, b'{"sequences": ["A", "A", "A"]}'), Limits(explained=2))


def test_a_long_value_is_cut_in_the_sentence():
    with pytest.raises(Refusal) as caught:
        parse(PredictBody, json.dumps({"raw": "x" * 100_000}).encode())
    assert len(caught.value.sentence) < 120
