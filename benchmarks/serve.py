"""Does `phenolens serve` stand many clients at once and any body, with flat memory and the answers of one client alone.

    python benchmarks/serve.py OUT [--model DIR] [--clients 50] [--seconds 60]

Starts the server as a user does, on a free port of this machine, with a 6-mer BERT (4 layers x 128; random weights unless --model). Asks
40 questions one by one (random sequences of 300 bases: most one, some ten at once, some both strands, one in five base scores by ALRW).
Then the clients, one connection each from one address, ask them over and over for the time given, each as soon as it has its answer; every
answer must be the one from before up to rounding. Resident memory each second; its median up to 10 s and up to the end. Then more than 100 malformed requests, each to
be answered with 4xx and one sentence, and the first questions once more. Last SIGTERM: exit code 0. Exits with 1 where anything is wrong.
"""

import argparse
import asyncio
import gzip
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import phenolens

CLOSE = 2e-5  # of two answers to one question: other sequences in the step change the order of sums
Address = tuple[str, int]


class Answer(NamedTuple):
    """Status and body of an HTTP response."""

    status: int
    body: bytes


class Load(NamedTuple):
    """What many clients saw: seconds of each request, statuses other than 200, answers that differ, memory in MB by second."""

    latencies: list[float]
    bad: Counter[int]
    different: int
    memory: dict[int, float]


@contextmanager
def server(model: Path, *options: str, cwd: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    """Yield a running `phenolens serve` on a free port and its address; it is killed after the block unless it has ended."""
    code = "from phenolens.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", str(model), "--port", "0", *options]
    # the same code as here, also where a relative PYTHONPATH no longer leads to it
    there = {**os.environ, "PYTHONPATH": str(Path(phenolens.__file__).parents[1])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=there
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "http://" in line, f"{line}{process.stderr.read() if process.stderr else ''}"
            host, _, port = line.partition("http://")[2].split()[0].rpartition(":")
            yield process, (host, int(port))
        finally:
            process.kill()


def request(path: str, body: bytes, *headers: str, kind: str | None = "application/json") -> bytes:
    """Return a POST request of HTTP/1.1 as bytes; headers that are given replace Host and Content-Length."""
    lines = list(headers)
    names = {line.partition(":")[0].lower() for line in lines}
    lines += ["Host: localhost"] * ("host" not in names)
    lines += [f"Content-Length: {len(body)}"] * (not names & {"content-length", "transfer-encoding"})
    lines += [f"Content-Type: {kind}"] * (kind is not None)
    return "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode() + body


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> Answer:
    """Send a request and return its answer; a server that stops reading is still listened to."""
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    status, _, rest = head.partition(b"\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in rest.strip().split(b"\r\n"))
    if b"content-length" in fields:
        return Answer(int(status.split()[1]), await reader.readexactly(int(fields[b"content-length"])))
    if b"transfer-encoding" not in fields:
        return Answer(int(status.split()[1]), await reader.read())
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    return Answer(int(status.split()[1]), body)


async def once(address: Address, raw: bytes, seconds: float = 60) -> Answer:
    """Return the answer to a request on a connection of its own."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        return await asyncio.wait_for(exchange(reader, writer, raw), seconds)
    finally:
        writer.close()


def questions(seed: int = 1) -> list[bytes]:
    """Return 40 requests."""
    draw, found = random.Random(seed), []
    for i in range(40):
        texts = ["".join(draw.choices("ACGT", k=300)) for _ in range(10 if i % 10 == 3 else 1)]
        given = {"sequences": texts} if i % 2 else {"fasta": "".join(f">s{j}\n{t}\n" for j, t in enumerate(texts))}
        if i % 5 == 4:
            found.append(request("/api/explain", json.dumps(given).encode()))
        else:
            found.append(request("/api/predict", json.dumps({**given, "both_strands": i % 4 == 2}).encode()))
    return found


def numbers(value: object) -> Iterator[float | None]:
    """Yield all numbers of a JSON value in order, null as None."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from numbers(part)
    elif value is None or isinstance(value, int | float):
        yield value


def alike(first: object, second: object) -> bool:
    """Return whether two answers have the same numbers up to rounding."""
    pairs = zip(numbers(first), numbers(second), strict=True)
    return all((a is None) == (b is None) and abs((a or 0) - (b or 0)) <= CLOSE for a, b in pairs)


async def load(
    address: Address, asked: list[bytes], expected: list[object], clients: int, seconds: float, pid: int
) -> Load:
    """Let clients ask for some seconds, and watch the memory of the server."""
    found = Load([], Counter(), 0, {})
    different = 0
    started = time.perf_counter()

    async def client(number: int) -> None:
        nonlocal different
        reader, writer = await asyncio.open_connection(*address)
        at = number
        while time.perf_counter() - started < seconds:
            before, i = time.perf_counter(), at % len(asked)
            answer = await exchange(reader, writer, asked[i])
            found.latencies.append(time.perf_counter() - before)
            at += 7
            if answer.status != 200:
                found.bad[answer.status] += 1
            else:
                different += not alike(json.loads(answer.body), expected[i])
        writer.close()

    async def watch() -> None:
        for second in range(int(seconds) + 1):
            found.memory[second] = resident(pid)
            await asyncio.sleep(max(0.0, started + second + 1 - time.perf_counter()))

    await asyncio.gather(watch(), *(client(i) for i in range(clients)))
    return found._replace(different=different)


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor(pid: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def chunked(body: bytes, size: int = 1 << 16) -> bytes:
    """Return a body in chunks of HTTP/1.1."""
    blocks = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks) + b"0\r\n\r\n"


def malformed(seed: int = 1) -> dict[str, bytes]:
    """Return more than 100 requests by name, none of which can be answered."""
    return {
        **_broken_json(random.Random(seed)),
        **_wrong_types(),
        **_no_dna(),
        **_other_kinds(),
        **_too_much(),
        **_no_http(),
    }


def _predict(body: object) -> bytes:
    return request("/api/predict", body if isinstance(body, bytes) else json.dumps(body).encode())


def _explain(**body: object) -> bytes:
    return request("/api/explain", json.dumps({"sequences": ["ACGTACGTACGT"], **body}).encode())


def _broken_json(draw: random.Random) -> dict[str, bytes]:
    whole = json.dumps({"fasta": ">a\nACGTACGTAC\n", "both_strands": True, "raw": False}).encode()
    bodies = {f"cut at {n}": whole[:n] for n in draw.sample(range(1, len(whole)), 15)}
    bodies |= {f"no {letter!r}": whole.replace(letter.encode(), b"") for letter in '{}":,'}
    bodies |= {
        "empty": b"", "blank": b" \n\t", "two values": whole + whole, "a word": b"ACGT", "FASTA itself": b">a\nACGT\n", "single quotes": whole.replace(b'"', b"'"),
        "trailing comma": whole[:-1] + b",}", "comment": whole + b"// x", "lists in lists": b"[" * 100_000, "objects in objects": b'{"fasta":' * 50_000,
        "a number of 5,000 digits": b'{"raw": ' + b"9" * 5000 + b"}", "UTF-16": whole.decode().encode("utf-16"), "UTF-32": whole.decode().encode("utf-32"),
        "Latin-1": '{"fasta": ">\u00e9\\nACGT"}'.encode("latin-1"), "half a surrogate": b'{"fasta": ">\\ud800\\nACGT"}', "zero byte": b'{"fasta": ">a\x00\\nACGT"}',
        "random bytes": draw.randbytes(1000), "gzip without saying so": gzip.compress(whole), "only a BOM": b"\xef\xbb\xbf", "XML": b"<fasta>ACGT</fasta>",
        "a form": b"fasta=ACGT&raw=1",
    }  # fmt: skip
    return {f"JSON, {name}": _predict(body) for name, body in bodies.items()}


def _wrong_types() -> dict[str, bytes]:
    wrong = {
        "fasta": (1, -1.5, True, [], {}, ["ACGT"], float("nan"), None),
        "sequences": ("ACGTACGT", 1, False, {}, [], [1], [None], [["ACGTACGT"]], [{}], ["ACGTACGT", 2], [""], float("inf"), [float("nan")] * 3),
        "both_strands": (1, 0, "true", None, [], {}, float("-inf")),
        "raw": ("no", 1e300, [True]),
    }  # fmt: skip
    found = {}
    for key, values in wrong.items():
        for value in values:
            rest = {} if key in ("fasta", "sequences") else {"sequences": ["ACGTACGT"]}
            found[f"{key} is {value!r}"] = _predict({**rest, key: value})
    for value in (
        [],
        ["fasta"],
        "fasta",
        1,
        None,
        True,
        float("nan"),
        {},
        {"fasta": ">a\nACGT", "sequences": ["ACGT"]},
        {"fast": ">a\nACGT"},
    ):
        found[f"the body is {value!r}"] = _predict(value)
    for value in ("nothing", "ALRW", 1, None, ["alrw"], "__class__", "'; DROP TABLE--"):
        found[f"method is {value!r}"] = _explain(method=value)
    for value in ("nothing", 0, ["a"], "", "\u202e<script>"):
        found[f"target is {value!r}"] = _explain(method="occlusion", target=value)
    return found


def _no_dna() -> dict[str, bytes]:
    texts = {
        "empty": "", "blank": " \n\n", "only >": ">", "name only": ">a\n", "two names": ">a\n>b\nACGTACGT\n", "no name": "ACGTACGT\n", "blank name": "> \nACGTACGT",
        "protein": ">p\nMLEFIQPLLE\n", "protein of DNA's letters": ">p\nMKVGHSWRYMKVGHSWRY\n", "RNA": ">r\nACGUACGU\n", "gaps": ">g\nACGT--ACGT\n", "stop": ">s\nACGT*\n",
        "digits": ">d\n1 ACGTACGT 8\n", "a space": ">d\nACGT ACGT\n", "HTML": "<html><script>alert(1)</script></html>", "FASTQ": "@r\nACGT\n+\nIIII\n", "emoji": ">e\n\U0001f9ec\n",
        "Mac line ends": ">a\rACGT\r", "all N": f">n\n{'N' * 500}\n", "too short": ">s\nACG\n", "Cyrillic letters": ">c\n\u0410\u0421GT\n",
    }  # fmt: skip
    found = {f"FASTA, {name}": _predict({"fasta": text}) for name, text in texts.items()}
    return {**found, "explain all N": _explain(sequences=["N" * 50]), "explain too short": _explain(sequences=["AC"])}


def _other_kinds() -> dict[str, bytes]:
    body = b'{"sequences": ["ACGTACGT"]}'
    kinds = (
        None,
        "",
        "text/plain",
        "text/x-fasta",
        "application/xml",
        "application/jsonx",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "*/*",
    )
    found = {f"type {kind!r}": request("/api/predict", body, kind=kind) for kind in kinds}
    for coding, coded in (
        ("gzip", gzip.compress(body)),
        ("gzip", b"\x1f\x8bno gzip"),
        ("gzip", gzip.compress(body)[:-9]),
        ("deflate", body),
        ("br", body),
        ("x, gzip", body),
    ):
        found[f"coded {coding} {coded[:12]!r} {len(coded)}"] = request(
            "/api/predict", coded, f"Content-Encoding: {coding}"
        )
    return found


def _too_much() -> dict[str, bytes]:
    large = b'{"fasta": ">a\\n' + b"A" * (5 << 20) + b'"}'
    return {
        "5 MB": _predict(large),
        "5 MB in chunks": request("/api/predict", chunked(large), "Transfer-Encoding: chunked"),
        "5 MB in small chunks": request("/api/predict", chunked(large, 1 << 10), "Transfer-Encoding: chunked"),
        "a TB promised": request("/api/predict", b"{", f"Content-Length: {1 << 40}"),
        "1,001 sequences": _predict({"sequences": ["ACGTACGT"] * 1001}),
        "300,000 numbers": _predict({"sequences": [1] * 300_000}),
        "100,001 bases": _predict({"sequences": ["A" * 100_001]}),
        "500,001 bases": _predict({"sequences": ["A" * 50_000] * 10 + ["A"]}),
        "51 to explain": _explain(sequences=["ACGTACGT"] * 51),
        "mutagenesis of 1,001 bases": _explain(sequences=["A" * 1001], method="mutagenesis"),
    }


def _no_http() -> dict[str, bytes]:
    body, chunks = b'{"sequences": ["ACGTACGT"]}', "Transfer-Encoding: chunked"
    return {
        "another host": request("/api/predict", body, "Host: evil.example"),
        "empty host": request("/api/predict", body, "Host:"),
        "two hosts": request("/api/predict", body, "Host: localhost", "Host: evil.example"),
        "no host": request("/api/predict", body).replace(b"Host: localhost\r\n", b""),
        "another site's page": request("/api/predict", body, "Origin: https://evil.example"),
        "a page without origin": request("/api/predict", body, "Origin: null"),
        "negative length": request("/api/predict", body, "Content-Length: -1"),
        "length in words": request("/api/predict", body, "Content-Length: ten"),
        "two lengths": request("/api/predict", body, "Content-Length: 5", "Content-Length: 6"),
        "chunk without size": request("/api/predict", b"ACGT\r\n", chunks),
        "chunk of negative size": request("/api/predict", b"-5\r\nACGT\r\n", chunks),
        "chunk longer than its size": request("/api/predict", b"2\r\nACGT\r\n0\r\n\r\n", chunks),
        "unknown transfer": request("/api/predict", body, "Transfer-Encoding: gzip"),
        "no request line": b"ACGT\r\n\r\n",
        "unknown version": b"GET / HTTP/9.9\r\n\r\n",
        "TLS": bytes.fromhex("16030100a5010000a10303") + b"x" * 60,
        "GET": b"GET /api/predict HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PUT": b"PUT /api/explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        "no such path": request("/api/../../etc/passwd", body),
        "another path": request("/api/train", body),
    }


def wrong_refusals(found: dict[str, Answer]) -> dict[str, str]:
    """Return the answers that are not 4xx with one sentence, by name."""
    wrong = {}
    for name, (status, body) in found.items():
        text = body.decode()
        sentence = json.loads(text).get("error", "") if text.startswith("{") else text
        good = 400 <= status < 500 and 10 < len(sentence) < 500 and "\n" not in sentence and "Traceback" not in sentence
        if not good:
            wrong[name] = f"{status} {text[:200]}"
    return wrong


async def measure(model: Path, out: Path, clients: int, seconds: float) -> bool:
    """Print all measurements; return whether everything was as it should be."""
    with server(model, cwd=out) as (process, address):
        asked = questions()
        began, expected = time.perf_counter(), []
        for raw in asked:
            answer = await once(address, raw)
            assert answer.status == 200, answer
            expected.append(json.loads(answer.body))
        print(f"one after the other: {len(asked) / (time.perf_counter() - began):.1f} requests a second")
        before = processor(process.pid)
        found = await load(address, asked, expected, clients, seconds, process.pid)
        times, used = sorted(found.latencies), processor(process.pid) - before
        end = int(seconds)
        moments = sorted({min(10, end), end // 4, end // 2, end * 3 // 4, end})
        middle = [statistics.median(found.memory[s] for s in range(max(0, at - 4), at + 1)) for at in moments]
        print(
            f"{clients} clients for {seconds:g} s: {len(times):,} requests, {len(times) / seconds:.0f} a second, "
            f"p50 {1000 * times[len(times) // 2]:.0f} ms, p99 {1000 * times[len(times) * 99 // 100]:.0f} ms, "
            f"{1000 * used / len(times):.0f} ms of CPU each"
        )
        print(f"errors: {dict(found.bad) or 'none'}; answers that differ from those given alone: {found.different}")
        memory = ", ".join(f"{megabytes:.1f} at {at} s" for at, megabytes in zip(moments, middle, strict=True))
        print(f"resident memory, MB, median of five seconds: {memory}; most {max(found.memory.values()):.1f}")
        refused = {name: await once(address, raw) for name, raw in malformed().items()}
        wrong = wrong_refusals(refused)
        statuses = ", ".join(
            f"{status}: {n}" for status, n in sorted(Counter(a.status for a in refused.values()).items())
        )
        print(f"malformed requests: {len(refused)}, not 4xx with a sentence: {wrong or 'none'} ({statuses})")
        print(f"resident memory after them: {resident(process.pid):.1f} MB")
        again = [alike(json.loads((await once(address, raw)).body), e) for raw, e in zip(asked, expected, strict=True)]
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        said = process.stderr.read() if process.stderr else ""
        print(
            f"answers as before: {all(again)}; exit code after SIGTERM: {code}; on standard error: {said.strip() or 'nothing'}"
        )
        return not (found.bad or found.different or wrong or code) and all(again)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    folder = (given.model or given.out / "model").resolve()
    if given.model is None:
        from predict import make_model

        make_model(folder)
    sys.exit(not asyncio.run(measure(folder, given.out, given.clients, given.seconds)))
