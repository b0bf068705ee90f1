"""What came of a job on a host, and where that host is."""

from __future__ import annotations

import re
import urllib.error
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .api import Client, status_of
from .workflow import Graph, Job

FOLDER = "worldmodel-batch"
"""In the host's output folder; a job's files lie in a folder of its own in it."""
_FINGERPRINT = re.compile(r"\bWorld id ([0-9a-f]{16})\b")
_ENDING = re.compile(r"(\.[A-Za-z]+)?\.\w+$")
_SLUG = re.compile(r"[^a-z0-9]+")
_PART = re.compile(r'(?!\.\.?$)[^\x00-\x1f<>:"/\\|?*]+')
"""Of a path, as every system takes it."""
FILMS = (".mp4", ".webm", ".mkv", ".mov", ".gif", ".webp")
_WRITERS = {"WMSaveCameraSet": {}, "WMFilmWorld": {"format": "PNG sequence"}}
"""Nodes that write folders of which they name but a few files; and what their inputs say then."""


class Saved(NamedTuple):
    """A file that a job made.

    Args:
        name: in the folder of results; with `/` of a file in a folder that the node wrote.
        title: of the node that wrote it.
        pieces: its bytes; read once.
    """

    name: str
    title: str
    pieces: Iterable[bytes]


class Made(NamedTuple):
    """What came of a job.

    Args:
        error: why it failed, one sentence; "" where it did not.
        seconds: the host worked on it.
        files: that it made.
        fingerprints: of worlds, by the title of the node that tells it.
        texts: what nodes said, by their title.
        about: `host`, `versions` and `models`, as they go into the sidecar.
    """

    error: str
    seconds: float = 0.0
    files: tuple[Saved, ...] = ()
    fingerprints: dict[str, str] = {}  # noqa: RUF012 - a NamedTuple's default, which nobody changes
    texts: dict[str, str] = {}  # noqa: RUF012
    about: dict[str, Any] = {}  # noqa: RUF012


def prefixed(graph: Graph, job: str) -> Graph:
    """Return a graph whose nodes save into the job's own folder, so that its files are told from all others."""
    made: Graph = {}
    for key, node in graph.items():
        inputs = node["inputs"]
        if "filename_prefix" in inputs:  # a wire too: what it brings could lie among others' files
            inputs = {**inputs, "filename_prefix": f"{FOLDER}/{job}/{_slug(key)}"}
        made[key] = {**node, "inputs": inputs}
    return made


def writers(graph: Graph) -> list[str]:
    """Return the ids of the nodes that write folders, or may, where an input comes over a wire."""

    def may_write(node: dict[str, Any]) -> bool:
        said = _WRITERS.get(node["class_type"])
        given = node["inputs"]
        return said is not None and all(given.get(name) == value or isinstance(given.get(name), list)
                                        for name, value in said.items())  # fmt: skip

    return [key for key, node in graph.items() if may_write(node)]


def listed_files(client: Client, folder: str) -> list[str] | None:
    """List the files in a folder of a host's output, by their paths in it; `None` where its pack is too old to tell.

    Raises:
        ValueError: a name that is no path everywhere.
        OSError, HTTPException: it is gone.
    """
    try:
        names = client.call("/wm/written", {"folder": folder}, timeout=300)["files"]
    except urllib.error.HTTPError as error:
        if error.code in (404, 405):
            return None
        raise
    for name in names:
        if not all(map(_PART.fullmatch, name.split("/"))):
            raise ValueError(f"found a file named {name!r}, expected a name that every system takes; rename it")
    return names


def made_of(client: Client, job: Job, titles: dict[str, str], history: dict[str, Any]) -> Made:
    """Read the host's account of a job that ended.

    Args:
        client: of the host; files are fetched from it when they are read.
        job: that was queued.
        titles: of its nodes.
        history: the host's account.
    """
    status = status_of(history)
    messages = dict(history["status"]["messages"])
    end = messages[f"execution_{status}"]
    seconds = max(0, end.get("timestamp", 0) - messages.get("execution_start", end).get("timestamp", 0)) / 1000
    if status == "interrupted":
        return Made("It was stopped on the host.", seconds)
    if status == "error":
        title = titles.get(str(end.get("node_id")).split(".")[0], end.get("node_type") or "a node")
        said = " ".join(str(end.get("exception_message") or end.get("exception_type")).split())
        return Made(f"{title}: {said}", seconds)
    texts = {
        titles.get(key, key): "\n".join(map(str, output["text"]))
        for key, output in history["outputs"].items() if output.get("text")
    }  # fmt: skip
    prints = {title: found[1] for title, text in texts.items() if (found := _FINGERPRINT.search(text))}
    try:
        files = tuple(_files(client, job, titles, history["outputs"]))
    except ValueError as trouble:
        return Made(f"A folder that a node wrote cannot be fetched: {trouble}.", seconds)
    return Made("", seconds, files, prints, texts)


def _files(client: Client, job: Job, titles: dict[str, str], outputs: dict[str, Any]) -> Iterator[Saved]:
    """Yield what was saved, folders whole, and what was shown beside it: pictures, and a film where none was saved."""
    items = _named(job, outputs)
    is_saved = any(kind == "output" and filename.endswith(FILMS) for kind, _, filename in items)
    folders: dict[str, list[str] | None] = {"": None}
    taken: Counter[str] = Counter()

    def free(key: str, ending: str) -> str:
        stem = f"{job.id}-{_slug(titles.get(key, key))}"
        taken[stem + ending] += 1
        count = taken[stem + ending]
        return f"{stem}{f'-{count}' if count > 1 else ''}{ending}"

    for (kind, subfolder, filename), (key, item) in items.items():
        if kind == "temp" and is_saved and filename.endswith(FILMS):
            continue
        title, folder = titles.get(key, key), _folder_of(job, subfolder) if kind == "output" else ""
        if folder not in folders:
            inside = folders[folder] = listed_files(client, folder)
            name = free(key, "") if inside else ""
            for path in inside or ():
                within, _, last = f"{folder}/{path}".rpartition("/")
                file = {"filename": last, "subfolder": within, "type": kind}
                yield Saved(f"{name}/{path}", title, client.download(file))
        if not folders[folder]:
            found = _ENDING.search(filename)
            yield Saved(free(key, found[0].lower() if found else ""), title, client.download(item))


def _named(job: Job, outputs: dict[str, Any]) -> dict[tuple[str, str, str], tuple[str, dict[str, str]]]:
    """Return what nodes say they wrote: (type, subfolder, filename) -> the node's id and the host's words."""
    items: dict[tuple[str, str, str], tuple[str, dict[str, str]]] = {}
    for key in sorted(outputs, key=lambda key: list(job.graph).index(key) if key in job.graph else len(job.graph)):
        for listed in outputs[key].values():
            for item in listed if isinstance(listed, list) else ():
                if isinstance(item, dict) and item.get("filename") and item.get("type") in ("output", "temp"):
                    name = item["type"], item.get("subfolder", ""), item["filename"]
                    items.setdefault(name, (key, item))
    return items


def _folder_of(job: Job, subfolder: str) -> str:
    """Return the folder of its own that a node wrote, where a file in it is named; "" of a file that lies by itself."""
    parts = subfolder.replace("\\", "/").strip("/").split("/")
    return "/".join(parts[:3]) if parts[:2] == [FOLDER, job.id] and len(parts) > 2 else ""


def _slug(text: str) -> str:
    return _SLUG.sub("-", text.lower()).strip("-")[:40] or "file"
