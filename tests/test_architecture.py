"""The house's rules, read from the source itself: who imports whom, how long things are, what is never written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "phenolens"
FILES = sorted(SOURCE.rglob("*.py"))
MAY_IMPORT = {
    "core": {"core"},
    "io": {"io", "core"},
    "dataset": {"dataset", "core"},
    "model": {"model", "core"},
    "evaluate": {"evaluate", "core"},
    "annotate": {"annotate", "core"},
    "report": {"report", "core"},
    "explain": {"explain", "core", "model"},
    "inputs": {"core", "io"},
    "inputs_files": {"core", "io", "inputs"},
    "contents": {"core", "report"},
    "job": {"core"},
    "learning": {"core", "model", "evaluate", "job"},
    "pipeline": {
        "core",
        "io",
        "dataset",
        "model",
        "report",
        "inputs",
        "inputs_files",
        "contents",
        "job",
        "learning",
        "reading",
        "meaning",
        "overlays",
    },
    "reading": {"core", "io", "model", "explain", "inputs", "job", "scoring", "attributing", "browsing", "trusting"},
    "attributing": {"core", "model", "explain", "job"},
    "scoring": {"core", "model", "explain", "job"},
    "trusting": {"core", "model", "explain", "attributing", "job"},
    "browsing": {"core", "io", "explain", "inputs", "job"},
    "meaning": {"core", "io", "annotate", "inputs", "job", "surroundings", "variation"},
    "surroundings": {"core", "dataset", "annotate", "inputs", "job"},
    "variation": {"core", "model", "explain", "annotate", "inputs", "overlays", "job"},
    "overlays": {"core", "io", "inputs"},
    "check": {"core", "io", "dataset", "model", "inputs", "overlays", "pipeline"},
    "classify": {"core", "io", "dataset", "model"},
    "download": {"core", "io"},
    "comparing": {"core", "evaluate"},
    "comparing_many": {"core", "comparing"},
    "comparing_reading": {"core", "annotate", "explain"},
    "comparing_page": {"core", "report", "comparing", "comparing_many", "comparing_reading"},
    "publishing": {"core", "contents", "report", "comparing_many"},
    "exporting": {"core", "contents", "report", "model"},
    "pretraining": {"core", "io", "dataset", "model"},
    "simulate": {"core"},
    "serve": {"serve", "core", "io", "model", "explain", "classify"},
    "serving": {"core", "serve"},
    "cli": {"core", "pipeline", "check", "download", "cli_models", "cli_runs", "cli_speech", "publishing"},
    "cli_models": {
        "core",
        "classify",
        "doctor",
        "pretraining",
        "scanning",
        "serving",
        "cli_speech",
    },
    "cli_runs": {"comparing_many", "comparing_page", "exporting", "publishing", "cli_speech"},
    "cli_speech": {"core"},
    "study": {"core", "check", "contents", "pipeline", "report"},
    "doctor": {"core", "model", "dataset", "report"},
    "scanning": {"core", "io", "annotate"},
    "__init__": {"explain", "study"},
    "__main__": {"cli"},
}
MAY_LOAD_LATE = {
    "cli",
    "cli_models",
    "cli_runs",
    "pipeline",
    "learning",
    "reading",
    "browsing",
    "scoring",
    "trusting",
    "attributing",
    "meaning",
    "surroundings",
    "variation",
    "check",
    "classify",
    "doctor",
    "exporting",
    "pretraining",
    "serving",
    "study",
}
HEAVY = {"torch", "transformers", "accelerate", "safetensors", "tokenizers"}


def part(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import at line {node.lineno}"
            if node.module == "phenolens":
                yield from ((f"phenolens.{alias.name}", node) for alias in node.names)
            else:
                yield node.module or "", node


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.fixture(params=FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def source(request: pytest.FixtureRequest) -> tuple[Path, ast.Module]:
    return request.param, ast.parse(request.param.read_text())


def test_imports_go_one_way(source):
    path, tree = source
    for name, node in imports(tree):
        if name.startswith("phenolens."):
            other = name.split(".")[1]
            assert other in MAY_IMPORT[part(path)], f"{path.name}:{node.lineno} imports {name}"


def test_only_model_and_explain_import_torch(source):
    path, tree = source
    for name, node in imports(tree):
        if name.split(".")[0] in HEAVY:
            assert part(path) in {"model", "explain"}, f"{path.name}:{node.lineno} imports {name}"


def test_own_imports_stand_at_the_top(source):
    path, tree = source
    for function in functions(tree):
        for name, node in imports(function):
            if name.startswith("phenolens"):
                late = part(path) in MAY_LOAD_LATE or path.name == "__init__.py"
                assert late, f"{path.name}:{node.lineno} imports {name} inside {function.name}"


def test_files_and_functions_keep_their_size(source):
    path, tree = source
    lines = len(path.read_text().splitlines())
    assert lines <= 300, f"{path.name} has {lines} lines: look for the second subject in it"
    for function in functions(tree):
        documented = ast.get_docstring(function) is not None
        body = function.body[1:] if documented else function.body
        length = (body[-1].end_lineno - body[0].lineno + 1) if body else 0
        assert length <= 60, f"{path.name}: {function.name} has {length} lines"
        arguments = function.args
        count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs) - (
            bool(arguments.args) and arguments.args[0].arg == "self"
        )
        assert count <= 7, f"{path.name}: {function.name} takes {count} arguments"


def test_nothing_forbidden_is_written(source):
    path, tree = source
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print" or part(path) in {"cli", "cli_models", "cli_runs", "cli_speech"}, (
                f"{path.name}:{node.lineno} prints"
            )
        if isinstance(node, ast.ExceptHandler):
            caught = (
                {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"Exception"}
            )
            assert not caught & {"Exception", "BaseException"}, f"{path.name}:{node.lineno} catches everything"
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            assert dotted not in {"np.random.seed", "random.seed", "pickle.load", "pickle.loads"}, (
                f"{path.name}:{node.lineno} {dotted}"
            )
    text = path.read_text()
    assert not re.search(r"/(home|root|work|Users)/", text), f"{path.name} names a path of a machine"
    assert not re.search(r"# type: ignore(?!\[)", text), f"{path.name} has a bare type: ignore"


def test_every_module_and_public_function_explains_itself(source):
    path, tree = source
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"


def test_the_house_has_the_rooms_that_the_tests_know():
    found = {part(path) for path in FILES}
    assert found <= set(MAY_IMPORT) | {"demo", "weights"}
