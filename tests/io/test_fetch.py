"""Downloads from a server on this machine that cuts, lies, stalls and refuses; what arrives is compared with what it serves."""

import fcntl
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request

import pysam
import pytest
from tiny import file_size_limit

from phenolens.core.errors import DataError, InputError, PhenolensError, WriteError
from phenolens.io.fetch import fetch
from phenolens.io.integrity import published
from phenolens.io.resources import Resource, registry, select
from phenolens.io.transfer import Patience, SafeRedirects, check_address

QUICK = Patience(attempts=3, resumes=4, pause=0.01, timeout=5)
DATA = os.urandom(1_000_000)


class Served:
    """One address: its content and how the server misbehaves. `cuts`: bytes sent in each of the first answers before the connection ends."""

    def __init__(self, content, **more):
        self.content, self.etag, self.modified, self.kind = content, '"v1"', None, "application/octet-stream"
        self.ranges, self.announced, self.delay, self.location = True, None, 0.0, None
        self.cuts, self.statuses, self.chunked = [], [], False
        for name, value in more.items():
            assert hasattr(self, name)
            setattr(self, name, value)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        served = self.server.served.get(self.path)
        entry = {"path": self.path, "range": self.headers["Range"], "if_range": self.headers["If-Range"], "sent": 0}
        self.server.asked.append(entry)
        status = 404 if served is None else served.statuses.pop(0) if served.statuses else 200
        if status != 200:
            self.send_response(status)
            if served is not None and served.location:
                self.send_header("Location", served.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, size = 0, len(served.content)
        same = entry["if_range"] in (None, served.etag, served.modified)
        if entry["range"] and served.ranges and same:
            start = int(entry["range"].removeprefix("bytes=").removesuffix("-"))
            if start >= size:
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            self.send_response(200)
        if served.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(served.announced or size - start))
        for name, value in (("ETag", served.etag), ("Last-Modified", served.modified), ("Content-Type", served.kind)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        end = start + served.cuts.pop(0) if served.cuts else size
        for at in range(start, min(end, size), 50_000):
            piece = served.content[at : min(at + 50_000, end)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if served.chunked else piece)
            self.wfile.flush()
            entry["sent"] += len(piece)
            time.sleep(served.delay)
        if served.chunked and end >= size:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class ChunkingHandler(Handler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        super().do_GET()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass  # a client that was killed


def run_server(handler):
    made = Server(("127.0.0.1", 0), handler)
    made.served, made.asked = {}, []
    made.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from run_server(Handler)


@pytest.fixture
def chunking(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield from run_server(ChunkingHandler)


def resource(url, **more):
    about = {"title": "test", "version": "1", "format": "x", "licence": "none", "page": "https://example.org/page"}
    return Resource(name="thing", url=url, **(about | {"file": "thing.bin"} | more))


def get(thing, folder, **more):
    (path,) = fetch(["thing"], folder, resources={"thing": thing}, patience=QUICK, **more)
    return path


def refused(kind, thing, folder):
    """Return the one-line error of a fetch, after which nothing stands under the final name."""
    with pytest.raises(kind) as caught:
        get(thing, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert not (folder / thing.file).exists()
    assert not list(folder.glob("*.prepared"))
    return message


def ranges(server):
    return [asked["range"] for asked in server.asked]


class Watched:
    def __init__(self):
        self.states, self.steps = [], []

    def stage(self, name, state):
        self.states.append((name, state))

    def step(self, done, total, text):
        self.steps.append((done, total, text))


def test_a_file_arrives_whole_is_written_down_and_kept(server, tmp_path):
    server.served["/a/thing.bin"] = Served(DATA)
    thing, watched = resource(f"{server.url}/a/thing.bin"), Watched()
    path = get(thing, tmp_path, progress=watched)
    assert path.read_bytes() == DATA
    entry = json.loads((tmp_path / "sources.lock.json").read_text())["thing.bin"]
    assert (entry["sha256"], entry["size"]) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert entry["from"] == thing.url
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sources.lock.json", "thing.bin"]
    assert (len(DATA), len(DATA)) in [step[:2] for step in watched.steps]
    assert get(thing, tmp_path, progress=watched) == path
    assert watched.states == [("thing", "running"), ("thing", "done"), ("thing", "kept")]
    assert len(server.asked) == 1


def test_a_cut_download_asks_only_for_the_rest(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, cuts=[300_000, 450_000])
    assert get(resource(f"{server.url}/thing.bin"), tmp_path).read_bytes() == DATA
    assert ranges(server) == [None, "bytes=300000-", "bytes=750000-"]
    assert [asked["if_range"] for asked in server.asked] == [None, '"v1"', '"v1"']
    assert sum(asked["sent"] for asked in server.asked) == len(DATA)


def test_without_a_strong_etag_the_date_of_the_last_change_is_compared(server, tmp_path):
    date = "Wed, 01 Jan 2025 00:00:00 GMT"
    server.served["/thing.bin"] = Served(DATA, cuts=[300_000], etag='W/"v1"', modified=date)
    assert get(resource(f"{server.url}/thing.bin"), tmp_path).read_bytes() == DATA
    assert [asked["if_range"] for asked in server.asked] == [None, date]


def test_without_anything_to_recognise_the_file_by_it_begins_anew(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, cuts=[300_000], etag=None)
    assert get(resource(f"{server.url}/thing.bin"), tmp_path).read_bytes() == DATA
    assert ranges(server) == [None, None]


def test_a_server_that_ignores_the_range_sends_it_all_again(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, cuts=[300_000], ranges=False)
    assert get(resource(f"{server.url}/thing.bin"), tmp_path).read_bytes() == DATA
    assert ranges(server) == [None, "bytes=300000-"]
    assert server.asked[1]["sent"] == len(DATA)


def test_a_file_that_changed_meanwhile_is_never_joined_with_the_old_one(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, cuts=[300_000] * 4, ranges=False)
    thing = resource(f"{server.url}/thing.bin")
    assert "is cut after 300,000 of 1,000,000 bytes; run it again" in refused(DataError, thing, tmp_path)
    server.served["/thing.bin"] = Served(DATA[::-1], etag='"v2"')
    assert get(thing, tmp_path).read_bytes() == DATA[::-1]
    assert server.asked[-1]["range"] == "bytes=300000-"
    assert server.asked[-1]["sent"] == len(DATA)


def test_a_long_download_is_tried_longer_than_one_that_never_began(server, tmp_path):
    served = Served(DATA, cuts=[300_000, 0, 0, 0, 0])
    server.served["/thing.bin"] = served
    assert "300,000 bytes that arrived" in refused(DataError, resource(f"{server.url}/thing.bin"), tmp_path)
    assert ranges(server) == [None, *["bytes=300000-"] * (QUICK.resumes - 1)]


def test_a_server_that_cuts_every_time_gets_no_endless_tries(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, cuts=[0] * 50)
    assert "is cut after 0 of 1,000,000 bytes" in refused(DataError, resource(f"{server.url}/thing.bin"), tmp_path)
    assert len(server.asked) == QUICK.attempts


def test_a_stalled_connection_is_a_cut(server, tmp_path):
    stalled = Served(DATA[:100_000], delay=1.0)
    server.served["/thing.bin"] = stalled
    thing = resource(f"{server.url}/thing.bin")
    impatient = Patience(resumes=1, pause=0.01, timeout=0.2)
    with pytest.raises(DataError, match=r"is cut after 50,000 bytes \(timed out\); run it again to go on"):
        fetch(["thing"], tmp_path, resources={"thing": thing}, patience=impatient)
    stalled.delay = 0
    assert get(thing, tmp_path).read_bytes() == DATA[:100_000]
    assert ranges(server) == [None, "bytes=50000-"]


def test_a_passing_fault_of_the_server_is_tried_again(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, statuses=[500, 503])
    assert get(resource(f"{server.url}/thing.bin"), tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (410, 1), (500, 3), (429, 3)])
def test_a_refusal_says_what_to_do_by_hand(server, tmp_path, status, tries):
    server.served["/deep/original.dat"] = Served(DATA, statuses=[status] * 9)
    message = refused(DataError, resource(f"{server.url}/deep/original.dat"), tmp_path)
    assert f"/deep/original.dat answers {status}" in message
    assert f"put it unchanged into {tmp_path} as original.dat, and fetch again; page: https://example.org" in message
    assert len(server.asked) == tries


def test_without_a_network_a_file_that_was_put_there_by_hand_is_taken(server, tmp_path):
    server.shutdown()
    server.socket.close()
    thing = resource(f"{server.url}/original.dat", md5=hashlib.md5(DATA).hexdigest())
    message = refused(DataError, thing, tmp_path)
    assert f"{server.url}/original.dat cannot be reached (Connection refused); download it by hand" in message
    assert "as original.dat, and fetch again" in message
    (tmp_path / "original.dat").write_bytes(DATA[:-1])
    assert "has the MD5" in refused(InputError, thing, tmp_path)
    (tmp_path / "original.dat").write_bytes(DATA)
    assert get(thing, tmp_path).read_bytes() == DATA
    assert (tmp_path / "original.dat").read_bytes() == DATA


def test_what_no_program_may_download_says_where_it_is(tmp_path):
    thing = resource(None, manual="choose All.txt")
    message = refused(DataError, thing, tmp_path)
    assert "cannot be downloaded by a program; choose All.txt (https://example.org/page), put it there" in message
    (tmp_path / "thing.bin").write_bytes(DATA)
    assert get(thing, tmp_path) == tmp_path / "thing.bin"


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_wrong_checksum_leaves_nothing_behind(server, tmp_path, kind):
    server.served["/thing.bin"] = Served(DATA)
    wrong = {kind: hashlib.new(kind, DATA + b"x").hexdigest()}
    message = refused(InputError, resource(f"{server.url}/thing.bin", **wrong), tmp_path)
    assert hashlib.new(kind, DATA).hexdigest() in message
    assert wrong[kind] in message
    assert list(tmp_path.iterdir()) == []
    right = {kind: hashlib.new(kind, DATA).hexdigest()}
    assert get(resource(f"{server.url}/thing.bin", **right), tmp_path).read_bytes() == DATA


def test_the_provider_s_list_of_checksums_is_asked(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA)
    thing = resource(f"{server.url}/thing.bin", checksums=f"{server.url}/MD5SUMS")
    digest = hashlib.md5(DATA).hexdigest()
    server.served["/MD5SUMS"] = Served(f"{digest[::-1]}  thing.bin\n".encode())
    assert f"expected {digest[::-1]}" in refused(InputError, thing, tmp_path)
    server.served["/MD5SUMS"] = Served(f"{digest}  other.bin\n".encode())
    assert "does not list thing.bin" in refused(InputError, thing, tmp_path)
    server.served["/MD5SUMS"] = Served(f"{digest[::-1]}  other.bin\n{digest}  ./thing.bin\n".encode())
    assert get(thing, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("tool", ["md5sum", "sha256sum"])
@pytest.mark.parametrize("option", ["--text", "--binary"])
def test_lists_are_read_as_the_tools_write_them(tmp_path, tool, option):
    (tmp_path / "a b.bin").write_bytes(DATA)
    written = subprocess.run([tool, option, tmp_path / "a b.bin"], capture_output=True, check=True).stdout
    (tmp_path / "SUMS").write_bytes(written)
    found = published(tmp_path / "SUMS", "a b.bin")
    assert (found.md5, found.sha256).count(None) == 1
    assert written.decode().startswith(found.md5 or found.sha256)


def test_gzip_that_ends_too_early_is_found(server, tmp_path):
    whole = gzip.compress(DATA)
    thing = resource(f"{server.url}/t.txt.gz", file="t.txt.gz")
    server.served["/t.txt.gz"] = Served(whole[:-1000])
    assert "ends in the middle of its gzip data" in refused(InputError, thing, tmp_path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    server.served["/t.txt.gz"] = Served(bytes(damaged))
    assert "is damaged" in refused(InputError, thing, tmp_path)
    server.served["/t.txt.gz"] = Served(gzip.compress(DATA[:500]) + gzip.compress(DATA[500:]))
    assert gzip.decompress(get(thing, tmp_path).read_bytes()) == DATA


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_no_data(server, tmp_path, kind):
    server.served["/thing.bin"] = Served(b"\n<!DOCTYPE HTML><html><body>Please log in</body></html>", kind=kind)
    assert "a web page" in refused(PhenolensError, resource(f"{server.url}/thing.bin"), tmp_path)


def test_another_size_than_published_is_not_even_downloaded(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA)
    message = refused(DataError, resource(f"{server.url}/thing.bin", size=999), tmp_path)
    assert "has 1,000,000 bytes; expected 999" in message
    assert not list(tmp_path.glob("*.part"))


def test_chunks_without_a_length(chunking, tmp_path):
    chunking.served["/thing.bin"] = Served(DATA, chunked=True, cuts=[300_000])
    assert get(resource(f"{chunking.url}/thing.bin"), tmp_path).read_bytes() == DATA
    assert ranges(chunking) == [None, "bytes=300000-"]


def test_a_file_that_cannot_fit_is_not_begun(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA, announced=10**16)
    message = refused(DataError, resource(f"{server.url}/thing.bin"), tmp_path)
    assert "thing.bin needs 10000000.00 GB here" in message
    assert "--to" in message
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_arrived_and_goes_on_there(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA)
    thing = resource(f"{server.url}/thing.bin")
    with file_size_limit(400_000):
        message = refused(WriteError, thing, tmp_path)
    assert "could not be written (File too large)" in message
    assert (tmp_path / "thing.bin.part").stat().st_size == 400_000
    assert get(thing, tmp_path).read_bytes() == DATA
    assert ranges(server) == [None, "bytes=400000-"]


def test_a_full_disk_while_recompressing_leaves_the_download(server, tmp_path):
    text = b">chr1\n" + b"ACGTTGCA\n" * 20_000 + DATA.hex().encode()
    server.served["/g.fa.gz"] = Served(gzip.compress(text))
    thing = resource(f"{server.url}/g.fa.gz", file="g.fa.gz", prepare="bgzip")
    get(thing, tmp_path / "measured")
    prepared = (tmp_path / "measured" / "g.fa.gz").stat().st_size
    assert prepared > len(gzip.compress(text)), "else the limit below would cut the download"
    with file_size_limit(prepared - 1000):
        assert "could not be written" in refused(WriteError, thing, tmp_path / "full")
    assert gzip.decompress(get(thing, tmp_path / "full").read_bytes()) == text
    assert len(server.asked) == 2


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="could not be made"):
        get(resource("https://example.org/x"), tmp_path / "file" / "sources")


def test_a_killed_download_goes_on_where_it_was(server, tmp_path):
    slow = Served(DATA, delay=0.1)
    server.served["/thing.bin"] = slow
    program = textwrap.dedent(f"""
        from pathlib import Path
        from phenolens.io.fetch import fetch
        from phenolens.io.resources import Resource
        about = dict(title="", version="1", format="", licence="", page="")
        thing = Resource(name="thing", file="thing.bin", url="{server.url}/thing.bin", **about)
        fetch(["thing"], Path("{tmp_path}"), resources={{"thing": thing}})
    """)
    part = tmp_path / "thing.bin.part"
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size >= 200_000):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
    there = part.stat().st_size
    assert there < len(DATA)
    assert not (tmp_path / "thing.bin").exists()
    slow.delay = 0
    assert get(resource(f"{server.url}/thing.bin"), tmp_path).read_bytes() == DATA
    assert server.asked[-1]["range"] == f"bytes={there}-"
    assert server.asked[-1]["sent"] == len(DATA) - there


def test_a_genome_becomes_readable_by_position(server, tmp_path):
    bases = "".join("ACGT"[b % 4] for b in DATA[:400_000])
    lines = "\n".join(bases[i : i + 70] for i in range(0, len(bases), 70))
    text = f">chr1  AC:X\n{lines}\n".encode()
    server.served["/g.fna.gz"] = Served(gzip.compress(text))
    path = get(resource(f"{server.url}/g.fna.gz", file="g.fa.gz", prepare="bgzip"), tmp_path)
    assert gzip.decompress(path.read_bytes()) == text
    with pysam.FastaFile(str(path)) as genome:
        assert genome.fetch("chr1", 123_456, 123_556) == bases[123_456:123_556]
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".fai", ".gz", ".gzi", ".json"]


def test_a_genome_put_there_by_hand_must_be_bgzip(tmp_path):
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress(b">chr1\nACGT\n"))
    with pytest.raises(InputError, match="is gzip, but not bgzip"):
        get(resource("https://example.org/g.fna.gz", file="g.fa.gz", prepare="bgzip"), tmp_path)


def zipped(**members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_the_only_file_of_an_archive_is_taken(server, tmp_path):
    thing = resource(f"{server.url}/t.zip", file="t.tsv", prepare="unzip")
    server.served["/t.zip"] = Served(zipped(a=DATA, b=DATA))
    assert "holds 2 files: a, b; expected one file" in refused(InputError, thing, tmp_path)
    damaged = bytearray(zipped(a=DATA))
    damaged[500_000] ^= 0xFF
    server.served["/t.zip"] = Served(bytes(damaged))
    assert "is damaged" in refused(InputError, thing, tmp_path)
    assert list(tmp_path.iterdir()) == [], "else the next call would take it again"
    server.served["/t.zip"] = Served(zipped(a=DATA))
    assert get(thing, tmp_path).read_bytes() == DATA


def test_parts_are_joined_and_none_is_fetched_twice(server, tmp_path):
    contents = {"liver": b"chr1\t1\n", "lung": b"chr2\t2", "skin": b"chr3\t3\n"}
    for name, content in contents.items():
        server.served[f"/{name}.gtf"] = Served(content)
    server.served["/skin.gtf"].statuses = [404]
    url = server.url + "/{part}.gtf"
    thing = resource(url, parts=tuple(contents), prepare="join", file="all.gtf.gz")
    assert "/skin.gtf answers 404" in refused(DataError, thing, tmp_path)
    assert gzip.decompress(get(thing, tmp_path).read_bytes()) == b"chr1\t1\nchr2\t2\nchr3\t3\n"
    assert [asked["path"] for asked in server.asked] == ["/liver.gtf", "/lung.gtf", "/skin.gtf", "/skin.gtf"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.gtf.gz", "sources.lock.json"]


def test_a_whole_preset_of_the_registry(server, tmp_path):
    def local(thing):
        moved = thing.url.replace("https://", f"{server.url}/")
        unpublished = {"md5": None, "sha256": None, "size": None, "checksums": None}
        return thing.model_copy(update={"url": moved, **unpublished})

    resources = {thing.name: local(thing) for thing in select(["herv"], registry())}
    for thing in resources.values():
        text = f">{thing.name}\nACGT\n".encode()
        for url in thing.urls:
            served = gzip.compress(text) if url.endswith(".gz") else text
            server.served[url.removeprefix(server.url)] = Served(served)
    paths = fetch(["herv-paper"], tmp_path, resources=resources, patience=QUICK)
    assert [path.name for path in paths] == [thing.file for thing in resources.values()]
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()} - {"sources.lock.json"}
    assert len(gzip.decompress((tmp_path / "serve.gtf.gz").read_bytes()).splitlines()) == 42 * 2
    asked = len(server.asked)
    fetch(["herv"], tmp_path, resources=resources, patience=QUICK)
    assert len(server.asked) == asked == len(resources) - 1 + 42


def test_a_file_that_was_changed_is_an_error_and_stays(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA)
    thing = resource(f"{server.url}/thing.bin")
    path = get(thing, tmp_path)
    os.utime(path, (1, 1))
    assert get(thing, tmp_path).read_bytes() == DATA
    path.write_bytes(DATA[:-1])
    with pytest.raises(InputError, match=r"is not what was fetched on .* move it away and fetch it again"):
        get(thing, tmp_path)
    assert path.read_bytes() == DATA[:-1]
    path.unlink()
    assert get(thing, tmp_path).read_bytes() == DATA


def test_a_file_of_another_version_is_an_error(server, tmp_path):
    server.served["/thing.bin"] = Served(DATA)
    get(resource(f"{server.url}/thing.bin"), tmp_path)
    with pytest.raises(InputError, match=r"is 1 from .*; expected 2 from .*new.bin; move it away"):
        get(resource(f"{server.url}/new.bin", version="2"), tmp_path)


def test_a_file_put_there_by_hand_is_held_against_the_registry(tmp_path):
    (tmp_path / "thing.bin").write_bytes(DATA)
    wrong = resource("https://example.org/thing.bin", sha256=hashlib.sha256(b"").hexdigest())
    with pytest.raises(InputError, match="has the SHA-256"):
        get(wrong, tmp_path)
    right = resource("https://example.org/thing.bin", sha256=hashlib.sha256(DATA).hexdigest())
    assert get(right, tmp_path).read_bytes() == DATA
    assert "put there by hand" in (tmp_path / "sources.lock.json").read_text()


def test_a_damaged_lock_file_is_named(tmp_path):
    (tmp_path / "thing.bin").write_bytes(DATA)
    (tmp_path / "sources.lock.json").write_text('{"thing.bin"')
    with pytest.raises(InputError, match=r"sources.lock.json: is not a list of sources; move it away"):
        get(resource("https://example.org/thing.bin"), tmp_path)


def test_two_calls_do_not_write_the_same_folder(tmp_path):
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(InputError, match="another phenolens fetch works in it; wait for it"):
        get(resource("https://example.org/thing.bin"), tmp_path)
    os.close(handle)


@pytest.mark.parametrize("url", ["https://example.org/x", "http://127.0.0.1:8000/x", "http://localhost/x"])
def test_safe_addresses(url):
    check_address(url)


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd", "http://127.0.0.1.example.org/x"]
)
def test_unsafe_addresses_are_refused(tmp_path, url):
    assert "is not an https address" in refused(DataError, resource(url), tmp_path)


def test_a_redirection_from_https_to_http_is_refused():
    request = Request("https://example.org/x")
    for target in ("http://example.org/x", "http://127.0.0.1/x"):
        answer = io.BytesIO()
        with pytest.raises(DataError, match=f"https://example.org/x: leads to {target}, which is not encrypted"):
            SafeRedirects().redirect_request(request, answer, 302, "Found", {}, target)
        assert answer.closed
    followed = SafeRedirects().redirect_request(request, None, 302, "Found", {}, "https://example.org/y")
    assert followed.full_url == "https://example.org/y"


def test_redirections_are_followed_only_to_safe_addresses(server, tmp_path):
    server.served["/new"] = Served(DATA, cuts=[300_000])
    server.served["/old"] = Served(b"", statuses=[302, 302], location=f"{server.url}/new")
    assert get(resource(f"{server.url}/old"), tmp_path).read_bytes() == DATA
    assert [asked["range"] for asked in server.asked if asked["path"] == "/new"] == [None, "bytes=300000-"]
    server.served["/out"] = Served(b"", statuses=[302], location="http://example.org/x")
    message = refused(DataError, resource(f"{server.url}/out", file="other.bin"), tmp_path)
    assert "http://example.org/x: is not an https address" in message
