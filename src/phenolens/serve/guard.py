"""What every request passes before anything looks at it: is it meant for this server, and does it come from its own page or a program.

A page of another site can make a browser send requests to this machine. It cannot read the answers, because no CORS header allows it,
and its requests carry its own Origin, which is refused. DNS rebinding makes the browser believe that this server is the other site:
then the Host header has that site's name, which is no address and none of the names of this server.
"""

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phenolens.serve.limits import Refusal

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]@/]+))(?::\d+)?")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def refused(refusal: Refusal) -> JSONResponse:
    """Return the answer that carries a refusal's sentence."""
    headers = {} if refusal.retry is None else {"Retry-After": str(refusal.retry)}
    return JSONResponse({"error": refusal.sentence}, refusal.status, headers)


def guarded(application: ASGIApp, names: frozenset[str]) -> ASGIApp:
    """Return an application that answers only requests to these names or to an address, from no other site, with security headers.

    Parameters
    ----------
    application : of ASGI.
    names : host names, lower case, that this server has besides localhost.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        refusal = wrong_site(Headers(scope=scope), names)
        await (refused(refusal) if refusal else application)(scope, receive, with_headers)

    return guard


def wrong_site(headers: Headers, names: frozenset[str]) -> Refusal | None:
    """Return why a request is not answered at all; None where it is."""
    host, origin = headers.get("host", ""), headers.get("origin")
    name = _name(host)
    if not (name in names | {"localhost"} or _is_address(name)):
        sentence = (
            f"the request is for the host {host[:80]!r}; expected localhost, an address, or the name given with --host"
        )
        return Refusal(421, sentence)
    if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
        return Refusal(
            403, f"the request comes from a page of {origin[:80]!r}; expected this server's own page, or a program"
        )
    return None


def _name(host: str) -> str:
    """Return the name or address of a Host header, without port and brackets; nothing where it is none."""
    found = _HOST.fullmatch(host.strip().lower())
    return (found[1] or found[2]) if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
