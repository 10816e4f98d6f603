"""From the body of a request to sequences and options, or to one sentence that says what is wrong with it."""

from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phenolens.core.errors import InputError
from phenolens.explain.methods import METHODS
from phenolens.io.fasta import IUPAC, fasta_records
from phenolens.serve.limits import EXPLAINED_BASES, Limits, Refusal

SHOWN = 40  # letters of what was found that a sentence repeats
_NO_DNA = str.maketrans("", "", IUPAC)


class _Body(BaseModel):
    """Sequences in one of two ways."""

    model_config = ConfigDict(extra="forbid", strict=True)

    fasta: Annotated[str | None, Field(description="text of a FASTA file")] = None
    sequences: Annotated[
        list[str] | None,
        Field(fail_fast=True, description='DNA, one string a sequence; they are called "0", "1", ...'),
    ] = None


class PredictBody(_Body):
    """What POST /api/predict takes."""

    both_strands: Annotated[bool, Field(description="average over the sequence and its reverse complement")] = False
    raw: Annotated[bool, Field(description="probabilities without the calibration of the run")] = False


class ExplainBody(_Body):
    """What POST /api/explain takes."""

    method: Annotated[Literal[tuple(METHODS)], Field(description="how bases are scored")] = "alrw"  # type: ignore[valid-type]
    target: Annotated[
        str | None, Field(description="class that is explained (null: the predicted one of each); alrw knows no class")
    ] = None


Body = TypeVar("Body", bound=_Body)


class Asked(NamedTuple):
    """Sequences and how they are called."""

    names: list[str]
    sequences: list[str]


def parse(kind: type[Body], raw: bytes) -> Body:
    """Return the body of a request.

    Parameters
    ----------
    kind : what is expected.
    raw : its bytes.

    Raises
    ------
    Refusal : 400 where it is no JSON, 422 where it is another JSON than expected.
    """
    if not raw.strip():
        raise Refusal(400, f"the body is empty; expected a JSON object {_example(kind)}")
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        why = first["ctx"]["error"]
        raise Refusal(400, f"the body is not JSON: {why}; expected a JSON object {_example(kind)}")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        raise Refusal(422, f"the body has the unknown key {_shown(place)}; expected {known}")
    where = f"{place}: " if place else "the body: "
    message = first["msg"].removeprefix("Input should be ")
    raise Refusal(422, f"{where}found {_shown(first['input'])}; expected {message}")


def _example(kind: type[_Body]) -> str:
    return f'like {{"fasta": ">name\\nACGT..."}} with the keys {", ".join(kind.model_fields)}'


def _shown(value: Any) -> str:
    """Return what was found, short enough for a sentence."""
    kinds = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    text = kinds.get(type(value)) or repr(value[: SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN + 2 else f"{text[:SHOWN]}..."


def asked(body: _Body, limits: Limits) -> Asked:
    """Return the sequences of a body for POST /api/predict.

    Raises
    ------
    Refusal : 422 where there are none, or with other letters than DNA has; 413 where they are too many or too long.
    """
    if (body.fasta is None) == (body.sequences is None):
        both = "both fasta and sequences" if body.fasta is not None else "neither fasta nor sequences"
        raise Refusal(422, f"the body has {both}; expected one of them")
    found = _of_fasta(body.fasta) if body.fasta is not None else _of_list(body.sequences or [])
    lengths = [len(text) for text in found.sequences]
    for number, unit, most in (
        (len(lengths), "sequences", limits.sequences),
        (sum(lengths), "bases in all", limits.bases),
        (max(lengths), "bases in one sequence", limits.longest),
    ):
        _at_most(number, unit, most, "send several requests, or use phenolens predict")
    return found


def asked_to_explain(body: ExplainBody, limits: Limits) -> Asked:
    """Return the sequences of a body for POST /api/explain; errors as in `asked`."""
    found, most = asked(body, limits), EXPLAINED_BASES[body.method]
    remedy = "send several requests, or use phenolens.explain in Python"
    _at_most(len(found.sequences), "sequences", limits.explained, remedy)
    _at_most(sum(map(len, found.sequences)), "bases in all", most, f"that is the limit of {body.method}; {remedy}")
    return found


def _at_most(number: int, unit: str, most: int, remedy: str) -> None:
    if number > most:
        raise Refusal(413, f"found {number:,} {unit}; expected at most {most:,}; {remedy}")


def _of_fasta(text: str) -> Asked:
    try:
        records = fasta_records(text, "fasta")
    except InputError as error:
        raise Refusal(422, str(error)) from None
    return Asked(records["name"].to_list(), records["sequence"].to_list())


def _of_list(texts: list[str]) -> Asked:
    if not texts:
        raise Refusal(422, "sequences: found an empty list; expected at least one sequence")
    for i, text in enumerate(texts):
        if not text:
            raise Refusal(422, f"sequences.{i}: found an empty string; expected at least one base")
        if strange := text.translate(_NO_DNA)[:1]:
            raise Refusal(422, f"sequences.{i}: found {strange!r}; expected DNA letters ({IUPAC[:15]}, either case)")
    return Asked([str(i) for i in range(len(texts))], texts)
