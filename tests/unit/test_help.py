"""What explains the nodes: tooltips, search words, and help pages, which show each node, name all its inputs and
outputs, and quote messages as the code says them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import help_pictures
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = REPOSITORY / "web" / "docs"


class Names(NamedTuple):
    """What an artist reads on a node: labels of inputs and outputs."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    calls: tuple[ast.Call, ...]
    """Every call in the schema."""


def documented_nodes() -> dict[str, Names]:
    """Read ids and labels out of the schemas, without importing the host."""
    nodes = {}
    for path in sorted((REPOSITORY / "nodes").glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        helpers = helpers_of(path)
        for schema in ast.walk(module):
            if isinstance(schema, ast.FunctionDef) and schema.name == "define_schema":
                calls = list(schema_calls(schema, helpers))
                (node_id,) = [found for call in calls if (found := keyword(call, "node_id"))]
                nodes[node_id] = Names(labels(calls, "Input"), labels(calls, "Output"), tuple(calls))
    return nodes


def helpers_of(path: Path) -> dict[str, ast.FunctionDef]:
    """Return the functions that a module defines, and those that it takes from modules beside it."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = {item.name: item for item in body if isinstance(item, ast.FunctionDef)}
    for item in body:
        if not isinstance(item, ast.ImportFrom) or item.level != 1:
            continue
        module = path.parent / f"{item.module}.py"
        if module.exists():
            beside = helpers_of(module)
            found |= {name.name: beside[name.name] for name in item.names if name.name in beside}
    return found


def schema_calls(function: ast.FunctionDef, helpers: dict[str, ast.FunctionDef]) -> Iterator[ast.Call]:
    """Yield the calls in a function and in the functions that it calls, of its module or of one beside it."""
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


def said(call: ast.Call, name: str) -> bool:
    """Tell whether a keyword argument is a text that is not empty."""
    values = [argument.value for argument in call.keywords if argument.arg == name]
    return any(isinstance(value, ast.JoinedStr) or getattr(value, "value", "") for value in values)


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
def test_a_page_shows_its_node(node_id: str) -> None:
    """The pictures are made by scripts/help_pictures.py."""
    page = (PAGES / f"{node_id}.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[([^\]]*)\]\(<?([^)>]+?)>?\)", page)
    assert shown and "src=" not in page, "no picture"
    for text, link in shown:
        assert len(text) > 20, f"{link}: say what it shows, for those who cannot see it"
        assert not re.match(r"[a-z]+:|/", link), f"{link}: pages show only pictures that come with the pack"
        assert (PAGES / link).stat().st_size <= 60_000
    assert f"pictures/{node_id}.webp" in [link for _, link in shown]


def test_every_node_can_be_pictured_again() -> None:
    assert set(help_pictures.SCENES) == set(NODES)
    for node_id, scene in help_pictures.SCENES.items():
        assert help_pictures.NODES[scene.node][0] == node_id


def test_every_picture_is_shown() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.md"))
    assert [path.name for path in (PAGES / "pictures").iterdir() if f"(pictures/{path.name})" not in pages] == []


@pytest.mark.parametrize("node_id", NODES)
def test_every_input_has_a_tooltip(node_id: str) -> None:
    silent = [
        labels([call], "Input")[0]
        for call in NODES[node_id].calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "Input" and not said(call, "tooltip")
    ]
    assert silent == []


@pytest.mark.parametrize("node_id", NODES)
def test_every_node_is_described_and_found_by_other_words(node_id: str) -> None:
    (schema,) = [call for call in NODES[node_id].calls if keyword(call, "node_id") == node_id]
    assert said(schema, "description") and keyword(schema, "display_name")
    (aliases,) = [argument.value for argument in schema.keywords if argument.arg == "search_aliases"]
    words = [word.value for word in aliases.elts]
    assert len(words) >= 3 and len(set(words)) == len(words) and keyword(schema, "display_name") not in words


def test_the_published_package_keeps_the_pages() -> None:
    """An entry without a leading slash matches at any depth: `docs/` would leave out `web/docs/`."""
    entries = (REPOSITORY / ".comfyignore").read_text(encoding="utf-8").split()
    assert [entry for entry in entries if entry.endswith("/") and not entry.startswith("/")] == []
