"""The server's paths: the page, and the API that it uses itself."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from phenolens.core.errors import DataError, PhenolensError
from phenolens.serve import answers
from phenolens.serve.answers import Explain, Predict, Served
from phenolens.serve.desk import Desk
from phenolens.serve.guard import guarded, refused
from phenolens.serve.limits import EXPLAINED_BASES, Buckets, Limits, Refusal
from phenolens.serve.openapi import document
from phenolens.serve.questions import ExplainBody, PredictBody, asked, asked_to_explain, parse

PAGE = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
GONE = 499  # nobody reads it
Result = TypeVar("Result")


def application(served: Served, limits: Limits, names: frozenset[str], ready: Callable[[], None]) -> ASGIApp:
    """Return the server as an application of ASGI.

    Parameters
    ----------
    served : the model.
    limits : see there.
    names : host names, lower case, that this server has besides localhost.
    ready : called when it works.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.desk = Desk(partial(answers.work, served), limits)
        async with app.state.desk.open():
            ready()
            yield

    app = Starlette(
        routes=[
            *(Route(path, _file(*file)) for path, file in PAGE.items()),
            Route("/api/health", _health),
            Route("/api/model", _model),
            Route("/api/openapi.json", _openapi),
            Route("/api/predict", _predict, methods=["POST"]),
            Route("/api/explain", _explain, methods=["POST"]),
        ],
        exception_handlers={
            Refusal: _on_refusal, PhenolensError: _on_error, HTTPException: _on_http, ClientDisconnect: _on_gone, Exception: _on_bug,
        },
        lifespan=lifespan,
    )  # fmt: skip
    app.state.served, app.state.limits, app.state.buckets = served, limits, Buckets(limits.rate)
    return guarded(app, names)


def _file(name: str, kind: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    content = files("phenolens.serve").joinpath(name).read_bytes()

    async def send(request: Request) -> Response:
        return Response(content, media_type=kind)

    return send


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "requests": request.app.state.desk.inside})


async def _model(request: Request) -> Response:
    served, limits = request.app.state.served, request.app.state.limits
    rule = served.models[0].rule
    return JSONResponse(
        {
            "model": served.name,
            "classes": list(served.labels),
            "runs": len(served.models),
            "calibrated": served.temperature is not None,
            "temperature": served.temperature,
            "tokens": {"kind": rule.kind, "k": rule.k, "most": rule.max_tokens, "cut": rule.cut},
            "methods": list(EXPLAINED_BASES),
            "notes": list(served.notes),
            "limits": limits._asdict() | {"explained_bases": EXPLAINED_BASES},
            "phenolens": version("phenolens"),
        }
    )


async def _openapi(request: Request) -> Response:
    return JSONResponse(document(request.app.state.served, request.app.state.limits))


async def _predict(request: Request) -> Response:
    served, desk, limits = (getattr(request.app.state, name) for name in ("served", "desk", "limits"))
    body = parse(PredictBody, await _body(request))
    found, way = asked(body, limits), Predict(body.both_strands)

    async def ask() -> Any:
        mask = await desk.run(answers.readable, served, way, found.sequences)
        kept = [text for text, read in zip(found.sequences, mask, strict=True) if read]
        return mask, await desk.ask(way, answers.in_pieces(kept))

    with desk.place():
        mask, probabilities = await _in_time(request, ask())
    return JSONResponse(answers.predicted(served, found.names, mask, probabilities, raw=body.raw))


async def _explain(request: Request) -> Response:
    served, desk, limits = (getattr(request.app.state, name) for name in ("served", "desk", "limits"))
    body = parse(ExplainBody, await _body(request))
    found, target = asked_to_explain(body, limits), None
    if body.target is not None:
        if body.target not in served.labels:
            known = ", ".join(served.labels)
            raise Refusal(422, f"target: found {body.target[:80]!r}; expected a class of the model ({known})")
        target = served.labels.index(body.target)

    async def ask() -> Any:
        await desk.run(answers.check_tokens, served, found.sequences)
        (one,) = await desk.ask(Explain(body.method, target), [found.sequences])
        return one

    with desk.place():
        scores = await _in_time(request, ask())
    return JSONResponse(answers.explained(served, body.method, found.names, scores))


async def _body(request: Request) -> bytes:
    """Return the body of a POST of JSON.

    Raises
    ------
    Refusal : 429 too often, 415 another kind or compressed, 413 too large, 408 too slow.
    """
    state, headers = request.app.state, request.headers
    client = request.client.host if request.client else ""
    if wait := state.buckets.take(client, time.monotonic()):
        sentence = f"more than {state.limits.rate:g} requests a second from {client}; ask again later"
        raise Refusal(429, sentence, retry=math.ceil(wait))
    kind, _, _ = headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "application/json":
        raise Refusal(415, f"the body is {kind[:80] or 'of no stated type'!r}; expected Content-Type: application/json")
    if (coding := headers.get("content-encoding", "identity").strip().lower()) != "identity":
        raise Refusal(415, f"the body is compressed ({coding[:80]!r}); expected it as it is, without Content-Encoding")
    most, seconds = state.limits.body_bytes, state.limits.body_seconds
    too_large = Refusal(413, f"the body has more than {most:,} bytes; expected at most so many: send several requests")
    if int(headers.get("content-length", 0)) > most:
        raise too_large
    raw = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for block in request.stream():
                raw += block
                if len(raw) > most:
                    raise too_large
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {seconds:g} seconds") from None
    return bytes(raw)


async def _in_time(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of work that ends when the client leaves or the time is over.

    Raises
    ------
    Refusal : 503 after the time that a request has.
    """
    seconds = request.app.state.limits.seconds
    answer, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({answer, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if gone.done():
            raise ClientDisconnect
        raise Refusal(503, f"no answer within {seconds:g} seconds; ask for fewer sequences, or later", retry=10)
    finally:
        answer.cancel()
        gone.cancel()


def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(error)


def _on_error(request: Request, error: Exception) -> Response:
    return refused(Refusal(422 if isinstance(error, DataError) else 500, str(error)))


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    paths = ", ".join(route.path for route in request.app.routes)
    found = f"{request.method} {request.url.path[:80]}"
    sentence = {
        404: f"{found} is not here; expected one of {paths}",
        405: f"{found} does not work; expected {(error.headers or {}).get('Allow', 'another method')}",
    }
    return refused(Refusal(error.status_code, sentence.get(error.status_code, error.detail)))


def _on_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=GONE)


def _on_bug(request: Request, error: Exception) -> Response:
    return refused(Refusal(500, "phenolens failed; the terminal in which it runs says more"))
