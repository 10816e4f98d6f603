"""`phenolens serve` as its user has it: one server for all tests here, asked over the loopback, beside predict and explain asked directly."""

import asyncio
import importlib.util
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import polars as pl
import pytest
from tiny import random_sequences, tiny_loaded

import phenolens
from phenolens import classify, cli, serving
from phenolens.core.run import write_json
from phenolens.model.load import save

ROOT = Path(__file__).parent.parent
SEQUENCES = [text[: 20 + 2 * i] for i, text in enumerate(random_sequences(30, 90, 4))]
FASTA = "".join(f">s{i} about\n{text[:30]}\n{text[30:]}\n" for i, text in enumerate(SEQUENCES))


def _script(place):
    spec = importlib.util.spec_from_file_location(f"serving_{Path(place).stem}", ROOT / place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench, browsers = _script("benchmarks/serve.py"), _script("tests/report/browser.py")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with two models and a calibration."""
    folder = tmp_path_factory.mktemp("run")
    for i in range(2):
        loaded = tiny_loaded("bert", seed=i + 1)
        for weights in loaded.model.parameters():
            weights.data.mul_(20 if weights.dim() > 1 else 1)
        save(loaded, folder / "train" / f"run-{i}")
    write_json({"vote": {"temperature": 1.7}, "run-0": {"temperature": 3.0}}, folder / "evaluate" / "calibration.json")
    return folder


@pytest.fixture(scope="module")
def served(run, tmp_path_factory):
    """Process, address and folder of a server that has nothing in its folder."""
    folder = tmp_path_factory.mktemp("empty")
    with bench.server(run, cwd=folder) as (process, address):
        yield process, address, folder


@pytest.fixture(scope="module")
def address(served):
    return served[1]


def asked(address, path, body=None):
    """Return status and JSON of a request."""
    connection = HTTPConnection(*address, timeout=30)
    if body is None:
        connection.request("GET", path)
    else:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def probabilities(answer):
    return np.array([list(row["probabilities"].values()) for row in answer["sequences"]], dtype=float)


@pytest.mark.parametrize("options", [{}, {"both_strands": True}, {"raw": True}])
def test_probabilities_are_those_of_predict(run, address, tmp_path, options):
    (tmp_path / "a.fa").write_text(FASTA)
    classify.classify_file(
        run, tmp_path / "a.fa", tmp_path / "o.tsv", None, classify.Options(**options), classify.Told()
    )
    table = pl.read_csv(tmp_path / "o.tsv", separator="\t")
    status, found = asked(address, "/api/predict", {"fasta": FASTA, **options})
    assert status == 200
    assert [row["sequence_id"] for row in found["sequences"]] == table["sequence_id"].to_list()
    assert [row["predicted"] for row in found["sequences"]] == table["predicted"].to_list()
    np.testing.assert_allclose(probabilities(found), table.select("p_with", "p_without").to_numpy(), atol=2e-6)
    assert found["calibrated"] != ("raw" in options)
    assert found["notes"] == []


@pytest.mark.parametrize("method", ["alrw", "integrated_gradients", "gradient_x_input", "occlusion", "mutagenesis"])
def test_scores_are_those_of_explain(run, address, method):
    texts = SEQUENCES[:3]
    for target in (None, 0):
        names = {} if target is None else {"target": ["with", "without"][target]}
        status, found = asked(address, "/api/explain", {"sequences": texts, "method": method, **names})
        chosen = {} if target is None or method == "alrw" else {"target": [target] * 3}
        expected = phenolens.explain(run, texts, method=method, **chosen)
        assert status == 200
        for row, values, text in zip(found["sequences"], expected.values, texts, strict=True):
            scores = np.array(row["scores"], dtype=float)
            np.testing.assert_allclose(scores, values[: len(text)], rtol=2e-4, atol=2e-5)
            assert (row["explains"] is None) == (method == "alrw")
            assert target is None or method == "alrw" or row["explains"] == "with"


def test_what_others_ask_at_the_same_time_changes_no_answer(address):
    questions = [{"sequences": SEQUENCES[i : i + 1 + i % 3], "both_strands": i % 4 == 0} for i in range(24)]
    alone = [asked(address, "/api/predict", question) for question in questions]
    bad = {"sequences": ["N" * 40]}
    with ThreadPoolExecutor(16) as clients:
        mixed = list(clients.map(lambda q: asked(address, "/api/predict", q), [*questions, bad] * 3))
    for i, (status, found) in enumerate(mixed):
        if i % 25 == 24:
            assert (status, "none can be read by the model" in found["error"]) == (422, True)
        else:
            np.testing.assert_allclose(probabilities(found), probabilities(alone[i % 25][1]), atol=2e-6)


def test_what_cannot_be_read_is_null_and_counted(address):
    status, found = asked(address, "/api/predict", {"sequences": ["ACG", SEQUENCES[0]]})
    first, second = found["sequences"]
    assert status == 200
    assert first == {"sequence_id": "0", "predicted": None, "probabilities": {"with": None, "without": None}}
    assert second["predicted"] in ("with", "without")
    assert found["notes"][0].startswith("1 of 2 sequences have no prediction (null): fewer than 6 bases")


def test_malformed_requests_get_a_sentence_and_change_nothing(address):
    _, before = asked(address, "/api/predict", {"fasta": FASTA})

    async def all_of(requests):
        return {name: await bench.once(address, raw) for name, raw in requests.items()}

    requests = bench.malformed()
    assert len(requests) > 100
    assert bench.wrong_refusals(asyncio.run(all_of(requests))) == {}
    assert bench.alike(asked(address, "/api/predict", {"fasta": FASTA})[1], before)


def test_many_clients_at_once_get_their_answers_in_flat_memory(served):
    process, address, _ = served
    questions = [bench.request("/api/predict", json.dumps({"sequences": [text]}).encode()) for text in SEQUENCES]

    async def play():
        expected = [json.loads((await bench.once(address, raw)).body) for raw in questions]
        await bench.load(address, questions, expected, 50, 0.3, process.pid)
        before = bench.resident(process.pid)
        found = await bench.load(address, questions, expected, 50, 1, process.pid)
        return found, before

    found, before = asyncio.run(play())
    assert len(found.latencies) >= 50
    assert (found.bad, found.different) == ({}, 0)
    assert bench.resident(process.pid) < before + 20


def test_the_document_describes_the_answers(address):
    document = asked(address, "/api/openapi.json")[1]
    posts = {
        "/api/predict": {"sequences": ["ACG", SEQUENCES[0]]},
        "/api/explain": {"fasta": FASTA[:60], "method": "occlusion"},
    }
    for path, ways in document["paths"].items():
        for method, way in ways.items():
            status, found = asked(address, path, posts[path] if method == "post" else None)
            assert status == 200
            if content := way["responses"]["200"].get("content"):
                check(document, content["application/json"]["schema"], found)
    wrong = asked(address, "/api/predict", {})
    check(
        document, document["components"]["responses"][str(wrong[0])]["content"]["application/json"]["schema"], wrong[1]
    )
    with pytest.raises(AssertionError):
        check(document, {"$ref": "#/components/schemas/Error"}, {"error": 3})


def check(document, schema, value):
    """Make sure that a value fits a schema, as far as the document uses JSON Schema in answers."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    kinds = {
        "string": str,
        "number": (int, float),
        "integer": int,
        "boolean": bool,
        "null": type(None),
        "array": list,
        "object": dict,
    }
    if wanted := schema.get("type"):
        assert any(isinstance(value, kinds[kind]) for kind in ([wanted] if isinstance(wanted, str) else wanted)), value
    assert value in schema.get("enum", [value])
    if isinstance(value, dict) and "properties" in schema:
        assert value.keys() == schema["properties"].keys()
        for key, part in schema["properties"].items():
            check(document, part, value[key])
    for part in value if isinstance(value, list) else []:
        check(document, schema["items"], part)


def test_the_page_is_whole_and_guarded(address):
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        with urlopen(f"http://localhost:{address[1]}{path}") as answer:
            text = answer.read().decode()
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert "default-src 'none'; script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] is None
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "innerHTML" not in text


@pytest.fixture(scope="module")
def page(address):
    """The page in Chromium, and what it said and asked for meanwhile."""
    with browsers.chromium() as browser:
        opened, said, asked_for = browser.new_page(viewport={"width": 1280, "height": 900}), [], []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: asked_for.append(request.url))
        opened.goto(f"http://127.0.0.1:{address[1]}/")
        yield opened, said, asked_for


def test_a_reader_classifies_looks_and_saves(page, address):
    opened, said, asked_for = page
    fasta = f'{FASTA}>=1+1 a\r\n{SEQUENCES[0]}\r\n>"<script>say()</script>\n{"acgta" * 60}\n>short\nACG\n'
    opened.get_by_label("Sequences").fill(fasta)
    opened.get_by_label("read both strands").check()
    opened.get_by_role("button", name="Classify").click()
    opened.locator("#classes tbody tr").last.wait_for()
    _, answer = asked(address, "/api/predict", {"fasta": fasta, "both_strands": True})
    rows = opened.locator("#classes tbody tr")
    assert rows.locator("th").all_inner_texts() == [row["sequence_id"] for row in answer["sequences"]]
    assert rows.locator("td:nth-child(3)").all_inner_texts() == [
        row["predicted"] or "cannot be read" for row in answer["sequences"]
    ]
    shown = [text for text in rows.locator("td:nth-child(4)").all_inner_texts() if text]
    np.testing.assert_allclose(np.array(shown, dtype=float), probabilities(answer)[:-1, 0], atol=6e-4)
    with opened.expect_download() as saved:
        opened.locator("#classes-tsv").click()
    table = pl.read_csv(saved.value.path(), separator="\t", quote_char=None)
    assert table.columns == ["sequence_id", "predicted", "p_with", "p_without"]
    assert table["sequence_id"][-3] == "'=1+1"

    rows.nth(31).get_by_role("button").click()
    opened.locator("#letters svg").first.wait_for()
    drawn = "".join(opened.locator("#letters svg text:not(.place)").all_text_contents())
    assert drawn == "acgta" * 60
    opened.get_by_label("Method").select_option("integrated_gradients")
    opened.locator("#target").select_option("without")
    opened.get_by_text("The scores explain the class without.").wait_for()
    with opened.expect_download() as saved:
        opened.locator("#scores-tsv").click()
    question = {"sequences": ["acgta" * 60], "method": "integrated_gradients", "target": "without"}
    _, expected = asked(address, "/api/explain", question)
    scores = pl.read_csv(saved.value.path(), separator="\t", quote_char=None)["integrated_gradients"]
    np.testing.assert_allclose(scores, np.array(expected["sequences"][0]["scores"], dtype=float), atol=2e-5)
    assert said == []
    assert all(url.startswith((f"http://127.0.0.1:{address[1]}/", "data:", "blob:")) for url in asked_for)


def test_the_page_fits_and_axe_finds_no_serious_fault(page):
    opened, _, _ = page
    for width, scheme in ((1280, "light"), (390, "dark")):
        opened.set_viewport_size({"width": width, "height": 844})
        opened.emulate_media(color_scheme=scheme)
        assert opened.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
        found = axe.Axe().run(opened, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [
            (v["id"], [n["html"][:200] for n in v["nodes"][:3]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_a_reader_sees_why_an_input_is_refused(page):
    opened, _, _ = page
    opened.get_by_label("Sequences").fill("ACGTX")
    opened.get_by_role("button", name="Classify").click()
    opened.get_by_text("record pasted holds 'X'; expected DNA letters").wait_for()


def test_the_how_to_runs_as_written(address, tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs" / "serve.md").read_text().replace("http://127.0.0.1:8000", f"http://127.0.0.1:{address[1]}")
    (tmp_path / "sequences.fa").write_text(FASTA)
    monkeypatch.chdir(tmp_path)
    (python,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    exec(python, {})
    assert len(capsys.readouterr().out.splitlines()) == len(SEQUENCES)
    commands = [
        line for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S) for line in block.splitlines()
    ]
    assert commands[0] == "phenolens serve my-run"
    if shutil.which("curl"):
        for command in commands[1:]:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
            assert "error" not in json.loads(done.stdout)


def test_mistakes_have_their_sentences(run, tmp_path, capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentences = {
            (str(run), "--port", port): "cannot listen on 127.0.0.1, port",
            (str(run), "--host", "no.such.host.invalid"): "cannot listen on no.such.host.invalid",
            (str(tmp_path / "nothing"), "--port", "0"): "no such folder",
            (str(tmp_path), "--port", "0"): str(tmp_path),
        }
        for arguments, sentence in sentences.items():
            assert sentence in refusal(capsys, monkeypatch, *arguments)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'phenolens[serve]'" in refusal(capsys, monkeypatch, str(run))


def refusal(capsys, monkeypatch, *arguments):
    """Return the one line that the command says when it does not start."""
    monkeypatch.setattr(sys, "argv", ["phenolens", "serve", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    return line


def test_only_another_host_than_this_machine_is_warned_of():
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        assert serving.warning(host, "x") is None
    for host in ("0.0.0.0", "10.0.0.7", "::", "dna.example"):
        assert "there is no password and no encryption" in serving.warning(host, "x")


def test_it_ends_with_the_answers_under_way_and_has_written_no_file(served):
    """The last one here: what is asked before SIGTERM is answered."""
    process, address, folder = served
    texts = SEQUENCES[-4:]
    with ThreadPoolExecutor(1) as client:
        late = client.submit(asked, address, "/api/explain", {"sequences": texts, "method": "mutagenesis"})
        while not (late.done() or asked(address, "/api/health")[1]["requests"]):
            pass
        process.send_signal(signal.SIGTERM)
        status, found = late.result()
    assert status == 200
    assert [len(row["scores"]) for row in found["sequences"]] == list(map(len, texts))
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    assert list(folder.iterdir()) == []
