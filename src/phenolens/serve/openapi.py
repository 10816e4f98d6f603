"""The OpenAPI 3.1 document of the API: what may be asked and what comes back, with this model's classes and this server's limits."""

from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from phenolens.serve.answers import Served
from phenolens.serve.limits import EXPLAINED_BASES, Limits
from phenolens.serve.questions import ExplainBody, PredictBody

_REFUSALS = {
    400: "not JSON, or not HTTP",
    403: "from a page of another site",
    408: "the body came too slowly",
    413: "too large a body, or too many or too long sequences",
    415: "not application/json, or compressed",
    421: "for another host than this server",
    422: "JSON that does not say what to do, no DNA, or DNA that the model cannot read",
    429: "too many requests; Retry-After has the seconds",
    503: "too many requests wait, or no answer in time; Retry-After has the seconds",
}
_NAME = {"type": "string", "description": "name of the FASTA record, or place in the list"}
_NUMBER_OR_NULL = {"type": ["number", "null"]}


def document(served: Served, limits: Limits) -> dict[str, Any]:
    """Return the document, ready for JSON."""
    explained = ", ".join(f"{method} {bases:,}" for method, bases in EXPLAINED_BASES.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"phenolens: {served.name}",
            "version": version("phenolens"),
            "description": f"At most {limits.body_bytes:,} bytes a body; {limits.sequences:,} sequences, {limits.longest:,} bases each and {limits.bases:,} in all for "
            f"class probabilities; {limits.explained:,} sequences for base scores, with bases in all by method: {explained}. {limits.rate:g} requests a second "
            f"of one client, {limits.waiting:,} waiting at once, {limits.seconds:g} seconds for an answer.",
        },
        "paths": {
            "/api/predict": {"post": _post("Class probabilities of sequences", "PredictBody", "Predicted")},
            "/api/explain": {"post": _post("Scores of their bases", "ExplainBody", "Explained")},
            "/api/model": {"get": _get("The model, its classes, what the server takes", "Model")},
            "/api/health": {"get": _get("Whether the server works, and how many requests it has", "Health")},
            "/api/openapi.json": {"get": {"summary": "This document", "responses": {"200": {"description": "OpenAPI 3.1"}}}},
        },
        "components": {
            "schemas": {"PredictBody": _body(PredictBody), "ExplainBody": _body(ExplainBody), **_answers(list(served.labels))},
            "responses": {
                str(status): {"description": why, "content": _json("Error")} for status, why in _REFUSALS.items()
            },
        },
    }  # fmt: skip


def _post(summary: str, body: str, answer: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _json(body)},
        "responses": {
            "200": {"description": "the answer, sequences in the order of the question", "content": _json(answer)},
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in _REFUSALS},
        },
    }


def _get(summary: str, answer: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary, "content": _json(answer)}}}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _body(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the schema that requests are checked against, and that one of its two ways to give sequences is used."""
    ways = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("fasta", "sequences")]
    return {**kind.model_json_schema(), "oneOf": ways}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: dict[str, Any], description: str = "") -> dict[str, Any]:
    return {"type": "array", "items": items, **({"description": description} if description else {})}


def _answers(labels: list[str]) -> dict[str, Any]:
    text, flag = {"type": "string"}, {"type": "boolean"}
    class_or_null = {"enum": [*labels, None]}
    probabilities = _object(**dict.fromkeys(labels, _NUMBER_OR_NULL))
    notes = _list(text, "sentences that the user should read")
    return {
        "Predicted": _object(
            calibrated={**flag, "description": "whether the run's calibration is in the probabilities"},
            sequences=_list(
                _object(
                    sequence_id=_NAME,
                    predicted={**class_or_null, "description": "most probable class; null where the model cannot read the sequence"},
                    probabilities={**probabilities, "description": "six significant digits; null as predicted"},
                )
            ),
            notes=notes,
        ),
        "Explained": _object(
            method={"enum": list(EXPLAINED_BASES)},
            sequences=_list(
                _object(
                    sequence_id=_NAME,
                    explains={**class_or_null, "description": "class that the scores explain; null with alrw, which knows no class"},
                    scores=_list(_NUMBER_OR_NULL, "one a base, six significant digits; null where the model reads no token"),
                )
            ),
        ),
        "Model": _object(
            model={**text, "description": "name of its folder"},
            classes=_list(text),
            runs={"type": "integer", "description": "models whose probabilities are averaged; base scores are those of the first"},
            calibrated=flag,
            temperature=_NUMBER_OR_NULL,
            tokens=_object(kind=text, k={"type": "integer"}, most={"type": "integer"}, cut=text),
            methods=_list(text),
            notes=notes,
            limits={"type": "object"},
            phenolens={**text, "description": "version"},
        ),
        "Health": _object(status=text, requests={"type": "integer", "description": "waiting or worked on"}),
        "Error": _object(error={**text, "description": "one sentence: what was found, what was expected"}),
    }  # fmt: skip
