"""A workflow in API form whose nodes are found by their titles, and the graphs that a sweep makes of it."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..reading.words import shortened
from .sweep import Refused, Row, Sweep
from .values import Kind, input_names, kind_of, nearest, read_value

Graph = dict[str, dict[str, Any]]
_DIGITS = 12
"""Hex digits of a job's id."""


class Slot(NamedTuple):
    """An input that a column names."""

    column: str
    node: str
    input: str


class Job(NamedTuple):
    """One film to be made.

    Args:
        id: hex digits over the graph: equal graphs are the same job.
        graph: resolved, as the API is sent it.
        rows: numbers of the rows that ask for it.
        values: what the first of them says, by column.
    """

    id: str
    graph: Graph
    rows: tuple[int, ...]
    values: dict[str, Any]


class Mistake(NamedTuple):
    """What is wrong with a graph.

    Args:
        node: its id, "" of the whole graph.
        input: "" of the whole node.
        sentence: of the host or of its node.
    """

    node: str
    input: str
    sentence: str


class Workflow:
    """A workflow to be filled in.

    Attributes:
        graph: node id -> `{"class_type": ..., "inputs": {...}, "_meta": {"title": ...}}`.
        titles: node id -> what the page shows above it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.titles = {key: str(node.get("_meta", {}).get("title") or node["class_type"])
                       for key, node in graph.items()}  # fmt: skip

    def slots(self, columns: tuple[str, ...]) -> list[Slot]:
        """Find the inputs that columns name: `Title.input`, or `#id.input` by a node's id.

        Raises:
            Refused: a column names no node, or several.
        """
        found, wrong = [], []
        for column in columns:
            try:
                found.append(self._slot(column))
            except ValueError as error:
                wrong.append(f"column {shortened(column, 80)}: {error}")
        twice = [slot.column for number, slot in enumerate(found) if slot[1:] in [each[1:] for each in found[:number]]]
        wrong += [f"column {shortened(name, 80)}: found its input in another column too; take one out."
                  for name in twice]  # fmt: skip
        if wrong:
            raise Refused(wrong)
        return found

    def _slot(self, column: str) -> Slot:
        ends = [at for at, letter in enumerate(column) if letter == "."]
        if not ends:
            raise ValueError("found no dot, expected Title.input, such as Rollout World.seed; write it so.")
        for end in reversed(ends):  # a title may have dots, and so may an input inside a choice
            title, name = column[:end], column[end + 1 :]
            keys = [title[1:]] if title[:1] == "#" and title[1:] in self.graph else [
                key for key, known in self.titles.items() if known == title
            ]  # fmt: skip
            if len(keys) > 1:
                ids = " or ".join(f"#{key}.{name}" for key in keys)
                raise ValueError(f"found {len(keys)} nodes of that title, expected one; rename them, or write {ids}.")
            if keys and name:
                return Slot(column, keys[0], name)
        title = column[: ends[-1]]
        raise ValueError(f"found no node titled {title!r}; {nearest(title, list(dict.fromkeys(self.titles.values())))}")


def read_workflow(path: Path) -> Workflow:
    """Read a workflow in API form.

    Raises:
        Refused: there is none, or it is the page's own form.
    """
    try:
        graph = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Refused([f"--workflow: found {path} unreadable ({error.strerror}), expected a file; check it."]) from None
    except (ValueError, RecursionError) as error:
        raise Refused([f"--workflow: found no JSON in {path.name} ({error}); export it again."]) from None
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise Refused(
            [f"--workflow: found the page's own form in {path.name}, which only the page can turn into a graph, "
             "expected the API form; open it in ComfyUI and choose Workflow > Export (API)."]
        )  # fmt: skip
    if not isinstance(graph, dict) or not graph or not all(_is_node(node) for node in graph.values()):
        raise Refused([f"--workflow: found no graph in {path.name}, expected an API form; export it again."])
    return Workflow(graph)


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def resolve(workflow: Workflow, sweep: Sweep, listed: Mapping[str, Any]) -> list[Job]:
    """Make a sweep's jobs.

    Args:
        workflow: to be filled in.
        sweep: with what.
        listed: the host's /object_info.

    Raises:
        Refused: every cell that is wrong, by row and column.
    """
    slots = workflow.slots(sweep.columns)
    kinds = _kinds(workflow, slots, listed)
    wrong: list[str] = []
    jobs: dict[str, Job] = {}
    for row in sweep.rows:
        graph, values = _plain(workflow.graph), {}
        for slot in slots:
            cell = row.cells.get(slot.column)
            if cell is None:
                continue
            try:
                values[slot.column] = read_value(kinds[slot.column], cell.value, sweep.typed)
            except ValueError as error:
                wrong.append(f"{where(row, slot.column)}: {error}; change the cell.")
                continue
            graph[slot.node]["inputs"][slot.input] = values[slot.column]
        key = job_id(graph)
        known = jobs.get(key, Job(key, graph, (), values))
        jobs[key] = known._replace(rows=(*known.rows, row.number))
    if wrong:
        raise Refused(wrong)
    return list(jobs.values())


def _kinds(workflow: Workflow, slots: list[Slot], listed: Mapping[str, Any]) -> dict[str, Kind]:
    """Look up what the columns' inputs take, and whether the host knows the workflow's nodes."""
    wrong = [
        f"--workflow: found the node {workflow.titles[key]} ({node['class_type']}), expected one that the host has; "
        "install its pack, or take it out."
        for key, node in workflow.graph.items() if node["class_type"] not in listed
    ]  # fmt: skip
    kinds: dict[str, Kind] = {}
    for slot in slots:
        about = listed.get(workflow.graph[slot.node]["class_type"])
        if about is None:
            continue
        kind = kind_of(about["input"], slot.input)
        if kind is None:
            names = input_names(about["input"])
            wrong.append(f"column {shortened(slot.column, 80)}: found no input {slot.input!r} on that node; "
                         f"{nearest(slot.input, names)}")  # fmt: skip
        elif kind.is_wire:
            wrong.append(f"column {shortened(slot.column, 80)}: found an input that takes a wire, expected one with a "
                         "value; name another.")  # fmt: skip
        else:
            kinds[slot.column] = kind
    if wrong:
        raise Refused(wrong)
    return kinds


def check_jobs(
    workflow: Workflow, sweep: Sweep, jobs: list[Job], ask: Callable[[Graph], list[Mistake]]
) -> None:  # fmt: skip
    """Ask a host what it would refuse of every job.

    Args:
        workflow: that the jobs were made of.
        sweep: where they come from.
        jobs: to be made.
        ask: a graph -> what is wrong with it.

    Raises:
        Refused: every mistake, by row and column where a column says it.
    """
    columns = {slot[1:]: slot.column for slot in workflow.slots(sweep.columns)}
    lines: dict[str, None] = {}
    general: dict[str, int] = {}
    for job in jobs:
        row = sweep.rows[job.rows[0] - 1]
        for mistake in ask(job.graph):
            column = columns.get((mistake.node, mistake.input))
            if column is not None and column in row.cells:
                lines[f"{where(row, column)}: {_ended(mistake.sentence)}"] = None
                continue
            title = workflow.titles.get(mistake.node, "the workflow")
            general.setdefault(f"{title}{'.' * bool(mistake.input)}{mistake.input}: {_ended(mistake.sentence)}",
                               row.number)  # fmt: skip
    lines |= {f"row {number} and perhaps others, {said}": None for said, number in general.items()}
    if lines:
        raise Refused(list(lines))


def _ended(sentence: str) -> str:
    said = " ".join(sentence.split())
    return said if said.endswith((".", "!", "?")) else f"{said}."


def where(row: Row, column: str) -> str:
    """Name a cell."""
    return f"row {row.number} (line {row.cells[column].line}), {shortened(column, 80)}"


def _plain(graph: Graph) -> Graph:
    """Return a copy without what does not count: titles, and whether the page draws it."""
    return {key: {"class_type": node["class_type"], "inputs": copy.deepcopy(node["inputs"])}
            for key, node in graph.items()}  # fmt: skip


def job_id(graph: Graph) -> str:
    """Return the id of a resolved graph; the same on every machine."""
    text = json.dumps(graph, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
