"""The three layers point one way: nodes -> worldmodel -> torch, and only `nodes/host` knows the host's inside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLIC_API = {"comfy_api"}


@cache
def nodes_of(file: Path) -> tuple[ast.AST, ...]:
    """Return the whole syntax of a file, walked through once for all tests."""
    return tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def imports(file: Path) -> Iterator[tuple[int, int, str]]:
    """Yield (line, level, module) of each import in a file; level 0 is absolute."""
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, 0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.level, node.module or ""


def files(layer: str) -> list[Path]:
    found = sorted((REPOSITORY / layer).rglob("*.py"))
    assert found, f"no Python files in {layer}/"
    return found


def modules_of_the_host(comfyui: Path) -> set[str]:
    folders = {path.parent.name for path in comfyui.glob("*/*.py")} - {"tests", "tests-unit", "script_examples"}
    return {path.stem for path in comfyui.glob("*.py")} | folders


def test_the_library_does_not_know_the_host(comfyui: Path) -> None:
    host = modules_of_the_host(comfyui)
    assert {"comfy", "nodes", "folder_paths", "comfy_api", "server"} <= host
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{line} imports {module}"
        for file in files("worldmodel")
        for line, level, module in imports(file)
        if level == 0 and module.split(".")[0] in host
    ]
    assert not wrong


def test_relative_imports_stay_inside_the_library() -> None:
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{line} climbs out of worldmodel/"
        for file in files("worldmodel")
        for line, level, _ in imports(file)
        if level > len(file.relative_to(REPOSITORY).parts) - 1
    ]
    assert not wrong


def test_the_pack_imports_itself_relatively() -> None:
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{line} imports {module}"
        for file in [REPOSITORY / "__init__.py", *files("nodes"), *files("worldmodel")]
        for line, level, module in imports(file)
        if level == 0 and module.split(".")[0] in {"worldmodel", "nodes"}
    ]
    assert not wrong


def test_only_the_seam_touches_the_inside_of_the_host(comfyui: Path) -> None:
    inside = modules_of_the_host(comfyui) - PUBLIC_API
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{line} imports {module}"
        for file in files("nodes")
        if file.relative_to(REPOSITORY).parts[1] not in {"host", "host.py"}
        for line, level, module in imports(file)
        if level == 0 and module.split(".")[0] in inside
    ]
    assert not wrong


ORDER = (
    "reading", "storage", "metrics", "layers", "vae", "variants", "camera", "track", "world", "binding", "formats",
    "memory", "models", "rollout", "families", "checkpoints", "shown", "questions", "answers", "play", "client",
    "batch", "tinyworld", "conformance", "bench", "check",
)  # fmt: skip
"""The library's folders: strict reading first, what measures everything last."""


def test_a_folder_imports_only_what_stands_before_it() -> None:
    wrong = []
    for file in files("worldmodel"):
        own = file.relative_to(REPOSITORY / "worldmodel").with_suffix("").parts
        if own == ("__init__",):
            continue
        package = ("worldmodel", *own[:-1])
        for line, level, module in imports(file):
            if not level:
                continue
            target = (*package[: len(package) - level + 1], *module.split("."))[1:]
            room = target[0] if target[0] else ""
            for other in [room] if room else []:
                if other not in ORDER or ORDER.index(other) > ORDER.index(own[0]):
                    wrong.append(f"{'/'.join(own)}.py:{line} imports {other}, which stands behind {own[0]}")
    assert not wrong, "\n".join(wrong)


MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 400, 60, 9


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a signature's parameters, without the object's own name and the catch-alls."""
    told = function.args
    names = [argument.arg for argument in (*told.posonlyargs, *told.args, *told.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_files_functions_and_signatures_fit_on_a_screen() -> None:
    """A node's `execute` has as many parameters as its node has fields, and a schema is as long as they are."""
    wrong = []
    for file in (*files("worldmodel"), *files("nodes")):
        text, name = file.read_text(encoding="utf-8"), file.relative_to(REPOSITORY)
        if (lines := len(text.splitlines())) > MOST_LINES:
            wrong.append(f"{name} has {lines} lines")
        for node in nodes_of(file):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            lines = node.end_lineno - node.lineno + 1
            if node.name != "define_schema" and lines > MOST_LINES_OF_A_FUNCTION:
                wrong.append(f"{name}:{node.lineno} {node.name} has {lines} lines")
            if node.name != "execute" and parameters(node) > MOST_PARAMETERS:
                wrong.append(f"{name}:{node.lineno} {node.name} has {parameters(node)} parameters")
    assert not wrong, "\n".join(wrong)
