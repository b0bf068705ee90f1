"""Our exports in the tools that people open them with: COLMAP's library, evo, nerfstudio, Blender 4 and 5.

    python scripts/round_trips.py [tool …]

Each tool gets an environment of its own, with pinned packages, in `.round_trips` (several GB; what is there is used
again). Two walks are written in every format, and as sets with pictures and depth. Each tool reads them, and what it
makes of them is held against what was written: where the cameras stand, what their lenses see, how fast they go.
Blender also writes cameras back. The table that is printed ends in `ok` or `WRONG` on each line; the exit status is 0
only when all is right.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from environment import SetupError, run_inside, say, venv_python
from repository import REPOSITORY

FOLDER = REPOSITORY / ".round_trips"
PROBES = REPOSITORY / "scripts" / "probes"
NEAR = 1e-5
"""Largest error of a pose, in metres and in the numbers of a rotation, and of a place in the picture, in shares."""
LENS = 1e-6
RATE = 1e-6


class Tool(NamedTuple):
    """A tool, the packages it is, and the Python it runs on."""

    probe: str
    python: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    """Packages that are installed without what they ask for."""


NERFSTUDIO = ("torch==2.13.0", "numpy==2.4.6", "pillow==13.0.0", "rich==14.3.4", "jaxtyping==0.3.11")
NERFSTUDIO += ("opencv-python-headless==4.10.0.84", "viser==1.1.1", "tensorboard==2.21.0", "nerfacc==0.5.2")
TOOLS = {
    "pycolmap": Tool("colmap", "3.11", ("pycolmap==4.2.1",)),
    "evo": Tool("evo", "3.11", ("evo==1.38.1",)),
    "nerfstudio": Tool("nerfstudio", "3.11", NERFSTUDIO, ("nerfstudio==1.1.5",)),
    "blender-4.2": Tool("blender", "3.11", ("bpy==4.2.23",)),
    "blender-4.5": Tool("blender", "3.11", ("bpy==4.5.15",)),
    "blender-5.0": Tool("blender", "3.11", ("bpy==5.0.1",)),
    "blender-5.3": Tool("blender", "3.13", ("bpy==5.3.0",)),
}


class Line(NamedTuple):
    """One line of the table: what was compared, the largest difference, and how much is right."""

    what: str
    error: float
    bar: float


def main(names: list[str]) -> int:
    """Make what is missing, run the tools, print the table.

    Raises:
        SetupError: there is no tool of that name, or none of the Python it needs.
    """
    from round_trip_walks import WALKS, compare, write_walks

    unknown = [name for name in names if name not in TOOLS]
    if unknown:
        raise SetupError(f"no tool is called {unknown[0]!r}; choose from {', '.join(TOOLS)}.")
    wrong = 0
    for name in names or TOOLS:
        tool, folder = TOOLS[name], FOLDER / name / "walks"
        python = environment_of(name)
        shutil.rmtree(folder, ignore_errors=True)
        write_walks(folder)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [str(python), str(PROBES / f"in_{tool.probe}.py"), str(folder)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
        if run.returncode:
            print(run.stdout[-2000:], run.stderr[-4000:], sep="\n", file=sys.stderr)
            raise SetupError(f"{name} did not get to the end: its last lines stand above.")
        found = json.loads((folder / f"{tool.probe}.json").read_text(encoding="utf-8"))
        say(f"{name} {found['version']}, {len(WALKS)} walks")
        wrong += printed(compare(tool.probe, found, folder))
    return 1 if wrong else 0


def printed(lines: Iterator[Line]) -> int:
    """Print lines; return how many are wrong."""
    wrong = 0
    for line in lines:
        right = line.error <= line.bar
        wrong += not right
        print(f"   {line.what:60} {line.error:9.2e}  at most {line.bar:.0e}  {'ok' if right else 'WRONG'}", flush=True)
    return wrong


def environment_of(name: str) -> Path:
    """Return the Python of a tool's environment, which is made if it is not there."""
    tool, folder = TOOLS[name], FOLDER / name / "venv"
    python, stamp, wanted = venv_python(folder), folder / "pinned.txt", "\n".join((*tool.packages, *tool.alone))
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    say(f"Installing {', '.join((*tool.alone, *tool.packages))} for Python {tool.python}")
    commands = [[*python_of(tool.python), "-m", "venv", "--clear", str(folder)]]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands += [[*pip, *tool.packages]] + ([[*pip, "--no-deps", *tool.alone]] if tool.alone else [])
    for command in commands:
        if subprocess.run(command).returncode:
            raise SetupError(f"{name} could not be installed: the lines above say why.")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def python_of(version: str) -> list[str]:
    """Find a Python of a version such as 3.11: the one that runs, the one of that name, or one that pyenv has.

    Raises:
        SetupError: there is none.
    """
    if sys.version.startswith(f"{version}."):
        return [sys.executable]
    if found := shutil.which(f"python{version}"):
        if subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return [found]
    if shutil.which("py"):
        return ["py", f"-{version}"]
    for python in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")):
        return [str(python)]
    raise SetupError(f"found no Python {version}, which this tool is built for; install it.")


if __name__ == "__main__":
    sys.exit(run_inside(__file__, lambda _: main(sys.argv[1:]), sys.argv[1:]))
