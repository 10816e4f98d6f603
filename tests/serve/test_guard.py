"""Which requests are answered at all: those to this server, from its own page or from a program."""

import pytest
from starlette.datastructures import Headers

from phenolens.serve.guard import wrong_site

NAMES = frozenset({"dna.example"})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8000"},
        {"host": "localhost"},
        {"host": "LOCALHOST:80"},
        {"host": "[::1]:8000"},
        {"host": "[::1]"},
        {"host": "10.0.0.7:8000"},
        {"host": "dna.example:8000", "origin": "http://dna.example:8000"},
        {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"},
        {"host": "[::1]:8000", "origin": "http://[::1]:8000"},
    ],
)
def test_its_own_are_answered(headers):
    assert wrong_site(Headers(headers), NAMES) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 421),
        ({"host": ""}, 421),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8000"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": "[::1].evil.example"}, 421),
        ({"host": "evil.example@127.0.0.1"}, 421),
        ({"host": "127.0.0.1:8000", "origin": "http://evil.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:9000"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000@evil.example"}, 403),
        ({"host": "127.0.0.1:8000", "origin": "null"}, 403),
        ({"host": "127.0.0.1:8000", "origin": ""}, 403),
        ({"host": "127.0.0.1:8000", "origin": "http://[evil"}, 403),
    ],
)
def test_others_are_not(headers, status):
    assert wrong_site(Headers(headers), NAMES).status == status
