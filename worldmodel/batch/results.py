"""The folder of results: each job's files, a sidecar that makes it finished, and a page that shows all of them.

0a1b2c3d4e5f.json              what was made, of what, with what; a job is finished once this has its name
0a1b2c3d4e5f-save-video.mp4    what the nodes of the workflow saved, by their titles
0a1b2c3d4e5f-film-world/       what a node wrote as a folder
0a1b2c3d4e5f-sheet.jpg         frames of the film in a row
index.html                     the table
batch.json                     of which workflow and sweep; and a token by which hosts know our jobs again
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..storage.locks import FolderLock
from ..storage.troubles import told
from ..storage.writing import Part, write_file
from .api import UNREACHABLE, HostError
from .made import Made, Saved
from .page import Line, film_of, write_page
from .sheet import Sheet, read_sheet
from .workflow import Job

VERSION = 1
FIELD = "--out"
SCRATCH = ".host"
"""Folder of our own hosts, while they are needed."""
_SIDECAR = re.compile(r"[0-9a-f]{12}\.json")


class Results:
    """A folder of results; one batch at a time writes into it, inside its `with`.

    Attributes:
        folder: where it lies.
        token: told hosts, so that they know a job of this folder again.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        """Describe it; nothing is written yet.

        Args:
            folder: made if it is not there.
            about: names of the workflow and the sweep.
        """
        self.folder, self._about = folder, about
        self.token = ""
        self._lines: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Results:
        """Take the folder, and read what is finished.

        Raises:
            ValueError: another batch writes into it, or it cannot be written to.
        """
        with told(FIELD, self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.folder, FIELD)
        self._lock.__enter__()
        try:
            head = _read(self.folder / "batch.json")
            self.token = head.get("token") or str(uuid.uuid4())
            self._write("batch.json", {"version": VERSION, "token": self.token, **self._about})
            for path in self.folder.iterdir():
                if _SIDECAR.fullmatch(path.name):
                    self._lines[path.stem] = _read(path)
        except BaseException:
            self._lock.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__()

    def is_done(self, job: Job) -> bool:
        """Tell whether a job is finished, and all its files are there."""
        line = self._lines.get(job.id, {})
        return line.get("state") == "done" and all((self.folder / file["name"]).is_file() for file in line["files"])

    def line(self, job: Job) -> dict[str, Any]:
        """Return a job's sidecar; empty where it has none."""
        return self._lines.get(job.id, {})

    def keep(self, job: Job, made: Made) -> dict[str, Any]:
        """Write what came of a job: its files, then its sidecar, which makes it finished.

        Raises:
            Unwritable: the disk does not take it.
            HostError: the host went away while a file was fetched.
        """
        for name in {saved.name.partition("/")[0] for saved in made.files if "/" in saved.name}:
            shutil.rmtree(self.folder / name, ignore_errors=True)  # of an attempt that was not finished
        files = [self._fetch(saved) for saved in made.files]
        state, error = ("failed", made.error) if made.error else ("done", "")
        sheet = None
        film = film_of(files)
        if film is not None:
            try:
                sheet = read_sheet(self.folder / film)
            except ValueError as trouble:
                state, error = "failed", str(trouble)
        if sheet is not None:
            name = f"{job.id}-sheet.jpg"
            write_file(self.folder / name, sheet.jpeg, FIELD)
            files.append({"name": name, "node": "contact sheet", "bytes": len(sheet.jpeg)})
        line = {
            "version": VERSION, "id": job.id, "state": state, "error": error, "rows": list(job.rows),
            "row": job.values, "fingerprints": made.fingerprints or self._of_worlds(files), **made.about,
            "made": datetime.now(timezone.utc).isoformat(timespec="seconds"), "seconds": round(made.seconds, 3),
            **_pace(sheet, made.seconds), "files": files, "texts": made.texts, "graph": job.graph,
        }  # fmt: skip
        self._write(f"{job.id}.json", line)
        self._lines[job.id] = line
        return line

    def write_index(self, jobs: Iterable[Job], title: str, columns: tuple[str, ...]) -> Path:
        """Write the page."""
        lines = [Line(row, job.id, job.values, self.line(job)) for job in jobs for row in job.rows]
        page = write_page(title, columns, sorted(lines, key=lambda line: line.row))
        return write_file(self.folder / "index.html", page.encode(), FIELD)

    def _fetch(self, saved: Saved) -> dict[str, Any]:
        digest, size = hashlib.sha256(), 0
        with told(FIELD, self.folder / saved.name):
            (self.folder / saved.name).parent.mkdir(parents=True, exist_ok=True)
        with Part(self.folder / saved.name, FIELD) as part:
            with part.path.open("r+b") as file:
                pieces = iter(saved.pieces)
                while (piece := _next(pieces, saved.name)) is not None:
                    with told(FIELD, self.folder / saved.name):
                        file.write(piece)
                    digest.update(piece)
                    size += len(piece)
            part.finish()
        return {"name": saved.name, "node": saved.title, "bytes": size, "sha256": digest.hexdigest()}

    def _of_worlds(self, files: list[dict[str, Any]]) -> dict[str, str]:
        """Return the fingerprints of saved worlds, where no node told them."""
        worlds = [file for file in files if file["name"].endswith(".world.safetensors")]
        if not worlds:
            return {}
        from ..world.archive import load_world
        from ..world.journal import fingerprint

        return {file["node"]: fingerprint(load_world(self.folder / file["name"])) for file in worlds}

    def _write(self, name: str, value: dict[str, Any]) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=1)
        write_file(self.folder / name, text.encode(errors="replace"), FIELD)


def _next(pieces: Iterator[bytes], name: str) -> bytes | None:
    """Return the next piece of a file, `None` behind the last.

    Raises:
        HostError: it comes from a host that went away; an OSError would be taken for one of this disk.
    """
    try:
        return next(pieces, None)
    except UNREACHABLE as error:
        raise HostError(f"{name} could not be fetched ({error})") from error


def _pace(sheet: Sheet | None, seconds: float) -> dict[str, Any]:
    if sheet is None:
        return {}
    rate = round(sheet.frames / seconds, 2) if seconds else None
    return {"frames": sheet.frames, "size": list(sheet.size), "frames_per_second": rate}


def _read(path: Path) -> dict[str, Any]:
    """Read a file of ours; what cannot be read counts as not there, and is made again."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
