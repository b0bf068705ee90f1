"""The help pages: one for every node, naming all its inputs and outputs, and quoting messages as the code says them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = REPOSITORY / "web" / "docs"


class Names(NamedTuple):
    """What an artist reads on a node: labels of inputs and outputs."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def documented_nodes() -> dict[str, Names]:
    """Read ids and labels out of the schemas, without importing the host."""
    nodes = {}
    for path in sorted((REPOSITORY / "nodes").glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        helpers = {item.name: item for item in module.body if isinstance(item, ast.FunctionDef)}
        for schema in ast.walk(module):
            if isinstance(schema, ast.FunctionDef) and schema.name == "define_schema":
                calls = list(schema_calls(schema, helpers))
                (node_id,) = [found for call in calls if (found := keyword(call, "node_id"))]
                nodes[node_id] = Names(labels(calls, "Input"), labels(calls, "Output"))
    return nodes


def schema_calls(function: ast.FunctionDef, helpers: dict[str, ast.FunctionDef]) -> Iterator[ast.Call]:
    """Yield the calls in a function and in the functions of its module that it calls."""
    for call in ast.walk(function):
        if isinstance(call, ast.Call):
            yield call
            if isinstance(call.func, ast.Name) and call.func.id in helpers:
                yield from schema_calls(helpers[call.func.id], helpers)


def labels(calls: list[ast.Call], kind: str) -> tuple[str, ...]:
    """Return the display names, or else the ids, of all `….Input(...)` or `….Output(...)`."""
    found = []
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == kind:
            first = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
            found.append(keyword(call, "display_name") or keyword(call, "id") or first)
    assert all(found), "a label that is no plain text: this test cannot read it"
    return tuple(found)


def keyword(call: ast.Call, name: str) -> str | None:
    """Return a keyword argument that is a plain text."""
    values = [argument.value for argument in call.keywords if argument.arg == name]
    return values[0].value if values and isinstance(values[0], ast.Constant) else None


@cache
def sentences() -> str:
    """Return all texts in the code, piece by piece as they stand between what is filled in."""
    pieces = []
    for folder in ("nodes", "worldmodel"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            constants = (node.value for node in nodes if isinstance(node, ast.Constant))
            pieces += [value for value in constants if isinstance(value, str)]
    return "\0".join(pieces)


def section(page: str, heading: str) -> str:
    """Return what stands under a heading of a page."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, f"no section '{heading}'"
    return found[1]


def first_column(table: str) -> list[str]:
    """Return what stands in code letters in the first column of a table."""
    return re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)


NODES = documented_nodes()


def test_every_node_has_a_page_and_every_page_a_node() -> None:
    assert NODES and all(node_id.startswith("WM") for node_id in NODES)
    assert {path.relative_to(PAGES).parts[0].removesuffix(".md") for path in PAGES.rglob("*.md")} == set(NODES)


@pytest.mark.parametrize("node_id", NODES)
def test_a_page_names_all_inputs_and_outputs_in_order(node_id: str) -> None:
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    assert first_column(section(page, "Inputs")) == list(NODES[node_id].inputs)
    assert first_column(section(page, "Outputs")) == list(NODES[node_id].outputs)


@pytest.mark.parametrize("node_id", NODES)
def test_a_page_says_what_is_good_to_know(node_id: str) -> None:
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^- ", section(page, "Good to know"), re.MULTILINE)) >= 3


@pytest.mark.parametrize("node_id", NODES)
def test_messages_are_quoted_as_the_code_says_them(node_id: str) -> None:
    quoted = first_column(section((PAGES / f"{node_id}.md").read_text(encoding="utf-8"), "Messages"))
    assert quoted
    pieces = [piece.strip() for message in quoted for piece in message.split("…")]
    assert [piece for piece in pieces if piece not in sentences()] == []


@pytest.mark.parametrize("node_id", NODES)
def test_pictures_on_a_page_exist(node_id: str) -> None:
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]*\]\(<?([^)>]+?)>?\)", page) + re.findall(r"""\bsrc=["']([^"']+)""", page)
    for link in shown:
        assert not re.match(r"[a-z]+:|/", link), f"{link}: pages show only pictures that come with the pack"
        assert (PAGES / link.replace("%20", " ")).is_file(), f"{link}: no such picture beside the page"


def test_the_published_package_keeps_the_pages() -> None:
    """An entry without a leading slash matches at any depth: `docs/` would leave out `web/docs/`."""
    entries = (REPOSITORY / ".comfyignore").read_text(encoding="utf-8").split()
    assert [entry for entry in entries if entry.endswith("/") and not entry.startswith("/")] == []
